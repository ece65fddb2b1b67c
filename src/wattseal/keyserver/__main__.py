"""`wattseal keyserver`: prepare a half, countersign rosters and tariffs, serve one half or both."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

from wattseal.cryptosystems.backend import Backend
from wattseal.edge.command import log_to_stderr, run_role
from wattseal.edge.token_verbs import cli as tokens
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import HalfRole, Role, Suite

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
cli.add_typer(tokens, name="token")
log = logging.getLogger("wattseal.keyserver")

Data = Annotated[Path, typer.Option(help="The half's own data directory (mode 0700).")]
Passphrase = Annotated[
    Path, typer.Option("--passphrase-file", envvar="WATTSEAL_PASSPHRASE_FILE", help="Owner-only file that unseals it.")
]
_HALVES: dict[str, HalfRole] = {"decryptor": Role.DECRYPTOR, "unblinder": Role.UNBLINDER}
HalfName = Annotated[str, typer.Option("--role", help="decryptor or unblinder")]


@cli.command()
def init(
    data: Data,
    passphrase_file: Passphrase,
    role: HalfName,
    first_window: Annotated[str, typer.Option(help="First date of the first key period.")] = "2026-01-01",
    last_window: Annotated[str, typer.Option(help="Last date of it.")] = "2026-12-31",
    suite: Annotated[int, typer.Option(help="1: Paillier with 3,072 bits; 2: CKKS; 3: masking.")] = int(
        Suite.PAILLIER_3072
    ),
) -> None:
    """Make fresh keys and tokens, and print the public keys that the other operators pin."""
    from wattseal.keyserver.house import create_half

    typer.echo(json.dumps(create_half(data, passphrase_file, _half(role), suite, first_window, last_window)))


@cli.command()
def countersign(
    data: Data,
    passphrase_file: Passphrase,
    document: Annotated[
        Path, typer.Argument(help="Roster or tariff signed by the utility; the countersignature is added to it.")
    ],
) -> None:
    """Add the unblinder operator's signature to a roster or tariff, after checking the utility's."""
    from wattseal.edge.countersign import countersign_file
    from wattseal.edge.home import Home

    typer.echo(json.dumps(countersign_file(Home(data, passphrase_file), document, "unblinder_operator")))


@cli.command()
def serve(
    data: Annotated[Path, typer.Option(help="Data directory of the half; with --role both, the one above both.")],
    passphrase_file: Passphrase,
    role: Annotated[str, typer.Option(help="decryptor, unblinder or both")],
    unblinder_url: Annotated[str | None, typer.Option(help="Where the decryptor reaches the other half.")] = None,
    policy: Annotated[str | None, typer.Option(help="Policy pack: a name or a .toml file; trial if absent.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM file; without it the address must be a loopback one.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    replay: Annotated[bool, typer.Option(help="Take rosters for past windows: for trial runs on old data.")] = False,
    backend: Annotated[
        Backend,
        typer.Option(help="The library: ours, or a published one, python-paillier or SEAL (extra `reference`)."),
    ] = Backend.OURS,
    sum_ahead: Annotated[
        bool, typer.Option(help="While nobody asks, add up pads or tags of today and the three days before.")
    ] = True,
    roster_rows: Annotated[
        int, typer.Option(min=0, help="So many rows of rosters are kept in memory, some 0.5 kB each.")
    ] = 1 << 20,
    until_stdin_closes: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Serve until stopped; prints `ready URL` once it listens."""
    from wattseal.edge.serving import Listen, serve
    from wattseal.keyserver.house import HalfOptions, open_app

    log_to_stderr()
    if role == "both":
        log.warning("both halves run in this one process: that voids their separation")
    else:
        _half(role)
    options = HalfOptions(passphrase_file, policy, replay, unblinder_url, backend, roster_rows, sum_ahead)
    listen = Listen(host, port, tls_certificate, tls_key)
    with open_app(data, role, options) as app:
        serve(app, listen, until_stdin_closes=until_stdin_closes)


