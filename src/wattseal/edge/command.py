"""How every command ends: one clear line on standard error and an exit status, never a traceback for a mistake."""

import logging
import os
import signal
import sys
from collections.abc import Callable

from typer.exceptions import Abort, TyperException

from wattseal.protocol.errors import Refused, Unavailable, WattsealError

WRONG_INPUT, REFUSED, UNAVAILABLE, INTERRUPTED = 2, 3, 4, 130
TERMINATED = 128 + signal.SIGTERM


def run(cli: Callable[..., object]) -> None:
    """Run a Typer application to the end of the process.

    Exit status 2 for wrong input, 3 for a refusal, 4 for what is not available now, 130 for Ctrl-C.
    """
    try:
        status = cli(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except TyperException as error:
        _end_usage(error)
    except Refused as error:
        _end(f"refused ({error.slug}): {error}", REFUSED)
    except Unavailable as error:
        _end(str(error), UNAVAILABLE)
    except WattsealError as error:
        _end(str(error), WRONG_INPUT)
    except (KeyboardInterrupt, Abort):
        _end("stopped", INTERRUPTED)


def run_role(cli: Callable[..., object]) -> None:
    """As `run`; and whatever the role writes, only its owner can read."""
    os.umask(0o077)
    run(cli)


def clean_up_on_sigterm() -> None:
    """Ended by its parent or the machine, a command cleans up as on Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))


def log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _end_usage(error: TyperException) -> None:
    describe: Callable[[], str] = getattr(error, "format_message", error.__str__)
    text = describe()
    if not text:  # called without a verb: the help is out already
        sys.exit(WRONG_INPUT)
    _end(f"{text.rstrip('.')}; --help tells more", WRONG_INPUT)


def _end(text: str, status: int) -> None:
    # Another role's words may be in it: no line breaks, no control sequences for the terminal.
    line = "".join(character if character.isprintable() else " " for character in text)
    sys.stderr.write(f"wattseal: {line}\n")
    sys.exit(status)
