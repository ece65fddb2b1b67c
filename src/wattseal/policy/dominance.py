"""The dominance test: no member of a group, or of a group that follows from releases, may make up too much of it.

It reads encrypted-then-opened size histograms, never a member's own energy, and errs on the side of refusing.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from wattseal.protocol.errors import DominatedGroup
from wattseal.protocol.ids import MeterId


class Opened(NamedTuple):
    """An opened total: its members, their size histogram, and its sum in the region's unit."""

    members: frozenset[MeterId]
    buckets: tuple[int, ...]
    total: int


def check_dominance(
    question: Opened, released: Iterable[Opened], upper_edges: Sequence[int], largest_share_percent: int
) -> None:
    """Raises DominatedGroup if the question, or a difference that its release would complete, is dominated.

    `released` are the totals of the same channel family and day that collectors already have. The sets of a tree are
    nested or disjoint, so two differences are new: the question without the released sets inside it, and the smallest
    released set around the question without those inside that.
    """
    others = {opened.members: opened for opened in released if opened.members != question.members}
    for opened in others.values():
        if opened.members & question.members and not _nested(opened, question):
            raise DominatedGroup("the group crosses one that was released")
    around = [opened for opened in others.values() if opened.members > question.members]
    known = [*others.values(), question]
    for whole in (question, *sorted(around, key=lambda opened: len(opened.members))[:1]):
        _check(whole, upper_edges, largest_share_percent)
        _check(_remainder(whole, known), upper_edges, largest_share_percent)


def _nested(a: Opened, b: Opened) -> bool:
    return a.members < b.members or b.members < a.members


def _remainder(whole: Opened, known: Sequence[Opened]) -> Opened:
    """`whole` without the largest known sets inside it."""
    inside = [opened for opened in known if opened.members < whole.members]
    largest = [opened for opened in inside if not any(opened.members < other.members for other in inside)]
    return Opened(
        whole.members.difference(*(opened.members for opened in largest)),
        tuple(count - sum(part) for count, *part in zip(whole.buckets, *(o.buckets for o in largest), strict=True)),
        whole.total - sum(opened.total for opened in largest),
    )


def _check(opened: Opened, upper_edges: Sequence[int], largest_share_percent: int) -> None:
    used = [edge for edge, count in zip(upper_edges, opened.buckets, strict=True) if count]
    if used and 100 * max(used) > largest_share_percent * opened.total:
        raise DominatedGroup(f"one member may make up more than {largest_share_percent} % of a group")
