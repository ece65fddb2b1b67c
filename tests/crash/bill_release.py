"""Both halves in one process that asks for one home's bill: `bill_release.py DIRECTORY METER`. `dying.py` kills it."""

import sys
from pathlib import Path

from tests.keyserver.bill_run import homes, running

HOMES = 9


def main() -> None:
    directory, meter = sys.argv[1:]
    with running(Path(directory), rosters=(homes(HOMES),)) as run:
        run.ask(run.answer(run.of(meter)))


if __name__ == "__main__":
    main()
