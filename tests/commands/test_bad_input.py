"""Mistakes of the person at the keyboard: status 2, one line that names what is wrong, nothing half-written."""

from pathlib import Path

import pytest

from tests.commands.shell import wattseal

GOOD = "meter,interval_start,delivered_wh\n" + "".join(
    f"m{meter},2026-01-05T{hour:02}:00:00Z,100\n" for meter in range(20) for hour in range(24)
)
BAD_POLICY = 'version = 1\nname = "mine"\nleast_group = 1\n'
FILES = {
    "good.csv": GOOD,
    "no-times.csv": "meter,interval_start,delivered_wh\nm1,soon,100\n",
    "empty.csv": "",
    "naive.csv": GOOD.replace("Z", ""),
    "naive-wide.csv": "time,load\n" + "".join(f"2026-01-05 {hour:02}:00,1\n" for hour in range(24)),
    "bad.toml": BAD_POLICY,
    "no.toml": "least_group = ",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def left_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--reads", "missing.csv"], "missing.csv"),
        (["--reads", "no-times.csv"], "no-times.csv, line 2: 'soon'"),
        (["--reads", "empty.csv"], "empty.csv"),
        (["--reads", "."], ""),
        (["--reads", "naive.csv"], "--timezone"),
        (["--reads", "naive.csv", "--timezone", "Mars/Olympus"], "Mars/Olympus"),
        (["--reads", "naive-wide.csv", "--timezone", "UTC", "--map", "load=sideways"], "--map"),
        (["--reads", "naive-wide.csv", "--timezone", "UTC", "--map", "load"], "--map"),
        (["--reads", "naive-wide.csv", "--timezone", "UTC", "--map", "other=delivered"], "other"),
        (["--reads", "good.csv", "--interval", "20"], "--interval 20"),
        (["--reads", "good.csv", "--interval", "15"], "15"),
        (["--reads", "good.csv", "--stamps", "middle"], "--stamps"),
        (["--reads", "good.csv", "--scheme", "rot13"], "'rot13'"),
        (["--reads", "good.csv", "--policy", "missing.toml"], "missing.toml"),
        (["--reads", "good.csv", "--policy", "bad.toml"], "bad.toml"),
        (["--reads", "good.csv", "--policy", "no.toml"], "no.toml"),
        (["--reads", "good.csv", "--tariff", "E-TOU-D"], "cover no calendar month in America/Los_Angeles: --cycle"),
        (["--reads", "good.csv", "--tariff", "E-TOU-D", "--cycle", "2026-01-05..2026-02-04"], "--cycle: the reads are"),
        (["--reads", "good.csv", "--tariff", "E-TOU-D", "--cycle", "soon"], "cycle 'soon': not two dates"),
        (["--reads", "good.csv", "--tariff", "E-TOU-D", "--cycle", "2026-01-05..2026-01-06"], "cycle: 1 days are not"),
        (["--reads", "good.csv", "--tariff", "E-9"], "E-9"),
        (["--reads", "good.csv", "--tariff", "missing.toml"], "missing.toml"),
        (["--reads", "good.csv", "--tariff", "E-TOU-D", "--mode", "guess"], "--mode is amount or determinants"),
        (["--reads", "good.csv", "--tariff", "E-TOU-D", "--cycle-timezone", "Mars/Olympus"], "Mars/Olympus"),
        (["--reads", "good.csv", "--cycle", "2026-01-05..2026-02-04"], "--cycle is for bills: --tariff names"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_run(here: Path, words: list[str], named: str) -> None:
    done = wattseal("run", *words, "--out", "out")
    assert done.status == 2
    assert named in done.words
    assert done.stdout == ""
    assert left_in(here / "out") == []


def test_an_out_that_is_a_file(here: Path) -> None:
    done = wattseal("run", "--reads", "good.csv", "--out", "good.csv")
    assert (done.status, done.words) == (2, "--out good.csv: File exists")
    assert (here / "good.csv").read_text() == GOOD


def test_an_out_that_cannot_be_written(here: Path) -> None:
    # Even root may not make files there.
    done = wattseal("run", "--reads", "good.csv", "--out", "/proc/self/out")
    assert done.status == 2
    assert "--out /proc/self/out" in done.words


@pytest.mark.parametrize("value", ["abc", "1.5"])
def test_an_option_that_is_no_number(here: Path, value: str) -> None:
    done = wattseal("run", "--reads", "good.csv", "--interval", value, "--out", "out")
    assert done.status == 2
    assert "--interval" in done.words
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["demo", "--date", "yesterday"], "'yesterday' is not a date such as 2026-03-02"),
        (["fleet", "--first-date", "2026-02-30"], "'2026-02-30' is not a date such as 2026-03-02"),
        (["close", "2026-3-2"], "'2026-3-2' is not a date such as 2026-03-02"),
        (["total", "town", "today"], "'today' is not a date such as 2026-03-02"),
        (["total", "town", "2026-03-02", "--channel", "sideways"], "--channel is delivered or received"),
        *(
            ([*words, "--dir", "nowhere"], "nowhere: start them with wattseal up")
            for words in (["fleet"], ["close", "2026-03-02"], ["total", "town", "2026-03-02"], ["ledger", "decryptor"])
        ),
        (["up", "--dir", "good.csv"], "good.csv"),
        (["up", "--policy", "bad.toml"], "bad.toml"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_other_verbs(here: Path, words: list[str], line: str) -> None:
    done = wattseal(*words)
    assert done.status == 2
    assert line in done.words
    assert sorted(FILES) == left_in(here)
