"""The number rule: no number ever stands for two contents, at the meter and at the aggregator."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.system.corrupt_meter import CorruptMeter
from tests.system.town import Status, Town
from wattseal.protocol.ids import MeterId
from wattseal.protocol.report import decode_report

COHORT, METER = "town/a", MeterId("a-00")


def test_a_number_taken_by_a_killed_fleet_is_never_sealed(town: Town, tmp_path: Path) -> None:
    """Threat E38: kill -9 between the reservation and the sealed bytes; the same reads then go under the next."""
    day = town.day(only=(COHORT, "town/b"), without=(METER,), close=False)
    notice = tmp_path / "notice"
    notice.write_bytes(town.notice.to_bytes())
    for _ in range(2):
        reads = ",".join(map(str, day.reads[METER]))
        plan = (str(town.places.fleet), str(notice), METER, str(day.window), reads)
        killed = subprocess.run([sys.executable, "-m", "tests.system.killed_meter", *plan], check=False)
        assert killed.returncode == -signal.SIGKILL
    assert town.state.pending(10) == []
    bodies = town.report(day.window, {METER: day.reads[METER]})
    assert decode_report(bodies[METER]).header.number == 2
    town.close(day.window)
    town.opens_exactly(replace(day, bodies={**bodies, **day.bodies}), COHORT)
    town.opens_exactly(day, "town/b")


def test_other_content_takes_the_next_number_and_the_same_takes_none(town: Town) -> None:
    """Threat E38: by the fleet's own code, before and after the first was acknowledged."""
    day = town.day(only=(COHORT,), close=False)
    assert town.report(day.window, {METER: day.reads[METER]}) == {}
    for number in (1, 2):
        changed = town.report(day.window, {METER: day.reads[METER] + number})
        assert decode_report(changed[METER]).header.number == number
    back_again = town.report(day.window, {METER: day.reads[METER]})
    assert decode_report(back_again[METER]).header.number == 3
    town.close(day.window)
    town.opens_exactly(replace(day, bodies={**day.bodies, **back_again}), COHORT)


def test_a_meter_that_seals_other_content_under_a_used_number(town: Town) -> None:
    """Threat E38: the first stays, the second is refused as a conflict; here the corrupt meter harms itself."""
    day = town.day(only=(COHORT, "town/b"), close=False)
    again = CorruptMeter.of(town, METER).report(day, {3: 7_777})
    assert town.upload([again, day.bodies[METER]]) == [Status("conflict"), Status("duplicate")]
    town.close(day.window)
    assert town.upload([again]) == [Status("conflict")]
    town.opens_exactly(day, COHORT)
    town.opens_exactly(day, "town/b")
