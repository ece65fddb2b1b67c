"""A copy of a store's directory beside the original: each has a Valkey of its own."""

import asyncio
import shutil
from pathlib import Path

from redis.asyncio import Redis

from wattseal.aggregator.valkey import Supervisor


def test_a_copy_does_not_lead_to_the_socket_of_the_original(tmp_path: Path) -> None:
    """Paths so long that the sockets are elsewhere: the link to it is copied, too."""
    original, copy = tmp_path / ("o" * 120), tmp_path / ("c" * 120)

    async def both_run() -> None:
        async with Supervisor(original):
            pass
        shutil.copytree(original, copy, symlinks=True)
        async with Supervisor(original) as first, Supervisor(copy) as second:
            assert first.socket != second.socket
            assert await first.pid() != await second.pid()
            async with Redis(unix_socket_path=str(first.socket)) as client:
                await client.set("report", b"sealed")
            async with Redis(unix_socket_path=str(second.socket)) as client:
                assert await client.get("report") is None
        for supervisor in (first, second):
            supervisor.socket.parent.rmdir()

    asyncio.run(both_run())
