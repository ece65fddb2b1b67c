"""The annual report and a customer's own log say what the ledger says, and of one tenure only."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.keyserver.bill_run import END, FIRST, PURPOSE, Run, homes, running
from tests.policy.rosters import TRUST
from wattseal.collector.audit.customers import Customers
from wattseal.collector.audit.mine import who_asked
from wattseal.collector.audit.page import annual_page
from wattseal.collector.audit.report import Annual, Budget, Measure, Purpose, Recipient, Rule, annual
from wattseal.collector.audit.sources import LedgerFile
from wattseal.collector.audit.verify import Audited, audit
from wattseal.keyserver.ledger import About
from wattseal.protocol.errors import Refused, UnknownSubject, UsageError
from wattseal.protocol.ids import Channel, CohortId, Role, Window
from wattseal.protocol.release import ReleaseNoise
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import TotalStatement, positions_to_bits
from wattseal.protocol.time import MINUTES_PER_DAY, year_of

MOVED = Window(FIRST + 40)
ROSTERS = (
    homes(),
    homes(effective=MOVED, m1={"account": "new tenant", "tenure_since": MOVED}),
)
YEAR = year_of(END * 60)
WAIVER, EXTENSION = b"w" * 32, b"e" * 32
NOISE = ReleaseNoise(sigma=9, rho_millionths=100, spent_rho_millionths=100, budget_rho_millionths=500)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A bill of two meters, of which m1 changed hands within the cycle, totals of a day before and after, refusals."""
    with running(tmp_path, rosters=ROSTERS) as run:
        _released(run, run.rosters[0], FIRST)
        _released(run, run.rosters[1], MOVED)
        first, after = run.cycle.minutes
        cut = MOVED * MINUTES_PER_DAY
        run.release(
            run.statement(run.segment("m0"), run.segment("m1", 0, (first, cut)), run.segment("m1", 0, (cut, after)))
        )
        for _ in range(20):
            with pytest.raises(Refused):
                run.ask(run.answer(run.of("m3", purpose="curiosity")))
    return tmp_path / "decryptor.sqlite"


def _released(run: Run, roster: Roster, window: Window) -> None:
    """As the decryptor records a total of all but m5."""
    half, meters = run.decryptor, list(roster.by_meter)
    statement = TotalStatement(
        purpose="research",
        region=roster.region,
        cohort=CohortId("town"),
        channel=Channel.DELIVERED,
        window=window,
        suite=roster.suite,
        key_id=1,
        layout_id=roster.layout_id,
        roster_digest=roster.fingerprint,
        members=positions_to_bits(range(5), len(meters)),
    )
    digest = statement.digest()
    noise = NOISE if window == FIRST else NOISE.model_copy(update={"spent_rho_millionths": 300})
    resting = {"waivers": [WAIVER], "extensions": [EXTENSION] if window == FIRST else []}
    half.ledger.intend(digest, statement.to_bytes(), statement.region_day, "research", noise=noise, **resting)
    heads = (half.head().to_bytes(), run.unblinder.head().to_bytes())
    half.ledger.finish(digest, digest, statement.region_day, b"release", b"opened", heads, recipient="planner")
    if window == FIRST:
        for _ in range(2):
            half.ledger.hand_out(digest, "regulator")


def audited(ledger: Path) -> tuple[Audited, Customers]:
    return audit(LedgerFile(ledger), TRUST), Customers(ROSTERS)


def test_a_year(ledger: Path) -> None:
    found, customers = audited(ledger)
    told = annual(found, customers, YEAR, compared=False)
    assert told.findings == ()
    assert told.purposes == (
        Purpose(PURPOSE, "bills", asked=1, released=1, meters=2, accounts=3),
        Purpose("research", "totals", asked=2, released=2, meters=5, accounts=6),
    )
    assert told.rules == (Rule("purpose-not-permitted", refusals=16, statements=1),)
    assert (told.meters, told.accounts) == (5, 6)
    assert told.budgets == (Budget("research", 2, most_spent_rho_millionths=300, budget_rho_millionths=500),)
    assert told.measures == (Measure("budget extension", EXTENSION.hex(), 1), Measure("waiver", WAIVER.hex(), 2))
    assert told.recipients == (
        Recipient("collector", 1, (PURPOSE,)),
        Recipient("planner", 2, ("research",)),
        Recipient("regulator", 1, ("research",)),
    )


