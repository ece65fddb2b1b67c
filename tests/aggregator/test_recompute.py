"""Totals and bills computed again from the archive alone, in one process, in many, and with workers that die."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.aggregator.archived import DAYS, make_home
from tests.aggregator.recomputing_run import shards_of
from tests.commands.shell import Ended, ended, module
from tests.policy.rosters import REGION
from wattseal.aggregator.recompute import recompute
from wattseal.aggregator.recomputing import recomputed
from wattseal.aggregator.shards import Here
from wattseal.protocol.statement import Answer
from wattseal.protocol.time import window_date

ROOT = Path(__file__).parents[2]
TOTALS = len(DAYS) - 1


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("archived") / "home"
    make_home(directory)
    return directory


def command(home: Path, *words: str) -> Ended:
    return module("aggregator", "recompute", "--data", home, "--region", REGION, *words)


LAST = str(window_date(DAYS[0]))


def test_every_archived_answer_agrees_without_the_store_s_reports(home: Path) -> None:
    shards = shards_of(home)
    assert recomputed(Here(), shards) == (TOTALS, 1, [])
    assert command(home, "--through", LAST).json == {"region": REGION, "totals": TOTALS, "bills": 1, "differ": []}
    early = str(window_date(DAYS[-2]))
    assert command(home, "--through", early, "--pool", "2").json == {
        "region": REGION,
        "totals": 1,
        "bills": 0,
        "differ": [],
    }


def test_an_answer_that_is_not_the_archive_s_sum_is_named(home: Path) -> None:
    shard = next(shard for shard in shards_of(home) if shard.kind == "total")
    answer = Answer.from_bytes(shard.answer)
    for change in ({"ciphertext": bytes(len(answer.ciphertext))}, {"flagged": answer.flagged[::-1]}):
        altered = shard._replace(answer=answer.model_copy(update=change).to_bytes())
        subject = f"total of town, delivered, {window_date(DAYS[-2])}"
        assert recomputed(Here(), [altered]) == (1, 0, [subject])


@pytest.mark.parametrize("where", ["pool", "local"])
def test_workers_killed_in_the_middle_change_nothing(home: Path, where: str) -> None:
    """Each shard once, in order, with the same sums; `local` is a Ray cluster on this machine."""
    expected = [[result.subject, result.sums.hex(), True] for result in map(recompute, shards_of(home))]
    run = ended([sys.executable, "-W", "error", "-m", "tests.aggregator.recomputing_run", str(home), where], cwd=ROOT)
    assert json.loads(run.stdout) == expected, run.stderr
    assert len(list(home.glob(f"{where}-killed-*"))) == 2


def test_a_damaged_archive_ends_in_one_line(home: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(home, tmp_path / "home", symlinks=True))
    path = min((copy / "archive" / f"region-{REGION}").iterdir())
    path.write_bytes(path.read_bytes()[:-9])
    end = command(copy, "--through", LAST)
    assert (end.status, end.words) == (4, f"archive file {path.name} is not as it was written")


def test_one_place_to_work_at_a_time(home: Path) -> None:
    end = command(home, "--through", LAST, "--pool", "2", "--ray", "local")
    assert (end.status, end.words) == (2, "--pool is for this machine and --ray for a cluster: name one of them")


def test_without_ray_the_extra_is_named(home: Path, tmp_path: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError")
    words = ["-m", "wattseal.aggregator", "recompute", "--data", str(home), "--region", REGION, "--through", LAST]
    end = ended([sys.executable, *words, "--ray", "local"], cwd=tmp_path)
    assert (end.status, end.words) == (2, "Ray is not installed: it comes with the extra `scale` of wattseal")
