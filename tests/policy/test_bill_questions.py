"""What a bill statement may ask: of whom, over which part of the cycle, under which tariff, beside which neighbors."""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.measures import extension
from tests.policy.rosters import REGION, roster, row
from tests.protocol.tariff.samples import TOU, tariff
from wattseal.policy.bill_atoms import DayAtoms
from wattseal.policy.bill_pins import Pin, Place, pin
from wattseal.policy.bill_questions import (
    Bills,
    CycleMinutes,
    Listed,
    Registered,
    hanging_together,
    permit_bills,
    segments_of,
)
from wattseal.policy.bills import NOTHING, BillBook, BillRules, Held, Neighbors, Opaque
from wattseal.policy.measures import results_more
from wattseal.policy.sets import Day
from wattseal.policy.shares import Functional, smallest_part
from wattseal.protocol.billing import BillSegment, BillStatement, Cancels, SegmentReport, local_day
from wattseal.protocol.errors import (
    Contradiction,
    FunctionalNotPermitted,
    MalformedMessage,
    RankExhausted,
    ReadingNotPermitted,
    Refused,
    ShareTooLarge,
)
from wattseal.protocol.ids import Channel, Kind, MeterId, RegionId, Suite, Window
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.measures import BudgetExtension, MoreResults
from wattseal.protocol.roster import Roster
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.calendar import first_minute, zone_of
from wattseal.protocol.tariff.charges import DemandCharge, Mode, SeriesCharge, Tier
from wattseal.protocol.tariff.compile import Segment, compile_tariff
from wattseal.protocol.tariff.model import DayKind, Row, Schedule, Tariff, Turn
from wattseal.protocol.tariff.toml_file import packaged
from wattseal.protocol.tariff.urdb import load_urdb
from wattseal.protocol.time import MINUTES_PER_DAY, parse_window

ZONE = "America/Los_Angeles"
MAY = Cycle(date(2026, 5, 1), date(2026, 5, 31), ZONE)
FIRST = parse_window("2026-04-01")
BASIC, OTHER = packaged("E-1"), packaged("E-TOU-D")
KEY = KeyNotice(key_id=7, suite=3, public_key=b"", first_window=FIRST, last_window=Window(FIRST + 365))
RULES = BillRules(4)


def homes(effective: Window = FIRST, tariff: Tariff = BASIC, count: int = 6, **changes: dict[str, Any]) -> Roster:
    """Meters m0 to m5 in one cohort, all under one tariff; `changes` by meter."""
    names = [f"m{number}" for number in range(count)]
    rows = [row(name, "town", **{"tariff": tariff.name, **changes.get(name, {})}) for name in names]
    return roster(rows, effective=effective, suite=int(Suite.MASKING))


def segment(
    meter: str,
    start: int | None = None,
    end: int | None = None,
    number: int = 0,
    cancels: BillStatement | None = None,
) -> BillSegment:
    begins, ends = MAY.minutes
    return BillSegment(
        meter=MeterId(meter),
        start=begins if start is None else start,
        end=ends if end is None else end,
        reports=(SegmentReport(channel=Channel.DELIVERED, number=number),),
        cancels=None if cancels is None else Cancels(statement=cancels.digest(), release=bytes(32)),
    )


def bills(
    *segments: BillSegment,
    tariff: Tariff = BASIC,
    rosters: tuple[Roster, ...] = (),
    since: Window = FIRST,
    listed: Listed | None = None,
    cycle: Cycle = MAY,
    key: KeyNotice = KEY,
    extensions: tuple[BudgetExtension, ...] = (),
    **changes: Any,  # noqa: ANN401 - any field's value
) -> Bills:
    known = rosters or (homes(tariff=tariff),)
    fields: dict[str, Any] = {
        "purpose": "billing",
        "region": REGION,
        "tariff": tariff.fingerprint,
        "mode": Mode.AMOUNT,
        "timezone": ZONE,
        "first": local_day(cycle.first),
        "after": local_day(cycle.after),
        "suite": int(Suite.CKKS),
        "key_id": 7,
        "roster_digest": known[-1].fingerprint,
        "segments": segments,
    }
    return Bills(BillStatement(**{**fields, **changes}), Registered(tariff, since, listed), known, key, extensions)


