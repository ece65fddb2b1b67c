"""Bills as tables and files: exact to the cent and the Wh, and read back as they were written."""

import csv
import hashlib
import io
import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.collector.billed import BOTH, CUT, estimated, released, segment, terms
from tests.protocol.tariff.samples import ENERGY, EXPORT, MAY, TOU, flat, tariff
from wattseal.collector.bill_files import (
    Found,
    bill_json,
    bills_csv,
    bills_frame,
    described,
    quantity,
    read_accounts,
    read_cancelled,
)
from wattseal.collector.bill_terms import Account, Terms
from wattseal.collector.bills import Settled, money, settled
from wattseal.protocol.billing import BillRelease, BillResult
from wattseal.protocol.codec import to_base64
from wattseal.protocol.errors import UsageError
from wattseal.protocol.tariff.bill import Cancelled
from wattseal.protocol.tariff.charges import Mode

NET = tariff(TOU, EXPORT)
SUMS = terms(NET, Mode.DETERMINANTS)
EARLIER = Cancelled(bytes(range(1, 33)), bytes(range(32)), 12_345)
HEAD = "meter,account,cycle_start,cycle_end,tariff,amount,determinants,estimated"


def with_values(of: Terms, *values: int, flagged: int = 0) -> BillRelease:
    """Of m1, on both channels."""
    channels = BOTH if of.tariff is NET else BOTH[:1]
    release = released(of, segment("m1", channels=channels))
    return release.model_copy(update={"results": (BillResult(values=values, opened=True),), "flagged": (flagged,)})


def one(of: Terms, *values: int, account: Account | None = None, flagged: int = 0) -> Found:
    (found,) = settled(with_values(of, *values, flagged=flagged), of, {"m1": account or Account()})
    return found


def written(*found: Found) -> list[list[str]]:
    return list(csv.reader(io.StringIO(bills_csv(found).decode(), newline="")))


def test_a_csv_to_the_byte() -> None:
    """100.001 kWh off-peak at 0.30 $, 20 at 0.50; fed in 3.333 at 0.04 and 0.5 at 0.09."""
    found = one(SUMS, 100_001, 20_000, 3_333, 500, account=Account("account 7"), flagged=2)
    energy = (
        '{""energy"":[{""channel"":""delivered"",""kwh"":""100.001"",""period"":""off-peak"",""schedule"":""tou""},'
        '{""channel"":""delivered"",""kwh"":""20.000"",""period"":""peak"",""schedule"":""tou""},'
        '{""channel"":""received"",""kwh"":""3.333"",""period"":""off-peak"",""schedule"":""tou""},'
        '{""channel"":""received"",""kwh"":""0.500"",""period"":""peak"",""schedule"":""tou""}]}'
    )
    row = f'm1,account 7,2026-05-01,2026-05-31,T-1 2026-03-01,39.82,"{energy}",true'
    assert bills_csv([found]) == f"{HEAD}\r\n{row}\r\n".encode()


def test_amounts_have_no_determinants() -> None:
    found = one(terms(NET), 12_030, -700)
    assert written(found) == [
        HEAD.split(","),
        ["m1", "", "2026-05-01", "2026-05-31", "T-1 2026-03-01", "113.30", "{}", "false"],
    ]


def test_a_cancelled_bill_is_a_row_of_its_own() -> None:
    """So the column adds up to what is due, over this file and the earlier one."""
    found = one(terms(NET), 12_030, -700, account=Account(cancels=EARLIER), flagged=1)
    back, bill = written(found)[1:]
    assert back[5:] == ["-123.45", json.dumps({"cancels": to_base64(EARLIER.release)}, separators=(",", ":")), "false"]
    assert bill[5:] == ["113.30", "{}", "true"]
    assert back[:5] == bill[:5]
    assert isinstance(found, Settled)
    assert Decimal(back[5]) + Decimal(bill[5]) == money(found.bill.due_cents)


