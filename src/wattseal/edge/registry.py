"""What operators installed in a service, kept as files: countersigned rosters, tariffs and lists; key notices.

Waivers, quarantines and budget extensions are in `measures`, what customers agreed to is in `consents`.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from wattseal.edge.consents import ConsentBook
from wattseal.edge.documents import each
from wattseal.edge.measures import MeasureBook
from wattseal.edge.private_files import private_directory, write_private
from wattseal.edge.rosters import ROWS_IN_MEMORY, RosterBook
from wattseal.policy.bill_questions import Listed
from wattseal.protocol.codec import Message
from wattseal.protocol.errors import Contradiction, Rejected, UnknownSubject
from wattseal.protocol.ids import MeterId, RegionId, Window, WindowField
from wattseal.protocol.keys import KeyNotice, periods_of
from wattseal.protocol.roster import Roster, RosterRow, SignedRoster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tariff.charge_list import ChargeList, SignedChargeList
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.signed import SignedTariff
from wattseal.protocol.time import Clock, window_date, window_of
from wattseal.protocol.trust import TrustAnchors

CheckKey = Callable[[KeyNotice], object]


class Registry:
    """`replay` lets rosters take effect in the past, for trial runs on old data; a live service refuses them.

    `least_change` and `rows_in_memory` are the roster book's; `check_key` raises for a notice
    whose public key this service could not use.
    """

    def __init__(
        self,
        directory: Path,
        trust: TrustAnchors,
        clock: Clock,
        *,
        replay: bool,
        least_change: int,
        check_key: CheckKey,
        rows_in_memory: int = ROWS_IN_MEMORY,
    ) -> None:
        self._keys_at = private_directory(directory / "keys")
        self._tariffs_at = private_directory(directory / "tariffs")
        self._lists_at = private_directory(directory / "charge-lists")
        self.rosters = RosterBook(
            directory, trust, clock, replay=replay, least_change=least_change, rows_in_memory=rows_in_memory
        )
        self.measures = MeasureBook(directory, trust, clock, replay=replay)
        self._trust = trust
        self._clock = clock
        self._replay = replay
        self._check_key = check_key
        self._one_at_a_time = threading.Lock()
        notices = each(self._keys_at, lambda data: self._known(Envelope.from_bytes(data)))
        self._notices = {notice.key_id: (notice, envelope) for notice, envelope in notices}
        self._periods = self._cut()
        tariffs = each(self._tariffs_at, lambda data: _Registered.from_bytes(data).opened(trust))
        self._tariffs = {tariff.tariff.fingerprint: tariff for tariff in tariffs}
        lists = each(self._lists_at, lambda data: _KeptList.from_bytes(data).opened(trust))
        self._lists = {charges.tariff: (charges, since) for charges, since in lists}
        self.consents = ConsentBook(directory, trust, clock, self._rows_of)

    def _rows_of(self, region: RegionId, meter: MeterId) -> list[RosterRow]:
        """Of a meter, in order of time."""
        return [roster.by_meter[meter] for roster in self.rosters.of(region) if meter in roster.by_meter]

    def install_roster(self, signed: SignedRoster) -> Roster:
        """See `RosterBook`."""
        return self.rosters.install(signed)

    def install_key(self, envelope: Envelope) -> KeyNotice:
        """Again the same: no change. A later key may take over windows of an earlier one, from a day to come on.

        Raises SignatureInvalid, MalformedMessage, Contradiction or Rejected.
        """
        notice, _ = self._known(envelope)
        self._check_key(notice)
        with self._one_at_a_time:
            return self._install_key(notice, envelope)

    def _install_key(self, notice: KeyNotice, envelope: Envelope) -> KeyNotice:
        known = self._notices.get(notice.key_id)
        if known is not None and known[0] == notice:
            return known[0]
        self.check_new_key(notice)
        write_private(self._keys_at / f"{notice.key_id}.json", envelope.to_bytes())
        self._notices = {**self._notices, notice.key_id: (notice, envelope)}
        self._periods = self._cut()
        return notice

    def check_new_key(self, notice: KeyNotice) -> None:
        """Raises Contradiction or Rejected for a notice that could not be installed beside the others."""
        for known in self._periods.values():
            if known.key_id == notice.key_id:
                raise Contradiction(f"key {notice.key_id} is known with another content")
            if known.last_window < notice.first_window or notice.last_window < known.first_window:
                continue
            if not (known.key_id < notice.key_id and known.first_window < notice.first_window):
                raise Contradiction(f"key {known.key_id} is for some of the same windows")
            if not self._replay and notice.first_window <= window_of(self._clock()):
                raise Rejected("a key takes over from another in a window that has not begun")

    def _cut(self) -> dict[int, KeyNotice]:
        return periods_of(notice for notice, _ in self._notices.values())

    def install_tariff(self, signed: SignedTariff) -> Tariff:
        """Again the same: no change, and the day of its first registration stays.

        Raises SignatureInvalid or MalformedMessage.
        """
        tariff = signed.opened(self._trust)
        with self._one_at_a_time:
            if tariff.fingerprint not in self._tariffs:
                since = self._now()
                kept = _Registered(since=since, signed=signed)
                write_private(self._tariffs_at / f"{tariff.fingerprint.hex()}.json", kept.to_bytes())
                self._tariffs = {**self._tariffs, tariff.fingerprint: RegisteredTariff(tariff, since)}
        return tariff

    def install_charge_list(self, signed: SignedChargeList) -> ChargeList:
        """The one of its tariff, for good. Again the same: no change, and the day of its first registration stays.

        Raises SignatureInvalid, MalformedMessage, UnknownSubject, Rejected or Contradiction.
        """
        charges = signed.opened(self._trust)
        if charges.unknown_to(self.tariff(charges.tariff).tariff) is not None:
            raise Rejected("the list names what is no charge of its tariff's on energy")
        with self._one_at_a_time:
            known, _ = self._lists.get(charges.tariff, (charges, None))
            if known != charges:
                raise Contradiction("the tariff has another list of charges")
            if charges.tariff not in self._lists:
                kept = _KeptList(since=self._now(), signed=signed)
                write_private(self._lists_at / f"{charges.tariff.hex()}.json", kept.to_bytes())
                self._lists = {**self._lists, charges.tariff: (charges, kept.since)}
        return charges

    def _now(self) -> Window:
        """In a replay, what is registered was always there."""
        return Window(0) if self._replay else window_of(self._clock())

    def tariff(self, fingerprint: bytes) -> "RegisteredTariff":
        """Raises UnknownSubject."""
        if fingerprint not in self._tariffs:
            raise UnknownSubject("a tariff is named that is not registered here")
        found = self._tariffs[fingerprint]
        if fingerprint not in self._lists:
            return found
        charges, since = self._lists[fingerprint]
        return found._replace(listed=Listed(frozenset(charges.charges), since))

    def tariffs(self) -> list[Tariff]:
        """By name, then revision."""
        found = (registered.tariff for registered in self._tariffs.values())
        return sorted(found, key=lambda tariff: (tariff.name, tariff.revision))

    def key(self, key_id: int) -> KeyNotice:
        """Its period ends where the next begins. Raises UnknownSubject."""
        if key_id not in self._periods:
            raise UnknownSubject(f"key {key_id} is not known here")
        return self._periods[key_id]

    def key_of_window(self, window: Window) -> KeyNotice:
        """Raises UnknownSubject."""
        for notice in self._periods.values():
            if notice.first_window <= window <= notice.last_window:
                return notice
        raise UnknownSubject(f"no key is for {window_date(window)}")

    def notices(self) -> list[Envelope]:
        return [envelope for _, envelope in self._notices.values()]

    def _known(self, envelope: Envelope) -> tuple[KeyNotice, Envelope]:
        return envelope.opened(KeyNotice, self._trust.decryptor), envelope


class RegisteredTariff(NamedTuple):
    """`since` is the window in which it was registered here; the first of all in a replay."""

    tariff: Tariff
    since: Window
    listed: Listed | None = None


class _Registered(Message):
    """The file of a tariff."""

    since: WindowField
    signed: SignedTariff

    def opened(self, trust: TrustAnchors) -> RegisteredTariff:
        return RegisteredTariff(self.signed.opened(trust), self.since)


class _KeptList(Message):
    """The file of a charge list."""

    since: WindowField
    signed: SignedChargeList

    def opened(self, trust: TrustAnchors) -> tuple[ChargeList, Window]:
        return self.signed.opened(trust), self.since
