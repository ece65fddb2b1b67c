"""Customers over real processes: a study that they agree to or not, and their own reads as Green Button."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from greenbutton_objects.parse import parse_feed

from tests.commands.shell import Ended, Up, wattseal
from wattseal.meter_sim.load_model import simulate
from wattseal.meter_sim.replay import ReplayOptions, open_replay
from wattseal.protocol.time import parse_window

DAY, NEXT, METERS = "2026-03-02", "2026-03-03", 2
STUDY = """
version = 2
name = "study"
revision = 1
least_change = 2

[purposes.university-study]
use = "secondary"
basis = "consent"
functionals = ["totals"]
asked_by = ["collector"]
coverage_percent = 90
noise = "none"
questions_per_token_day = 100
retention_days = 100

[purposes.university-study.classes.residential]
least_group = { minutes_15 = 2, minutes_30 = 2, minutes_60 = 2, minutes_1440 = 2 }
largest_share_percent = 100
"""


@pytest.mark.timeout(600)
def test_a_study_with_consents_and_ones_own_reads(deployment: Path, tmp_path: Path) -> None:
    """Threat C21: what is lacking at one of the three is refused; a customer who says no is heard at once."""

    def order(*words: object) -> Ended:
        return wattseal(*words, "--dir", deployment, "--json")

    def study() -> Ended:
        return order("total", "town", DAY, "--purpose", "university-study")

    policy = tmp_path / "study.toml"
    policy.write_text(STUDY)
    until = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
    term = ("--recipient", "collector", "--purpose", "university-study", "--first", DAY, "--last", DAY)
    with Up(deployment, "--policy", policy):
        order("fleet", "--meters", METERS, "--days", 2, "--first-date", DAY, "--move", f"meter-00000@{NEXT}")
        order("close", DAY)
        refused = study()
        assert (refused.status, refused.words[:25]) == (3, "refused (consent-missing)")
        for number in range(METERS):
            out = tmp_path / f"consent-{number}.json"
            evidence = ("--evidence", "form 12") if number == 0 else ()
            meter = f"meter-{number:05}"
            granted = order("consent", "grant", "--meter", meter, *term, "--until", until, "--out", out, *evidence)
            assert granted.json["installed"] == ["aggregator", "decryptor", "unblinder"]
        rows = study().json["rows"]
        reads = simulate(1, range(METERS), parse_window(DAY), 15)
        assert [row["total_wh"] for row in rows] == reads.sum(axis=0).tolist()
        order("consent", "revoke", tmp_path / "consent-1.json")
        assert study().words[:25] == "refused (consent-missing)"
        states = {row["meter"]: row["state"] for row in order("consent", "list").json["consents"]}
        assert states == {"meter-00000": "in force", "meter-00001": "revoked"}
    _check_own_reads(order, tmp_path / "mine.xml")


def _check_own_reads(order: Callable[..., Ended], own: Path) -> None:
    """Read for read in another parser and in our own replay; who moved in on the second day never sees the first."""
    reads = [simulate(1, range(METERS), parse_window(day), 15) for day in (DAY, NEXT)]
    told = order("my-data", "--meter", "meter-00001", "--out", own).json
    assert (told["reads"], told["first"], told["last"]) == (192, DAY, NEXT)
    expected = [of_day[1].tolist() for of_day in reads]
    assert independently_read(own) == [*expected[0], *expected[1]]
    replayed = open_replay([own], ReplayOptions(interval_minutes=15)).days()
    assert [part.wh.tolist() for (part,) in replayed] == [[of_day] for of_day in expected]
    for options, number in (((), 1), (("--date", DAY), 0)):
        told = order("my-data", "--meter", "meter-00000", "--out", own, *options).json
        assert (told["reads"], told["first"], told["last"]) == (96, (DAY, NEXT)[number], (DAY, NEXT)[number])
        assert independently_read(own) == reads[number][0].tolist()
    assert order("my-data", "--out", own, "--meter", "meter-00001", "--account", "nobody").status == 2


def independently_read(path: Path) -> list[int]:
    (point,) = parse_feed(str(path))
    (reading,) = point.meterReadings
    return [one.value for one in reading.intervalReadings]
