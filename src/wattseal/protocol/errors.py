"""Every error that one role may tell another, or a person: one tree.

Each is mapped to a problem document (RFC 9457) here and nowhere else.

WattsealError
├── Rejected                  malformed or unknown, nothing was recorded
│   ├── MalformedMessage      the bytes are not the canonical encoding of a known message
│   ├── MessageTooLarge
│   ├── SignatureInvalid
│   ├── UnknownSubject        no such region, cohort, meter, window, key or page
│   └── Contradiction         differs from what was installed before under the same name
├── Unauthorized              no token, or one that this role does not know
│   └── TokenExpired
├── Forbidden                 a known token without the scope that the request needs
├── Refused                   well-formed, and the privacy rules say no; a log or ledger entry says why
│   ├── PurposeNotPermitted
│   ├── ConsentMissing        a customer has not agreed to this recipient and purpose, or not any more
│   ├── FunctionalNotPermitted
│   ├── ReadingNotPermitted   registers as they stood at another minute than the end of a billing segment
│   ├── WindowNotClosed
│   ├── NobodyReported
│   ├── PinnedOtherwise
│   ├── GroupTooSmall
│   ├── CoverageTooLow
│   ├── MeterQuarantined      a total counts a meter that the operators put aside
│   ├── GroupTooLarge
│   ├── DominatedGroup
│   ├── RosterChangeRefused
│   ├── RankExhausted         as many bills and sums of one meter's cycle as may be opened
│   ├── ShareTooLarge         a combination of bills and sums would tell too much about one interval
│   ├── KeyDestroyed          the key period's secrets are gone for good
│   ├── VerificationRefused   the one answer to everything that failed while opening
│   ├── BudgetExhausted       noisy totals have spent what a pack allows of a day
│   └── AttemptsExhausted
├── Unavailable               try again later, nothing was lost
│   ├── StoreUnavailable
│   ├── PeerUnavailable
│   ├── Busy                  too many questions of one token wait
│   ├── BudgetSpent           a token's questions of the day are asked
│   ├── KeeperFailing         a service's background work fails again and again: it is not ready
│   └── LedgerBehind          this half was rolled back: it stops until an operator has looked
├── RemoteError               another role's problem of a type that is not known here
└── UsageError                a person's mistake on the command line or in a file: one line, exit status 2
"""

from typing import ClassVar

PROBLEM_PREFIX = "urn:wattseal:problem:"


class WattsealError(Exception):
    """Base of the tree. `slug` is the stable problem type, `status` the HTTP status, the argument the detail."""

    slug: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    @property
    def detail(self) -> str:
        return str(self)


class Rejected(WattsealError):
    slug, status, title = "rejected", 400, "The request was rejected"


class MalformedMessage(Rejected):
    slug, title = "malformed", "The message is malformed"


class MessageTooLarge(Rejected):
    slug, status, title = "too-large", 413, "The message is too large"


class SignatureInvalid(Rejected):
    slug, title = "signature-invalid", "A signature does not match"


class UnknownSubject(Rejected):
    slug, status, title = "unknown-subject", 404, "No such thing here"


class Contradiction(Rejected):
    slug, status, title = "contradiction", 409, "Another content is installed under this name"


class Unauthorized(WattsealError):
    slug, status, title = "unauthorized", 401, "A known access token is needed"


class TokenExpired(Unauthorized):
    slug, title = "token-expired", "The access token has expired"


class Forbidden(WattsealError):
    slug, status, title = "forbidden", 403, "The token does not allow this"


class Refused(WattsealError):
    slug, status, title = "refused", 403, "The privacy rules do not permit this"


class PurposeNotPermitted(Refused):
    slug = "purpose-not-permitted"


class ConsentMissing(Refused):
    slug = "consent-missing"


class FunctionalNotPermitted(Refused):
    slug = "functional-not-permitted"


class ReadingNotPermitted(Refused):
    slug = "reading-not-permitted"


class WindowNotClosed(Refused):
    slug, status = "window-not-closed", 409


class NobodyReported(Refused):
    slug = "nobody-reported"


class PinnedOtherwise(Refused):
    slug = "pinned-otherwise"


class GroupTooSmall(Refused):
    slug = "group-too-small"


class CoverageTooLow(Refused):
    slug = "coverage-too-low"


class MeterQuarantined(Refused):
    slug = "meter-quarantined"


class GroupTooLarge(Refused):
    slug = "group-too-large"


class DominatedGroup(Refused):
    slug = "dominated-group"


class RosterChangeRefused(Refused):
    slug = "roster-change"


class RankExhausted(Refused):
    slug = "rank-exhausted"


class BudgetExhausted(Refused):
    slug = "budget-exhausted"


class ShareTooLarge(Refused):
    slug = "share-too-large"


class KeyDestroyed(Refused):
    slug, status = "key-destroyed", 410


class VerificationRefused(Refused):
    slug = "verification-failed"


class AttemptsExhausted(Refused):
    slug = "attempts-exhausted"


class Unavailable(WattsealError):
    slug, status, title = "unavailable", 503, "Not available now"


class StoreUnavailable(Unavailable):
    slug = "store-unavailable"


class PeerUnavailable(Unavailable):
    slug = "peer-unavailable"


class Busy(Unavailable):
    slug, title = "busy", "Too much is waiting"


class BudgetSpent(Unavailable):
    slug, status, title = "budget-spent", 429, "The token has asked enough for today"


class KeeperFailing(Unavailable):
    slug, title = "keeper-failing", "Background work of this service fails"


class LedgerBehind(Unavailable):
    slug, title = "ledger-behind", "This ledger is behind what others have seen of it"


class UsageError(WattsealError):
    slug, status, title = "usage", 400, "Not usable as given"


class RemoteError(WattsealError):
    """A problem document of a type that this version does not know."""

    slug, status, title = "remote", 502, "Another role answered with an unknown problem"


def problem(error: WattsealError) -> dict[str, str | int]:
    """The problem document of an error, without the instance."""
    return {
        "type": PROBLEM_PREFIX + error.slug,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }


def from_problem(document: object) -> WattsealError:
    """The error that a problem document stands for, on the side that received it."""
    if not isinstance(document, dict):
        return RemoteError("the answer is not a problem document")
    slug = str(document.get("type", "")).removeprefix(PROBLEM_PREFIX)
    # Another role's words reach logs and terminals: no line breaks, no control sequences.
    detail = "".join(c if c.isprintable() else " " for c in str(document.get("detail", ""))[:500])
    return _BY_SLUG.get(slug, RemoteError)(detail)


def _tree(root: type[WattsealError]) -> list[type[WattsealError]]:
    return [root, *(error for child in root.__subclasses__() for error in _tree(child))]


_BY_SLUG = {error.slug: error for error in _tree(WattsealError)}
