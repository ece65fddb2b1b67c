"""One run: every lane's steps in turn, the growth with the number of meters, the bills."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from wattseal.bench.bills import measure_bills
from wattseal.bench.lanes import RELEASE_MEMBERS, Kind, Lane, Prepared
from wattseal.bench.machine import machine_facts
from wattseal.bench.peers import peer_lanes
from wattseal.bench.results import BenchResult, CurvePoint, LaneResult, Part
from wattseal.bench.schemes import own_lanes
from wattseal.bench.timing import Action, Timed, alternate

Progress = Callable[[str], None]


class Plan(NamedTuple):
    """How much is measured. `sizes` are of the curve; peers are left out where they would take minutes."""

    meters: int
    rounds: int
    sizes: tuple[int, ...]
    bills: int
    quick: bool


FULL = Plan(RELEASE_MEMBERS, 7, (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000), 1_000, quick=False)
QUICK = Plan(RELEASE_MEMBERS, 3, (1, 10, 100, 1_000), 300, quick=True)


def measure(plan: Plan, progress: Progress) -> BenchResult:
    """Says by `progress` what it is at."""
    machine = machine_facts()
    lanes = [*own_lanes(), *peer_lanes()]
    found = measure_lanes(lanes, plan, progress)
    progress("bills")
    bills = measure_bills(plan.bills, plan.rounds, lambda: progress("bills"))
    return BenchResult.of(machine, found, measure_curve(lanes, plan, progress), bills, quick=plan.quick)


def measure_lanes(lanes: Sequence[Lane], plan: Plan, progress: Progress) -> list[LaneResult]:
    """Steps of all lanes alternate, so that ratios between lanes hold on a machine that is busy for a while."""
    prepared = []
    for lane in lanes:
        progress(f"preparing {lane.name}")
        prepared.append(lane.prepare(min(plan.meters, lane.most_meters)))
    actions = [action for each in prepared for action in _actions(each)]
    seconds = iter(alternate(actions, plan.rounds, lambda: progress("a day's total")))
    return [
        _result(lane, each, [Timed.of(next(seconds)) for _ in _actions(each)])
        for lane, each in zip(lanes, prepared, strict=True)
    ]


def _actions(prepared: Prepared) -> list[Action]:
    few = [] if prepared.open_few is None else [prepared.open_few]
    return [*(step.action for step in prepared.steps), *few]


def _result(lane: Lane, prepared: Prepared, timed: Sequence[Timed]) -> LaneResult:
    steps = prepared.steps
    parts = (Part(step.party, step.what, of.over(step.meter_days)) for step, of in zip(steps, timed, strict=False))
    few = None if prepared.open_few is None else timed[-1]
    size, error = prepared.report_bytes, prepared.error_wh
    return LaneResult(lane.name, lane.kind, steps[0].meters, size, error, tuple(parts), few, lane.note)


def measure_curve(lanes: Sequence[Lane], plan: Plan, progress: Progress) -> list[CurvePoint]:
    """Once each: what matters here is the slope over orders of magnitude."""
    points = []
    for size in plan.sizes:
        for lane in lanes:
            if size <= (lane.most_meters if lane.kind is Kind.PEER else plan.sizes[-1]):
                progress(f"{lane.name}, {size:,} meters")
                points.append(CurvePoint(lane.name, size, _seconds_of_a_day(lane.prepare(size))))
    return points


def _seconds_of_a_day(prepared: Prepared) -> float:
    total = 0.0
    for step in prepared.steps:
        started = time.process_time()
        step.action()
        total += (time.process_time() - started) / step.share
    return total
