"""How a command ends: its exit status and the one line that it leaves."""

import pytest
import typer

from wattseal.edge.command import run
from wattseal.protocol.errors import (
    GroupTooSmall,
    LedgerBehind,
    PeerUnavailable,
    RemoteError,
    SignatureInvalid,
    Unauthorized,
    UsageError,
    WattsealError,
)


def failing(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UsageError("policy p.toml: name: missing"), 2, "policy p.toml: name: missing"),
        (SignatureInvalid("the signature does not match"), 2, "the signature does not match"),
        (Unauthorized("the token is not known"), 2, "the token is not known"),
        (RemoteError("status 502"), 2, "status 502"),
        (WattsealError("see this service's log"), 2, "see this service's log"),
        (GroupTooSmall("fewer than 15"), 3, "refused (group-too-small): fewer than 15"),
        (PeerUnavailable("no answer"), 4, "no answer"),
        (LedgerBehind("rolled back"), 4, "rolled back"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_status_and_line(capsys: pytest.CaptureFixture[str], error: BaseException, status: int, line: str) -> None:
    with pytest.raises(SystemExit) as end:
        run(lambda **_: failing(error))
    assert end.value.code == status
    assert capsys.readouterr() == ("", f"wattseal: {line}\n")


def test_a_command_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        run(lambda **_: "done")
    assert end.value.code == 0
    assert capsys.readouterr() == ("", "")


def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda **_: 1 // 0)


def test_what_another_role_said_stays_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(lambda **_: failing(RemoteError("two\nlines\r and \x1b[31mred\x9b")))
    assert capsys.readouterr().err == "wattseal: two lines  and  [31mred \n"


def test_a_mistake_on_the_command_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    cli = typer.Typer()

    @cli.command()
    def double(number: int) -> None: ...

    with pytest.raises(SystemExit) as end:
        run(lambda **options: cli(["two"], **options))
    assert end.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("wattseal: Invalid value for 'number'")
    assert output.err.count("\n") == 1
