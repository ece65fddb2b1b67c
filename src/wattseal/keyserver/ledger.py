"""One half's ledger: what the entries of its chain say of statements, attempts, releases, refusals and key periods.

Views that the rules need (grants of a day, attempts of an item, finished releases) are written in the entry's own
transaction, so that they cannot disagree with the chain.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from wattseal.keyserver.chain import Chain
from wattseal.protocol.codec import to_base64
from wattseal.protocol.errors import Rejected, UnknownSubject
from wattseal.protocol.ids import RegionDay, RegionId
from wattseal.protocol.ledger import EntryKind, PeriodAct
from wattseal.protocol.reconciliation import Reconciliation, ReconciliationQuestion
from wattseal.protocol.release import ReleaseNoise
from wattseal.protocol.resets import ItemReset
from wattseal.protocol.time import MINUTES_PER_DAY, Clock, system_clock

MAX_ATTEMPTS = 3
"""At opening one item; then it is final."""
_EACH_REPEAT = 8
_VIEWS = """
CREATE TABLE IF NOT EXISTS statements (
    digest BLOB PRIMARY KEY, counter INTEGER, region TEXT, channel TEXT, window INTEGER, statement BLOB) STRICT;
CREATE INDEX IF NOT EXISTS statements_of_day ON statements (region, channel, window, counter);
CREATE TABLE IF NOT EXISTS bills (
    digest BLOB PRIMARY KEY, counter INTEGER, region TEXT, start INTEGER, until INTEGER, statement BLOB) STRICT;
CREATE INDEX IF NOT EXISTS bills_of_cycle ON bills (region, start, until, counter);
CREATE TABLE IF NOT EXISTS items (item BLOB PRIMARY KEY, attempts INTEGER, refusal TEXT) STRICT;
CREATE TABLE IF NOT EXISTS releases (
    digest BLOB PRIMARY KEY, region TEXT, channel TEXT, window INTEGER, release BLOB, opened BLOB) STRICT;
