"""Policy packs: what is read, what each error names, and what the packs that come with the package say."""

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.policy.packs import class_rule, flat, purpose_rule
from wattseal.policy import packs
from wattseal.policy.pack import (
    ClassRule,
    LeastGroup,
    Policy,
    PurposeRule,
    Zcdp,
    load_policy,
    named_policy,
    packaged_policies,
    trial_policy,
)
from wattseal.protocol.errors import PurposeNotPermitted, UsageError

RESIDENTIAL = """
[purposes.research.classes.residential]
least_group = { minutes_15 = 100, minutes_30 = 50, minutes_60 = 20, minutes_1440 = 15 }
largest_share_percent = 10
"""
GOOD = {
    "version": "2",
    "name": '"mine"',
    "revision": "3",
    "least_change": "20",
}
RULE = {
    "use": '"primary"',
    "basis": '"service"',
    "functionals": '["totals"]',
    "asked_by": '["collector"]',
    "coverage_percent": "95",
    "noise": '"none"',
    "questions_per_token_day": "10",
    "retention_days": "30",
}
Fields = dict[str, str | None]


def written(fields: Fields) -> str:
    return "".join(f"{name} = {value}\n" for name, value in fields.items() if value is not None)


def pack(path: Path, of_pack: Fields | None = None, of_rule: Fields | None = None, classes: str = RESIDENTIAL) -> Path:
    """A good pack with some fields written otherwise, or left out."""
    rule = "[purposes.research]\n" + written({**RULE, **(of_rule or {})})
    path.write_text(written({**GOOD, **(of_pack or {})}) + rule + classes)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pack.toml"


def test_a_pack_of_ones_own(path: Path) -> None:
    least = LeastGroup(minutes_15=100, minutes_30=50, minutes_60=20, minutes_1440=15)
    rule = PurposeRule(
        use="primary",
        basis="service",
        functionals=("totals",),
        asked_by=("collector",),
        coverage_percent=95,
        noise="none",
        questions_per_token_day=10,
        retention_days=30,
        classes={"residential": ClassRule(least_group=least, largest_share_percent=10)},
    )
    assert load_policy(pack(path)) == Policy(
        version=2, name="mine", revision=3, least_change=20, purposes={"research": rule}
    )
    assert [least.at(minutes) for minutes in (15, 30, 60, 1440)] == [100, 50, 20, 15]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "1"),
        ("name", '"California!"'),
        ("name", "7"),
        ("revision", "0"),
        ("least_change", "1"),
        ("least_change", "16385"),
        ("least_change", "20.0"),
        ("share", "15"),
        *((field, None) for field in GOOD),
    ],
)
def test_a_bad_field_is_named_with_the_file(path: Path, field: str, value: str | None) -> None:
    with pytest.raises(UsageError) as error:
        load_policy(pack(path, {field: value}))
    assert error.value.detail.startswith(f"policy {path}: {field}")
    assert "\n" not in error.value.detail


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("use", '"tertiary"'),
        ("basis", '"because"'),
        ("functionals", "[]"),
        ("functionals", '["reads"]'),
        ("functionals", '"totals"'),
        ("asked_by", '["fleet"]'),
        ("recipients", '["A University"]'),
        ("coverage_percent", "49"),
        ("coverage_percent", "101"),
        ("noise", '"some"'),
        ("noise", '{ mechanism = "zcdp", rho_millionths = 0, clip = 1, budget_rho_millionths = 1 }'),
        ("noise", '{ mechanism = "zcdp", rho_millionths = 2, clip = 1, budget_rho_millionths = 1 }'),
        ("questions_per_token_day", "0"),
        ("retention_days", "0"),
        *((field, None) for field in RULE),
    ],
)
def test_a_bad_field_of_a_purpose_is_named_with_it(path: Path, field: str, value: str | None) -> None:
    with pytest.raises(UsageError) as error:
        load_policy(pack(path, of_rule={field: value}))
    assert error.value.detail.startswith(f"policy {path}: purposes.research.{field}")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"use": '"secondary"'}, "the basis of a primary purpose is service"),
        ({"basis": '"consent"'}, "the basis of a primary purpose is service"),
        ({"use": '"secondary"', "basis": '"noise"'}, "says how much"),
        ({"use": '"secondary"', "basis": '"aggregate"', "functionals": '["bill-amounts"]'}, "totals alone"),
        ({"functionals": '["totals", "totals"]'}, "functionals: each once"),
    ],
)
def test_a_purpose_needs_a_ground(path: Path, changes: Fields, reason: str) -> None:
    with pytest.raises(UsageError, match=rf"purposes\.research: .*{reason}"):
        load_policy(pack(path, of_rule=changes))


@pytest.mark.parametrize(
    ("was", "bad", "where"),
    [
        ("minutes_30 = 50", "minutes_30 = 101", "least_group: .*shorter interval needs at least as many"),
        ("minutes_30 = 50, ", "", "least_group.minutes_30: Field required"),
        ("minutes_1440 = 15", "minutes_1440 = 1", "least_group.minutes_1440"),
        ("minutes_15 = 100", "minutes_15 = 16385", "least_group.minutes_15"),
        ("percent = 10", "percent = 0", "largest_share_percent"),
        ("percent = 10", "percent = 101", "largest_share_percent"),
    ],
)
def test_a_bad_size_is_named_with_its_class(path: Path, was: str, bad: str, where: str) -> None:
    with pytest.raises(UsageError, match=rf"purposes\.research\.classes\.residential\.{where}"):
        load_policy(pack(path, classes=RESIDENTIAL.replace(was, bad)))


