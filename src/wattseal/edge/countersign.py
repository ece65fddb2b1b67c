"""An operator's countersignature under a roster: a deliberate act on a file, never a service's automatic answer."""

from pathlib import Path
from typing import Literal

from wattseal.edge.home import OPERATOR, Home
from wattseal.protocol.errors import UsageError
from wattseal.protocol.roster import SignedRoster
from wattseal.protocol.time import window_date


def countersign_file(
    home: Home, path: Path, operator: Literal["aggregator_operator", "unblinder_operator"]
) -> dict[str, str | int]:
    """Sign the roster in `path` in place; returns what was signed. Raises UsageError, Rejected."""
    try:
        signed = SignedRoster.from_bytes(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    roster = signed.proposed(home.trust())
    temporary = path.with_suffix(".countersigned")
    temporary.write_bytes(signed.countersigned(operator, home.signing_key(OPERATOR)).to_bytes())
    temporary.replace(path)
    effective = window_date(roster.effective).isoformat()
    return {"countersigned": roster.region, "meters": len(roster.rows), "effective": effective}