@dataclass
class Remembered:
    """One party's memory, kept as plainly as it can be."""

    released: dict[tuple[MeterId, Channel], dict[CycleMinutes, BillBook]] = field(default_factory=dict)
    groups: list[frozenset[MeterId]] = field(default_factory=list)
    pins: dict[Place, Pin] = field(default_factory=dict)

    def books(self, meter: MeterId, channel: Channel) -> Mapping[CycleMinutes, BillBook]:
        return self.released.get((meter, channel), {})

    def billed(self, channel: Channel) -> Set[MeterId]:
        return {meter for meter, of in self.released if of is channel}

    @property
    def cycles(self) -> Mapping[CycleMinutes, object]:
        return {cycle: None for books in self.released.values() for cycle in books}

    def day(self, channel: Channel, window: Window) -> DayAtoms:
        """The same groups on each day of May."""
        assert MAY.minutes[0] < (window + 1) * MINUTES_PER_DAY
        assert window * MINUTES_PER_DAY < MAY.minutes[1]
        groups = frozenset(self.groups if channel is Channel.DELIVERED else [])
        return DayAtoms(groups, groups)

    def seen(self, day: Day) -> DayAtoms:
        return DayAtoms.of(day, day.pins)

    def pin(self, place: Place) -> Pin | None:
        return self.pins.get(place)

    def grant(self, asked: Bills) -> None:
        for one in permit_bills(asked, self, RULES):
            books = self.released.setdefault((one.meter, one.channel), {})
            before = books.get(asked.minutes, BillBook())
            books[asked.minutes] = RULES.permit(before, one.items, more=results_more(asked.extensions))
        pin(self.pins, asked.statement)


def refused(asked: Bills, error: type[Exception], match: str, memory: Remembered | None = None) -> None:
    with pytest.raises(error, match=match):
        permit_bills(asked, memory or Remembered(), RULES)


def test_a_bill_and_again_the_same() -> None:
    memory = Remembered()
    memory.grant(bills(segment("m0"), segment("m1")))
    memory.grant(bills(segment("m0"), segment("m1")))
    books = {meter: memory.books(MeterId(meter), Channel.DELIVERED) for meter in ("m0", "m1", "m2")}
    assert {meter: [len(book.items) for book in held.values()] for meter, held in books.items()} == {
        "m0": [3],  # two amounts, and the energy that the baseline credit needs
        "m1": [3],
        "m2": [],
    }
    assert books["m0"].keys() == {MAY.minutes}


def test_a_month_of_reruns_uses_the_rank_budget_up() -> None:
    """Threat A6: each number is another result."""
    memory = Remembered()
    runs = [bills(segment("m0"))]
    for number in (1, 2):
        memory.grant(runs[-1])
        runs.append(bills(segment("m0", number=number, cancels=runs[-1].statement)))
    refused(runs[-1], RankExhausted, "8 independent results", memory)


def of_may(results: int = 1, **changes: Any) -> BudgetExtension:  # noqa: ANN401 - any field's value
    windows = bills(segment("m0")).windows
    within = {"first": Window(windows[0]), "last": Window(windows[-1])}
    return extension(BASIC.name, results, **{**within, **changes})


def rerun_twice(*extensions: BudgetExtension) -> tuple[Bills, Remembered]:
    """A bill and its rebill, six results; and the rebill of that, three more."""
    memory = Remembered()
    first = bills(segment("m0"))
    second = bills(segment("m0", number=1, cancels=first.statement))
    for each in (first, second):
        memory.grant(each)
    return bills(segment("m0", number=2, cancels=second.statement), extensions=extensions), memory


