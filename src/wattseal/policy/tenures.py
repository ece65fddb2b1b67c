"""Who lived where, behind which meter, from when to when: what a billing segment and a consent are cut by."""

from collections.abc import Iterable
from typing import NamedTuple

from wattseal.protocol.ids import MeterId, Window
from wattseal.protocol.roster import Roster, RosterRow


class Tenure(NamedTuple):
    """One account behind one installation of a meter, from window `first` through `last`; None: it has not ended.

    `since` is what the rows call the beginning of the account's tenure, which outlasts an exchange of the meter.
    """

    meter: MeterId
    account: str
    first: Window
    last: Window | None
    since: Window


def tenures(rosters: Iterable[Roster]) -> dict[str, tuple[Tenure, ...]]:
    """Of each service point, in order of time, without overlap.

    `rosters` are those of one region, each permitted to follow the one before. Cuts lie where the rows say that a
    meter or an account began, not where the roster that told of it took effect. A service point that a roster leaves
    out ends with the window before that roster; one that comes back begins no earlier than it had ended.
    """
    found: dict[str, list[Tenure]] = {}
    for roster in sorted(rosters, key=lambda roster: roster.effective):
        for point, history in found.items():
            if point not in roster.by_service_point:
                _end(history, roster.effective)
        for row in roster.rows:
            _continue(found.setdefault(row.service_point, []), row)
    return {point: tuple(history) for point, history in found.items()}


def _end(history: list[Tenure], before: Window) -> None:
    if history[-1].last is None:
        history[-1] = history[-1]._replace(last=Window(before - 1))


def _continue(history: list[Tenure], row: RosterRow) -> None:
    """Add what the row tells of a service point: a beginning, or up to two cuts."""
    if history and history[-1].last is None:
        _cut(history, row)
        return
    earliest = max((tenure.last + 1 for tenure in history if tenure.last is not None), default=0)
    first = Window(max(row.installed, row.tenure_since, earliest))
    history.append(Tenure(row.meter, row.account, first, None, row.tenure_since))


def _cut(history: list[Tenure], row: RosterRow) -> None:
    known = history[-1]
    for cut in sorted({row.installed, row.tenure_since}):
        if cut > known.first:
            _end(history, cut)
            meter = row.meter if cut >= row.installed else known.meter
            of_row = cut >= row.tenure_since
            account, since = (row.account, row.tenure_since) if of_row else (known.account, known.since)
            history.append(Tenure(meter, account, cut, None, since))