def test_another_year_is_empty(ledger: Path) -> None:
    told = annual(*audited(ledger), YEAR - 1, compared=False)
    assert (told.purposes, told.rules, told.meters) == ((), (), 0)
    page = annual_page(told).decode()
    assert "Nothing was asked." in page
    assert "Nothing was refused." in page
    assert "No total with noise was granted." in page
    assert "could rest on a waiver or a budget extension" in page


def test_the_page_says_it_all_and_escapes_it(ledger: Path) -> None:
    told = annual(*audited(ledger), YEAR, compared=True)
    page = annual_page(told).decode()
    for word in (
        "purpose-not-permitted",
        "research",
        PURPOSE,
        told.head[:16],
        WAIVER.hex(),
        "tells of the same releases",
    ):
        assert word in page
    hostile = Annual(
        **{
            **told.to_json(),
            "findings": ("<script>",),
            "purposes": (),
            "rules": (),
            "keys": (),
            "recipients": (),
            "budgets": (),
            "measures": (),
        }
    )
    assert "&lt;script&gt;" in annual_page(hostile).decode()
    assert json.loads(json.dumps(told.to_json()))["meters"] == 5


def rows(ledger: Path, name: str, on: Window | None = None) -> list[tuple[str, str]]:
    told: dict[str, Any] = who_asked(*audited(ledger), name, on)
    return [(row["what"].split(",")[0], row["told"]) for row in told["releases"]]


def test_who_asked_about_one_tenure(ledger: Path) -> None:
    """The new tenant does not see what was asked about the former one, nor the other way round."""
    total = "total of town on {}"
    first, moved = (total.format(date.fromordinal(date(1970, 1, 1).toordinal() + day)) for day in (FIRST, MOVED))
    bill = ("bill 2026-05-01 to 2026-05-31", "this meter's own, among 2 bills")
    assert rows(ledger, "m0") == [(first, "a sum of 5 meters"), (moved, "a sum of 5 meters"), bill]
    assert rows(ledger, "m1") == rows(ledger, "new tenant") == [(moved, "a sum of 5 meters"), bill]
    assert rows(ledger, "m1", FIRST) == rows(ledger, "account of m1") == [(first, "a sum of 5 meters"), bill]
    assert rows(ledger, "m5") == []
    for name, on in (("m9", None), ("nobody", None), ("new tenant", FIRST)):
        with pytest.raises(UnknownSubject):
            rows(ledger, name, on)


def test_a_roster_that_is_not_at_hand(ledger: Path) -> None:
    with pytest.raises(UsageError, match="is not at hand"):
        annual(audit(LedgerFile(ledger), TRUST), Customers(ROSTERS[:1]), YEAR, compared=False)


def test_repeats_of_a_refusal_are_bounded(tmp_path: Path) -> None:
    """A thousand times the same: the first eight, then every doubling; another reason counts anew."""
    with running(tmp_path) as run:
        ledger = run.decryptor.ledger
        about = About(b"d" * 32, ROSTERS[0].region, PURPOSE)
        for _ in range(1000):
            ledger.refuse(about, "group-too-small")
        ledger.refuse(about, "pinned-otherwise")
        times = [json.loads(entry.body)["times"] for entry in ledger.entries(1, 1000)]
        assert times == [*range(1, 9), 16, 32, 64, 128, 256, 512, 1]
        ledger.checkpoint()
    (many, one) = annual(
        audit(LedgerFile(tmp_path / f"{Role.DECRYPTOR}.sqlite"), TRUST), Customers(()), YEAR, compared=False
    ).rules
    assert (many, one) == (Rule("group-too-small", 512, 1), Rule("pinned-otherwise", 1, 1))
