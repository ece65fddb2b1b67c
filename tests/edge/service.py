"""A service of one route, run as a process by the tests: `python -m tests.edge.service [--host H] [--port P] ...`."""

import argparse
from pathlib import Path

from fastapi import FastAPI

from wattseal.edge.command import run
from wattseal.edge.serving import Listen, serve


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--keep-running", action="store_true")
    given = parser.parse_args()
    app = FastAPI()

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    run(
        lambda **_: serve(
            app,
            Listen(given.host, given.port, given.certificate, given.key),
            until_stdin_closes=not given.keep_running,
        )
    )


if __name__ == "__main__":
    main()
