"""What a person writes of bills on a command line, and what it means."""

from decimal import Decimal, InvalidOperation
from typing import Final

from wattseal.protocol.errors import UsageError
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.toml_file import packaged

SHEETS_ZONE: Final = "America/Los_Angeles"
"""Where the sheets that come with the package are valid."""


def sheet_named(name: str) -> Tariff | None:
    """The sheet of the package, if there is one."""
    try:
        return packaged(name)
    except UsageError:
        return None


def zone_for(given: str | None, tariff: Tariff, option: str = "--timezone") -> str:
    """Raises UsageError rather than guess at where hours begin."""
    if given is not None:
        return given
    sheet = sheet_named(tariff.name)
    if sheet is None or sheet.fingerprint != tariff.fingerprint:
        raise UsageError(f"{option} is needed: tariff {tariff.name} is not a sheet of the package")
    return SHEETS_ZONE


def mode_of(text: str) -> Mode:
    try:
        return Mode(text)
    except ValueError:
        raise UsageError(f"--mode is {' or '.join(Mode)}, not '{text}'") from None


def therms_of(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise UsageError(f"--therms-per-ccf is a decimal such as 1.034, not '{text}'") from None
