"""`token`: what an operator does with the access tokens of one service. A running service follows the file at once."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattseal.protocol.errors import UsageError

if TYPE_CHECKING:
    from wattseal.edge.access import Holder

cli = typer.Typer(no_args_is_help=True, help="Access tokens of this service: add, list, revoke.")

Data = Annotated[Path, typer.Option(help="The service's own data directory (mode 0700).")]
Name = Annotated[str, typer.Option(help="Whom the token is for: a recipient's name, in small letters.")]


@cli.command()
def add(
    data: Data,
    name: Name,
    scope: Annotated[list[str], typer.Option(help="collector, billing, auditor, operator or fleet; may be repeated.")],
    days: Annotated[int, typer.Option(min=1, max=3_650, help="When it ends.")] = 365,
    questions_per_day: Annotated[int | None, typer.Option(min=1, help="How many questions it may ask.")] = None,
    at_once: Annotated[int | None, typer.Option(min=1, help="How many are answered at the same time.")] = None,
) -> None:
    """Make a token and print it, this one time: only a key to check it by is kept."""
    from pydantic import ValidationError

    from wattseal.edge.access import AT_ONCE, QUESTIONS_PER_DAY, Holder, Scope, add_token
    from wattseal.protocol.codec import first_fault
    from wattseal.protocol.time import SECONDS_PER_DAY, system_clock

    unknown = [one for one in scope if one not in list(Scope)]
    if unknown:
        raise UsageError(f"--scope: '{unknown[0]}' is none of {', '.join(Scope)}")
    try:
        holder = Holder(
            name=name,
            scopes=tuple(Scope(one) for one in dict.fromkeys(scope)),
            token_key=bytes(32),
            expires=int(system_clock()) + days * SECONDS_PER_DAY,
            questions_per_day=QUESTIONS_PER_DAY if questions_per_day is None else questions_per_day,
            at_once=AT_ONCE if at_once is None else at_once,
        )
    except ValidationError as error:
        raise UsageError(f"--{first_fault(error)}") from None
    token = add_token(_file(data), holder)
    typer.echo(json.dumps({**_told(holder), "token": token}))


@cli.command("list")
def list_tokens(data: Data) -> None:
    """Names, scopes, ends and budgets; no token can be told any more."""
    from wattseal.edge.access import holders_in

    typer.echo(json.dumps([_told(holder) for holder in holders_in(_file(data))]))


@cli.command()
def revoke(data: Data, name: Name) -> None:
    """Void a token from the next request on."""
    from wattseal.edge.access import revoke_token

    revoke_token(_file(data), name)
    typer.echo(json.dumps({"revoked": name}))


def _file(data: Path) -> Path:
    from wattseal.edge.private_files import private_directory

    if not data.is_dir():
        raise UsageError(f"{data} is not a directory: run init first")
    return private_directory(data) / "tokens.json"


def _told(holder: "Holder") -> dict[str, object]:
    from wattseal.protocol.time import window_date, window_of

    return {
        "name": holder.name,
        "scopes": [scope.value for scope in holder.scopes],
        "expires": window_date(window_of(holder.expires)).isoformat(),
        "questions_per_day": holder.questions_per_day,
        "at_once": holder.at_once,
    }
