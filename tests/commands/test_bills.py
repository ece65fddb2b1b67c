"""Bills on real roles: each household's month under a real tariff, to the cent, and nothing else of it."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.commands.shell import wattseal
from wattseal.collector import deployment
from wattseal.collector.bill_terms import Account, Terms
from wattseal.collector.bills import Settled, same_bill
from wattseal.collector.client import Client
from wattseal.collector.deployment import Deployment, Places
from wattseal.collector.processes import order
from wattseal.collector.trial import close_windows, install_rosters, install_tariff, send_fleet
from wattseal.meter_sim.load_model import have_panels, simulate_channels
from wattseal.protocol.errors import NobodyReported, UnknownSubject, WattsealError
from wattseal.protocol.ids import Channel, MeterId, Suite
from wattseal.protocol.tariff.bill import Bill, Customer, Cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Segment
from wattseal.protocol.tariff.plain import Reads, plain_bill
from wattseal.protocol.tariff.toml_file import packaged
from wattseal.protocol.time import parse_window

METERS, MOVED, MOVE_DATE = 60, "meter-00003", "2026-03-12"
EXCHANGED, EXCHANGE_DATE = "meter-00005", "2026-03-14"
ZONE = "America/Los_Angeles"
CYCLE = Cycle(date(2026, 3, 3), date(2026, 3, 31), ZONE)
FIRST, DAYS = date(2026, 3, 2), 30
TARIFF = packaged("E-TOU-C")
COASTAL = Customer("T")
SOLAR = have_panels(1, range(METERS))


class Town(NamedTuple):
    """A fleet of hourly meters that sent a month of days, and the month itself."""

    places: Places
    sent: dict[str, Any]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    places = Places(tmp_path_factory.mktemp("billed"))
    deployment.create(places, Suite.MASKING)
    making = ("--simulate", METERS, "--first-date", FIRST, "--days", DAYS, "--interval", 60, "--root", "town")
    where = ("--fleet", places.fleet, "--roster", places.roster, "--suite", int(Suite.MASKING))
    with Deployment(places):
        name = install_tariff(places, "E-TOU-C")
        changes = ("--move", f"{MOVED}@{MOVE_DATE}", "--exchange", f"{EXCHANGED}@{EXCHANGE_DATE}", "--tariff", name)
        facts = order("meter_sim", "prepare", *map(str, (*where, *making, *changes)))
        install_rosters(places, map(Path, facts["rosters"]))
        cycle = f"{CYCLE.first}..{CYCLE.after}"
        sent = send_fleet(places, "--cycle", cycle, "--cycle-timezone", ZONE)
        close_windows(places, [FIRST + timedelta(days=day) for day in range(DAYS)])
        yield Town(places, sent)


@pytest.fixture
def client(town: Town) -> Iterator[Client]:
    with Client.of_directory(town.places.directory) as client:
        yield client


def reads_of(ordinal: int, start: int, end: int) -> dict[Channel, NDArray[np.int64]]:
    """What the meter measured from one UTC minute to another, by channel."""
    first = parse_window(FIRST.isoformat())
    days = [simulate_channels(1, range(METERS), first + day, 60) for day in range(DAYS)]
    begin = first * 1440
    return {
        channel: np.concatenate([day[channel][ordinal] for day in days])[(start - begin) // 60 : (end - begin) // 60]
        for channel in Channel
    }


def plain(ordinal: int, mode: Mode, *parts: tuple[int, int]) -> Bill:
    """The same bill, by the meter itself."""
    told = []
    for start, end in parts or (CYCLE.minutes,):
        segment = Segment(start, end, 60, ZONE, (Channel.DELIVERED,))
        told.append(Reads(segment, {Channel.DELIVERED: reads_of(ordinal, start, end)[Channel.DELIVERED]}))
    return plain_bill(TARIFF, CYCLE, told, TARIFF.modes(mode), COASTAL)


def without_panels() -> list[int]:
    """E-TOU-C, as it stands in the package, has no price for what a home gives."""
    return [ordinal for ordinal in range(METERS) if not SOLAR[ordinal] and ordinal not in (3, 5)]


def test_a_report_a_channel_and_segment(town: Town) -> None:
    """Two for the homes in which an account moved or a meter was exchanged, and 27 kB each at the most."""
    reports = METERS + int(SOLAR.sum()) + 2 + int(SOLAR[3]) + int(SOLAR[5])
    assert (town.sent["cycle_reports"], town.sent["incomplete_cycles"]) == (reports, 0)
    assert town.sent["outcomes"].keys() == {"accepted"}
    assert town.sent["cycle_bytes"] < reports * (28 * 24 * 13.25 + 200)


@pytest.mark.parametrize("mode", Mode)
def test_bills_are_those_of_the_meters_own_reads(client: Client, mode: Mode) -> None:
    ordinals = without_panels()[:8]
    meters = [f"meter-{ordinal:05d}" for ordinal in ordinals]
    bills = client.bill(meters, CYCLE, TARIFF, mode, customer=COASTAL)
    assert bills["meter"].to_list() == meters
    expected = [Decimal(plain(ordinal, mode).total_cents) / 100 for ordinal in ordinals]
    assert [Decimal(str(amount)) for amount in bills["amount"]] == expected
    assert not bills["estimated"].any()
    assert client.bill(meters, CYCLE, TARIFF, mode, customer=COASTAL).equals(bills)


def test_meters_that_follow_each_other_share_the_cycles_days(client: Client) -> None:
    """At a UTC midnight, which is no local one: each day's charges are of the meter that was there at its noon."""
    cut = parse_window(EXCHANGE_DATE) * 1440
    spans = {EXCHANGED: (CYCLE.minutes[0], cut), f"{EXCHANGED}.2": (cut, CYCLE.minutes[1])}
    accounts = dict.fromkeys(spans, Account(customer=COASTAL))
    found = client.bills(accounts, Terms(TARIFF, CYCLE, Mode.AMOUNT, 60))
    bills = {one.meters[0]: one.bill for one in found if isinstance(one, Settled)}
    for meter, span in spans.items():
        reads = {Channel.DELIVERED: reads_of(5, *span)[Channel.DELIVERED]}
        told = [Reads(Segment(*span, 60, ZONE, (Channel.DELIVERED,)), reads)]
        part = CYCLE.part(*span)
        same_bill(bills[MeterId(meter)], plain_bill(TARIFF, part, told, TARIFF.modes(Mode.AMOUNT), COASTAL))
    assert [bill.cycle.days for bill in bills.values()] == [11, 17]
    assert [bill.cycle.first.day for bill in bills.values()] == [3, 14]
    fixed = [line.dollars for bill in bills.values() for line in bill.lines if line.name == "Base services charge"]
    assert sum(fixed) == 28 * Fraction("0.79343")