class TestExtensions:
    def test_the_ninth_result_takes_one(self) -> None:
        asked, memory = rerun_twice()
        refused(asked, RankExhausted, "more than 8 independent results", memory)
        asked, memory = rerun_twice(of_may())
        memory.grant(asked)
        [book] = memory.books(MeterId("m0"), Channel.DELIVERED).values()
        assert len(book.items) == 9
        assert asked.extended_by == [of_may().fingerprint]

    def test_what_was_granted_stays_granted_without_it(self) -> None:
        asked, memory = rerun_twice(of_may())
        memory.grant(asked)
        without = bills(*asked.statement.segments)
        memory.grant(without)
        assert without.extended_by == []
        later = segment("m0", number=3, cancels=asked.statement)
        refused(bills(later), RankExhausted, "more than 8 independent results", memory)

    def test_never_a_thirteenth(self) -> None:
        asked, memory = rerun_twice(of_may(4))
        memory.grant(asked)
        fourth = bills(segment("m0", number=3, cancels=asked.statement), extensions=(of_may(4), of_may(3)))
        memory.grant(fourth)
        fifth = bills(segment("m0", number=4, cancels=fourth.statement), extensions=(of_may(4), of_may(3)))
        refused(fifth, RankExhausted, "more than 12 independent results", memory)

    @pytest.mark.parametrize(
        "other",
        [
            {"more": MoreResults(tariff=OTHER.name, results=4)},
            {"region": RegionId("east")},
            {"first": of_may().first + 1},
            {"last": of_may().last - 1},
        ],
        ids=["tariff", "region", "begins within the cycle", "ends within it"],
    )
    def test_of_something_else_it_changes_nothing(self, other: dict[str, Any]) -> None:
        asked, memory = rerun_twice(of_may(**other))
        assert asked.extended_by == []
        refused(asked, RankExhausted, "more than 8 independent results", memory)

    def test_the_largest_of_several_counts(self) -> None:
        assert [results_more(each) for each in ([], [of_may(2)], [of_may(1), of_may(3), of_may(2)])] == [0, 2, 3]


def test_neighbors_with_another_tariff_do_not_hide_a_meter() -> None:
    """Threat E43: known totals less the others' bills would be this meter's peak hours."""
    alone: Any = {"m0": {"tariff": OTHER.name}}
    asked = bills(segment("m0"), tariff=OTHER, rosters=(homes(tariff=BASIC, **alone),))
    group = frozenset(MeterId(f"m{number}") for number in range(6))
    Remembered().grant(asked)
    together = Remembered(groups=[group])
    for meter in ("m1", "m2", "m3"):
        together.grant(bills(segment(meter), rosters=(homes(tariff=BASIC, **alone),)))
    permit_bills(bills(segment("m0"), tariff=OTHER), Remembered(groups=[group]), RULES)
    few = Remembered(groups=[frozenset({MeterId("m0"), MeterId("m1")})])
    refused(asked, ShareTooLarge, "neighbors", few)


def test_the_tariff_is_the_one_of_the_meters_row() -> None:
    refused(
        bills(segment("m0"), tariff=OTHER, rosters=(homes(tariff=BASIC),)), FunctionalNotPermitted, "not billed under"
    )
    other_class = homes(m0={"customer_class": "commercial"})
    refused(bills(segment("m0"), rosters=(other_class,)), FunctionalNotPermitted, "not billed under")
    refused(bills(segment("m0"), rosters=(homes(m0={"tariff": None}),)), FunctionalNotPermitted, "not billed under")


