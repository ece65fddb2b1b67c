"""The way to the aggregator with a plan's troubles on it: reports that go twice, or in two versions."""

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from nacl.signing import SigningKey

from wattseal.meter_sim.fault_plan import Plan
from wattseal.meter_sim.fault_summary import FaultSummary, Place
from wattseal.meter_sim.faults import Trouble
from wattseal.meter_sim.uploader import BATCH, Link, statuses
from wattseal.protocol.ids import MeterId
from wattseal.protocol.report import FlagReason, FlagRun, Report, decode_report, frame, seal_report, unframe

_Word = dict[str, str]
_TAKEN = ("accepted", "duplicate", "late")


def contradiction(report: Report, identity: SigningKey) -> bytes:
    """Other signed bytes under the report's number: other flags over the same ciphertext.

    Other reads encrypted under a used number would give their difference away.
    """
    flags = () if report.header.flags else (FlagRun(0, 1, FlagReason.MISSING),)
    return seal_report(report.header._replace(flags=flags), report.ciphertext, identity)


class FaultyLink:
    """Takes an Uploader's posts. `name_of` has each meter's name in the plan; `resign` makes a contradiction."""

    def __init__(
        self,
        aggregator: Link,
        plan: Plan,
        name_of: Mapping[MeterId, str],
        resign: Callable[[Report], bytes],
        summary: FaultSummary,
    ) -> None:
        self._aggregator, self._plan, self._name_of = aggregator, plan, name_of
        self._resign, self._summary = resign, summary

    def post(self, path: str, body: bytes, media_type: str) -> bytes:
        """One status a report: where the first answer was lost, that to the second upload.

        Raises what the aggregator's client raises, and MalformedMessage; the whole post may then be repeated.
        """
        reports = [decode_report(sealed) for sealed in unframe(body, BATCH)]
        words = statuses(self._aggregator.post(path, body, media_type), len(reports))
        touched = self._touched(reports)
        for trouble, positions in touched.items():
            self._note(trouble, [(reports[i], words[i]) for i in positions])
        for trouble, version in ((Trouble.DUPLICATED, _same), (Trouble.CONFLICTING, self._resign)):
            taken = [i for i in touched.get(trouble, ()) if words[i]["status"] in _TAKEN]
            if not taken:
                continue
            extras = frame(version(reports[i]) for i in taken)
            answers = statuses(self._aggregator.post(path, extras, media_type), len(taken))
            self._note(trouble, [(reports[i], word) for i, word in zip(taken, answers, strict=True)])
            if trouble is Trouble.DUPLICATED:
                for i, word in zip(taken, answers, strict=True):
                    words[i] = word
        return json.dumps({"reports": words}).encode()

    def _touched(self, reports: Sequence[Report]) -> dict[Trouble, list[int]]:
        """Positions of the reports that each trouble is for."""
        by_day: dict[int, list[int]] = {}
        for position, report in enumerate(reports):
            by_day.setdefault(report.header.window, []).append(position)
        touched: dict[Trouble, list[int]] = {}
        for day, positions in by_day.items():
            names = [self._name_of[reports[i].header.meter] for i in positions]
            for trouble, mask in self._plan.troubles(names, day).items():
                touched.setdefault(trouble, []).extend(itertools.compress(positions, mask))
        return touched

    def _note(self, trouble: Trouble, answered: Iterable[tuple[Report, _Word]]) -> None:
        for report, word in answered:
            header = report.header
            place = Place(self._name_of[header.meter], header.window, header.channel)
            self._summary.came(trouble, place, ": ".join(word.values()))


def _same(report: Report) -> bytes:
    return report.body
