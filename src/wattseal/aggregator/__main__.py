"""`wattseal aggregator`: prepare, countersign rosters and tariffs, serve, archive, recompute."""

import json
import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from wattseal.cryptosystems.backend import Backend
from wattseal.edge.command import log_to_stderr, run_role
from wattseal.edge.token_verbs import cli as tokens
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import RegionId, checked_id

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
cli.add_typer(tokens, name="token")

SEGMENTS, ARCHIVE = "segments", "archive"
"""Directories within a home, which all workers on it share."""

Data = Annotated[Path, typer.Option(help="The aggregator's own data directory (mode 0700).")]
Passphrase = Annotated[
    Path, typer.Option("--passphrase-file", envvar="WATTSEAL_PASSPHRASE_FILE", help="Owner-only file that unseals it.")
]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        help="redis://, rediss:// or unix:// address, also of a cluster's node; an embedded Valkey if absent."
    ),
]
AllowLoss = Annotated[bool, typer.Option(help="Take a store that may lose accepted reports.")]


@cli.command()
def init(data: Data, passphrase_file: Passphrase) -> None:
    """Make fresh keys and tokens, and print the public keys that the other operators pin."""
    from wattseal.edge.home import Home

    typer.echo(json.dumps(Home.create(data, passphrase_file).public_keys()))


@cli.command()
def countersign(
    data: Data,
    passphrase_file: Passphrase,
    document: Annotated[
        Path, typer.Argument(help="Roster or tariff signed by the utility; the countersignature is added to it.")
    ],
) -> None:
    """Add the aggregator operator's signature to a roster or tariff, after checking the utility's."""
    from wattseal.edge.countersign import countersign_file
    from wattseal.edge.home import Home

    typer.echo(json.dumps(countersign_file(Home(data, passphrase_file), document, "aggregator_operator")))


