"""An aggregator killed around a cycle report and the answer for its bill: the report counts once, the answer is one."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from tests.aggregator.billing import LOG, question, told, upload, worker
from tests.aggregator.cycles import END, START, cycle_report
from tests.commands.shell import finish, start, valkeys_of
from tests.crash.bill_answer import known, opened
from tests.crash.neighborhood import DYING
from wattseal.aggregator.store import INLINE_LIMIT
from wattseal.protocol.ids import MeterId

# The store's functions are called for the report, then for the log of answers.
BEFORE_THE_REPORT_COUNTS = ("Segments.append:before:1", "Segments.append:after:1", "Line.call:before:1")
AFTER = ("Line.call:after:1", "BillAnswer.issue:after:1", "Line.call:before:2", "Line.call:after:2")
POINTS = (*BEFORE_THE_REPORT_COUNTS, *AFTER)
HOME = Path(__file__).parents[2]


def die(point: str, directory: Path, meter: str) -> int:
    words = [sys.executable, DYING, point, "tests.crash.bill_answer", directory, meter]
    status = finish(start(words, PYTHONPATH=str(HOME))).status
    for pid in valkeys_of(directory / "store"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return status


def test_killed_at_every_step(tmp_path: Path) -> None:
    for number, point in enumerate(POINTS):
        assert die(point, tmp_path, f"m{number}") == -signal.SIGKILL, point
        asyncio.run(check(tmp_path, f"m{number}", point))


async def check(directory: Path, meter: str, point: str) -> None:
    registered, report = known(directory), cycle_report(meter=MeterId(meter))
    assert len(report) > INLINE_LIMIT  # its bytes lie in a segment file
    async with opened(directory) as store:
        logged = [answer for answer in await store.read_log(LOG) if told(answer)[1].segments[0].meter == meter]
        assert len(logged) == (point == POINTS[-1])
        # What was acknowledged is known; what was not is taken now, whatever lies in the segment file already.
        taken = await upload(store, registered, report)
        assert (point, taken) == (point, ["accepted" if point in BEFORE_THE_REPORT_COUNTS else "duplicate"])
        answers = [await worker(store, registered).answer(question(meter)) for _ in range(2)]
        assert set(answers) == {*logged, answers[0]}
        _, statement = told(answers[0])
        assert [(part.meter, part.start, part.end) for part in statement.segments] == [(meter, START, END)]
        numbers = {told(answer)[1].segments[0].meter for answer in await store.read_log(LOG)}
        assert len(await store.read_log(LOG)) == len(numbers)  # one a statement
