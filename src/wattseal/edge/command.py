"""How every command ends: one clear line on standard error and an exit status, never a traceback for a mistake."""

import logging
import sys
from collections.abc import Callable

from wattseal.protocol.errors import Refused, Unavailable, WattsealError

WRONG_INPUT, REFUSED, UNAVAILABLE, INTERRUPTED = 2, 3, 4, 130


def run(command: Callable[[], object]) -> None:
    """Exit status 2 for wrong input, 3 for a refusal, 4 for what is not available now, 130 for Ctrl-C."""
    try:
        command()
    except Refused as error:
        _end(f"refused ({error.slug}): {error}", REFUSED)
    except Unavailable as error:
        _end(str(error), UNAVAILABLE)
    except WattsealError as error:
        _end(str(error), WRONG_INPUT)
    except KeyboardInterrupt:
        _end("stopped", INTERRUPTED)


def log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _end(text: str, status: int) -> None:
    # Another role's words may be in it: no line breaks, no control sequences for the terminal.
    line = "".join(character if character.isprintable() else " " for character in text)
    sys.stderr.write(f"wattseal: {line}\n")
    sys.exit(status)
