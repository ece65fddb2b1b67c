"""Reads the CKKS vectors and turns their fields into the package's types."""

import json
from pathlib import Path
from typing import Any

from wattseal.cryptosystems.ckks.parameters import CKKS_4096, CkksParameters, insecure_parameters
from wattseal.cryptosystems.slots.layout import SlotLayout

_DIRECTORY = Path(__file__).parents[2] / "vectors" / "v1"
SIZES = ("insecure_64", "15_minutes")


def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((_DIRECTORY / f"ckks_{name}.json").read_text())
    return content


def names(prefix: str) -> list[str]:
    found = sorted(path.stem.removeprefix("ckks_") for path in _DIRECTORY.glob(f"ckks_{prefix}*.json"))
    assert found, prefix
    return found


def ring(degree: int) -> CkksParameters:
    return CKKS_4096 if degree == CKKS_4096.degree else insecure_parameters(degree)


def day(size: str) -> tuple[CkksParameters, SlotLayout]:
    fields = load(f"layout_{size}")
    edges = tuple(fields["bucket_edges"])
    layout = SlotLayout(fields["intervals"], fields["read_bits"], fields["headroom_bits"], edges)
    return ring(fields["degree"]), layout
