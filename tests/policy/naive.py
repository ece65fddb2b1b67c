"""The set rules and the dominance test over plain sets, from all grants at every question. Slow and obvious."""

from collections.abc import Iterable, Mapping, Sequence

from wattseal.policy.dominance import Opened
from wattseal.policy.sets import Atom, Grant, SizeRule
from wattseal.protocol.errors import (
    CoverageTooLow,
    DominatedGroup,
    GroupTooLarge,
    GroupTooSmall,
    NobodyReported,
    PinnedOtherwise,
)
from wattseal.protocol.ids import MeterId


def pins(grants: Iterable[Grant]) -> dict[MeterId, int | None]:
    return {meter: grant.members.get(meter) for grant in grants for meter in grant.active}


def atoms(grants: Sequence[Grant]) -> list[Atom]:
    """The finest parts that the granted cohorts cut the meters into."""
    pinned = pins(grants)
    cohorts_of: dict[MeterId, int] = {}
    for position, grant in enumerate(grants):
        for meter in grant.active:
            cohorts_of[meter] = cohorts_of.get(meter, 0) | 1 << position
    parts: dict[int, set[MeterId]] = {}
    for meter, cohorts in cohorts_of.items():
        parts.setdefault(cohorts, set()).add(meter)
    return [
        Atom(frozenset(part), frozenset(meter for meter in part if pinned[meter] is not None))
        for part in parts.values()
    ]


def check_set(grants: Sequence[Grant], question: Grant, rule: SizeRule, largest_group: int) -> None:
    """Raises what `permit_set` would after these grants, or another for the same atoms."""
    if not question.members:
        raise NobodyReported("")
    if len(question.members) > largest_group:
        raise GroupTooLarge("")
    pinned = pins(grants)
    if any(pinned.get(meter, question.members.get(meter)) != question.members.get(meter) for meter in question.active):
        raise PinnedOtherwise("")
    for atom in [Atom(question.active, frozenset(question.members)), *atoms([*grants, question])]:
        if atom.present:
            _check_size(atom, rule)


def _check_size(atom: Atom, rule: SizeRule) -> None:
    if len(atom.present) < rule.least_group:
        raise GroupTooSmall("")
    if 100 * len(atom.present) < rule.coverage_percent * len(atom.active):
        raise CoverageTooLow("")


def check_dominance(question: Opened, released: Iterable[Opened], edges: Sequence[int], share: int) -> None:
    """Raises DominatedGroup as the real one does."""
    others: Mapping[frozenset[MeterId], Opened] = {
        opened.members: opened for opened in released if opened.members != question.members
    }
    if any(
        opened.members & question.members
        and not (opened.members < question.members or question.members < opened.members)
        for opened in others.values()
    ):
        raise DominatedGroup("")
    around = [opened for opened in others.values() if opened.members > question.members]
    known = [*others.values(), question]
    for whole in (question, *sorted(around, key=lambda opened: len(opened.members))[:1]):
        _check_content(whole, edges, share)
        _check_content(_remainder(whole, known), edges, share)


def _remainder(whole: Opened, known: Sequence[Opened]) -> Opened:
    """`whole` without the largest known sets inside it."""
    inside = [opened for opened in known if opened.members < whole.members]
    largest = [opened for opened in inside if not any(opened.members < other.members for other in inside)]
    return Opened(
        whole.members.difference(*(opened.members for opened in largest)),
        tuple(count - sum(part) for count, *part in zip(whole.buckets, *(o.buckets for o in largest), strict=True)),
        whole.total - sum(opened.total for opened in largest),
    )


def _check_content(opened: Opened, edges: Sequence[int], share: int) -> None:
    used = [edge for edge, count in zip(edges, opened.buckets, strict=True) if count]
    if used and 100 * max(used) > share * opened.total:
        raise DominatedGroup("")
