"""Runs one of our modules and kills its process at a chosen point: `dying.py CLASS.METHOD:before|after:N MODULE WORDS`.

Started as a script, so that no code of the package knows of it. N counts the calls from 1.
"""

import os
import runpy
import signal
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module

CLASSES = {
    "Archive": "wattseal.aggregator.archive",
    "BillAnswer": "wattseal.protocol.billing",
    "ArchiveWriter": "wattseal.aggregator.archive_file",
    "Line": "wattseal.aggregator.store_valkey",
    "Segments": "wattseal.aggregator.segments",
    "Store": "wattseal.aggregator.store",
    "Ledger": "wattseal.keyserver.ledger",
    "FleetState": "wattseal.meter_sim.state",
    "Half": "wattseal.keyserver.half",
    "Registry": "wattseal.edge.registry",
    "Home": "wattseal.edge.home",
}


def _dying(method: Callable[..., object], moment: str, call: int) -> Callable[..., object]:
    calls = 0

    def wrapped(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if moment == "before" and calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = method(*arguments, **named)
        if moment == "after" and calls == call:
            if isinstance(answer, Awaitable):
                return _killed_when_done(answer)
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return wrapped


async def _killed_when_done(answer: Awaitable[object]) -> None:
    await answer
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    point, module, *words = sys.argv[1:]
    name, moment, call = point.split(":")
    owner, method = name.split(".")
    target = getattr(import_module(CLASSES[owner]), owner)
    setattr(target, method, _dying(getattr(target, method), moment, int(call)))
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
