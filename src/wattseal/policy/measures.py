"""What waivers and quarantines mean for the totals of one region, channel and day, and extensions for bills."""

from collections.abc import Iterable
from typing import NamedTuple

from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionId, Window, within
from wattseal.protocol.measures import BudgetExtension, MoreNoisyTotals, MoreResults, Quarantine, Waiver


class Measures(NamedTuple):
    """In force for totals of one region, channel and window."""

    waivers: tuple[Waiver, ...] = ()
    quarantined: frozenset[MeterId] = frozenset()
    extensions: tuple[BudgetExtension, ...] = ()

    def waivers_of(self, cohort: CohortId) -> list[Waiver]:
        """Those that a total of the cohort may rest on."""
        return [waiver for waiver in self.waivers if waiver.touches(cohort)]

    def extensions_of(self, cohort: CohortId) -> list[BudgetExtension]:
        """Those that a noisy total of the cohort may rest on: all of its members are meant."""
        return [one for one in self.extensions if _is_of(one, cohort)]

    def rho_more(self, cohort: CohortId) -> int:
        """Millionths that noisy totals of the cohort may spend beyond the policy's budget; the largest counts."""
        told = (one.more for one in self.extensions_of(cohort))
        return max((more.rho_millionths for more in told if isinstance(more, MoreNoisyTotals)), default=0)


NO_MEASURES = Measures()


def in_force(
    waivers: Iterable[Waiver],
    quarantines: Iterable[Quarantine],
    extensions: Iterable[BudgetExtension],
    region: RegionId,
    channel: Channel,
    window: Window,
) -> Measures:
    return Measures(
        tuple(one for one in waivers if (one.region, one.channel) == (region, channel) and one.in_force(window)),
        frozenset(one.meter for one in quarantines if one.region == region and one.in_force(window)),
        tuple(one for one in extensions if one.of_totals(region, channel, window)),
    )


def results_more(extensions: Iterable[BudgetExtension]) -> int:
    """How many results they let out beyond the rule's: the largest of them counts, they do not add up."""
    told = (extension.more for extension in extensions)
    return max((more.results for more in told if isinstance(more, MoreResults)), default=0)


def _is_of(extension: BudgetExtension, cohort: CohortId) -> bool:
    return isinstance(extension.more, MoreNoisyTotals) and within(cohort, extension.more.cohort)