Url = Annotated[str, typer.Option(help="Address of the running half.")]
OperatorToken = Annotated[Path, typer.Option("--token", help="Owner-only file with its operator's token.")]


@cli.command()
def rotate(
    url: Url,
    token: OperatorToken,
    period: Annotated[int, typer.Option(min=2, help="Its number: one more than the latest.")],
    first_window: Annotated[str | None, typer.Option(help="First date of the next key period.")] = None,
    last_window: Annotated[str | None, typer.Option(help="Last date of it.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the decryptor's new key notice goes.")] = None,
) -> None:
    """Begin the next key period of a running half; the decryptor's dates are for both. Again: no change."""
    from wattseal.keyserver.operations import begin_period

    typer.echo(json.dumps(begin_period(url, token, period, first_window, last_window, out)))


@cli.command()
def destroy(
    url: Url,
    token: OperatorToken,
    period: Annotated[int, typer.Option(min=1, help="Number of a key period that is over.")],
) -> None:
    """Destroy a key period: nobody can open its reports any more. There is no way back."""
    from wattseal.keyserver.operations import destroy_period

    typer.echo(json.dumps(destroy_period(url, token, period)))


@cli.command()
def enrol(
    url: Url,
    token: Annotated[Path, typer.Option(help="Owner-only file with the fleet's token.")],
    region: Annotated[str, typer.Option(help="Region whose meters get keys.")],
    window: Annotated[str, typer.Option(help="A date on which the meters' roster is in force.")],
    out: Annotated[Path, typer.Option(help="Where the signed enrolment goes: a sealed box for each meter.")],
    month: Annotated[list[str], typer.Option(help="YYYY-MM, for the check keys; repeat for several.")],
    period: Annotated[int, typer.Option(min=1, help="Key period.")] = 1,
) -> None:
    """Fetch a half's keys for the meters of a roster as a file, each sealed to its meter."""
    from wattseal.keyserver.operations import fetch_enrolment

    typer.echo(json.dumps(fetch_enrolment(url, token, region, window, month, period, out)))


@cli.command()
def reset_item(
    url: Url,
    token: OperatorToken,
    document: Annotated[Path, typer.Argument(help="The reset, signed by all three operators.")],
) -> None:
    """Let an item that the decryptor failed to open three times be attempted again."""
    from wattseal.keyserver.operations import hand_in_reset

    typer.echo(json.dumps(hand_in_reset(url, token, document)))


BackupPassphrase = Annotated[
    Path, typer.Option(help="Owner-only file with the backup's own passphrase, which is kept elsewhere.")
]


@cli.command()
def backup(
    data: Data,
    passphrase_file: Passphrase,
    out: Annotated[Path, typer.Option(help="The backup: one sealed file.")],
    backup_passphrase_file: BackupPassphrase,
) -> None:
    """Back a half up, ledger included, whether it runs or not."""
    from wattseal.keyserver.backup import back_up

    typer.echo(json.dumps(back_up(data, passphrase_file, out, backup_passphrase_file)))


@cli.command()
def restore(
    data: Annotated[Path, typer.Option(help="The half's new data directory, which is not there yet.")],
    passphrase_file: Passphrase,
    source: Annotated[Path, typer.Option("--from", help="The backup.")],
    backup_passphrase_file: BackupPassphrase,
) -> None:
    """Make a half's home from a backup. One that is behind what others have seen of its ledger will not serve."""
    from wattseal.keyserver.backup import restore as order

    typer.echo(json.dumps(order(source, backup_passphrase_file, data, passphrase_file)))


def _half(name: str) -> HalfRole:
    if name not in _HALVES:
        raise UsageError(f"--role is decryptor or unblinder, not '{name}'")
    return _HALVES[name]


def main() -> None:
    run_role(cli)


if __name__ == "__main__":
    main()
