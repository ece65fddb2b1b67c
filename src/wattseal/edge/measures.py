"""Waivers, quarantines and extensions that a service has, kept as files. None is ever taken back: each has its end."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from wattseal.edge.documents import each
from wattseal.edge.private_files import private_directory, write_private
from wattseal.policy.measures import Measures, in_force
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.errors import Rejected
from wattseal.protocol.ids import Channel, RegionId, Window
from wattseal.protocol.measures import (
    BudgetExtension,
    Quarantine,
    SignedBudgetExtension,
    SignedQuarantine,
    SignedWaiver,
    Waiver,
)
from wattseal.protocol.time import Clock, window_date, window_of
from wattseal.protocol.trust import TrustAnchors

Measure = TypeVar("Measure", bound=Waiver | Quarantine | BudgetExtension)


class MeasureBook:
    """`replay` lets quarantines begin in the past, for trial runs on old data; a live service rejects them."""

    def __init__(self, directory: Path, trust: TrustAnchors, clock: Clock, *, replay: bool) -> None:
        self._waivers_at = private_directory(directory / "waivers")
        self._quarantines_at = private_directory(directory / "quarantines")
        self._extensions_at = private_directory(directory / "budget-extensions")
        self._trust, self._clock, self._replay = trust, clock, replay
        self._one_at_a_time = threading.Lock()
        self._waivers = each(self._waivers_at, lambda data: SignedWaiver.from_bytes(data).opened(trust))
        self._quarantines = each(self._quarantines_at, lambda data: SignedQuarantine.from_bytes(data).opened(trust))
        self._extensions = each(self._extensions_at, lambda data: SignedBudgetExtension.from_bytes(data).opened(trust))

    def install_waiver(self, signed: SignedWaiver) -> Waiver:
        """Again the same: no change. Raises SignatureInvalid or MalformedMessage."""
        waiver = signed.opened(self._trust)
        with self._one_at_a_time:
            self._waivers = _installed(self._waivers_at, self._waivers, waiver, signed)
        return waiver

    def install_quarantine(self, signed: SignedQuarantine) -> Quarantine:
        """As `install_waiver`. Raises Rejected for one that would begin in a window that has begun.

        Else a meter could be in one total of a day and out of the next.
        """
        quarantine = signed.opened(self._trust)
        with self._one_at_a_time:
            known = quarantine in self._quarantines
            if not (known or self._replay) and quarantine.first <= window_of(self._clock()):
                raise Rejected(f"a quarantine begins after {window_date(window_of(self._clock()))}, not before")
            self._quarantines = _installed(self._quarantines_at, self._quarantines, quarantine, signed)
        return quarantine

    def install_extension(self, signed: SignedBudgetExtension) -> BudgetExtension:
        """As `install_waiver`: of cycles that are over as well, from the next question on."""
        extension = signed.opened(self._trust)
        with self._one_at_a_time:
            self._extensions = _installed(self._extensions_at, self._extensions, extension, signed)
        return extension

    @property
    def extensions(self) -> Sequence[BudgetExtension]:
        """All of them, for bills."""
        return self._extensions

    def in_force(self, region: RegionId, channel: Channel, window: Window) -> Measures:
        """For totals."""
        return in_force(self._waivers, self._quarantines, self._extensions, region, channel, window)


def _installed(directory: Path, known: list[Measure], measure: Measure, signed: Countersigned) -> list[Measure]:
    if measure in known:
        return known
    write_private(directory / f"{measure.fingerprint.hex()}.json", signed.to_bytes())
    return [*known, measure]
