"""The noise of totals that have some: each half draws a part by its own key, and the decryptor adds both.

Each part alone is all the noise that the policy asks for: a collector who learns one of them still lacks the other.
"""

from collections.abc import Collection, Sequence

from wattseal.cryptosystems.noise.shares import day_noise
from wattseal.cryptosystems.secret import Secret
from wattseal.keyserver.schemes import layout_of
from wattseal.policy.levels import Granted
from wattseal.policy.measures import Measures
from wattseal.policy.questions import question_of
from wattseal.protocol.errors import FunctionalNotPermitted, MalformedMessage
from wattseal.protocol.ids import MeterId
from wattseal.protocol.release import ReleaseNoise
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import TotalStatement

FARTHEST_SIGMAS = 12
"""Beyond it a discrete Gaussian is with a probability below 2^-100."""


def noise_of(statement: TotalStatement, roster: Roster, granted: Granted, measures: Measures) -> ReleaseNoise | None:
    """What a granted statement's release says of its noise, the budget as it is extended; None for an exact total."""
    question = question_of(statement, roster)
    noise = granted.levels.noise(question.under)
    if noise is None:
        return None
    return ReleaseNoise(
        sigma=noise.sigma,
        rho_millionths=noise.rho_millionths,
        spent_rho_millionths=granted.spent_millionths(question),
        budget_rho_millionths=noise.extended(measures.rho_more(statement.cohort)).budget_rho_millionths,
    )


def share_of(
    noise_key: Secret, statement: TotalStatement, members: Collection[MeterId], noise: ReleaseNoise | None
) -> tuple[int, ...]:
    """One half's part, an interval each; nothing of an exact total."""
    if noise is None:
        return ()
    intervals = layout_of(statement.layout_id).intervals
    return day_noise(noise_key, members, statement.window, statement.channel.code, intervals, noise.sigma)


def check_share(share: Sequence[int], noise: ReleaseNoise | None, intervals: int) -> None:
    """Of the unblinder's part, which nothing else proves. Raises FunctionalNotPermitted or MalformedMessage."""
    if len(share) != (0 if noise is None else intervals):
        raise FunctionalNotPermitted("the halves' policies do not ask for the same noise")
    if noise is not None and max(map(abs, share)) > FARTHEST_SIGMAS * noise.sigma:
        raise MalformedMessage("the unblinder's noise is larger than the policy's ever is")


def with_noise(reads: Sequence[int], *shares: Sequence[int]) -> tuple[int, ...]:
    """The sums with every part added, or the sums themselves if there are no parts."""
    return tuple(map(sum, zip(reads, *(share for share in shares if share), strict=True)))