def test_a_meter_without_a_bill_has_a_row_without_an_amount() -> None:
    of = terms(NET)
    found = settled(
        released(of, segment("m1"), segment("m2", end=CUT), segment("m2", start=CUT), shut=("m1",)),
        of,
        {"m1": Account("a"), "m2": Account()},
    )
    assert [row[5:] for row in written(*found)[1:]] == [
        ["", '{"not_billed":"verification-failed"}', "false"],
        ["", '{"not_billed":"usage"}', "false"],
    ]
    assert bills_frame(found)["amount"].to_list() == [None, None]
    assert described(found[0])["not_billed"] == "verification-failed"


def test_meters_of_one_bill_stand_in_one_row() -> None:
    of = terms(NET)
    release = released(of, segment("z1", end=CUT), segment("a1", start=CUT))
    (found,) = settled(release, of, dict.fromkeys(("z1", "a1"), Account("account-1")))
    assert written(found)[1][:2] == ["z1 a1", "account-1"]


def test_the_frame_has_the_rows_of_the_file() -> None:
    found = [one(SUMS, 1, 2, 3, 4, account=Account(cancels=EARLIER)), one(terms(NET), -1, 0)]
    frame = bills_frame(found)
    assert frame.schema == {
        "meter": pl.String,
        "account": pl.String,
        "cycle_start": pl.Date,
        "cycle_end": pl.Date,
        "tariff": pl.String,
        "amount": pl.Decimal(18, 2),
        "determinants": pl.String,
        "estimated": pl.Boolean,
    }
    assert frame["amount"].to_list() == [Decimal("-123.45"), Decimal("0.00"), Decimal("-0.01")]
    assert frame["cycle_end"].to_list() == [date(2026, 5, 31)] * 3
    texts = [[cell or "" for cell in row] for row in frame.with_columns(pl.exclude("estimated").cast(str)).rows()]
    assert [row[:-1] for row in written(*found)[1:]] == [row[:-1] for row in texts]
    assert bills_frame([]).columns == HEAD.split(",")
    assert bills_frame([]).is_empty()


def test_json_says_all_of_it() -> None:
    release = with_values(SUMS, 100_001, 20_000, 3_333, 500, flagged=2)
    (found,) = settled(release, SUMS, {"m1": Account("account 7", cancels=EARLIER)})
    assert isinstance(found, Settled)
    assert json.loads(bill_json(found)) == {
        "meters": ["m1"],
        "account": "account 7",
        "commodity": "electricity",
        "cycle_start": "2026-05-01",
        "cycle_end": "2026-05-31",
        "days": 30,
        "days_of_cycle": 30,
        "span": ["2026-05-01T07:00:00Z", "2026-05-31T07:00:00Z"],
        "timezone": "America/Los_Angeles",
        "tariff": "T-1",
        "revision": "2026-03-01",
        "tariff_digest": to_base64(NET.fingerprint),
        "mode": "determinants",
        "charges": [{"charge": "Energy", "amount": "40.00"}, {"charge": "Export", "amount": "-0.18"}],
        "amount": "39.82",
        "cancels": {"release": to_base64(EARLIER.release), "amount": "123.45"},
        "due": "-83.63",
        "estimated": [{"from": "2026-05-01T07:00:00Z", "to": "2026-05-31T07:00:00Z", "by": "reads"}],
        "energy": [
            {"channel": "delivered", "schedule": "tou", "period": "off-peak", "kwh": "100.001"},
            {"channel": "delivered", "schedule": "tou", "period": "peak", "kwh": "20.000"},
            {"channel": "received", "schedule": "tou", "period": "off-peak", "kwh": "3.333"},
            {"channel": "received", "schedule": "tou", "period": "peak", "kwh": "0.500"},
        ],
        "demand": [],
        "release": to_base64(found.release),
        "statement": to_base64(hashlib.sha256(release.statement).digest()),
    }


def test_a_bill_from_registers_is_marked_wherever_it_is_written() -> None:
    of = terms(NET, estimates=True)
    part = estimated(segment("m1", channels=BOTH))
    (found,) = settled(released(of, part), of, {"m1": Account()})
    assert written(found)[1][-1] == "true"
    assert described(found)["estimated"] == [
        {"from": "2026-05-01T07:00:00Z", "to": "2026-05-31T07:00:00Z", "by": "registers"}
    ]
    assert bills_frame([found])["estimated"].to_list() == [True]


