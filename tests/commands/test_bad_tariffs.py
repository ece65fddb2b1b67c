"""A tariff file with a mistake in it, given to `wattseal run`: status 2, one line that names the field, no files."""

from importlib import resources
from pathlib import Path

import pytest

from tests.commands.shell import wattseal
from tests.commands.test_bad_input import GOOD, left_in

SHEET = resources.files("wattseal.protocol.tariff.sheets").joinpath("E-TOU-C.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"16:00-21:00"', '"17:00-21:00"', "schedule 'TOU': summer, weekday: 16:00 is in no period"),
        ('"16:00-21:00"', '"15:00-21:00"', "schedule 'TOU': summer, weekday: 15:00 is in "),
        ('to = "09-30"', 'to = "09-29"', "season: 09-30 is in none"),
        ('"summer peak" = 0.52240\n', "", "charge 'Energy': prices: nothing is given for period 'summer peak'"),
        ('"summer peak" = 0.52240', '"summer peak" = 3', "charge 'Energy': a price of energy is above 250000"),
        ("upto = 100, price", "price", "charge 'Baseline credit': Value error, every tier but the last"),
        ('per = "baseline"', 'per = "mile"', "per: "),
    ],
    ids=["gap", "overlap", "season", "period", "price", "tiers", "unit"],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    assert old in SHEET
    (tmp_path / "good.csv").write_text(GOOD)
    (tmp_path / "bad.toml").write_text(SHEET.replace(old, new, 1))
    words = ("--reads", tmp_path / "good.csv", "--tariff", tmp_path / "bad.toml", "--timezone", "UTC")
    done = wattseal("run", *words, "--out", tmp_path / "out")
    assert (done.status, done.stdout, left_in(tmp_path / "out")) == (2, "", [])
    assert done.words.startswith(f"tariff {tmp_path}/bad.toml: ")
    assert named in done.words
