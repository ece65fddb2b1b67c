"""Aggregator and unblinder against the honest decryptor: they know every pad and choose ciphertext and pad sum alike.

Prints where its own pad service listens, then waits for a line before it attacks: by then the decryptor asks there.
"""

import secrets
import sys
from typing import NamedTuple

from tests.system.attackers.loot import Loot, open_loot, tell
from tests.system.forging import CIPHERTEXT_BYTES, RogueUnblinder, meters_of, outcome
from tests.system.labels import labels_of
from wattseal.cryptosystems.pads.keystream import uniform_below
from wattseal.cryptosystems.pads.label import Use
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.home import SERVICE
from wattseal.protocol.ids import MeterId, Role, Window
from wattseal.protocol.release import ReleaseRequest
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.tokens import TokenProof

LAYOUT = DEFAULT_LAYOUTS[15]
(CHUNK,) = LAYOUT.chunks(3072)


class Forgery(NamedTuple):
    """Under the whole cohort's statement of today: this ciphertext, unblinded with this pad sum."""

    name: str
    cohort: str
    ciphertext: bytes
    pad_sum: int


class Pads:
    """Any pad, from the unblinder's root."""

    def __init__(self, loot: Loot) -> None:
        self._loot = loot
        self._root = loot.vault(Role.UNBLINDER).root(1)
        self.n = loot.arithmetic.public.n

    def of(self, meter: MeterId, window: Window) -> int:
        statement = self._loot.rogue_aggregator.statement(self._loot.roster, "town", window)
        (label,) = labels_of(
            statement, {meter: 0}, self._loot.arithmetic.public.modulus_id, self._loot.check_key_id(window)
        )
        row = self._loot.roster.by_meter[meter]
        key = self._root.meter_key(Use.PAD, self._loot.roster.region, meter, row.sealing_key)
        return uniform_below(key, label.encode(Use.PAD), self.n)


def forgeries(loot: Loot, pads: Pads) -> list[Forgery]:
    today, yesterday = loot.windows[0], loot.windows[1]
    arithmetic = loot.arithmetic

    def mixed(name: str, cohort: str, weights: dict[tuple[Window, MeterId], int]) -> Forgery:
        """Any linear form of any reports, with exactly the pads that belong to it."""
        sealed = [loot.ciphertexts("town", window)[meter] for window, meter in weights]
        pad_sum = sum(weight * pads.of(meter, window) for (window, meter), weight in weights.items())
        return Forgery(name, cohort, arithmetic.weighted(sealed, list(weights.values())), pad_sum % pads.n)

    a, b, c = (meters_of(loot.roster, f"town/{leaf}") for leaf in "abc")
    town = (*a, *b, *c)
    honest = {cohort: arithmetic.fold(list(loot.ciphertexts(cohort, today).values())) for cohort in ("town", "town/c")}
    sums = {"town": sum(pads.of(m, today) for m in town) % pads.n, "town/c": sum(pads.of(m, today) for m in c) % pads.n}
    return [
        mixed("as many times one meter as members", "town/a", {(today, a[0]): len(a)}),
        mixed("one meter twice, another not", "town/a", {(today, m): 1 + (m == a[0]) - (m == a[1]) for m in a}),
        mixed("as many of another cohort", "town/a", {(today, m): 1 for m in b[: len(a)]}),
        mixed("yesterday's reports", "town/b", {(yesterday, m): 1 for m in b}),
        mixed("yesterday's report of one meter", "town/b", {(yesterday if m == b[0] else today, m): 1 for m in b}),
        mixed("one meter in the place of another", "town/b", {(today, m): 1 for m in (*b[1:], c[0])}),
        Forgery("the honest total with pad 0", "town/c", honest["town/c"], 0),
        Forgery("no ciphertext with pad 0", "town/c", bytes(CIPHERTEXT_BYTES), 0),
        Forgery("5 Wh more", "town/c", arithmetic.plus(honest["town/c"], 5), sums["town/c"]),
        Forgery("5 Wh less by the pad sum", "town", honest["town"], (sums["town"] + 5) % pads.n),
        Forgery("a total of their own making", "town", _own_total(loot, len(town)), 0),
        Forgery("nothing at all: plaintext 0", "town", (1).to_bytes(CIPHERTEXT_BYTES, "little"), 0),
    ]


def _own_total(loot: Loot, members: int) -> bytes:
    """Every slot plausible; only the check value must be guessed."""
    values = [100 * members] * LAYOUT.intervals + [members, members] + [0] * 15 + [secrets.randbits(70)]
    plaintext = sum(value << offset for value, offset in zip(values, CHUNK.offsets, strict=True))
    return loot.arithmetic.plus(loot.arithmetic.rerandomized((1).to_bytes(CIPHERTEXT_BYTES, "little")), plaintext)


class Attack:
    """Sends one forgery after the other; its own pad service answers with the pad sum of the one under way."""

    def __init__(self, loot: Loot) -> None:
        self._loot = loot
        self._decryptor = loot.connection(Role.DECRYPTOR)
        self.asked: list[str] = []

    def choose(self, statement: TotalStatement) -> int:
        self.asked.append(statement.cohort)
        return self._under_way.pad_sum

    def mount(self, forgery: Forgery) -> str:
        self._under_way = forgery
        statement = self._loot.rogue_aggregator.statement(self._loot.roster, forgery.cohort, self._loot.windows[0])
        answer = self._loot.rogue_aggregator.answer(statement, forgery.ciphertext)
        proof = TokenProof.issue(self._loot.token(Role.UNBLINDER), answer.statement)
        request = ReleaseRequest(answer=answer, proof=proof)
        return outcome(self._decryptor.post, "/v1/releases", request)


def main() -> None:
    loot = open_loot()
    attack, forged = Attack(loot), forgeries(loot, Pads(loot))
    key = loot.home(Role.UNBLINDER).signing_key(SERVICE)
    with RogueUnblinder(key, loot.connection(Role.UNBLINDER), attack.choose).serve() as service:
        sys.stdout.write(f"{service.url}\n")
        sys.stdout.flush()
        sys.stdin.readline()
        outcomes = {forgery.name: attack.mount(forgery) for forgery in forged}
    tell({"outcomes": outcomes, "asked": attack.asked})


if __name__ == "__main__":
    main()
