"""Many signatures at a time, on all cores that the process may use: libsodium lets other threads run meanwhile."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from wattseal.protocol.report import Report
from wattseal.protocol.signing import all_verify

FEW = 64
"""So many are verified sooner than threads have been told to."""


class Signatures:
    def __init__(self, cores: int | None = None) -> None:
        self._cores = len(os.sched_getaffinity(0)) if cores is None else cores
        self._threads = ThreadPoolExecutor(self._cores, thread_name_prefix="signatures")

    def hold(self, signed: Sequence[tuple[Report, bytes]]) -> list[bool]:
        """Whether each report was signed by the meter with the Ed25519 key beside it."""
        wanted = [(key, report.signed(), report.signature) for report, key in signed]
        if self._cores == 1 or len(wanted) < FEW:
            return all_verify("report", wanted)
        size = -(-len(wanted) // self._cores)
        parts = [wanted[start : start + size] for start in range(0, len(wanted), size)]
        return [holds for part in self._threads.map(partial(all_verify, "report"), parts) for holds in part]
