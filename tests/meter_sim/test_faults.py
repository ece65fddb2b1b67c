"""The file of troubles: what it may say, and that what is wrong in it is named."""

from pathlib import Path

import pytest

from wattseal.meter_sim.faults import Chosen, Faults, Gaps, Trouble, load_faults
from wattseal.protocol.errors import UsageError


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "faults.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_everything(tmp_path: Path) -> None:
    text = """
        late_cohort = "town/t1"
        gaps = { rate = 0.02, longest_minutes = 300 }
        lost = { rate = 0.01, meters = ["m-1", "m-2"] }
        late = { rate = 0.01 }
        duplicated = { rate = 1 }
        conflicting = { meters = ["m-3"] }
        dead = { rate = 0.001 }
        [skewed_clocks]
        rate = 0.05
        largest_minutes = 20
        known_beyond_minutes = 0
        [lying]
        rate = 0.1
        percent = 0
        [out_of_range]
        meters = ["m-4"]
    """
    faults = load_faults(written(tmp_path, text))
    assert faults.gaps == Gaps(rate=0.02, longest_minutes=300)
    assert faults.lost == Chosen(rate=0.01, meters=("m-1", "m-2"))
    assert (faults.late_cohort, faults.skewed_clocks.largest_minutes, faults.lying.percent) == ("town/t1", 20, 0)
    assert Faults.model_validate_json(faults.model_dump_json()) == faults


def test_an_empty_file_is_no_trouble(tmp_path: Path) -> None:
    faults = load_faults(written(tmp_path, ""))
    assert faults == Faults()
    assert all((faults.of(trouble).rate, faults.of(trouble).meters) == (0, ()) for trouble in Trouble)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("gaps = { rate = 1.5 }", "gaps.rate"),
        ("gaps = { rate = -0.1 }", "gaps.rate"),
        ("gaps = { rate = nan }", "gaps.rate"),
        ("gaps = { rate = '0.1' }", "gaps.rate"),
        ("gaps = { rate = true }", "gaps.rate"),
        ("gaps = { longest_minutes = 0 }", "gaps.longest_minutes"),
        ("gaps = { longest_minutes = 1440 }", "gaps.longest_minutes"),
        ("lost = 0.1", "lost"),
        ("lost = { meters = 'm-1' }", "lost.meters"),
        ("lost = { meters = [1] }", "lost.meters.0"),
        ("lost = { often = 1 }", "lost.often"),
        ("dead = { rate = 1.0 }", "dead.rate"),
        ("lying = { percent = 100 }", "lying.percent"),
        ("skewed_clocks = { largest_minutes = 1440 }", "skewed_clocks.largest_minutes"),
        ("skewed_clocks = { known_beyond_minutes = -1 }", "skewed_clocks.known_beyond_minutes"),
        ("late_cohort = '/'", "late_cohort"),
        ("stolen = { rate = 0.1 }", "stolen"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as refused:
        load_faults(path)
    assert str(refused.value).startswith(f"faults {path}: {named}: ")


def test_what_is_no_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"faults\.toml: .*line 1, column 8"):
        load_faults(written(tmp_path, "late = ;\n"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_faults(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"late_cohort = '\xe9'")
    with pytest.raises(UsageError, match="utf-8"):
        load_faults(tmp_path / "latin.toml")


def test_the_documented_file_is_one(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/faults.md").read_text(encoding="utf-8")
    example, _, _ = text.partition("```toml\n")[2].partition("```")
    faults = load_faults(written(tmp_path, example))
    assert faults.late_cohort == "neighborhood/feeder-1/transformer-002"
    assert {trouble for trouble in Trouble if faults.of(trouble).rate} == {"gaps", "lost", "skewed_clocks"}
    assert faults.lost.meters == ("meter-00007",)
