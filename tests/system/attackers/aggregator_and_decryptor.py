"""Aggregator and decryptor against the honest unblinder: they have every report and the secret key, and lack pads."""

from itertools import permutations

from tests.system.attackers.loot import Loot, Opening, open_loot, tell
from tests.system.forging import meters_of, outcome
from wattseal.protocol.ids import Role
from wattseal.protocol.statement import Answer


def main() -> None:
    loot = open_loot()
    opening, ask = Opening(loot.vault(Role.DECRYPTOR)), loot.rogue_decryptor.pads
    blinded = {meter: opening.blinded(ciphertext) for meter, ciphertext in _everything(loot).items()}
    refusals = {name: outcome(ask, answer) for name, answer in _wishes(loot)}
    granted = {cohort: ask(_about(loot, cohort)) for cohort in ("town", "town/a", "town/b", "row")}
    refusals |= {name: outcome(ask, answer) for name, answer in _then(loot)}
    folds = {cohort: opening.blinded(_fold(loot, cohort)) for cohort in granted}
    keys = [0, *granted.values(), *(a - b for a, b in permutations(granted.values(), 2))]
    tell(
        {
            "refusals": refusals,
            "totals": {cohort: opening.slots(folds[cohort], pads).reads for cohort, pads in granted.items()},
            "recognized": [cohort for cohort, pads in granted.items() if opening.looks_like_reads(folds[cohort], pads)],
            "opened": [m for m, value in blinded.items() if any(opening.looks_like_reads(value, key) for key in keys)],
            "blinded": [*map(str, blinded.values())],
        }
    )


def _everything(loot: Loot) -> dict[str, bytes]:
    return {meter: c for cohort in ("town", "row") for meter, c in loot.ciphertexts(cohort, loot.windows[0]).items()}


def _about(loot: Loot, cohort: str, *members: str, **changes: object) -> Answer:
    """Signed by the aggregator; without members it is about the whole cohort."""
    statement = loot.rogue_aggregator.statement(loot.roster, cohort, loot.windows[0], members or None, **changes)
    return loot.rogue_aggregator.answer(statement, b"")


def _wishes(loot: Loot) -> list[tuple[str, Answer]]:
    """Before anything was granted."""
    a, row = meters_of(loot.roster, "town/a"), meters_of(loot.roster, "row")
    return [
        ("one meter", _about(loot, "town/a", a[0])),
        ("two meters", _about(loot, "town/a", *a[:2])),
        ("one less than the least", _about(loot, "town/a", *a[:14])),
        ("the target and fourteen of their own", _about(loot, "row", *row[:15])),
        ("a small cohort", _about(loot, "hamlet")),
        ("a selector", _about(loot, "town/a", functional="interval-0")),
        ("another suite", _about(loot, "town/a", suite=129)),
        ("another key", _about(loot, "town/a", key_id=2)),
        ("another layout", _about(loot, "town/a", layout_id=bytes(8))),
        ("another roster", _about(loot, "town/a", roster_digest=bytes(32))),
        ("another region", _about(loot, "town/a", region="region-2")),
    ]


def _then(loot: Loot) -> list[tuple[str, Answer]]:
    """After the totals were granted."""
    a, b = meters_of(loot.roster, "town/a"), meters_of(loot.roster, "town/b")
    return [
        ("the same without one", _about(loot, "town/a", *a[1:])),
        ("the town without one", _about(loot, "town", *meters_of(loot.roster, "town")[1:])),
        ("one of them under a second number", _about(loot, "town/b", numbers=((7, 1),))),
        ("all of them under a second number", _about(loot, "town/b", numbers=tuple((i, 1) for i in range(len(b))))),
    ]


def _fold(loot: Loot, cohort: str) -> bytes:
    return loot.arithmetic.fold(list(loot.ciphertexts(cohort, loot.windows[0]).values()))


if __name__ == "__main__":
    main()
