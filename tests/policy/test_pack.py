"""Policy packs: what is read, and what each error names."""

from pathlib import Path

import pytest

from wattseal.policy.pack import Policy, load_policy, trial_policy
from wattseal.protocol.errors import PurposeNotPermitted, UsageError

GOOD = {
    "version": "1",
    "name": '"california"',
    "least_group": "100",
    "coverage_percent": "95",
    "largest_share_percent": "10",
    "purposes": '["research"]',
}


def pack(path: Path, **changes: str | None) -> Path:
    """A good pack with some fields written otherwise, or left out."""
    fields = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    path.write_text("".join(f"{name} = {value}\n" for name, value in fields.items()))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pack.toml"


def test_the_trial_pack() -> None:
    assert trial_policy() == Policy(
        version=1,
        name="trial",
        least_group=15,
        coverage_percent=90,
        largest_share_percent=15,
        purposes=("billing", "grid-planning", "operations", "research"),
    )


def test_a_pack_of_ones_own(path: Path) -> None:
    assert load_policy(pack(path)) == Policy(
        version=1,
        name="california",
        least_group=100,
        coverage_percent=95,
        largest_share_percent=10,
        purposes=("research",),
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "2"),
        ("name", '"California!"'),
        ("name", "7"),
        ("least_group", "1"),
        ("least_group", "16385"),
        ("least_group", '"15"'),
        ("least_group", "15.0"),
        ("coverage_percent", "49"),
        ("coverage_percent", "101"),
        ("largest_share_percent", "0"),
        ("largest_share_percent", "101"),
        ("purposes", "[]"),
        ("purposes", '["Research"]'),
        ("purposes", '"research"'),
        ("purposes", "5"),
        ("purposes", "{ research = true }"),
        ("share", "15"),
        *((field, None) for field in GOOD),
    ],
)
def test_a_bad_field_is_named_with_the_file(path: Path, field: str, value: str | None) -> None:
    with pytest.raises(UsageError) as error:
        load_policy(pack(path, **{field: value}))
    assert error.value.detail.startswith(f"policy {path}: {field}")
    assert "\n" not in error.value.detail


@pytest.mark.parametrize(
    ("field", "value"), [("least_group", "2"), ("coverage_percent", "50"), ("coverage_percent", "100")]
)
def test_the_limits_themselves_are_permitted(path: Path, field: str, value: str) -> None:
    assert getattr(load_policy(pack(path, **{field: value})), field) == int(value)


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


def test_a_purpose_outside_the_pack() -> None:
    trial_policy().check_purpose("research")
    with pytest.raises(PurposeNotPermitted, match="permits the purposes billing, grid-planning, operations, research"):
        trial_policy().check_purpose("marketing")