CREATE TABLE IF NOT EXISTS exact_bills (digest BLOB PRIMARY KEY, exact BLOB) STRICT;
CREATE TABLE IF NOT EXISTS reconciliations (question BLOB PRIMARY KEY, answer BLOB) STRICT;
CREATE TABLE IF NOT EXISTS refusals (
    statement BLOB, reason TEXT, times INTEGER, PRIMARY KEY (statement, reason)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS releases_of_day ON releases (region, channel, window);
CREATE TABLE IF NOT EXISTS resets (item BLOB PRIMARY KEY, serial INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS recipients (
    statement BLOB, recipient TEXT, PRIMARY KEY (statement, recipient)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS periods (period INTEGER, act TEXT, PRIMARY KEY (period, act)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (role TEXT PRIMARY KEY, counter INTEGER, head BLOB) STRICT;
"""


class About(NamedTuple):
    """What a refusal is about."""

    digest: bytes
    region: RegionId
    purpose: str


class Ledger(Chain):
    """What a method wrote has reached the disk when it returns. Raises UsageError for a file that is no ledger."""

    def __init__(self, path: Path, clock: Clock = system_clock) -> None:
        super().__init__(path, _VIEWS, clock)

    def statements_of(self, day: RegionDay, after: int = 0) -> list[tuple[int, bytes]]:
        """Statements intended for that day, each with the counter of its intent.

        In the order of those intents, without those up to `after`.
        """
        query = (
            "SELECT counter, statement FROM statements WHERE (region, channel, window) = (?, ?, ?) AND counter > ? "
            "ORDER BY counter"
        )
        return self._all(query, *day, after)

    def is_intended(self, digest: bytes) -> bool:
        return self._one("SELECT 1 FROM statements WHERE digest = ?", digest) is not None

    def intend(
        self,
        digest: bytes,
        statement: bytes,
        day: RegionDay,
        purpose: str,
        *,
        waivers: Iterable[bytes] = (),
        extensions: Iterable[bytes] = (),
        consents: Iterable[bytes] = (),
        noise: ReleaseNoise | None = None,
    ) -> None:
        """Once per statement; again the same changes nothing. It may rest on measures and consents of these digests.

        `noise` is what the release will say of it, its budget included.
        """
        with self._transaction():
            if self.is_intended(digest):
                return
            body: dict[str, object] = {"statement": to_base64(statement), "purpose": purpose}
            body |= _resting({"waivers": waivers, "extensions": extensions, "consents": consents})
            body |= {} if noise is None else {"noise": noise.model_dump()}
            counter = self._append(EntryKind.INTENT, body)
            self._run("INSERT INTO statements VALUES (?, ?, ?, ?, ?, ?)", digest, counter, *day, statement)
            self._checkpoint()

    def bill_cycles(self, region: RegionId) -> list[tuple[int, int]]:
        """Billing cycles of the region, in minutes since 1970, for which a bill statement is intended."""
        return self._all("SELECT DISTINCT start, until FROM bills WHERE region = ?", region)

    def bills_of(self, region: RegionId, cycle: tuple[int, int], after: int) -> list[tuple[int, bytes]]:
        """Bill statements of that cycle, each with the counter of its intent, of those intents beyond `after`."""
        query = (
            "SELECT counter, statement FROM bills WHERE (region, start, until) = (?, ?, ?) AND counter > ? "
            "ORDER BY counter"
        )
        return self._all(query, region, *cycle, after)

    def intend_bills(
        self,
        digest: bytes,
        statement: bytes,
        region: RegionId,
        cycle: tuple[int, int],
        purpose: str,
        *,
        extensions: Iterable[bytes] = (),
        consents: Iterable[bytes] = (),
    ) -> None:
        """As `intend`; it may rest on budget extensions of these digests."""
        with self._transaction():
            if self._one("SELECT 1 FROM bills WHERE digest = ?", digest) is not None:
                return
            body = {"kind": "bills", "statement": to_base64(statement), "purpose": purpose}
            resting = _resting({"extensions": extensions, "consents": consents})
            counter = self._append(EntryKind.INTENT, {**body, **resting})
            self._run("INSERT INTO bills VALUES (?, ?, ?, ?, ?, ?)", digest, counter, region, *cycle, statement)
            self._checkpoint()

    def attempts(self, item: bytes) -> int:
        row = self._one("SELECT attempts FROM items WHERE item = ?", item)
        return row[0] if row else 0

    def attempts_at(self, items: Iterable[bytes]) -> dict[bytes, int]:
        """Of each that was ever attempted."""
        wanted = list(items)
        marks = ",".join("?" * len(wanted))
        return dict(self._all(f"SELECT item, attempts FROM items WHERE item IN ({marks})", *wanted))  # noqa: S608

    def attempt(self, item: bytes, digest: bytes) -> None:
        """Count one attempt at opening the item, before it is made."""
        with self._transaction():
            self._append(EntryKind.ATTEMPT, {"item": item.hex(), "statement": digest.hex()})
            self._run("INSERT INTO items VALUES (?, 1, NULL) ON CONFLICT DO UPDATE SET attempts = attempts + 1", item)

    def withdraw(self, item: bytes, digest: bytes) -> None:
        """Take the last attempt back: it came to nothing before anything was opened."""
        with self._transaction():
            self._append(EntryKind.WITHDRAWAL, {"item": item.hex(), "statement": digest.hex()})
            self._run("UPDATE items SET attempts = attempts - 1 WHERE item = ?", item)

    def attempt_bills(self, digest: bytes, items: Mapping[int, bytes]) -> None:
        """Count one attempt at each item, by the place of its segment in the statement."""
        with self._transaction():
            self._append(EntryKind.ATTEMPT, {"statement": digest.hex(), "segments": list(items)})
            query = "INSERT INTO items VALUES (?, 1, NULL) ON CONFLICT DO UPDATE SET attempts = attempts + 1"
            self._run_each(query, items.values())

    def withdraw_bills(self, digest: bytes, items: Mapping[int, bytes]) -> None:
        """Take the last attempt at each item back."""
        with self._transaction():
            self._append(EntryKind.WITHDRAWAL, {"statement": digest.hex(), "segments": list(items)})
            self._run_each("UPDATE items SET attempts = attempts - 1 WHERE item = ?", items.values())

    def refusal(self, item: bytes) -> str | None:
        """Why the item is refused for good, if it is."""
        row = self._one("SELECT refusal FROM items WHERE item = ?", item)
        return row[0] if row else None

    def refuse(self, about: About, reason: str, *, final_for: bytes | None = None) -> None:
        """Record a refusal; with an item, that item's last word.

        The same refusal again and again makes an entry each of the first eight times and then at every doubling, with
        the number of `times` so far: whoever repeats an honest statement could fill the disk otherwise.
        """
        with self._transaction():
            times = self._repeated(about.digest, reason)
            if times <= _EACH_REPEAT or times.bit_count() == 1:
                named = {"statement": about.digest.hex(), "region": about.region, "purpose": about.purpose}
                self._append(EntryKind.REFUSAL, {**named, "reason": reason, "times": times})
            if final_for is not None:
                self._run("UPDATE items SET refusal = ? WHERE item = ?", reason, final_for)

    def _repeated(self, digest: bytes, reason: str) -> int:
        query = "INSERT INTO refusals VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1"
        self._run(query, digest, reason)
        row = self._one("SELECT times FROM refusals WHERE statement = ? AND reason = ?", digest, reason)
        return row[0] if row else 0

    def release(self, digest: bytes) -> bytes | None:
        row = self._one("SELECT release FROM releases WHERE digest = ?", digest)
        return row[0] if row else None

    def finish(
        self,
        digest: bytes,
        item: bytes,
        day: RegionDay,
        release: bytes,
        opened: bytes,
        heads: Iterable[bytes],
        *,
        recipient: str = "",
    ) -> None:
        """Record a release, the signed heads that it carries, and what the dominance test needs to know of it later.

        Its attempt did not fail. `recipient` is the name of the token's holder.
        """
        with self._transaction():
            self._checkpoint()
            self._append(EntryKind.RELEASE, _released(digest, release, heads, recipient))
            self._run("INSERT OR IGNORE INTO recipients VALUES (?, ?)", digest, recipient)
            self._run("INSERT INTO releases VALUES (?, ?, ?, ?, ?, ?)", digest, *day, release, opened)
            self._run("UPDATE items SET attempts = attempts - 1 WHERE item = ?", item)

    def finish_bills(
        self,
        digest: bytes,
        unopened: list[int],
        opened: Iterable[bytes],
        release: bytes,
        heads: Iterable[bytes],
        exact: bytes,
        *,
        recipient: str = "",
    ) -> None:
        """Record a release and the places of segments that it does not open; attempts at `opened` did not fail.

        `exact` is kept beside the chain, sealed: no entry tells anything of it.
        """
        with self._transaction():
            self._checkpoint()
            self._append(EntryKind.RELEASE, {**_released(digest, release, heads, recipient), "unopened": unopened})
            self._run("INSERT OR IGNORE INTO recipients VALUES (?, ?)", digest, recipient)
            self._run("INSERT INTO releases VALUES (?, NULL, NULL, NULL, ?, NULL)", digest, release)
            self._run("INSERT INTO exact_bills VALUES (?, ?)", digest, exact)
            self._run_each("UPDATE items SET attempts = attempts - 1 WHERE item = ?", opened)

    def exact_bills(self, digest: bytes) -> bytes | None:
        """What `finish_bills` kept of a statement's results."""
        row = self._one("SELECT exact FROM exact_bills WHERE digest = ?", digest)
        return row[0] if row else None

    def reconciliation(self, question: bytes) -> bytes | None:
        row = self._one("SELECT answer FROM reconciliations WHERE question = ?", question)
        return row[0] if row else None

    def reconcile(self, question: ReconciliationQuestion, told: Reconciliation, answer: bytes) -> None:
        """Record a question in full with all that its answer tells."""
        outcome = {
            "statement": told.question.hex(),
            "question": to_base64(question.to_bytes()),
            "purpose": question.purpose,
            "equal": {f"{one.charge} ({one.channel})": one.equal for one in told.charges},
            "reason": "" if told.undefined is None else told.undefined.value,
        }
        with self._transaction():
            self._append(EntryKind.RECONCILIATION, outcome)
            self._run("INSERT INTO reconciliations VALUES (?, ?)", told.question, answer)

    def reset_item(self, reset: ItemReset) -> None:
        """Let the item be attempted again; the last word about it, if there is one, stays. Again: no change.

        Raises UnknownSubject for an item that was never attempted, Rejected for a serial out of turn.
        """
        with self._transaction():
            if self._one("SELECT 1 FROM items WHERE item = ?", reset.item) is None:
                raise UnknownSubject("no such item was ever attempted here")
            row = self._one("SELECT serial FROM resets WHERE item = ?", reset.item)
            latest = row[0] if row else 0
            if reset.serial == latest:
                return
            if reset.serial != latest + 1:
                raise Rejected(f"the item was reset {latest} times, so {reset.serial} is out of turn")
            named = {"item": reset.item.hex(), "serial": reset.serial, "reason": reset.reason}
            self._append(EntryKind.RESET, {**named, "document": reset.digest().hex()})
            self._run("INSERT OR REPLACE INTO resets VALUES (?, ?)", reset.item, reset.serial)
            self._run("UPDATE items SET attempts = 0 WHERE item = ?", reset.item)
            self._checkpoint()

    def hand_out(self, digest: bytes, recipient: str) -> None:
        """Record that somebody else is given a finished release, too; once for each."""
        known = "SELECT 1 FROM recipients WHERE statement = ? AND recipient = ?"
        if self._one(known, digest, recipient) is not None:
            return
        with self._transaction():
            if self._one(known, digest, recipient) is None:
                self._run("INSERT INTO recipients VALUES (?, ?)", digest, recipient)
                self._append(EntryKind.RECIPIENT, {"statement": digest.hex(), "recipient": recipient})

    def opened_of(self, day: RegionDay, after: int = 0) -> list[tuple[int, bytes]]:
        """What releases of that day opened, each with its place, of places beyond `after`."""
        query = (
            "SELECT rowid, opened FROM releases WHERE (region, channel, window) = (?, ?, ?) AND rowid > ? "
            "ORDER BY rowid"
        )
        return self._all(query, *day, after)

    def begin_period(self, period: int) -> None:
        """Record that a key period began; again: no change."""
        with self._transaction():
            self._record_period(period, PeriodAct.BEGUN)

    def destroy_period(self, period: int, windows: range) -> None:
        """Record that a key period was destroyed, and erase what was opened of its windows; again: no change.

        Statements stay, for they hold no reads, and so do the digests of releases. The pages that held results are
        overwritten, and the log that SQLite writes ahead is emptied.
        """
        days = windows.start, windows.stop - 1
        self._run("PRAGMA secure_delete = ON")
        with self._transaction():
            self._record_period(period, PeriodAct.DESTROYED)
            self._run("DELETE FROM releases WHERE window BETWEEN ? AND ?", *days)
            of_bills = "SELECT digest FROM bills WHERE (until - 1) / ? BETWEEN ? AND ?"
            for table in ("releases", "exact_bills"):
                self._run(f"DELETE FROM {table} WHERE digest IN ({of_bills})", MINUTES_PER_DAY, *days)  # noqa: S608
        self._run("PRAGMA wal_checkpoint(TRUNCATE)")

    def _record_period(self, period: int, act: PeriodAct) -> None:
        if self._one("SELECT 1 FROM periods WHERE period = ? AND act = ?", period, act) is None:
            self._run("INSERT INTO periods VALUES (?, ?)", period, act)
            self._append(EntryKind.PERIOD, {"period": period, "act": act})
            self._checkpoint()

    def seen(self, role: str) -> bytes | None:
        """The latest signed head that this half was shown: the other's, or one of its own that it does not have."""
        row = self._one("SELECT head FROM seen WHERE role = ?", role)
        return row[0] if row else None

    def note_seen(self, role: str, counter: int, head: bytes) -> None:
        """Keep the head unless a later one is known. Not part of the chain: it says nothing about this half."""
        with self._transaction():
            known = self._one("SELECT counter FROM seen WHERE role = ?", role)
            if known is None or known[0] < counter:
                self._run("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", role, counter, head)


def _resting(on: Mapping[str, Iterable[bytes]]) -> dict[str, list[str]]:
    """What an intent names of the documents that it rests on: nothing of kinds without any."""
    named = {kind: [digest.hex() for digest in digests] for kind, digests in on.items()}
    return {kind: digests for kind, digests in named.items() if digests}


def _released(digest: bytes, release: bytes, heads: Iterable[bytes], recipient: str) -> dict[str, object]:
    return {
        "statement": digest.hex(),
        "release": hashlib.sha256(release).hexdigest(),
        "heads": [to_base64(head) for head in heads],
        "recipient": recipient,
    }
