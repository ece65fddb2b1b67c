"""Decryptor and unblinder, with a collector's token, against the honest aggregator: they can open whatever they get."""

import json

from tests.system.attackers.loot import Loot, Opening, open_loot, tell
from tests.system.forging import PURPOSE, meters_of, outcome
from tests.system.labels import labels_of
from wattseal.cryptosystems.pads.keystream import uniform_below
from wattseal.cryptosystems.pads.label import Use
from wattseal.edge.client import RoleClient
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.errors import WattsealError
from wattseal.protocol.ids import Role
from wattseal.protocol.statement import Answer, TotalStatement
from wattseal.protocol.time import window_date


def main() -> None:
    loot = open_loot()
    aggregator, opening = loot.connection(Role.AGGREGATOR), Opening(loot.vault(Role.DECRYPTOR))
    refusals = {name: outcome(aggregator.post, "/v1/totals", body) for name, body in _wishes(loot)}
    totals = {}
    for cohort in ("town", "town/a"):
        answer = Answer.parse(aggregator.post("/v1/totals", _question(loot, cohort)))
        totals[cohort] = _opened(loot, opening, answer)
    refusals["what is left of the town"] = outcome(aggregator.post, "/v1/totals", _question(loot, "town/b"))
    tell({"refusals": refusals, "totals": totals, "readable": _everything_readable(aggregator, loot)})


def _question(loot: Loot, cohort: str, place: int = 0, **more: object) -> bytes:
    window = loot.windows[place]
    fields = {
        "purpose": PURPOSE,
        "region": loot.roster.region,
        "cohort": cohort,
        "channel": "delivered",
        "window": window,
    }
    return canonical_json({**fields, **more})


def _wishes(loot: Loot) -> list[tuple[str, bytes]]:
    a = meters_of(loot.roster, "town/a")
    return [
        ("a small cohort", _question(loot, "hamlet")),
        ("a thin cohort", _question(loot, "row")),
        ("a cohort that is none", _question(loot, "town/z")),
        ("one meter as a cohort", _question(loot, a[0])),
        ("a window that is open", _question(loot, "town/a", 1)),
        ("members of their choice", _question(loot, "town/a", members=list(a[:1]))),
        ("a functional of their choice", _question(loot, "town/a", functional="interval-0")),
        ("another region", _question(loot, "town/a", region="region-2")),
        ("another channel", _question(loot, "town/a", channel="received")),
    ]


def _opened(loot: Loot, opening: Opening, answer: Answer) -> list[int]:
    """With both halves' keys, and no rule applied."""
    statement = TotalStatement.from_bytes(answer.statement)
    root, public = loot.vault(Role.UNBLINDER).root(1), loot.arithmetic.public
    members = statement.members_in(loot.roster)
    pads = 0
    for label in labels_of(statement, members, public.modulus_id, loot.check_key_id(statement.window)):
        sealing_key = loot.roster.by_meter[label.meter].sealing_key  # type: ignore[index]
        key = root.meter_key(Use.PAD, loot.roster.region, label.meter, sealing_key)
        pads += uniform_below(key, label.encode(Use.PAD), public.n)
    return opening.slots(opening.blinded(answer.ciphertext), pads).reads


def _everything_readable(aggregator: RoleClient, loot: Loot) -> dict[str, str]:
    """What every route of the aggregator's own description says to a collector."""
    answers = {}
    for path, methods in json.loads(aggregator.get("/openapi.json"))["paths"].items():
        date = window_date(loot.windows[0]).isoformat()
        place = path.replace("{region}", loot.roster.region).replace("{date}", date)
        for method in methods:
            try:
                body = aggregator.get(place) if method == "get" else aggregator.post(place, b"")
                answers[f"{method} {path}"] = body.decode()
            except WattsealError as error:
                answers[f"{method} {path}"] = error.slug
    return answers


if __name__ == "__main__":
    main()
