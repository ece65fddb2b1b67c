"""Every verb of every command, read off the commands themselves: none can be forgotten."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.main import get_command

ROLES = ("collector", "aggregator", "keyserver", "meter_sim", "bench")
Command = Any  # Typer's own classes of commands are no part of what it documents


class Verb(NamedTuple):
    """`words` follow the role's command; a role of one verb has none."""

    role: str
    words: tuple[str, ...]
    command: Command

    def __str__(self) -> str:
        return " ".join((self.role, *self.words))

    @property
    def shown(self) -> list[Command]:
        return [one for one in self.command.params if not getattr(one, "hidden", False)]


def all_verbs() -> list[Verb]:
    return [verb for role in ROLES for verb in _under(role, (), get_command(_cli_of(role)))]


def groups() -> list[tuple[str, ...]]:
    """Words of whatever only lists its verbs."""
    words = {(verb.role, *verb.words[:depth]) for verb in all_verbs() for depth in range(len(verb.words))}
    return sorted(words)


def _cli_of(role: str) -> typer.Typer:
    cli = import_module(f"wattseal.{role}.__main__").cli
    assert isinstance(cli, typer.Typer)
    return cli


def _under(role: str, words: tuple[str, ...], command: Command) -> Iterator[Verb]:
    below = getattr(command, "commands", {})
    if not below:
        yield Verb(role, words, command)
    for name, one in below.items():
        yield from _under(role, (*words, name), one)
