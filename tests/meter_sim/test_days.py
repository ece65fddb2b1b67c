"""From a source's days to what meters seal: edited, in the region's unit, without those who cannot or may not send."""

import numpy as np

from tests.meter_sim.troubled import DAY, METERS, Days, day_reads, days, plan
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.meter_sim.days import Days as FleetDays
from wattseal.meter_sim.days import Troubles
from wattseal.meter_sim.fault_summary import FaultSummary
from wattseal.meter_sim.reads import DayReads
from wattseal.protocol.report import FlagReason
from wattseal.protocol.roster import Unit

LAYOUT = DEFAULT_LAYOUTS[15]


def test_good_days_pass_as_they_are() -> None:
    source = days(3)
    found = list(FleetDays(source, LAYOUT, Unit.WH))
    assert [part.day for (part,) in found] == [DAY, DAY + 1, DAY + 2]
    for (part,), (reads,) in zip(found, source.days(), strict=True):
        assert part.meters == METERS
        assert (part.wh == reads.wh).all()
        assert not part.reasons.any()


def test_reads_are_counted_in_the_regions_unit() -> None:
    ((part,),) = FleetDays(days(1), LAYOUT, Unit.WH_10)
    reads = day_reads(DAY)
    assert (abs(10 * part.wh.sum(axis=1) - reads.wh.sum(axis=1)) <= 5).all()


def test_a_read_that_no_slot_holds_keeps_its_meter_out_and_nobody_else() -> None:
    reads = day_reads(DAY)
    reads.wh[7, 11] = LAYOUT.largest_read + 1
    reads.steps.wh[7] = reads.wh[7].sum()
    fleet = FleetDays(Days([(reads,)]), LAYOUT, Unit.WH)
    ((part,),) = fleet
    assert fleet.too_large == 1
    assert part.meters == (*METERS[:7], *METERS[8:])
    assert (part.wh == np.delete(reads.wh, 7, axis=0)).all()


def test_a_meter_without_a_read_does_not_report() -> None:
    reads = day_reads(DAY)
    reads.present[3] = False
    ((part,),) = FleetDays(Days([(reads,)]), LAYOUT, Unit.WH)
    assert part.meters == (*METERS[:3], *METERS[4:])


def test_clocks_known_to_be_off_are_flagged_where_nothing_else_is() -> None:
    reads = day_reads(DAY)
    reads.present[2, 40] = False
    skewed = plan(skewed_clocks={"meters": [METERS[2]], "known_beyond_minutes": 0})
    troubles = Troubles(skewed, FaultSummary(), windows_closed=False)
    ((part,),) = FleetDays(Days([(reads,)]), LAYOUT, Unit.WH, troubles)
    assert set(part.reasons[2].tolist()) >= {FlagReason.CLOCK}
    assert part.reasons[2].all()
    assert not np.delete(part.reasons, 2, axis=0).any()


def test_late_reports_leave_in_the_second_round_and_lost_ones_in_none() -> None:
    late_and_lost = plan(late={"meters": [METERS[0]]}, lost={"meters": [METERS[1]]})
    rounds = [Troubles(late_and_lost, FaultSummary(), windows_closed=closed) for closed in (False, True)]
    (((first,),), ((second,),)) = (list(FleetDays(days(1), LAYOUT, Unit.WH, troubles)) for troubles in rounds)
    assert first.meters == METERS[2:]
    assert second.meters == (METERS[0], *METERS[2:])


def told(source: Days) -> list[DayReads]:
    """What registers are to count, day by day, of a source whose last interval on its second day has no read."""
    reads = source.parts[1][0]
    reads.present[5, 95] = False
    reads.wh[5, 95] = 0
    counted: list[DayReads] = []
    fleet = FleetDays(source, LAYOUT, Unit.WH, measuring=lambda parts: counted.extend(parts))
    sealed = [part for (part,) in fleet]
    assert [part.day for part in counted] == [part.day for part in sealed] == [DAY, DAY + 1, DAY + 2]
    assert sealed[1].reasons[5, 95] == FlagReason.LINEAR
    return counted


def test_registers_of_their_own_count_what_was_measured() -> None:
    """Before anything is edited; here nothing tells what the absent read was."""
    part = told(days(3))[1]
    assert not part.measured.known[5, 95]
    assert np.count_nonzero(~part.measured.known) == 1


def test_meters_of_files_count_their_reads_after_estimation() -> None:
    source = days(3)
    source.has_registers = False
    part = told(source)[1]
    assert part.measured.known.all()
    assert part.measured.wh[5, 95] == part.wh[5, 95] > 0
    assert (np.delete(part.wh, 5, axis=0) == np.delete(day_reads(DAY + 1).wh, 5, axis=0)).all()


def test_what_stays_missing_is_not_known_to_registers() -> None:
    source = days(1)
    source.has_registers = False
    source.parts[0][0].present[5] = False
    counted: list[DayReads] = []
    list(FleetDays(source, LAYOUT, Unit.WH, measuring=lambda parts: counted.extend(parts)))
    assert not counted[0].measured.known[5].any()
    assert np.count_nonzero(~counted[0].measured.known) == 96
