"""What an operator reads before countersigning a roster: who signed it, whom it groups, what it changes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from wattseal.policy.limits import least_of_any
from wattseal.policy.pack import Policy
from wattseal.policy.succession import check_succession, homes, lasting
from wattseal.protocol.errors import Rejected, RosterChangeRefused, SignatureInvalid, UsageError
from wattseal.protocol.ids import Channel, Window
from wattseal.protocol.roster import Roster, RosterRow, SignedRoster
from wattseal.protocol.signing import verify
from wattseal.protocol.time import Clock, system_clock, window_date, window_of
from wattseal.protocol.trust import TrustAnchors

T = TypeVar("T")
_SIGNERS = ("utility", "aggregator_operator", "unblinder_operator")
_FAILS = "does not hold"


def check(
    path: Path, previous: Path | None, trust: Path | None, policy: Policy, clock: Clock = system_clock
) -> dict[str, Any]:
    """All that is to be known of the roster; `refused` says why no service would install it, if so.

    No reason are missing countersignatures, nor a day that has begun: a replay takes it. Raises UsageError for files
    that are not what they should be.
    """
    anchors = None if trust is None else _read(trust, TrustAnchors.parse)
    signed = _read(path, SignedRoster.from_bytes)
    roster = _read(path, lambda _: Roster.from_bytes(signed.body))
    before = None if previous is None else _read(previous, lambda data: _installed(data, anchors))
    signatures = {signer: _state_of(signed, signer, anchors) for signer in _SIGNERS}
    forged = [
        f"the signature of the {signer.replace('_', ' ')} {_FAILS}"
        for signer, state in signatures.items()
        if state == _FAILS
    ]
    refused = None if before is None else _refusal(before, roster, policy)
    return {
        **_facts(roster),
        "begun": "no" if roster.effective > window_of(clock()) else "yes: only a replay takes it",
        "signatures": signatures,
        "policy": f"{policy.name}, totals of at least {least_of_any(policy, roster)} meters",
        "cohorts": list(_cohorts(roster, policy)),
        **({} if before is None else _changes(before, roster)),
        "succession": "not checked: no previous roster was given"
        if before is None
        else f"after the roster of {_date(before.effective)}: {'refused' if refused else 'permitted'}",
        "refused": next(iter(forged), refused),
    }


def _read(path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except Rejected as error:
        raise UsageError(f"{path}: {error}") from None


def _installed(data: bytes, anchors: TrustAnchors | None) -> Roster:
    """With keys to check them by, a roster that lacks any of its three signatures is none that is in force."""
    signed = SignedRoster.from_bytes(data)
    return Roster.from_bytes(signed.body) if anchors is None else signed.opened(anchors)


def _state_of(signed: SignedRoster, signer: str, anchors: TrustAnchors | None) -> str:
    signature = getattr(signed, signer)
    if signature is None:
        return "missing"
    if anchors is None:
        return "not checked: no trust was given"
    try:
        verify(getattr(anchors, signer), "roster", signed.body, signature)
    except SignatureInvalid:
        return _FAILS
    return "holds"


def _refusal(before: Roster, roster: Roster, policy: Policy) -> str | None:
    try:
        check_succession(before, roster, policy.least_change)
    except RosterChangeRefused as error:
        return str(error)
    return None


def _facts(roster: Roster) -> dict[str, Any]:
    return {
        "region": roster.region,
        "effective": _date(roster.effective),
        "commodity": roster.commodity,
        "interval_minutes": roster.interval_minutes,
        "unit": roster.unit.value,
        "suite": roster.suite,
        "layout": roster.layout_id.hex(),
        "digest": roster.fingerprint.hex(),
        "meters": len(roster.rows),
    }


def _cohorts(roster: Roster, policy: Policy) -> Iterator[dict[str, Any]]:
    """Sizes by channel, and the channels of which no total can ever be opened."""
    least = least_of_any(policy, roster)
    for cohort in sorted(roster.cohorts):
        sizes = {channel.value: len(roster.active(cohort, channel)) for channel in Channel}
        never = [channel for channel, size in sizes.items() if 0 < size < least]
        yield {"cohort": cohort, **sizes, "never_opened": ", ".join(never)}


def _changes(before: Roster, roster: Roster) -> dict[str, Any]:
    both = list(lasting(before, roster))
    exchanges = [
        {
            "service_point": new.service_point,
            "cohort": new.cohort,
            "meter": f"{old.meter} -> {new.meter}",
            "installed": _date(new.installed),
            "came_from": _came_from(before, new),
        }
        for old, new in both
        if old.installation != new.installation
    ]
    moves = [
        {
            "service_point": new.service_point,
            "cohort": new.cohort,
            "account": f"{old.account} -> {new.account}",
            "since": _date(new.tenure_since),
        }
        for old, new in both
        if old.account != new.account
    ]
    return {
        "exchanges": exchanges,
        "moves": moves,
        "joins_and_leaves": list(_joins_and_leaves(before, roster)),
        "other_changes": list(_other_changes(before, roster)),
    }


def _came_from(before: Roster, new: RosterRow) -> str:
    """Where the meter was before, if it was elsewhere: a meter that is said to change homes deserves a question."""
    old = before.by_meter.get(new.meter)
    return "" if old is None or old.service_point == new.service_point else f"{old.service_point} ({old.cohort})"


def _other_changes(before: Roster, roster: Roster) -> Iterator[str]:
    if before.suite != roster.suite:
        yield f"suite: {before.suite} -> {roster.suite}"
    if before.layout_id != roster.layout_id:
        yield f"layout: {before.layout_id.hex()} -> {roster.layout_id.hex()}"
    for old, new in lasting(before, roster):
        if old.customer_class != new.customer_class:
            yield f"class of {new.service_point}: {old.customer_class} -> {new.customer_class}"


def _joins_and_leaves(before: Roster, roster: Roster) -> Iterator[dict[str, Any]]:
    for cohort in sorted(before.cohorts | roster.cohorts):
        for channel in Channel:
            old, new = homes(before, cohort, channel), homes(roster, cohort, channel)
            if old != new:
                yield {"cohort": cohort, "channel": channel.value, "join": len(new - old), "leave": len(old - new)}


def _date(window: Window) -> str:
    return window_date(window).isoformat()
