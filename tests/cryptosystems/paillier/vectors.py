"""Reads the Paillier vectors and turns their fields into the package's types."""

import json
from pathlib import Path
from typing import Any

from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.parameters import PAILLIER_3072, PaillierParameters, insecure_parameters
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout

_DIRECTORY = Path(__file__).parents[2] / "vectors" / "v1"
SIZES = ("insecure_1024", "3072")


def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((_DIRECTORY / f"paillier_{name}.json").read_text())
    return content


def names(prefix: str) -> list[str]:
    found = sorted(path.stem.removeprefix("paillier_") for path in _DIRECTORY.glob(f"paillier_{prefix}*.json"))
    assert found, prefix
    return found


def parameters_of(size: str) -> PaillierParameters:
    return PAILLIER_3072 if size == "3072" else insecure_parameters(1024)


def secret_key(size: str) -> SecretKey:
    return SecretKey.from_bytes(parameters_of(size), bytes.fromhex(load(f"key_{size}")["secret"]))


def layout(size: str) -> SlotLayout:
    fields = load(f"layout_{size}")
    edges = tuple(fields["bucket_edges"])
    return SlotLayout(fields["intervals"], fields["read_bits"], fields["headroom_bits"], edges)


def label(fields: dict[str, Any]) -> Label:
    """Names and hexadecimal bytes: `modulus_id`, and `registers` of a register report."""
    in_bytes: dict[str, Any] = {
        name: bytes.fromhex(fields[name]) for name in ("modulus_id", "registers") if name in fields
    }
    return Label(**{**fields, **in_bytes})


def secret(text: str) -> Secret:
    return Secret(bytes.fromhex(text))
