"""Totals whose difference would be few meters: every party that could grant the second one refuses it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.system.forging import meters_of
from tests.system.town import Day, Town
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER
from wattseal.protocol.ids import MeterId
from wattseal.protocol.statement import Answer


def asked_without(town: Town, day: Day, cohort: str, *left_out: str) -> Answer:
    """The corrupt aggregator's statement and fold of a cohort without some who reported."""
    members = [meter for meter in day.members(cohort) if meter not in left_out]
    return town.forged(day, cohort, town.arithmetic.fold(day.ciphertexts(members)), members)


def test_a_cohort_and_the_same_without_one_meter(town: Town) -> None:
    """Threats A5, E40: both ways round."""
    day = town.day(only=("town/a", "town/b", "town/c"))
    town.opens_exactly(day, "town/a")
    with town.refuses("pinned-otherwise", DECRYPTOR):
        town.release(asked_without(town, day, "town/a", "a-07"))
    assert town.release(asked_without(town, day, "town/b", "b-07")).members == 19
    with town.refuses("pinned-otherwise", DECRYPTOR):
        town.release(town.answer(day, "town/b"))
    town.opens_exactly(day, "town/c")


def test_the_level_above_without_one_meter(town: Town) -> None:
    """Threat A5: pins hold at every level of the tree."""
    day = town.day(only=("town/a", "town/b", "town/c"))
    town.opens_exactly(day, "town/a")
    with town.refuses("pinned-otherwise", DECRYPTOR):
        town.release(asked_without(town, day, "town", "a-07"))
    town.opens_exactly(day, "town")


@pytest.mark.parametrize("last", ["town", "town/b", "town/c"])
def test_levels_that_would_leave_a_small_remainder(town: Town, last: str) -> None:
    """Threat A5: `town/a` reported with 13 of 16, so the other three totals must never be known together."""
    day = town.day(only=("town/a", "town/b", "town/c"), without=("a-01", "a-02", "a-03"))
    with town.refuses("group-too-small", AGGREGATOR):
        town.answer(day, "town/a")
    for cohort in {"town", "town/b", "town/c"} - {last}:
        town.opens_exactly(day, cohort)
    with town.refuses("group-too-small", AGGREGATOR):
        town.answer(day, last)
    with town.refuses("group-too-small", DECRYPTOR):
        town.release(asked_without(town, day, last))


def test_a_second_number_of_one_report(town: Town) -> None:
    """Threat E35: the difference of a total under two numbers of one report would be the edit of one meter."""
    day = town.day(only=("town/a", "town/b"), close=False)
    edited = MeterId("a-00")
    town.report(day.window, {edited: day.reads[edited] + 7})
    town.close(day.window)
    answer = town.answer(day, "town/a")
    assert town.release(answer).reads == tuple(wh + 7 for wh in day.total(day.members("town/a")))
    with town.refuses("pinned-otherwise", DECRYPTOR):
        town.release(asked_without(town, day, "town/a"))
    with town.refuses("pinned-otherwise", DECRYPTOR):
        town.release(town.forged(day, "town/a", answer.ciphertext, numbers=((0, 2),)))
    town.opens_exactly(day, "town/b")


def test_a_late_meter_triggers_no_second_total(town: Town) -> None:
    """Threats A5, E40."""
    day = town.day(only=("town/b", "town/c"), without=("b-00", "b-01"))
    town.opens_exactly(day, "town/b")
    before = town.answer(day, "town/b")
    tardy = town.seal(day.window, {meter: day.reads[meter] for meter in meters_of(day.roster, "town/b")[:2]})
    assert [status.status for status in town.upload([*tardy.values()])] == ["late", "late"]
    assert town.answer(day, "town/b") == before
    # The aggregator has the two reports and could fold them: as members of the cohort, or as a supplement.
    everybody = {**day.bodies, **tardy}
    ciphertexts = Day(day.window, day.roster, day.reads, everybody)
    with town.refuses("pinned-otherwise", DECRYPTOR):
        town.release(asked_without(town, ciphertexts, "town/b"))
    with town.refuses("pinned-otherwise", DECRYPTOR):
        town.release(asked_without(town, ciphertexts, "town/b", *day.members("town/b")))
    town.opens_exactly(day, "town/c")


