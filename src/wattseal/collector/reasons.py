"""What each answer other than a result means, in a sentence for whoever has not read the protocol."""

from typing import Final

_UNKNOWN: Final = "A role answered with a reason that this version does not know."

REASONS: Final = {
    "internal": "Something went wrong inside the role that was asked; it gave nothing out.",
    "rejected": "The request could not be understood and was dropped; nothing was recorded.",
    "malformed": "The message was not in the one exact form that the protocol allows, and was dropped.",
    "too-large": "The message was larger than anything that the protocol needs, and was dropped.",
    "signature-invalid": "A digital signature does not match: the message was altered, or is not from whom it claims.",
    "unknown-subject": "There is no such region, group, meter, day or key.",
    "contradiction": "It contradicts what was installed or asked before under the same name.",
    "unauthorized": "Whoever asked showed no access token, or one that is not known.",
    "token-expired": "The access token of whoever asked has come to its end.",
    "forbidden": "Whoever asked is known, but has no right to ask this: the right belongs to another role.",
    "refused": "The privacy rules do not permit it.",
    "purpose-not-permitted": "The stated purpose is not among those that the policy permits.",
    "consent-missing": "Somebody whom it is about has not agreed that this recipient gets it for this purpose, or has "
    "taken it back, or it is about days of another tenant.",
    "functional-not-permitted": "A total counts every read once; other weights could pick out one home or one hour.",
    "reading-not-permitted": "Registers are opened as they stood at the end of a billing segment alone: two readings "
    "would tell what was used between them.",
    "meter-quarantined": "The operators have put a meter aside that the total would count.",
    "window-not-closed": "The day still took reports. A total is opened only when its reports can no longer change.",
    "nobody-reported": "No report of that day or billing cycle is there, so there is nothing to open.",
    "pinned-otherwise": "An earlier total of that day counted some of these homes otherwise: the difference of the two "
    "could be a single home.",
    "group-too-small": "Too few homes: in the sum of a small group a single household shows.",
    "coverage-too-low": "Too many homes of the group are missing: whoever picks the others could aim at one home.",
    "group-too-large": "More meters than one encrypted total has room for; its parts can be asked for instead.",
    "dominated-group": "One home may make up so much of the sum, or of its difference to an opened total, that it "
    "would tell about that home.",
    "roster-change": "A group's homes change on the first of a month only, and several at once: otherwise the change "
    "of its total could be a single home.",
    "rank-exhausted": "As many different results of this meter's billing cycle as may be opened were opened already.",
    "share-too-large": "Together with other results, the answer would tell too much about one hour of one home.",
    "key-destroyed": "The keys of that time were destroyed as promised; nobody can open its reports any more.",
    "verification-failed": "The encrypted total or bill is not that of exactly the stated reports. The key server "
    "never says what was wrong with it, so that nobody learns from trying.",
    "budget-exhausted": "Noisy totals have told as much about a day of one of these homes as the policy allows. What "
    "was released stays available.",
    "attempts-exhausted": "This total or bill failed to open too often and stays closed for good.",
    "unavailable": "The role that was asked could not answer now; nothing was lost.",
    "store-unavailable": "The store of reports could not be reached; nothing was lost.",
    "peer-unavailable": "Another role could not be reached; nothing was lost.",
    "busy": "Too many questions of this token are waiting already.",
    "budget-spent": "This token has asked as much today as it, or the purpose, may.",
    "keeper-failing": "Work that a service does in the background fails again and again; its operator's log tells why.",
    "ledger-behind": "A ledger is older than what others have seen of it, as after a rollback; it stops until an "
    "operator has looked.",
    "usage": "The command, or a file that it names, was not usable as given.",
    "remote": _UNKNOWN,
}


def reason(slug: str) -> str:
    """The sentence of a problem's stable type."""
    return REASONS.get(slug, _UNKNOWN)