def test_a_class_that_no_roster_has(path: Path) -> None:
    with pytest.raises(UsageError, match="classes"):
        load_policy(pack(path, classes=RESIDENTIAL.replace("residential", "agricultural")))


def test_cohorts_never_change_by_fewer_than_the_smallest_group(path: Path) -> None:
    with pytest.raises(UsageError, match="least_change: below the smallest group"):
        load_policy(pack(path, {"least_change": "14"}))
    assert load_policy(pack(path, {"least_change": "15"})).floor == 15


def test_noise_is_a_table(path: Path) -> None:
    noise = '{ mechanism = "zcdp", rho_millionths = 1000, clip = 4000, budget_rho_millionths = 5000 }'
    policy = load_policy(pack(path, of_rule={"noise": noise}))
    expected = Zcdp(mechanism="zcdp", rho_millionths=1000, clip=4000, budget_rho_millionths=5000)
    assert policy.purposes["research"].noise == expected


def test_not_toml(path: Path) -> None:
    path.write_text("version = \n")
    with pytest.raises(UsageError, match=r"pack\.toml: .*line 1"):
        load_policy(path)


def test_not_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"pack\.toml"):
        load_policy(path)


def test_no_such_file(path: Path) -> None:
    with pytest.raises(UsageError, match=r"pack\.toml.*No such file"):
        load_policy(path)


def test_a_pack_is_named_or_a_file(path: Path) -> None:
    assert named_policy(pack(path)) == named_policy(str(path)) == load_policy(path)
    assert named_policy(None) == named_policy("trial") == trial_policy()
    with pytest.raises(UsageError, match=r"policy 'texas': neither a \.toml file nor one of california-ab802"):
        named_policy("texas")


def test_a_purpose_outside_the_pack() -> None:
    assert trial_policy().check_purpose("research").use == "secondary"
    with pytest.raises(PurposeNotPermitted, match="permits the purposes billing, grid-planning, noisy"):
        trial_policy().check_purpose("marketing")


def test_the_digest_names_every_number() -> None:
    again = flat(4).model_copy(update={"revision": 2})
    assert flat(4).fingerprint == flat(4).digest() != again.digest()
    assert flat(4, largest_share_percent=14).digest() != flat(4).digest()


def least(rule: PurposeRule, minutes: Any) -> dict[str, tuple[int, int]]:  # noqa: ANN401 - a literal
    return {
        name: (of_class.least_group.at(minutes), of_class.largest_share_percent)
        for name, of_class in rule.classes.items()
    }


@pytest.mark.parametrize(
    ("name", "purpose", "minutes", "expected"),
    [
        ("trial", "grid-planning", 15, {"residential": (15, 15), "commercial": (15, 15), "large": (15, 15)}),
        (
            "california-d1405016",
            "public-aggregates",
            15,
            {"residential": (100, 100), "commercial": (15, 15), "large": (15, 15)},
        ),
        ("illinois", "public-aggregates", 15, {"residential": (15, 15), "commercial": (15, 15), "large": (15, 15)}),
        ("new-york", "public-aggregates", 60, {"residential": (15, 15), "commercial": (6, 40), "large": (15, 15)}),
        ("new-york", "public-aggregates", 15, {"residential": (15, 15), "commercial": (15, 40), "large": (15, 15)}),
        ("colorado", "building-benchmarking", 1440, {"residential": (4, 50), "commercial": (4, 50), "large": (4, 50)}),
        (
            "california-ab802",
            "building-benchmarking",
            1440,
            {"residential": (5, 100), "commercial": (5, 100), "large": (5, 100)},
        ),
    ],
)
def test_the_numbers_of_the_law(name: str, purpose: str, minutes: int, expected: object) -> None:
    policy = named_policy(name)
    assert policy.name == name
    assert least(policy.purposes[purpose], minutes) == expected


@pytest.mark.parametrize("name", packaged_policies())
def test_each_number_says_where_it_is_from(name: str) -> None:
    """At its line's end, or in a comment above it: (v) verified, (m) from memory, (ours)."""
    standing = re.compile(r"\((v|m|ours)\)")
    told = False
    for line in resources.files(packs).joinpath(f"{name}.toml").read_text().splitlines():
        if line.startswith(("[", "#")) or not line:
            told = bool(standing.search(line)) or (told and line.startswith("#"))
        elif re.search(r"\d", line) and not line.startswith(("version", "name", "revision")):
            assert told or standing.search(line), f"{name}: {line}"
            told = told or "least_group" in line


@pytest.mark.parametrize("name", packaged_policies())
def test_a_packaged_file_has_nothing_that_is_not_read(name: str) -> None:
    """And its digest is that of its content: reading it twice is reading it once."""
    raw = tomllib.loads(resources.files(packs).joinpath(f"{name}.toml").read_text())
    assert set(raw) == {"version", "name", "revision", "least_change", "purposes"}
    assert named_policy(name).digest() == Policy.from_bytes(named_policy(name).to_bytes()).digest()


def test_a_rule_in_code_is_checked_like_one_in_a_file() -> None:
    with pytest.raises(ValueError, match="totals alone"):
        purpose_rule(use="secondary", basis="aggregate", functionals=("totals", "bill-amounts"))
    assert purpose_rule(use="secondary", basis="aggregate", functionals=("totals",)).opens_totals
    assert class_rule(4).least_group.at(1440) == 4
