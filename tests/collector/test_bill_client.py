"""Asking for bills: what the client and the command check of each answer, and how they end."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.collector.billed import CUT, REGION, Roles, asking, deployed, estimated, plain_reads, segment, terms
from tests.commands.shell import Ended, wattseal
from tests.protocol.samples import head
from tests.protocol.tariff.samples import ENERGY, MAY, PACIFIC, TOU, tariff
from wattseal.collector.bill import BillOptions, bill
from wattseal.collector.bill_terms import Account
from wattseal.collector.bills import Settled, Unbilled, same_bill
from wattseal.edge.private_files import read_private
from wattseal.protocol.billing import BillResult, Cancels
from wattseal.protocol.codec import to_base64
from wattseal.protocol.errors import (
    Contradiction,
    MalformedMessage,
    NobodyReported,
    RankExhausted,
    SignatureInvalid,
    StoreUnavailable,
    UnknownSubject,
    UsageError,
    VerificationRefused,
)
from wattseal.protocol.ids import Role
from wattseal.protocol.tariff.bill import Customer
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.plain import plain_bill
from wattseal.protocol.tariff.toml_file import load_toml, packaged

E1 = packaged("E-1")
X = Customer("X")
CANCELLING = segment("m1").model_copy(update={"cancels": Cancels(statement=bytes(32), release=bytes(32))})
CYCLE = "2026-05-01..2026-05-31"


def ask(roles: Roles, directory: Path, *meters: str) -> list[Settled | Unbilled]:
    with asking(roles, directory / "heads.json") as client:
        accounts = dict.fromkeys(meters or ("m1",), Account(customer=X))
        return client.bills(accounts, roles.terms, region=REGION)


def test_bills_come_checked_and_equal_to_the_plain_ones(tmp_path: Path) -> None:
    roles = Roles(terms())
    found = ask(roles, tmp_path, "m2", "m1")
    assert [one.meters for one in found] == [("m1",), ("m2",)]
    for one in found:
        assert isinstance(one, Settled)
        reads = [plain_reads(segment(one.meters[0]))]
        same_bill(one.bill, plain_bill(E1, MAY, reads, E1.modes(Mode.AMOUNT), X))
    assert roles.seen == ["bills", "heads", "bill-releases", "heads"]


def test_a_frame_has_a_row_a_bill(tmp_path: Path) -> None:
    roles = Roles(terms(), shut=("m2",))
    with asking(roles, tmp_path / "heads.json") as client:
        frame = client.bill(["m1", "m2"], MAY, E1, region=REGION, customer=X)
    reads = [plain_reads(segment("m1"))]
    cents = plain_bill(E1, MAY, reads, E1.modes(Mode.AMOUNT), X).total_cents
    assert frame["meter"].to_list() == ["m1", "m2"]
    assert frame["amount"].to_list() == [Decimal(cents).scaleb(-2), None]


def test_heads_are_kept_and_shown_to_the_unblinder_first(tmp_path: Path) -> None:
    roles = Roles(terms())
    ask(roles, tmp_path)
    kept = read_private(tmp_path / "heads.json")
    ask(roles, tmp_path)
    asked = ["bills", "heads", "bill-releases", "heads"]  # by the aggregator, before and after
    assert roles.seen == [*asked, "bills", "heads", "heads", "bill-releases", "heads"]
    assert read_private(tmp_path / "heads.json") == kept


def test_a_thousand_and_one_meters_are_two_statements(tmp_path: Path) -> None:
    roles = Roles(terms(tariff(ENERGY)))
    with asking(roles, tmp_path / "heads.json") as client:
        frame = client.bill([f"m{number}" for number in range(1_001)], MAY, roles.terms.tariff, region=REGION)
    assert len(frame) == 1_001
    assert roles.seen.count("bills") == 2


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"answer_key": "decryptor"}, SignatureInvalid, "bill answer"),
        ({"release_key": "aggregator"}, SignatureInvalid, "BillRelease"),
        ({"release_changes": {"unblinder_head": head(Role.DECRYPTOR)}}, SignatureInvalid, "Head"),
        ({"release_changes": {"statement": b"{}"}}, Contradiction, "another statement"),
        ({"release_changes": {"flagged": (1,)}}, Contradiction, "flagged"),
        ({"release_changes": {"results": (BillResult(values=(1,), opened=True),)}}, MalformedMessage, "result"),
        ({"statement_changes": {"mode": Mode.DETERMINANTS}}, Contradiction, "another question"),
        ({"statement_changes": {"tariff": bytes(32)}}, Contradiction, "another question"),
        ({"statement_changes": {"first": 20_573}}, Contradiction, "another question"),
        ({"statement_changes": {"after": 20_605}}, Contradiction, "another question"),
        ({"statement_changes": {"timezone": "America/Phoenix"}}, Contradiction, "another question"),
        ({"statement_changes": {"region": "south"}}, Contradiction, "another question"),
        ({"statement_changes": {"segments": (segment("m2"),)}}, Contradiction, "other meters"),
        ({"statement_changes": {"segments": (segment("m1"), segment("m2"))}}, Contradiction, "other meters"),
        ({"statement_changes": {"segments": (CANCELLING,)}}, Contradiction, "cancels other bills"),
        ({"refusal": NobodyReported("1 of the meters has no report")}, NobodyReported, "no report"),
        ({"refusal": RankExhausted("8 independent results")}, RankExhausted, "8"),
    ],
)
def test_what_is_not_an_answer(tmp_path: Path, changes: dict[str, Any], error: type[Exception], match: str) -> None:
    roles = Roles(terms(), **changes)
    with pytest.raises(error, match=match):
        ask(roles, tmp_path)
    cheated_by_decryptor = "release_changes" in changes or "release_key" in changes
    assert ("bill-releases" in roles.seen) is cheated_by_decryptor


def test_estimates_come_only_if_they_were_asked_for(tmp_path: Path) -> None:
    """Else an aggregator could have sums opened where a few cents do."""
    segments = {"m1": [estimated(segment("m1"))]}
    with pytest.raises(Contradiction, match="would estimate what it was not asked to"):
        ask(Roles(terms(), segments=segments), tmp_path)
    (found,) = ask(Roles(terms(estimates=True), segments=segments), tmp_path)
    assert isinstance(found, Settled)
    assert found.bill.by_registers == (MAY.minutes,)


def test_what_may_help_where_a_report_is_missing(tmp_path: Path) -> None:
    refusal = NobodyReported("1 of 1 meters have no report of this cycle")
    with town(tmp_path, refusal=refusal) as (_, directory):
        with pytest.raises(NobodyReported, match="of this cycle; --estimate bills what the registers show"):
            bill(options(directory))
        with pytest.raises(NobodyReported, match=r"of this cycle$"):
            bill(options(directory, estimate=True))


def test_nothing_is_asked_that_could_not_be_billed(tmp_path: Path) -> None:
    roles = Roles(terms())
    with asking(roles, tmp_path / "heads.json") as client, pytest.raises(UsageError, match="territory"):
        client.bills({"m1": Account(customer=X), "m2": Account()}, roles.terms, region=REGION)
    with asking(roles, tmp_path / "heads.json") as client, pytest.raises(UsageError, match="bill: meters"):
        client.bills({"not an id": Account(customer=X)}, roles.terms, region=REGION)
    with asking(roles, tmp_path / "heads.json") as client, pytest.raises(UnknownSubject, match="region south"):
        client.bill(["m1"], MAY, E1, region="south", customer=X)
    assert set(roles.seen) <= {"regions"}


def test_tariffs_that_are_registered(tmp_path: Path) -> None:
    with asking(Roles(terms(), tariffs=[E1]), tmp_path / "heads.json") as client:
        (listed,) = client.tariffs()
    assert listed == {"name": "E-1", "revision": E1.revision, "digest": to_base64(E1.fingerprint)}


@pytest.mark.parametrize("listed", [b"{}", b"[[]]", b'[{"name": 1}]', b'[{"region": "north"}]', b"<html>"])
def test_lists_that_are_none(tmp_path: Path, listed: bytes) -> None:
    roles = Roles(terms(), lists=listed)
    with asking(roles, tmp_path / "heads.json") as client:
        with pytest.raises(MalformedMessage, match="/v1/regions"):
            client.interval_minutes(REGION)
        if listed != b'[{"region": "north"}]':
            with pytest.raises(MalformedMessage, match="/v1/tariffs"):
                client.tariffs()


def options(directory: Path, **changes: Any) -> BillOptions:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {"meter": "m1", "cycle": CYCLE, "directory": directory, "region": REGION, "territory": "X"}
    return BillOptions(**{**fields, **changes})


@contextmanager
def town(tmp_path: Path, **changes: Any) -> Iterator[tuple[Roles, Path]]:  # noqa: ANN401 - any field's value
    roles = Roles(terms(), **{"tariffs": [E1], **changes})
    with deployed(roles, tmp_path / "town") as directory:
        yield roles, directory


def test_the_command_writes_what_it_prints(tmp_path: Path) -> None:
    with town(tmp_path) as (_, directory):
        answer = bill(options(directory, out=tmp_path / "out"))
    names = ["bills.csv", "bill-m1-2026-05-01.html", "bill-m1-2026-05-01.json"]
    assert answer["files"] == [str(tmp_path / "out" / name) for name in names]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    kept = json.loads((tmp_path / "out" / names[2]).read_bytes())
    assert kept == {name: value for name, value in answer.items() if name != "files"}
    assert (tmp_path / "out" / "bills.csv").read_text().splitlines()[1].startswith("m1,,2026-05-01,2026-05-31,E-1 ")
    assert f"${kept['amount']}" in (tmp_path / "out" / names[1]).read_text()


def test_a_bill_is_cancelled_by_its_own_file(tmp_path: Path) -> None:
    with town(tmp_path) as (roles, directory):
        earlier = bill(options(directory, out=tmp_path / "out"))
        roles.segments["m1"] = [segment("m1", number=1)]
        again = bill(options(directory, cancels=Path(earlier["files"][2]), program="CARE"))
        assert again["cancels"] == {"release": earlier["release"], "amount": earlier["amount"]}
        assert again["release"] != earlier["release"]
        (cancelled,) = roles.rebilled
        assert (to_base64(cancelled.release), to_base64(cancelled.statement)) == (
            earlier["release"],
            earlier["statement"],
        )
        assert Decimal(again["due"]) == Decimal(again["amount"]) - Decimal(earlier["amount"]) < 0
        asked = len(roles.seen)
        with pytest.raises(UsageError, match="other meters"):
            bill(options(directory, meter="m2", cancels=Path(earlier["files"][2])))
        with pytest.raises(UsageError, match="another cycle"):
            bill(options(directory, cycle="2026-05-02..2026-06-01", cancels=Path(earlier["files"][2])))
        assert set(roles.seen[asked:]) <= {"tariffs", "regions"}


def test_meters_of_the_account_are_billed_with_it(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("meter,account\nm1,account-1\nm2,other\nm9,account-1\n")
    parts = {"m9": [segment("m9", end=CUT)], "m1": [segment("m1", start=CUT)]}
    with town(tmp_path, segments=parts) as (_, directory):
        answer = bill(options(directory, accounts=accounts))
        with pytest.raises(UsageError, match="meter 'm3' is missing"):
            bill(options(directory, meter="m3", accounts=accounts))
    assert (answer["meters"], answer["account"]) == (["m9", "m1"], "account-1")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"mode": "guess"}, "--mode is amount or determinants, not 'guess'"),
        ({"therms_per_ccf": "much"}, "--therms-per-ccf"),
        ({"cycle": "2026-05"}, "2026-05"),
        ({"cycle": "2026-05-01..2026-05-02"}, "27 to 33"),
        ({"tariff": "E-9"}, "E-9"),
        ({"tariff": "missing.toml"}, "missing.toml"),
        ({"timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"territory": None}, "territory"),
        ({"program": "FREE"}, "FREE"),
        ({"accounts": Path("missing.csv")}, "missing.csv"),
        ({"cancels": Path("missing.json")}, "missing.json"),
        ({"out": Path("/proc/self/out")}, "--out"),
        ({"meter": "../m1"}, "bill: meters"),
    ],
)
def test_options_that_cannot_be_used(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    with town(tmp_path) as (roles, directory):
        with pytest.raises(UsageError, match=match):
            bill(options(directory, **changes))
        assert "bills" not in roles.seen


@pytest.mark.parametrize("registered", [[], [E1, packaged("E-TOU-C")], [tariff(ENERGY)], [tariff(TOU, name="E-1")]])
def test_without_a_tariff_the_one_registered_sheet_is_meant(tmp_path: Path, registered: list[Any]) -> None:
    with town(tmp_path, tariffs=registered) as (_, directory):
        with pytest.raises(UsageError, match=r"--tariff .* registered: (none|E-1|T-1)"):
            bill(options(directory))
        assert bill(options(directory, tariff="E-1"))["tariff"] == "E-1"


def test_a_tariff_from_elsewhere_needs_a_time_zone(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'version = 1\nname = "E-1"\nrevision = "mine"\ncommodity = "electricity"\ncustomer_class = "residential"\n'
        '[[charge]]\nkind = "energy"\nname = "Energy"\nprice = 0.3\n'
    )
    mine = load_toml(file)
    with deployed(Roles(terms(mine)), tmp_path / "town") as directory:
        asked = options(directory, tariff=str(file), territory=None)
        with pytest.raises(UsageError, match="--timezone is needed"):
            bill(asked)
        assert bill(replace(asked, timezone=PACIFIC))["revision"] == "mine"


def command(directory: Path, *words: object) -> Ended:
    return wattseal("bill", "m1", CYCLE, "--dir", directory, "--region", REGION, "--territory", "X", *words)


def test_the_command_line(tmp_path: Path) -> None:
    with town(tmp_path) as (roles, directory):
        answer = command(directory, "--json")
        assert (answer.json["meters"], answer.json["files"]) == (["m1"], [])
        text = command(directory)
        assert text.status == 0
        assert f"Amount due ${answer.json['amount']}" in " ".join(text.stdout.split())
        assert text.stdout.startswith("Electricity bill, meter m1\n")
        roles.refusal = RankExhausted("as many as may be")
        refused = command(directory)
        assert (refused.status, refused.words) == (3, "refused (rank-exhausted): as many as may be")
        roles.refusal = StoreUnavailable("later")
        assert command(directory).status == 4
        unusable = command(directory, "--mode", "guess")
        assert (unusable.status, unusable.words) == (2, "--mode is amount or determinants, not 'guess'")


def test_what_did_not_open_is_a_refusal_and_leaves_no_file(tmp_path: Path) -> None:
    with town(tmp_path, shut=("m1",)) as (_, directory), pytest.raises(VerificationRefused, match="not every result"):
        bill(options(directory, out=tmp_path / "out"))
    assert list((tmp_path / "out").iterdir()) == []


def test_what_did_not_open_is_cancelled_like_a_bill(tmp_path: Path) -> None:
    """Else a report that never opens, once billed, would stand in the way of its correction."""
    with town(tmp_path, shut=("m1",)) as (roles, directory):
        refused = command(directory, "--json")
        assert refused.status == 3
        (tmp_path / "none.json").write_text(refused.stdout)
        roles.shut, roles.segments["m1"] = (), [segment("m1", number=1)]
        again = bill(options(directory, cancels=tmp_path / "none.json"))
    told = json.loads(refused.stdout)
    assert (told["not_billed"], told["amount"]) == ("verification-failed", "0.00")
    assert again["cancels"] == {"release": told["release"], "amount": "0.00"}
    assert again["due"] == again["amount"]


def test_a_bill_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "out" / "bills.csv").mkdir(parents=True)
    with town(tmp_path) as (_, directory), pytest.raises(UsageError, match=r"bills\.csv: Is a directory"):
        bill(options(directory, out=tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["bills.csv"]


def test_without_services(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="wattseal up"):
        bill(options(tmp_path))
