"""Whose consent counts: of who lived there on the days, whenever a roster told of the move."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from tests.policy.packs import pack_of, purpose_rule
from tests.policy.rosters import LAYOUT, REGION, digest, roster, row
from wattseal.policy.consents import Wanted, check_consents, of_bills, of_total
from wattseal.policy.limits import Asker
from wattseal.policy.succession import check_succession
from wattseal.protocol.billing import BillSegment, BillStatement, SegmentReport, local_day
from wattseal.protocol.consent import Consent
from wattseal.protocol.errors import ConsentMissing
from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionId, Suite, Window
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import TotalStatement, positions_to_bits
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.time import MINUTES_PER_DAY, window_date

BEGUN, MOVED, TOLD = Window(20_000), Window(20_020), Window(20_035)
METER, PURPOSE, LAB = MeterId("m0"), "study", Asker("lab", frozenset({"collector", "billing"}))
POLICY = pack_of({"billing": purpose_rule(), PURPOSE: purpose_rule(use="secondary", basis="consent")})


def town(effective: Window, account: str, since: Window, **changes: Any) -> Roster:  # noqa: ANN401 - any field's value
    home = row(METER, "town", account=account, tenure_since=since, **changes)
    return roster([home, row("m1", "town")], effective=effective)


FIRST, LATER = town(BEGUN, "A", Window(0)), town(TOLD, "B", MOVED)
ROSTERS = (FIRST, LATER)


def consent(account: str, since: Window) -> Consent:
    return Consent(
        region=REGION,
        meter=METER,
        account=account,
        tenure_since=since,
        recipient=LAB.name,
        purpose=PURPOSE,
        first=since,
        last=Window(TOLD + 365),
        until=Window(TOLD + 365),
    )


FORMER, NEXT = consent("A", Window(0)), consent("B", MOVED)


class Given(tuple[Consent, ...]):
    """Consents in force."""

    def of(self, region: RegionId, meter: MeterId) -> Iterable[Consent]:
        return [one for one in self if (one.region, one.meter) == (region, meter)]


def total(day: int, of: Roster = FIRST) -> TotalStatement:
    """Of the one meter; sizes are another rule's."""
    return TotalStatement(
        purpose=PURPOSE,
        region=REGION,
        cohort=CohortId("town"),
        channel=Channel.DELIVERED,
        window=Window(day),
        suite=int(Suite.PAILLIER_3072),
        key_id=1,
        layout_id=LAYOUT,
        roster_digest=of.fingerprint,
        members=positions_to_bits([0], 2),
    )


def bill(first: int, after: int) -> BillStatement:
    """One segment of these days, in a cycle of the same."""
    reports = (SegmentReport(channel=Channel.DELIVERED, number=0),)
    minutes = (first * MINUTES_PER_DAY, after * MINUTES_PER_DAY)
    return BillStatement(
        purpose=PURPOSE,
        region=REGION,
        tariff=digest("a tariff"),
        mode=Mode.AMOUNT,
        timezone="UTC",
        first=local_day(window_date(Window(first))),
        after=local_day(window_date(Window(after))),
        suite=int(Suite.CKKS),
        key_id=1,
        roster_digest=LATER.fingerprint,
        segments=(BillSegment(meter=METER, start=minutes[0], end=minutes[1], reports=reports),),
    )


def agreed(statement: TotalStatement | BillStatement, wanted: Iterable[Wanted], *given: Consent) -> list[Consent]:
    return check_consents(POLICY, statement, LAB, wanted, Given(given))


def of_day(day: int, *given: Consent, rosters: Sequence[Roster] = ROSTERS) -> list[Consent]:
    begun = [one for one in rosters if one.effective <= day][-1]
    statement = total(day, begun)
    return agreed(statement, of_total(statement, begun, rosters), *given)


def of_days(first: int, after: int, *given: Consent) -> list[Consent]:
    statement = bill(first, after)
    return agreed(statement, of_bills(statement, ROSTERS), *given)


def test_the_move_may_be_told_of_late() -> None:
    check_succession(FIRST, LATER, 2)


@pytest.mark.parametrize("day", [MOVED, MOVED + 5, TOLD - 1, TOLD])
def test_a_total_after_the_move_rests_on_the_next_occupants_consent(day: int) -> None:
    with pytest.raises(ConsentMissing):
        of_day(day, FORMER)
    assert of_day(day, FORMER, NEXT) == of_day(day, NEXT) == [NEXT]


def test_a_total_before_the_move_rests_on_the_formers() -> None:
    assert of_day(MOVED - 1, NEXT, FORMER) == [FORMER]
    with pytest.raises(ConsentMissing):
        of_day(MOVED - 1, NEXT)


@pytest.mark.parametrize("after", [TOLD - 1, TOLD + 15], ids=["before the roster", "over the roster"])
def test_a_segment_after_the_move_rests_on_the_next_occupants_consent(after: int) -> None:
    with pytest.raises(ConsentMissing):
        of_days(MOVED, after, FORMER)
    assert of_days(MOVED, after, FORMER, NEXT) == of_days(MOVED, after, NEXT) == [NEXT]


def test_a_segment_before_the_move_rests_on_the_formers() -> None:
    assert of_days(BEGUN, MOVED, FORMER) == [FORMER]


def test_no_consent_is_of_days_of_two_tenures() -> None:
    with pytest.raises(ConsentMissing):
        of_days(MOVED - 1, MOVED + 1, FORMER, NEXT)


def test_a_meter_under_new_keys_leaves_a_consent_what_it_was() -> None:
    rekeyed = town(TOLD, "A", Window(0), installed=MOVED, sealing_key=digest("new"))
    for day in (MOVED - 1, MOVED + 1, TOLD + 1):
        assert of_day(day, FORMER, rosters=(FIRST, rekeyed)) == [FORMER]


def test_a_former_occupant_who_returns_gives_another_consent() -> None:
    back = Window(TOLD + 10)
    rosters = (*ROSTERS, town(Window(back + 5), "A", back))
    with pytest.raises(ConsentMissing):
        of_day(back, FORMER, NEXT, rosters=rosters)
    assert of_day(back, FORMER, consent("A", back), rosters=rosters) == [consent("A", back)]


def test_what_is_of_nobody_rests_on_no_consent() -> None:
    statement = total(BEGUN)
    wanted = of_total(statement, FIRST, ROSTERS)
    assert agreed(statement, wanted, FORMER) == [FORMER]
    with pytest.raises(ConsentMissing):
        agreed(statement, wanted, FORMER)
