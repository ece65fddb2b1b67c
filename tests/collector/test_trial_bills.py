"""The bills of a trial: which cycles reads cover, who has all of them, what is compared."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from wattseal.collector.bill_terms import Account, Terms
from wattseal.collector.bills import Settled, Unbilled
from wattseal.collector.client import Client
from wattseal.collector.trial_bills import Billing, TrialBills, billing_of
from wattseal.protocol.errors import Contradiction, ShareTooLarge, UsageError
from wattseal.protocol.ids import Channel, MeterId
from wattseal.protocol.tariff.bill import Customer
from wattseal.protocol.tariff.plain import Reads, plain_bill
from wattseal.protocol.tariff.toml_file import packaged

FACTS = {
    "first_date": "2026-02-28",
    "last_date": "2026-05-01",
    "interval_minutes": 60,
    "commodity": "electricity",
    "unit": "Wh",
    "channel_sets": [["delivered"]],
}
FLAT = Billing("E-1", packaged("E-1"), "America/Los_Angeles", Customer("T"))
MARCH, APRIL = "2026-03-01..2026-04-01", "2026-04-01..2026-05-01"


class FakeClient:
    """Bills the plain reads of the terms' own cycle: one Wh more each hour for each name in `off`."""

    def __init__(self, off: int = 0, refuses: tuple[str, ...] = ()) -> None:
        self.off, self.refuses = off, refuses
        self.asked: list[tuple[str, list[str]]] = []

    def bills(self, accounts: Mapping[str, Account], terms: Terms) -> list[Settled | Unbilled]:
        cycle = f"{terms.cycle.first}..{terms.cycle.after}"
        self.asked.append((cycle, sorted(accounts)))
        if cycle in self.refuses:
            raise ShareTooLarge("one hour would show")
        return [self._bill(meter, account, terms) for meter, account in accounts.items()]

    def _bill(self, meter: str, account: Account, terms: Terms) -> Settled:
        segment = terms.compiled(*terms.cycle.minutes, (Channel.DELIVERED,)).segment
        reads = Reads(segment, {Channel.DELIVERED: hours(segment.intervals) + self.off})
        bill = plain_bill(terms.tariff, terms.cycle, [reads], terms.tariff.modes(terms.mode), account.customer)
        return Settled((MeterId(meter),), account.name, terms, bill, bytes(32), bytes(32))


def hours(count: int) -> Any:  # noqa: ANN401 - an array of any shape
    import numpy as np

    return np.arange(count, dtype=np.int64) % 700