def test_carving_by_lateness(town: Town) -> None:
    """Threat E40: 14 vacant homes and a target are declared late, so that a supplement would be the target alone."""
    day = town.day(only=("town/a", "town/b", "town/c"))
    carved = [f"b-{home:02d}" for home in range(15)]
    for cohort in ("town", "town/b"):
        with town.refuses("coverage-too-low" if cohort == "town" else "group-too-small", DECRYPTOR):
            town.release(asked_without(town, day, cohort, *carved))
    with town.refuses("coverage-too-low", DECRYPTOR):
        town.release(asked_without(town, day, "town", *(set(day.members("town")) - set(carved))))
    town.opens_exactly(day, "town")


def test_a_whole_cohort_may_come_late(town: Town) -> None:
    """Threat E40, the exception: nobody of it was ever counted, and it meets the size rule alone."""
    day = town.day(only=("town/a", "town/b"))
    town.opens_exactly(day, "town/a")
    with town.refuses("nobody-reported", AGGREGATOR):
        town.answer(day, "town/c")
    late_day = reported_late(town, day, meters_of(day.roster, "town/c")[:-1])
    town.opens_exactly(late_day, "town/c")
    # What comes later still makes no second total of it.
    answer = town.answer(day, "town/c")
    reported_late(town, day, meters_of(day.roster, "town/c")[-1:])
    assert town.answer(day, "town/c") == answer
    with town.refuses("pinned-otherwise", DECRYPTOR):
        town.release(asked_without(town, late_day, "town/c", "c-07"))


def test_a_late_cohort_counts_its_latest_numbers(town: Town) -> None:
    day = town.day(only=("town/a",))
    late = meters_of(day.roster, "town/c")
    late_day = reported_late(town, day, late)
    edited = {meter: day.reads[meter] + 7 for meter in late[:3]}
    edited_day = reported_late(town, replace(late_day, reads={**day.reads, **edited}), late)
    town.opens_exactly(edited_day, "town/c")


def test_a_late_cohort_and_the_level_above_are_never_both_released(town: Town) -> None:
    """Threat E40: the set that came in time is frozen for all levels, so the town's total would leave them out."""
    day = town.day(only=("town/a", "town/b"))
    late_day = reported_late(town, day, meters_of(day.roster, "town/c"))
    town.opens_exactly(late_day, "town/c")
    with town.refuses("pinned-otherwise", AGGREGATOR):
        town.answer(day, "town")
    with town.refuses("pinned-otherwise", DECRYPTOR):
        town.release(asked_without(town, late_day, "town", "c-07"))


def test_a_cohort_of_which_one_came_in_time_is_not_late_as_a_whole(town: Town) -> None:
    day = town.day(only=("town/a", "town/c"), without=[f"c-{home:02d}" for home in range(1, 24)])
    reported_late(town, day, meters_of(day.roster, "town/c")[1:])
    with town.refuses("group-too-small", AGGREGATOR):
        town.answer(day, "town/c")


def reported_late(town: Town, day: Day, meters: Sequence[str]) -> Day:
    """The day with reports that came after its close."""
    tardy = town.report(day.window, {MeterId(meter): day.reads[MeterId(meter)] for meter in meters})
    return replace(day, bodies={**day.bodies, **tardy})


@pytest.mark.parametrize("own", [14, 20])
def test_the_target_among_the_attackers_own(town: Town, own: int) -> None:
    """Threat E36: the aggregator names the target and as many meters of its own as the least group needs."""
    day = town.day(only=("town/c", "town/a"))
    target_and_own = [f"c-{home:02d}" for home in range(own + 1)]
    others = set(day.members("town/c")) - set(target_and_own)
    with town.refuses("coverage-too-low", DECRYPTOR):
        town.release(asked_without(town, day, "town/c", *others))
    town.opens_exactly(day, "town/c")


def test_a_refused_set_makes_an_atom_at_the_unblinder(town: Town) -> None:
    """Threat E41: the decryptor takes the pads for F, claims that F was dominated, and asks F without the target."""
    day = town.day(only=("town/c", "town/a"))
    town.rogue_decryptor.pads(asked_without(town, day, "town/c"))
    with town.refuses("pinned-otherwise", UNBLINDER):
        town.rogue_decryptor.pads(asked_without(town, day, "town/c", "c-07"))
    town.opens_exactly(day, "town/c")
    town.opens_exactly(day, "town/a")