def test_therms_have_six_decimals() -> None:
    gas = tariff(ENERGY, commodity="gas", schedules=(flat("year"),))
    of = terms(gas, therms_per_ccf=Decimal("1.034"))
    # 28,316.846592 litres are ten hundred cubic feet, 10.34 therms.
    found = one(of, 28_317)
    assert described(found)["energy"] == [
        {"channel": "delivered", "schedule": "total", "period": "", "therms": "10.340056"}
    ]


@given(st.integers(0, 10**15))
def test_a_quantity_of_energy_is_exact(wh: int) -> None:
    assert Fraction(quantity(Fraction(wh), "kwh")) == Fraction(wh, 1000)
    assert str(quantity(Fraction(wh), "kwh"))[-4] == "."


@given(st.integers(-(10**15), 10**15))
def test_money_is_exact(cents: int) -> None:
    assert Fraction(money(cents)) == Fraction(cents, 100)
    assert str(money(cents))[-3] == "."


def kept(directory: Path, found: Found) -> Path:
    assert isinstance(found, Settled)
    path = directory / "bill.json"
    path.write_bytes(bill_json(found))
    return path


def test_an_earlier_bill_is_read_back(tmp_path: Path) -> None:
    for values in ((12_030, -700), (0, -700), (0, -5), (0, 0)):
        found = one(terms(NET), *values)
        assert isinstance(found, Settled)
        earlier = Cancelled(found.statement, found.release, sum(values))
        assert read_cancelled(kept(tmp_path, found), ["m1"], MAY) == earlier


def test_what_is_cancelled_is_the_total_not_what_was_due(tmp_path: Path) -> None:
    found = one(terms(NET), 12_030, -700, account=Account(cancels=EARLIER))
    assert read_cancelled(kept(tmp_path, found), ["m1"], MAY).cents == 11_330


BAD_BILLS = {
    "no text": b"\xff",
    "no JSON": b"{",
    "not a bill": b"{}",
    "a list": b"[]",
    "amount": b'{"amount":"1e3"}',
}


@pytest.mark.parametrize("name", BAD_BILLS)
def test_a_file_that_is_no_bill(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bill.json"
    path.write_bytes(BAD_BILLS[name])
    with pytest.raises(UsageError):
        read_cancelled(path, ["m1"], MAY)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"meters": ["m1", "m2"]}, "other meters"),
        ({"meters": []}, "meters"),
        ({"cycle_start": "2026-04-30"}, "another cycle"),
        ({"cycle_end": "2026-06-01"}, "another cycle"),
        ({"cycle_end": "2026-05-01"}, "another cycle"),
        ({"cycle_start": "soon"}, "cycle_start"),
        ({"amount": "12"}, "amount"),
        ({"amount": "12.345"}, "amount"),
        ({"amount": 12.34}, "amount"),
        ({"amount": "1.00\n"}, "amount"),
        ({"release": "AAAA"}, "release"),
        ({"release": "!" * 43}, "release"),
        ({"statement": "AAAA"}, "statement"),
    ],
)
def test_a_bill_that_cannot_be_cancelled(tmp_path: Path, changes: dict[str, object], match: str) -> None:
    path = kept(tmp_path, one(terms(NET), 12_030, -700))
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}))
    with pytest.raises(UsageError, match=rf"bill\.json: .*{match}"):
        read_cancelled(path, ["m1"], MAY)


def test_accounts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text('name,account,meter\n"x, y",account 1,m1\nz,a2,m2,more\n')
    assert read_accounts(path) == {"m1": "account 1", "m2": "a2"}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "columns meter and account"),
        ("meter\nm1\n", "columns meter and account"),
        ("meter,account\nm1\n", "line 2"),
        ("meter,account\nm1,a\n,b\n", "line 3"),
        ("meter,account\nm1,a\nm1,b\n", "line 3: .*m1 is there already"),
        ("meter,account\n../m1,a\n", "line 2: meter"),
        ("meter,account\nm1,=1+1\n", "line 2: account"),
        ('meter,account\n"m1,a\n', "unexpected end"),
    ],
)
def test_accounts_that_cannot_be_used(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "accounts.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=rf"accounts\.csv.*{match}"):
        read_accounts(path)
    with pytest.raises(UsageError, match="No such file"):
        read_accounts(tmp_path / "missing.csv")
