"""What is learned from the log of bills: each answer once, and no book of what told nothing."""

from pathlib import Path

import pytest

from tests.aggregator.cycles import END, KEY, MAY, START, ZONE, home, region, registry
from tests.policy.rosters import REGION, operator
from tests.protocol.tariff.samples import EXPORT, TOU, tariff
from wattseal.aggregator.bill_memory import BillMemory
from wattseal.policy.bill_questions import Bills, Registered
from wattseal.policy.bills import BillRules
from wattseal.protocol.billing import BillAnswer, BillSegment, BillStatement, SegmentReport, local_day
from wattseal.protocol.ids import Channel, MeterId, Suite
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.time import MINUTES_PER_DAY

BOTH = (Channel.DELIVERED, Channel.RECEIVED)
FREE = tariff(TOU, EXPORT.model_copy(update={"prices": (0, 0)}), name="FREE")
ROSTER = region(*(home(f"m{i}", tariff=FREE.name, channels=BOTH) for i in range(3)))


def answer(*meters: str, number: int = 0) -> tuple[BillStatement, bytes]:
    reports = tuple(SegmentReport(channel=channel, number=number) for channel in BOTH)
    statement = BillStatement(
        purpose="billing",
        region=REGION,
        tariff=FREE.fingerprint,
        mode=Mode.AMOUNT,
        timezone=ZONE,
        first=local_day(MAY.first),
        after=local_day(MAY.after),
        suite=Suite.CKKS,
        key_id=KEY.key_id,
        roster_digest=ROSTER.fingerprint,
        segments=tuple(BillSegment(meter=MeterId(m), start=START, end=END, reports=reports) for m in meters),
    )
    return statement, BillAnswer.issue(statement, [], (), operator("aggregator")).to_bytes()


def memory(directory: Path) -> BillMemory:
    return BillMemory(REGION, registry(directory, [ROSTER], [FREE]), BillRules(4))


@pytest.mark.parametrize("expected", [False, True])
def test_the_log_is_read_on_from_where_it_was_left(tmp_path: Path, *, expected: bool) -> None:
    """Whether what it tells was expected, other answers came between, or not."""
    (first, one), (second, two) = answer("m0"), answer("m0", number=1)
    learned = memory(tmp_path)
    if expected:
        known = registry(tmp_path / "expecting", [ROSTER], [FREE])
        learned.expect(Bills(second, Registered(*known.tariff(FREE.fingerprint)), [ROSTER], KEY))
    assert learned.answers == 0
    learned.learn_bills([one])
    assert learned.answers == 1
    learned.learn_bills([two])
    assert learned.answers == 2
    assert [learned.place_of(statement.digest()) for statement in (first, second)] == [0, 1]
    books = learned.around((START, END)).books(MeterId("m0"), Channel.DELIVERED)
    assert {cycle: [item.source.number for item in book.items] for cycle, book in books.items()} == {
        (START, END): [0, 1]
    }


def test_a_channel_that_costs_nothing_has_no_book(tmp_path: Path) -> None:
    learned = memory(tmp_path)
    learned.learn_bills([answer("m0", "m1")[1]])
    recalled = learned.around((END - 1, END + 1))
    held = {(meter, channel): recalled.books(MeterId(meter), channel) for meter in ("m0", "m2") for channel in BOTH}
    assert [place for place, books in held.items() if books] == [("m0", Channel.DELIVERED)]


def test_cycles_hang_together_that_overlap(tmp_path: Path) -> None:
    """Or that overlap one that does; not those that only touch."""
    learned = memory(tmp_path)
    learned.learn_bills([answer("m0")[1]])
    touching = [(END, END + 1), (START - 1, START)]
    overlapping = [(END - 1, END), (START - 1, START + 1)]
    assert [len(learned.around(minutes).cycles) for minutes in (*touching, *overlapping)] == [0, 0, 1, 1]
    a_day_later = {"first": local_day(MAY.first) + 1, "after": local_day(MAY.after) + 1}
    shifted = answer("m1")[0].model_copy(update=a_day_later)
    learned.learn_bills([BillAnswer.issue(shifted, [], (), operator("aggregator")).to_bytes()])
    found = learned.around((END, END + 1)).cycles
    assert found.keys() == {(START, END), (START + MINUTES_PER_DAY, END + MINUTES_PER_DAY)}
