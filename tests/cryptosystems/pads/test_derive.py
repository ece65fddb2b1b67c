"""Keys from roots: HKDF, one key for each purpose, and no way back."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cryptosystems.paillier.vectors import load, secret
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.derive import Root
from wattseal.cryptosystems.pads.label import Use
from wattseal.cryptosystems.secret import Secret

INSTALLATION = bytes(32)
ROOT = Root(Secret(bytes(range(32))), 0)


def test_the_vector() -> None:
    vector = load("derivation")
    root = Root(secret(vector["root"]), vector["period"])
    subject = (vector["region"], vector["meter"], bytes.fromhex(vector["installation"]))
    assert {use: root.meter_key(Use(use), *subject).expose().hex() for use in vector["meter_keys"]} == vector[
        "meter_keys"
    ]
    months = vector["check_keys"]
    assert {month: root.check_key(vector["region"], month).expose().hex() for month in months} == months
    assert (root.next().secret.expose().hex(), root.next().period) == (vector["next_root"], 6)


def test_every_purpose_has_its_own_key() -> None:
    """Use, region, meter, installation, root (half) and period each change the key."""
    roots = (ROOT, Root(Secret(bytes(32)), 0), Root(ROOT.secret, 1), ROOT.next())
    subjects = list(itertools.product(Use, ("north", "south"), ("m1", "m2"), (INSTALLATION, bytes([1] * 32))))
    keys = [root.meter_key(*subject) for root in roots for subject in subjects]
    keys += [
        root.check_key(region, month)
        for root in roots
        for region in ("north", "south")
        for month in ("2026-03", "2026-04")
    ]
    keys += [root.next().secret for root in roots]
    assert len({key.expose() for key in keys}) == len(keys)


names = st.text(max_size=4)


@given(names, names, names, names)
def test_names_never_run_into_each_other(region: str, meter: str, other_region: str, other_meter: str) -> None:
    a = ROOT.meter_key(Use.PAD, region, meter, INSTALLATION)
    b = ROOT.meter_key(Use.PAD, other_region, other_meter, INSTALLATION)
    assert (a == b) == ((region, meter) == (other_region, other_meter))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_sizes_are_checked(size: int) -> None:
    with pytest.raises(ParameterError, match="root has 32 bytes"):
        Root(Secret(bytes(size)), 0)
    with pytest.raises(ParameterError, match="X25519 public key has 32 bytes"):
        ROOT.meter_key(Use.PAD, "north", "m1", bytes(size))


@pytest.mark.parametrize("period", [-1, 1 << 32])
def test_periods_are_checked(period: int) -> None:
    with pytest.raises(ParameterError, match="key period"):
        Root(ROOT.secret, period)


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "2026-3", "26-03", "2026-03-01", "2026-03\n", "٢٠٢٦-03"])
def test_months_have_one_spelling(month: str) -> None:
    with pytest.raises(ParameterError, match="YYYY-MM"):
        ROOT.check_key("north", month)


def test_a_root_prints_no_secret() -> None:
    assert repr(ROOT) == "Root(secret=Secret(redacted), period=0)"