@cli.command()
def serve(
    data: Data,
    passphrase_file: Passphrase,
    store: StoreUrl = None,
    allow_loss: AllowLoss = False,
    policy: Annotated[str | None, typer.Option(help="Policy pack: a name or a .toml file; trial if absent.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM file; without it the address must be a loopback one.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    grace_hours: Annotated[float, typer.Option(min=0, help="How long after its end a window takes reports.")] = 36.0,
    replay: Annotated[
        bool, typer.Option(help="Take windows and rosters of any age; close by command only. For old data.")
    ] = False,
    backend: Annotated[
        Backend,
        typer.Option(help="The library: ours, or a published one, python-paillier or SEAL (extra `reference`)."),
    ] = Backend.OURS,
    roster_rows: Annotated[
        int, typer.Option(min=0, help="So many rows of rosters are kept in memory, some 0.5 kB each.")
    ] = 1 << 20,
    until_stdin_closes: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Serve until stopped; prints `ready URL` once it listens."""
    from wattseal.aggregator.app import Parts, aggregator_app
    from wattseal.aggregator.door import HORIZON_DAYS
    from wattseal.aggregator.heads import HeadsSeen
    from wattseal.aggregator.schemes import check_backend, check_notice
    from wattseal.aggregator.store import embedded_url
    from wattseal.edge.home import SERVICE, Home
    from wattseal.edge.serving import Listen, serve
    from wattseal.policy.pack import named_policy
    from wattseal.protocol.ids import Suite
    from wattseal.protocol.keys import KeyNotice
    from wattseal.protocol.time import system_clock

    log_to_stderr()
    listen = Listen(host, port, tls_certificate, tls_key)
    home = Home(data, passphrase_file)
    rules = named_policy(policy)
    check_backend(backend, Suite.PAILLIER_3072)
    check_key = partial(check_notice, backend=backend)
    trust = home.trust()
    registry = home.registry(
        trust,
        system_clock,
        replay=replay,
        least_change=rules.least_change,
        check_key=check_key,
        rows_in_memory=roster_rows,
    )
    for known in registry.notices():
        check_key(KeyNotice.from_bytes(known.body))
    parts = Parts(
        store_url=embedded_url(data.absolute() / "store") if store is None else store,
        segments=data.absolute() / SEGMENTS,
        archive=data.absolute() / ARCHIVE,
        allow_loss=allow_loss,
        registry=registry,
        tokens=home.tokens(),
        policy=rules,
        signing_key=home.signing_key(SERVICE),
        clock=system_clock,
        grace_hours=None if replay else grace_hours,
        horizon_days=None if replay else HORIZON_DAYS,
        backend=backend,
        heads=HeadsSeen(data / "heads.json", trust),
    )
    serve(aggregator_app(parts), listen, until_stdin_closes=until_stdin_closes)


@cli.command()
def archive(
    data: Data,
    region: Annotated[str, typer.Option(help="Region of the windows.")],
    through: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD: every closed window up to it.")],
    store: StoreUrl = None,
    allow_loss: AllowLoss = False,
) -> None:
    """Move closed windows from the store to the archive, beside running services or without; prints which."""
    import asyncio

    from wattseal.aggregator.archiving import archive_through
    from wattseal.aggregator.store import embedded_url, open_store
    from wattseal.edge.home import home_directory
    from wattseal.protocol.time import parse_window, window_date

    home, last, named = home_directory(data.absolute()), parse_window(through), _region(region)

    async def run() -> list[dict[str, object]]:
        url = embedded_url(home / "store") if store is None else store
        async with open_store(url, home / SEGMENTS, home / ARCHIVE, allow_loss=allow_loss) as opened:
            moved = await archive_through(opened, named, last)
            return [{"date": window_date(window).isoformat(), **counts} for window, counts in moved]

    typer.echo(json.dumps({"region": region, "archived": asyncio.run(run())}))


@cli.command()
def expire(
    data: Data,
    region: Annotated[str, typer.Option(help="Region of the windows.")],
    policy: Annotated[str | None, typer.Option(help="Policy pack: a name or a .toml file; trial if absent.")] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete them; without it, only tell.")] = False,
    store: StoreUrl = None,
    allow_loss: AllowLoss = False,
) -> None:
    """Tell which archived windows the policy keeps no longer: a running service deletes them by itself."""
    import asyncio

    from wattseal.aggregator.retention import Deletion, Retention
    from wattseal.aggregator.store import embedded_url, open_store
    from wattseal.edge.home import home_directory
    from wattseal.policy.pack import named_policy
    from wattseal.protocol.time import system_clock

    home, named, rules = home_directory(data.absolute()), _region(region), named_policy(policy)

    async def run() -> list[Deletion]:
        url = embedded_url(home / "store") if store is None else store
        async with open_store(url, home / SEGMENTS, home / ARCHIVE, allow_loss=allow_loss) as opened:
            retention = Retention(opened, rules, system_clock)
            return await (retention.delete_due([named]) if delete else retention.due(named))

    told = [deletion.told() for deletion in asyncio.run(run())]
    typer.echo(json.dumps({"region": region, "deleted" if delete else "due": told}))


@cli.command()
def recompute(
    data: Data,
    region: Annotated[str, typer.Option(help="Region of the answers.")],
    through: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD: answers about archived days up to it.")],
    pool: Annotated[int, typer.Option(min=0, help="Worker processes; 0 computes in this one.")] = 0,
    ray: Annotated[
        str | None, typer.Option(help="A Ray cluster's address, or `local` (extra `scale`). Each worker sees --data.")
    ] = None,
    store: StoreUrl = None,
    allow_loss: AllowLoss = False,
) -> None:
    """Compute stored totals and bills again from the archive alone, and tell which are not what was answered."""
    import asyncio

    from wattseal.aggregator.recompute import Places, Shard
    from wattseal.aggregator.recomputing import archived_answers, recomputed
    from wattseal.aggregator.shards import Here, OnRay, Pool
    from wattseal.aggregator.store import embedded_url, open_store
    from wattseal.edge.home import home_directory
    from wattseal.protocol.errors import Contradiction
    from wattseal.protocol.time import parse_window

    home, last, named = home_directory(data.absolute()), parse_window(through), _region(region)
    if pool and ray is not None:
        raise UsageError("--pool is for this machine and --ray for a cluster: name one of them")
    workers = OnRay(ray) if ray is not None else Pool(pool) if pool else Here()

    async def answers() -> list[Shard]:
        url = embedded_url(home / "store") if store is None else store
        async with open_store(url, home / SEGMENTS, home / ARCHIVE, allow_loss=allow_loss) as opened:
            return await archived_answers(opened, named, last, Places(str(home), str(home / ARCHIVE)))

    with redirect_stdout(sys.stderr):  # workers' words do not belong to the answer
        summary = recomputed(workers, asyncio.run(answers()))
    typer.echo(json.dumps({"region": region, **summary._asdict()}))
    if summary.differ:
        raise Contradiction(f"{len(summary.differ)} answers are not what the archive gives: {summary.differ[0]}")


def _region(text: str) -> RegionId:
    try:
        return RegionId(checked_id(text))
    except ValueError as error:
        raise UsageError(f"--region: {error}") from None


def main() -> None:
    run_role(cli)


if __name__ == "__main__":
    main()