def write(path: Path, trial: TrialBills, *missing: tuple[str, str]) -> None:
    """What the meters' side tells of two meters; of (cycle, meter) in `missing` some reads lack."""
    with path.open("w") as file:
        for cycle, terms in trial.terms.items():
            start, end = terms.cycle.minutes
            for meter, name in (("m1", "m1"), ("x1234", "house 7")):
                units = None if (cycle, meter) in missing else hours((end - start) // 60).tolist()
                line = {"cycle": cycle, "meter": meter, "name": name, "channel": "delivered", "units": units}
                file.write(json.dumps({**line, "channels": ["delivered"], "minutes": [start, end]}) + "\n")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return tmp_path / "plain.jsonl"


def client_of(fake: FakeClient) -> Client:
    return cast(Client, fake)


def test_calendar_months_within_the_reads_days(plain: Path) -> None:
    """May's first day is among them, its others are not; February's last hours of the zone are in March in UTC."""
    assert list(TrialBills(FLAT, FACTS, plain).terms) == [MARCH, APRIL]
    earlier = {**FACTS, "first_date": "2026-03-01", "last_date": "2026-04-30"}
    assert list(TrialBills(FLAT, earlier, plain).terms) == [MARCH]  # April ends at 7:00 UTC on the day after
    east = replace(FLAT, timezone="Australia/Sydney")
    assert list(TrialBills(east, earlier, plain).terms) == [APRIL]
    assert list(TrialBills(replace(FLAT, timezone="UTC"), earlier, plain).terms) == [MARCH, APRIL]


def test_cycles_that_are_named(plain: Path) -> None:
    named = replace(FLAT, cycles=("2026-03-20..2026-04-20", "2026-03-20..2026-04-20"))
    trial = TrialBills(named, FACTS, plain)
    assert list(trial.terms) == ["2026-03-20..2026-04-20"]
    assert trial.sending()[:4] == ["--cycle", "2026-03-20..2026-04-20", "--cycle-timezone", FLAT.timezone]


@pytest.mark.parametrize(
    ("changes", "facts", "words"),
    [
        ({"cycles": ("2026-02-20..2026-03-20",)}, {}, "--cycle: the reads are of 2026-02-28 to 2026-05-01"),
        ({"cycles": (MARCH, "2026-03-20..2026-04-20")}, {}, "cycle: those of 2026-03-01 and 2026-03-20 overlap"),
        ({}, {"last_date": "2026-03-20"}, "cover no calendar month in America/Los_Angeles"),
        ({}, {"commodity": "gas"}, "--tariff E-1: it is for electricity, the reads are not"),
        ({"customer": Customer("Q9")}, {}, "customer: territory is one of"),
        ({}, {"channel_sets": [["delivered", "received"]]}, "no charge on channel 'received'"),
    ],
)
def test_what_could_never_be_billed(plain: Path, changes: dict[str, Any], facts: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        TrialBills(replace(FLAT, **changes), {**FACTS, **facts}, plain)


def test_options_as_written(plain: Path) -> None:
    billing = billing_of("E-1", None, ("T", None), "determinants", (), None)
    assert billing == replace(FLAT, mode=billing.mode)
    assert billing.timezone == FLAT.timezone
    with pytest.raises(UsageError, match="--mode is amount or determinants"):
        billing_of("E-1", None, ("T", None), "sums", (), None)


def test_every_meter_with_all_its_reads_is_billed_under_its_own_name(plain: Path) -> None:
    trial, fake = TrialBills(FLAT, FACTS, plain), FakeClient()
    write(plain, trial, (APRIL, "m1"))
    found = trial.ask(client_of(fake))
    assert fake.asked == [(MARCH, ["m1", "x1234"]), (APRIL, ["x1234"])]
    assert [(one.meters, one.account, isinstance(one, Settled)) for one in found] == [
        (("m1",), None, True),
        (("x1234",), "house 7", True),
        (("x1234",), "house 7", True),
        (("m1",), None, False),
    ]
    assert trial.compare(found) == 3
    assert found[0].terms.cycle.first == date(2026, 3, 1)


def test_a_month_that_nobody_has_whole_is_left_out(plain: Path) -> None:
    trial, fake = TrialBills(FLAT, FACTS, plain), FakeClient()
    write(plain, trial, (MARCH, "m1"), (MARCH, "x1234"))
    assert len(trial.ask(client_of(fake))) == 2
    assert [cycle for cycle, _ in fake.asked] == [APRIL]


@pytest.mark.parametrize("cycles", [(), (MARCH, APRIL)])
def test_if_nobody_has_all_reads_nothing_is_asked(plain: Path, cycles: tuple[str, ...]) -> None:
    """Of named cycles each counts; of months, one that is whole is enough."""
    trial, fake = TrialBills(replace(FLAT, cycles=cycles), FACTS, plain), FakeClient()
    lacking = [(MARCH, "m1"), (MARCH, "x1234")] + ([] if cycles else [(APRIL, "m1"), (APRIL, "x1234")])
    write(plain, trial, *lacking)
    with pytest.raises(UsageError, match=f"no meter has all its reads of the billing cycle {MARCH}"):
        trial.ask(client_of(fake))
    assert fake.asked == []


def test_a_refusal_is_of_its_cycle_alone(plain: Path) -> None:
    trial, fake = TrialBills(FLAT, FACTS, plain), FakeClient(refuses=(MARCH,))
    write(plain, trial)
    found = trial.ask(client_of(fake))
    assert [one.error.slug for one in found if isinstance(one, Unbilled)] == ["share-too-large"] * 2
    assert trial.compare(found) == 2


def test_a_bill_that_is_not_that_of_the_reads(plain: Path) -> None:
    trial, fake = TrialBills(FLAT, FACTS, plain), FakeClient(off=1)
    write(plain, trial)
    with pytest.raises(Contradiction, match="from plain reads"):
        trial.compare(trial.ask(client_of(fake)))
