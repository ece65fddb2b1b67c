"""`wattseal policy`: what a pack permits, and which rule would decide, as the services' own rules do."""

import json
from pathlib import Path

import pytest

from tests.commands.shell import wattseal
from tests.commands.test_customers import STUDY
from tests.policy.rosters import TODAY, countersigned, roster, row, rows_of
from wattseal.collector.policy_check import Doubt, explained, table_of
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.policy.pack import named_policy
from wattseal.protocol.codec import to_base64
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel, CohortId
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import TotalStatement, positions_to_bits

SHOPS = [row(f"s{number:04}", "town/b", customer_class="commercial") for number in range(20)]
ROSTER = roster([*rows_of("town/a", 114), *rows_of("town/c", 30, 200), *SHOPS], layout_id=DEFAULT_LAYOUTS[15].layout_id)
CALIFORNIA, PUBLIC = "california-d1405016", "public-aggregates"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "roster.json"
    path.write_bytes(countersigned(ROSTER).to_bytes())
    return path


def statement(cohort: str, purpose: str, of: Roster = ROSTER) -> TotalStatement:
    count = len(of.active(CohortId(cohort), Channel.DELIVERED))
    return TotalStatement(
        purpose=purpose,
        region=of.region,
        cohort=CohortId(cohort),
        channel=Channel.DELIVERED,
        window=TODAY,
        suite=of.suite,
        key_id=1,
        layout_id=of.layout_id,
        roster_digest=of.fingerprint,
        members=positions_to_bits(range(count), count),
    )


def exported(path: Path, *statements: TotalStatement) -> Path:
    """As `wattseal ledger --json` prints a ledger, refusals and bills included."""
    intents = [json.dumps({"statement": to_base64(one.to_bytes()), "purpose": one.purpose}) for one in statements]
    others = [
        {"counter": 1, "kind": "refusal", "body": "{}", "hash": ""},
        {"counter": 2, "kind": "intent", "body": json.dumps({"kind": "bills", "statement": "AA"}), "hash": ""},
    ]
    entries = [{"counter": 3, "kind": "intent", "body": body, "hash": ""} for body in intents]
    path.write_text(json.dumps({"entries": [*others, *entries]}))
    return path


def decided(file: Path, cohort: str, purpose: str, missing: int = 0, asked: Path | None = None) -> tuple[str, str]:
    answer = explained(Doubt(cohort, purpose, None, "delivered", missing), file, asked, CALIFORNIA)
    return answer["decision"], answer["decided_by"]


def test_the_rule_that_decides(file: Path) -> None:
    everything = "every rule that needs no opening"
    assert decided(file, "town/a", PUBLIC) == ("permitted", everything)
    assert decided(file, "town/c", PUBLIC) == ("refused", "group-too-small")
    assert decided(file, "town/c", "grid-planning") == ("permitted", everything)
    assert decided(file, "town/b", PUBLIC) == ("permitted", everything)
    assert decided(file, "town", PUBLIC) == ("permitted", everything)
    assert decided(file, "town/a", PUBLIC, missing=15) == ("refused", "group-too-small")
    assert decided(file, "town/c", "grid-planning", missing=4) == ("refused", "coverage-too-low")
    assert decided(file, "town/a", "marketing") == ("refused", "purpose-not-permitted")
    assert decided(file, "town/a", "billing") == ("refused", "functional-not-permitted")
    assert decided(file, "town/a", PUBLIC, missing=200) == ("refused", "nobody-reported")


def test_what_was_granted_before_decides_too(file: Path, tmp_path: Path) -> None:
    """The town and its homes for the public leave 50 others of the town; granted to planners they are no matter."""
    public = exported(tmp_path / "ledger.json", statement("town", PUBLIC))
    assert decided(file, "town/a", PUBLIC, asked=public) == ("refused", "group-too-small")
    planners = exported(tmp_path / "ledger.json", statement("town", "grid-planning"))
    assert decided(file, "town/a", PUBLIC, asked=planners)[0] == "permitted"
    assert decided(file, "town/a", PUBLIC, missing=1, asked=planners) == ("refused", "pinned-otherwise")


def test_why(file: Path) -> None:
    answer = explained(Doubt("town", PUBLIC, None, "delivered", 0), file, None, CALIFORNIA)
    assert answer["question"]["classes"] == "20 commercial, 144 residential"
    assert answer["rules"]["least group"] == "15 for commercial, 100 for residential"
    assert answer["policy"]["digest"] == named_policy(CALIFORNIA).digest().hex()
    assert answer["why"] == "when it is opened, nobody may turn out to be above 15 % of it, nor of what follows from it"
    homes = explained(Doubt("town/a", PUBLIC, None, "delivered", 0), file, None, CALIFORNIA)
    assert homes["why"].startswith("nothing is left to be tested")


def test_consents_are_still_to_come(file: Path, tmp_path: Path) -> None:
    """No consent is looked at: whose there are depends on who asks."""
    pack = tmp_path / "study.toml"
    pack.write_text(STUDY)
    answer = explained(Doubt("town/a", "university-study", None, "delivered", 0), file, None, str(pack))
    assert (answer["decision"], answer["rules"]["use"]) == ("permitted", "secondary, on the basis of consent")
    assert answer["why"].startswith("everybody in it must have agreed")


@pytest.mark.parametrize(
    ("doubt", "named"),
    [
        (Doubt("city", PUBLIC, None, "delivered", 0), "no cohort city"),
        (Doubt("..", PUBLIC, None, "delivered", 0), "cohort"),
        (Doubt("town", "Public!", None, "delivered", 0), "purpose"),
        (Doubt("town", PUBLIC, "soon", "delivered", 0), "soon"),
        (Doubt("town", PUBLIC, "1999-01-01", "delivered", 0), "takes effect"),
        (Doubt("town", PUBLIC, None, "sideways", 0), "sideways"),
    ],
)
def test_questions_that_mean_nothing(file: Path, doubt: Doubt, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        explained(doubt, file, None, CALIFORNIA)


def test_files_that_are_something_else(file: Path, tmp_path: Path) -> None:
    for text in ("", "{}", '{"entries": [{"kind": "intent", "body": "{}"}]}', '{"entries": [{"kind": 1}]}'):
        (tmp_path / "asked.json").write_text(text)
        with pytest.raises(UsageError, match=r"asked\.json"):
            explained(Doubt("town", PUBLIC, None, "delivered", 0), file, tmp_path / "asked.json", None)
    with pytest.raises(UsageError, match=r"asked\.json"):
        explained(Doubt("town", PUBLIC, None, "delivered", 0), tmp_path / "asked.json", None, None)


def test_a_table_shows_every_size() -> None:
    table = table_of(named_policy("new-york"))
    rows = {(row["purpose"], row["class"]): row for row in table["least_groups_by_interval"]}
    assert rows["public-aggregates", "commercial"]["60 min"] == 6
    assert rows["public-aggregates", "commercial"]["15 min"] == 15
    assert rows["public-aggregates", "commercial"]["largest share"] == "40 %"
    assert ("billing", "residential") not in rows


def test_as_commands(file: Path) -> None:
    checked = wattseal("policy", "check", "trial", "--json")
    assert (checked.status, checked.json["name"]) == (0, "trial")
    words = ("policy", "explain", "--roster", file, "--cohort", "town/c", "--policy", CALIFORNIA, "--json")
    refused = wattseal(*words, "--purpose", PUBLIC)
    assert (refused.status, json.loads(refused.stdout)["decided_by"]) == (3, "group-too-small")
    assert wattseal(*words).status == 0
    assert wattseal("policy", "check", "texas").status == 2
