"""What waivers and quarantines mean for the totals of one region, channel and day, and extensions for bills."""

from collections.abc import Iterable
from typing import NamedTuple

from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionId, Window
from wattseal.protocol.measures import BudgetExtension, Quarantine, Waiver


class Measures(NamedTuple):
    """In force for totals of one region, channel and window."""

    waivers: tuple[Waiver, ...] = ()
    quarantined: frozenset[MeterId] = frozenset()

    def waivers_of(self, cohort: CohortId) -> list[Waiver]:
        """Those that a total of the cohort may rest on."""
        return [waiver for waiver in self.waivers if waiver.touches(cohort)]


NO_MEASURES = Measures()


def in_force(
    waivers: Iterable[Waiver], quarantines: Iterable[Quarantine], region: RegionId, channel: Channel, window: Window
) -> Measures:
    return Measures(
        tuple(one for one in waivers if (one.region, one.channel) == (region, channel) and one.in_force(window)),
        frozenset(one.meter for one in quarantines if one.region == region and one.in_force(window)),
    )


def results_more(extensions: Iterable[BudgetExtension]) -> int:
    """How many results they let out beyond the rule's: the largest of them counts, they do not add up."""
    return max((extension.rank.results for extension in extensions), default=0)