def test_a_home_with_panels_is_not_billed_without_an_export_price(client: Client) -> None:
    solar = f"meter-{int(np.flatnonzero(SOLAR)[0]):05d}"
    with pytest.raises(WattsealError, match="no charge on channel 'received'"):
        client.bill([solar], CYCLE, TARIFF, customer=COASTAL)


def test_a_cycle_that_is_shifted_by_a_day_has_no_reports(client: Client) -> None:
    meter = f"meter-{without_panels()[0]:05d}"
    client.bill([meter], CYCLE, TARIFF, customer=COASTAL)
    shifted = Cycle(date(2026, 3, 4), date(2026, 3, 31), ZONE)
    with pytest.raises(NobodyReported, match="1 of 1 meters have no report of this cycle"):
        client.bill([meter], shifted, TARIFF, customer=COASTAL)


def test_totals_beside_bills(client: Client) -> None:
    """Neighbors under one tariff hide each other, whichever was released first."""
    first, second = (f"meter-{ordinal:05d}" for ordinal in without_panels()[-2:])
    client.bill([first], CYCLE, TARIFF, customer=COASTAL)
    total = client.total("town", str(FIRST + timedelta(days=5)))
    assert set(total["meters"]) == {METERS}
    client.bill([second], CYCLE, TARIFF, customer=COASTAL)


def test_the_verb(town: Town, tmp_path: Path) -> None:
    ordinal = without_panels()[1]
    words = (f"meter-{ordinal:05d}", f"{CYCLE.first}..{CYCLE.after}", "--territory", "T", "--out", tmp_path / "bills")
    answer = wattseal("bill", *words, "--dir", town.places.directory, "--json").json
    assert Decimal(str(answer["amount"])) == Decimal(plain(ordinal, Mode.AMOUNT).total_cents) / 100
    assert sorted(path.suffix for path in (tmp_path / "bills").iterdir()) == [".csv", ".html", ".json"]


def test_a_bill_of_a_part_is_checked_by_the_meters_reads(town: Town, tmp_path: Path) -> None:
    directory, words = town.places.directory, (EXCHANGED, f"{CYCLE.first}..{CYCLE.after}")
    told = wattseal("bill", *words, "--territory", "T", "--out", tmp_path, "--dir", directory, "--json").json
    assert (told["days"], told["days_of_cycle"], told["cycle_end"]) == (11, 28, EXCHANGE_DATE)
    file = tmp_path / f"bill-{EXCHANGED}-{CYCLE.first}.json"
    assert wattseal("check-bill", file, "--territory", "T", "--dir", directory).status == 0


def test_meters_that_there_are_not(client: Client) -> None:
    with pytest.raises(UnknownSubject, match="1 of 1 meters were not there"):
        client.bill([MeterId("meter-99999")], CYCLE, TARIFF, customer=COASTAL)
