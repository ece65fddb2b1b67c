"""Energies as texts against Python's Decimal."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattseal.meter_sim.replay_text import ABSENT, BAD, energy_fault, name_fault, parse_energies

DIGITS = st.text("0123456789", max_size=20)


def exact(text: str, digits: int) -> tuple[int, bool]:
    with localcontext(prec=2000, Emin=-10_000, Emax=10_000):
        value = Decimal(text).scaleb(digits)
        if value > 1 << 45:
            return BAD, False
        whole = int(value.to_integral_value(ROUND_HALF_EVEN))
        if value < 0 or whole > 1 << 40:
            return BAD, False
        return whole, abs(value - whole) > Decimal("1e-6")


def parsed(text: str, digits: int) -> tuple[int, bool]:
    result = parse_energies(pl.Series([text]), digits)
    return int(result.wh[0]), bool(result.rounded[0])


@pytest.mark.parametrize("digits", [0, 3])
@settings(max_examples=150, deadline=None)
@given(
    whole=DIGITS,
    fraction=st.one_of(
        DIGITS,
        st.builds(lambda head, tail: head + "5" + tail, st.text("0123456789", max_size=4), st.text("0", max_size=9)),
    ),
    exponent=st.none() | st.integers(-30, 20),
    sign=st.sampled_from(["", "+", "-"]),
)
def test_any_decimal_is_rounded_exactly(
    digits: int, whole: str, fraction: str, exponent: int | None, sign: str
) -> None:
    text = sign + (whole or "0") + "." + fraction + ("" if exponent is None else f"e{exponent}")
    assert parsed(text, digits) == exact(text, digits)


@pytest.mark.parametrize(
    ("text", "wh", "rounded"),
    [
        ("0.48200000000000004", 482, False),
        ("0.48199999999999998", 482, False),
        ("0.0005", 0, True),
        ("0.0015", 2, True),
        ("1.0015", 1002, True),
        ("0.00050000000000000000000000000001", 1, True),
        ("0.000000001", 0, False),
        ("0.0000000011", 0, True),
        ("0.000999999", 1, False),
        ("0.0009999989", 1, True),
        (".5", 500, False),
        ("7.", 7000, False),
        ("-0.0", 0, False),
        ("5E-05", 0, True),
        ("1e3", 1_000_000, False),
        ("1099511627.776", 1 << 40, False),
        ("", ABSENT, False),
        ("nan", ABSENT, False),
    ],
)
def test_kwh(text: str, wh: int, rounded: bool) -> None:
    assert parsed(text, 3) == (wh, rounded)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-1", "negative"),
        ("-1e-9", "negative"),
        ("inf", "not finite"),
        ("-Infinity", "not finite"),
        ("12a", "not a number"),
        ("1,5", "not a number"),
        ("0x10", "not a number"),
        (".", "not a number"),
        ("1 2", "not a number"),
        ("1_000", "not a decimal number of at most 2^40 Wh"),
        ("١٢", "not a decimal number of at most 2^40 Wh"),
        ("1099511627.777", "not a decimal number of at most 2^40 Wh"),
        ("9223372036854775.8079", "not a decimal number of at most 2^40 Wh"),
        ("1e999", "not a decimal number of at most 2^40 Wh"),
        ("1e9999", "not a decimal number of at most 2^40 Wh"),
        ("9" * 500, "not a decimal number of at most 2^40 Wh"),
    ],
)
def test_bad_energies(text: str, why: str) -> None:
    assert parsed(text, 3) == (BAD, False)
    assert why in energy_fault(text)


@pytest.mark.parametrize(
    ("name", "why"),
    [("", "empty"), ("a\x7f", "control"), ("a\udcff", "control"), ("x" * 65, "longer"), ("é" * 33, "longer")],
)
def test_bad_names(name: str, why: str) -> None:
    assert why in (name_fault(name) or "")


@pytest.mark.parametrize("name", ["a", "x" * 64, "é" * 32, "Zähler, 7"])
def test_good_names(name: str) -> None:
    assert name_fault(name) is None
