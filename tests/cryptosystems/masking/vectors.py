"""Reads the masking vectors and turns their fields into the package's types."""

import json
from pathlib import Path
from typing import Any

from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.slots.layout import SlotLayout

_DIRECTORY = Path(__file__).parents[2] / "vectors" / "v1"
SIZES = ("small", "15_minutes", "10_minutes")


def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((_DIRECTORY / f"masking_{name}.json").read_text())
    return content


def names(prefix: str) -> list[str]:
    found = sorted(path.stem.removeprefix("masking_") for path in _DIRECTORY.glob(f"masking_{prefix}*.json"))
    assert found, prefix
    return found


def parameters(size: str) -> MaskingParameters:
    fields = load(f"layout_{size}")
    edges = tuple(fields["bucket_edges"])
    return MaskingParameters(SlotLayout(fields["intervals"], fields["read_bits"], fields["headroom_bits"], edges))
