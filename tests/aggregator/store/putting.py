"""A worker as a process of its own: `putting.py URL REGION WINDOW FIRST STEP COUNT` puts reports one by one.

Once a line was read from standard input; then it writes the meters whose report was accepted.
"""

import asyncio
import json
import sys

from wattseal.aggregator.store import Entry, PutStatus, open_store


async def put(url: str, region: str, window: int, numbers: range) -> list[str]:
    meters = [f"{number:04}" for number in numbers]
    async with open_store(url) as store:
        sys.stdin.readline()
        statuses = [(await store.put([Entry(region, window, 1, 0, meter, 0, b"body")]))[0] for meter in meters]
    assert set(statuses) <= {PutStatus.accepted, PutStatus.late}
    return [meter for meter, status in zip(meters, statuses, strict=True) if status is PutStatus.accepted]


def main() -> None:
    url, region, window, first, step, count = sys.argv[1:]
    accepted = asyncio.run(put(url, region, int(window), range(int(first), int(count), int(step))))
    sys.stdout.write(json.dumps(accepted))


if __name__ == "__main__":
    main()
