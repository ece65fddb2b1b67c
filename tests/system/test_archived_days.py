"""A day that was archived before anybody asked: its totals come from the archive, and what is sent again is known."""

from tests.system.corrupt_meter import CorruptMeter
from tests.system.town import REGION, Status, Town
from wattseal.collector.deployment import AGGREGATOR
from wattseal.edge.access import Scope
from wattseal.protocol.time import window_date


def test_totals_of_an_archived_day(town: Town) -> None:
    cohort, meter = "town/a", CorruptMeter.of(town, "b-00")
    day = town.day(only=(cohort,))
    path = f"/v1/regions/{REGION.name}/windows/{window_date(day.window)}/archive"
    assert b'"archived"' in town.service(AGGREGATOR, Scope.OPERATOR).post(path, b"")
    town.opens_exactly(day, cohort)
    one = next(iter(day.bodies.values()))
    again, new = [one, meter.report(day, {})], Status("rejected", "window-archived")
    assert town.upload(again) == town.upload(again) == [Status("duplicate"), new]
