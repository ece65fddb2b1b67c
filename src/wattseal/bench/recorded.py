"""The check against an earlier run: ratios are compared, never times, so that it holds on any machine."""

import json
from collections.abc import Mapping
from pathlib import Path

from wattseal.bench.results import BenchResult
from wattseal.protocol.errors import UsageError

TOLERANCE = 1.5
"""How much worse than recorded a ratio may be before it counts as a regression: machines differ in their units."""


def regressions(result: BenchResult, recorded: Mapping[str, float]) -> list[str]:
    """A line for each ratio that is worse than recorded."""
    return [
        f"{ratio.name}: {ratio.value:.3g}, recorded {recorded[ratio.name]:.3g}"
        for ratio in result.ratios
        if ratio.name in recorded and ratio.value > TOLERANCE * recorded[ratio.name]
    ]


def recorded_ratios(path: Path) -> dict[str, float]:
    """By name. Raises UsageError for a file that is no run of this command."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["ratios"]
        return {str(ratio["name"]): float(ratio["value"]) for ratio in found}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"--against {path}: not a run of this command ({type(error).__name__})") from None