def test_a_tariff_is_registered_before_its_cycle_ends() -> None:
    last = Window(MAY.minutes[1] // MINUTES_PER_DAY)
    permit_bills(bills(segment("m0"), since=last), Remembered(), RULES)
    refused(bills(segment("m0"), since=Window(last + 1)), FunctionalNotPermitted, "after the cycle had ended")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"suite": 3}, "under CKKS"),
        ({"key_id": 8}, "key period"),
        ({"roster_digest": bytes(32)}, "roster in force at the end"),
        ({"key": KEY.model_copy(update={"last_window": Window(FIRST + 30)})}, "not that of its cycle"),
        (
            {"key": KEY.model_copy(update={"first_window": Window(MAY.minutes[1] // MINUTES_PER_DAY + 1)})},
            "not that of",
        ),
    ],
)
def test_what_contradicts_the_region(changes: dict[str, Any], match: str) -> None:
    refused(bills(segment("m0"), **changes), Contradiction, match)


@pytest.mark.parametrize(("start", "end"), [(15, 0), (0, -15), (-15, 0), (0, 15)])
def test_a_segment_is_neither_longer_nor_shorter_than_its_tenure(start: int, end: int) -> None:
    begins, ends = MAY.minutes
    refused(bills(segment("m0", begins + start, ends + end)), Contradiction, "not the part of the cycle")
    refused(bills(segment("nobody")), Contradiction, "not the part of the cycle")


def test_every_channel_of_a_meter_is_billed() -> None:
    both = homes(m0={"channels": tuple(Channel)})
    refused(bills(segment("m0"), rosters=(both,)), Contradiction, "reports of each channel")


def test_an_exchange_makes_two_segments_and_a_move_too() -> None:
    day = parse_window("2026-05-11")
    cut, (start, end) = day * MINUTES_PER_DAY, MAY.minutes
    exchanged = homes(day, m1={"account": "next", "tenure_since": day})
    new = row("m9", "town", tariff=BASIC.name, service_point="point of m0", account="account of m0", installed=day)
    after = roster([*exchanged.rows[1:], new], effective=day, suite=int(Suite.MASKING))
    rosters = (homes(), after)
    parts = segments_of(rosters, MAY.minutes)
    assert parts[MeterId("m0")] == [(start, cut)]
    assert parts[MeterId("m9")] == [(cut, end)]
    assert parts[MeterId("m1")] == [(start, cut), (cut, end)]
    asked = (segment("m0", end=cut), segment("m1", end=cut), segment("m1", start=cut), segment("m9", start=cut))
    memory = Remembered()
    memory.grant(bills(*asked, rosters=rosters))
    refused(bills(segment("m1"), rosters=rosters), Contradiction, "not the part of the cycle")


def test_cycles_of_a_meter_do_not_overlap() -> None:
    """Else the difference of two bills would be a day."""
    memory = Remembered()
    memory.grant(bills(segment("m0")))
    later = Cycle(date(2026, 5, 2), date(2026, 6, 1), ZONE)
    shifted = segment("m0", *later.minutes)
    refused(bills(shifted, cycle=later), FunctionalNotPermitted, "do not overlap", memory)
    june = Cycle(date(2026, 5, 31), date(2026, 6, 30), ZONE)
    assert permit_bills(bills(segment("m0", *june.minutes), cycle=june), _Anywhere(memory.released), RULES)


class _Anywhere(Remembered):
    def day(self, channel: Channel, window: Window) -> DayAtoms:
        return DayAtoms(frozenset(), frozenset())


def test_a_cycle_of_odd_length() -> None:
    with pytest.raises(MalformedMessage, match="27 to 33"):
        permit_bills(bills(segment("m0"), after=local_day(date(2026, 5, 20))), Remembered(), RULES)


def test_a_bill_has_no_more_results_than_a_release_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known before anything is asked: E-1 has three."""
    monkeypatch.setattr("wattseal.policy.bill_questions.MOST_RESULTS", 3)
    permit_bills(bills(segment("m0")), Remembered(), RULES)
    monkeypatch.setattr("wattseal.policy.bill_questions.MOST_RESULTS", 2)
    refused(bills(segment("m0")), FunctionalNotPermitted, "at most 2 results")


def test_cycles_hang_together_by_overlaps() -> None:
    cycles = [(0, 30), (20, 50), (50, 80), (79, 90), (100, 130)]
    assert hanging_together(cycles, (25, 40)) == [(0, 30), (20, 50)]
    assert hanging_together(cycles, (49, 51)) == cycles[:4]
    assert hanging_together(cycles, (90, 100)) == []


def reports(*read_at: int | None, number: int = 0) -> dict[str, Any]:
    """Of a segment: the cycle report, and register reports as they were read at these minutes."""
    made = (SegmentReport(channel=Channel.DELIVERED, number=number, read_at=minute) for minute in read_at)
    return {"reports": tuple(made)}


START, END = MAY.minutes
CLOSING = segment("m0").model_copy(update=reports(END))
WITH_DEMAND = segment("m0").model_copy(update=reports(None, END))


def demand(*prices: int, **changes: Any) -> DemandCharge:  # noqa: ANN401 - any field's value
    tier = Tier(limit=None, prices=prices)
    return DemandCharge(**{"name": "Demand", "schedule": "tou", "tiers": (tier,), **changes})


DEMANDING = tariff(TOU, demand(500_000, 900_000))


def test_an_estimated_bill_counts_by_its_sums() -> None:
    memory = Remembered()
    memory.grant(bills(CLOSING, tariff=DEMANDING))
    [book] = memory.books(MeterId("m0"), Channel.DELIVERED).values()
    assert [(item.source.kind, type(item.functional)) for item in book.items] == [
        (Kind.REGISTER, Functional),
        (Kind.REGISTER, Functional),
        (Kind.REGISTER, Opaque),
        (Kind.REGISTER, Opaque),
    ]
    memory.grant(bills(CLOSING, tariff=DEMANDING))
    assert len(memory.books(MeterId("m0"), Channel.DELIVERED)[MAY.minutes].items) == 4


def test_demand_counts_beside_the_bill_and_once() -> None:
    memory = Remembered()
    memory.grant(bills(WITH_DEMAND, tariff=DEMANDING))
    assert len(memory.books(MeterId("m0"), Channel.DELIVERED)[MAY.minutes].items) == 1 + 2
    memory.grant(bills(WITH_DEMAND, tariff=DEMANDING, mode=Mode.DETERMINANTS))
    assert len(memory.books(MeterId("m0"), Channel.DELIVERED)[MAY.minutes].items) == 3 + 2


def quarter_hours(*runs: tuple[int, int], days: tuple[DayKind, ...] = ("weekday", "weekend")) -> Schedule:
    """Two periods by quarter hours of a day; on `days` alone, else it is off all day."""
    rows = [Row(season="year", days=each, runs=runs if each in days else ((0, 0),)) for each in ("weekday", "weekend")]
    return Schedule(name="demand", periods=("off", "on"), rows=tuple(rows))


def with_demand(schedule: Schedule, *charges: DemandCharge) -> Tariff:
    samples = tariff(TOU)
    return tariff(TOU, *charges, schedules=(*samples.schedules, schedule))


ON = demand(0, 900_000, schedule="demand")
SELECTORS = {
    "a quarter hour a day": with_demand(quarter_hours((0, 0), (72, 1), (73, 0)), ON),
    "one weekend hour": with_demand(quarter_hours((0, 0), (72, 1), (76, 0), days=("weekend",)), ON),
    "a peak that another one exceeds by a quarter hour a day": with_demand(
        quarter_hours((0, 0), (64, 1), (85, 0)), ON, demand(0, 900_000, name="Peak")
    ),
}


@pytest.mark.parametrize("selector", SELECTORS.values(), ids=SELECTORS.keys())
def test_a_demand_of_few_intervals(selector: Tariff) -> None:
    for asked in (CLOSING, WITH_DEMAND):
        refused(bills(asked, tariff=selector), ShareTooLarge, "demand periods")


URDB = Path(__file__).parents[3] / "shared/data/urdb"
PUBLISHED = {
    "PGE_A-10_TOU_secondary_URDB_6758b27bd731a5d4d806802e": (672, 1),
    "DERIVED_PGE_B-19_secondary_2026-03-01": (120, 6),
    "SCE_TOU-8__Option-D_Under-2-kV": (105, 7),
}


def hours(of: Tariff, first: date, after: date) -> float:
    """Of the smallest part that the tariff's demand registers cut those local days into."""
    start, end = (first_minute(day, zone_of(ZONE)) for day in (first, after))
    part = Segment(start, end, 15, ZONE, (Channel.DELIVERED,))
    covers = compile_tariff(of, part, of.modes(Mode.DETERMINANTS)).registers.values()
    return smallest_part(Functional.of(start, 15, cover, amount=False) for cover in covers) / 4


@pytest.mark.parametrize(("name", "expected"), PUBLISHED.items(), ids=PUBLISHED.keys())
def test_demand_as_published(name: str, expected: tuple[int, int]) -> None:
    """The table of docs/bill-rules.md: the least of 2026's calendar months, and days in July that always hold 24."""
    found = load_urdb(URDB / f"{name}.json", leaving_out=["demandreactivepowercharge"])
    months = [date(2026 + month // 12, month % 12 + 1, 1) for month in range(13)]
    july = [date(2026, 7, 1) + timedelta(days) for days in range(31)]
    enough = next(
        days
        for days in range(1, 31)
        if min(hours(found, first, first + timedelta(days)) for first in july[: 31 - days]) >= 24
    )
    assert (min(hours(found, *pair) for pair in pairwise(months)), enough) == expected


def with_everything(of: Tariff, cycle: Cycle, *extensions: BudgetExtension) -> Bills:
    """By reads and registers, as a customer of that tariff is billed."""
    start, end = cycle.minutes
    both = {"reports": tuple(SegmentReport(channel=Channel.DELIVERED, number=0, read_at=at) for at in (None, end))}
    known = homes(tariff=of, m0={"customer_class": of.customer_class}).model_copy(update={"interval_minutes": 15})
    asked = segment("m0", start, end).model_copy(update=both)
    return bills(asked, tariff=of, cycle=cycle, rosters=(known,), mode=Mode.DETERMINANTS, extensions=extensions)


def told_of(asked: Bills) -> int | str:
    """How many results a customer gives who gave none before, or why not."""
    memory = _Anywhere()
    try:
        memory.grant(asked)
    except Refused as refusal:
        return refusal.slug
    return len(memory.books(MeterId("m0"), Channel.DELIVERED)[asked.minutes].items)


SHARE = "share-too-large"
ACROSS: dict[str, Counter[tuple[int | str, int | str]]] = {
    "DERIVED_PGE_B-19_secondary_2026-03-01": Counter({("rank-exhausted", 10): 20, (SHARE, SHARE): 9}),
    "SCE_TOU-8__Option-D_Under-2-kV": Counter({("rank-exhausted", 9): 6, (SHARE, SHARE): 22, (8, 8): 1}),
}


@pytest.mark.parametrize(("name", "expected"), ACROSS.items(), ids=ACROSS.keys())
def test_a_change_of_seasons_takes_an_extension(name: str, expected: Counter[tuple[int | str, int | str]]) -> None:
    """The table of docs/bill-rules.md: 30 days with 31 May and 1 June. No extension moves shares."""
    found = load_urdb(URDB / f"{name}.json", leaving_out=["demandreactivepowercharge"])
    granted = extension(found.name, 4, first=FIRST, last=Window(FIRST + 120))
    cycles = [Cycle(date(2026, 5, day), date(2026, 5, day) + timedelta(30), ZONE) for day in range(3, 32)]
    outcomes = Counter(
        (told_of(with_everything(found, cycle)), told_of(with_everything(found, cycle, granted))) for cycle in cycles
    )
    assert outcomes == expected


def test_a_demand_of_a_few_days_alone() -> None:
    """Who moves in late has no bill by demand: four peak hours of the first day and five of three more are 19."""
    for days, told in ((3, False), (4, True)):
        since = Window(END // MINUTES_PER_DAY - days)
        start = since * MINUTES_PER_DAY
        moved: Any = {"m0": {"tenure_since": since, "installed": since, "tariff": DEMANDING.name}}
        rosters = homes(tariff=DEMANDING), homes(effective=since, tariff=DEMANDING, **moved)
        asked = bills(
            segment("m0", start=start).model_copy(update=reports(None, END)), tariff=DEMANDING, rosters=rosters
        )
        if told:
            Remembered().grant(asked)
        else:
            refused(asked, ShareTooLarge, "demand periods")


def test_readings_use_the_rank_budget_up() -> None:
    """Each number of a report is another result, of reads and of registers."""
    memory = Remembered()
    asked = [bills(CLOSING, tariff=DEMANDING)]
    for named in (reports(END, number=1), reports(None, END, number=1)):
        memory.grant(asked[-1])
        cancels = Cancels(statement=asked[-1].statement.digest(), release=bytes(32))
        asked.append(bills(CLOSING.model_copy(update={**named, "cancels": cancels}), tariff=DEMANDING))
    refused(asked[-1], RankExhausted, "8 independent results", memory)


@pytest.mark.parametrize("minute", [START, START + 1440, END - 1440, END - 1, END + 1440])
@pytest.mark.parametrize("kinds", ["estimated", "with demand"])
def test_registers_are_opened_as_they_stood_at_the_segment_s_end(minute: int, kinds: str) -> None:
    """Two readings would tell what was used between them."""
    named = reports(minute) if kinds == "estimated" else reports(None, minute)
    asked = bills(segment("m0").model_copy(update=named), tariff=DEMANDING)
    refused(asked, ReadingNotPermitted, "at the end of a billing segment alone")


@pytest.mark.parametrize(
    ("named", "of"),
    [
        (reports(None), DEMANDING),  # demand is missing
        (reports(None, END), BASIC),  # nobody needs the registers
        (reports(None, END), tariff(TOU, demand(0, 0))),
    ],
)
def test_a_bill_rests_on_the_reports_that_it_needs_and_no_other(named: dict[str, Any], of: Tariff) -> None:
    asked = bills(segment("m0").model_copy(update=named), tariff=of)
    refused(asked, Contradiction, "not those that its part of a bill rests on")


def test_an_hourly_price_is_not_billed_from_registers() -> None:
    hourly = SeriesCharge(name="Hourly", start=START, step_minutes=60, prices=(10_000,) * 720)
    refused(bills(CLOSING, tariff=tariff(hourly)), MalformedMessage, "no register counts what it needs")


def test_energy_from_registers_is_measured_like_that_from_reads() -> None:
    """A period of five hours is as narrow in a register as in interval reads."""
    kinds: tuple[DayKind, ...] = ("weekday", "weekend")
    rows = [Row(season="winter", days=days, runs=((0, 0),)) for days in kinds]
    rows += [Row(season="summer", days=days, runs=((0, 0), (64, 1), (84, 0))) for days in kinds]
    schedule = Schedule(name="tou", periods=("off-peak", "peak"), rows=tuple(rows))

    def asked(first_of_summer: int) -> Bills:
        turns = (Turn(month=1, day=1, season="winter"), Turn(month=5, day=first_of_summer, season="summer"))
        return bills(CLOSING, tariff=tariff(TOU, turns=turns, schedules=(schedule,)))

    refused(asked(30), ShareTooLarge, "one interval")
    permit_bills(asked(26), Remembered(), RULES)


FOUR_SUMMER_DAYS = Cycle(date(2026, 5, 6), date(2026, 6, 5), ZONE)


def summer(*meters: str, mode: Mode = Mode.AMOUNT, charges: tuple[str, ...] = (), since: Window = FIRST) -> Bills:
    """E-TOU-D over the first days of its summer, whose peak is three hours of few of them."""
    segments = (segment(meter, *FOUR_SUMMER_DAYS.minutes) for meter in meters)
    listed = Listed(frozenset(charges), since) if charges else None
    return bills(*segments, tariff=OTHER, cycle=FOUR_SUMMER_DAYS, mode=mode, listed=listed)


@pytest.mark.parametrize("mode", Mode)
def test_a_season_cut_needs_the_list(mode: Mode) -> None:
    refused(summer("m0", mode=mode), ShareTooLarge, "one interval")
    refused(summer("m0", mode=mode, charges=("Another",)), ShareTooLarge, "one interval")
    _Anywhere().grant(summer("m0", mode=mode, charges=("Energy",)))


def test_a_list_counts_for_cycles_that_end_after_it_was_registered() -> None:
    last = Window((FOUR_SUMMER_DAYS.minutes[1] - 1) // MINUTES_PER_DAY)
    permit_bills(summer("m0", charges=("Energy",), since=last), _Anywhere(), RULES)
    late = summer("m0", charges=("Energy",), since=Window(last + 1))
    refused(late, ShareTooLarge, "one interval")


def test_listed_neighbors_hide_each_other() -> None:
    """What the list permits to a meter by itself it permits beside others who are billed alike."""
    group = frozenset(MeterId(f"m{number}") for number in range(6))
    memory = _Together(groups=[group])
    memory.grant(summer("m0", "m1", charges=("Energy",)))
    memory.grant(summer("m2", charges=("Energy",)))


class _Together(Remembered):
    def day(self, channel: Channel, window: Window) -> DayAtoms:
        return DayAtoms(frozenset(self.groups), frozenset(self.groups))


def test_the_list_helps_no_other_charge() -> None:
    """A price for eight hours beside a listed charge is refused: by itself it must mix a day."""
    hours = (FOUR_SUMMER_DAYS.minutes[1] - FOUR_SUMMER_DAYS.minutes[0]) // 60
    event = SeriesCharge(
        name="Event", start=FOUR_SUMMER_DAYS.minutes[0], step_minutes=60, prices=(*[90_000] * 9, *[0] * (hours - 9))
    )
    both = tariff(TOU, event)
    asked = bills(
        segment("m0", *FOUR_SUMMER_DAYS.minutes),
        tariff=both,
        cycle=FOUR_SUMMER_DAYS,
        listed=Listed(frozenset({"Energy"}), FIRST),
    )
    refused(asked, ShareTooLarge, "one interval")
    listed = bills(
        segment("m0", *FOUR_SUMMER_DAYS.minutes),
        tariff=both,
        cycle=FOUR_SUMMER_DAYS,
        listed=Listed(frozenset({"Energy", "Event"}), FIRST),
    )
    permit_bills(listed, _Anywhere(), RULES)


class _Watching(BillRules):
    """Remembers what it was asked about atoms."""

    def __init__(self) -> None:
        super().__init__(4)
        self.seen: list[tuple[Counter[Held], Counter[Held]]] = []

    def permit_among(self, neighbors: Neighbors, changes: Iterable[tuple[Held, Held]]) -> Neighbors:
        told = list(changes)
        self.seen.append((Counter(neighbors.counts), Counter(after for _, after in told)))
        return super().permit_among(neighbors, told)


@given(
    st.sets(st.sampled_from(range(12))),
    st.sets(st.sampled_from(range(12)), min_size=1),
    st.lists(st.sets(st.sampled_from(range(12)), min_size=1), min_size=1, max_size=3),
    st.sets(st.sampled_from(range(12)), max_size=4),
)
def test_neighbors_are_counted_as_if_each_were_looked_at(
    billed: set[int], asked: set[int], groups: list[set[int]], others: set[int]
) -> None:
    """Whoever was billed, is asked about now, or is under another tariff; in every atom that is touched."""
    changes: dict[str, Any] = {f"m{number}": {"tariff": OTHER.name} for number in others}
    rosters = (homes(count=12, **changes),)
    memory = Remembered()
    for number in sorted(billed - others):
        memory.grant(bills(segment(f"m{number}"), rosters=rosters))
    meters = sorted(f"m{number}" for number in asked - others)
    if not meters:
        return
    memory.groups = [frozenset(MeterId(f"m{number}") for number in group) for group in groups]
    run, rules = bills(*map(segment, meters), rosters=rosters), _Watching()
    with suppress(ShareTooLarge):
        permit_bills(run, memory, rules)
    usual = run.usual_span(Channel.DELIVERED)

    def one_by_one(group: frozenset[MeterId]) -> Counter[Held]:
        registered = {meter: NOTHING if int(meter[1:]) in others else usual for meter in group}
        books = {meter: memory.books(meter, Channel.DELIVERED).values() for meter in group}
        return Counter(Held.of(books[meter], registered[meter]) for meter in group)

    touched = [group for group in set(memory.groups) if not group.isdisjoint(meters)]
    expected = [(one_by_one(group), len(group.intersection(meters))) for group in touched]
    assert len(rules.seen) <= len(touched)
    for before, after in rules.seen:
        expected.remove((before, after.total()))


def test_parts_of_a_cycle_follow_the_rosters_that_are_asked_about() -> None:
    """Though they are kept from one statement to the next."""
    early, late = homes(count=2), homes(effective=Window(FIRST + 40), count=3)
    assert segments_of((early,), MAY.minutes).keys() == {"m0", "m1"}
    assert segments_of((early, late), MAY.minutes).keys() == {"m0", "m1", "m2"}
    assert segments_of((early,), MAY.minutes).keys() == {"m0", "m1"}
