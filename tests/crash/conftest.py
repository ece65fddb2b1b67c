"""Deployments at rest, each made once a session: with a fleet that has not sent yet, and with closed windows."""

import shutil
from pathlib import Path

import pytest

from tests.commands.conftest import make_deployment
from tests.commands.made_once import made_once
from tests.commands.shell import Up
from tests.crash.halves import ask
from tests.crash.neighborhood import DAYS, Neighborhood


@pytest.fixture
def prepared(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """Every service knows the roster; no report was sealed yet."""

    def make(directory: Path) -> None:
        fresh = made_once(tmp_path_factory, "fresh", make_deployment)
        shutil.copytree(fresh, directory, symlinks=True)
        with Up(directory) as up:
            Neighborhood(up.places).prepare(directory.parent / "reads.csv")

    return _copy(made_once(tmp_path_factory, "prepared", make), tmp_path)


@pytest.fixture
def closed(tmp_path_factory: pytest.TempPathFactory, prepared: Path, tmp_path: Path) -> Path:
    """Every window is closed, each total was asked of the aggregator and none was opened."""

    def make(directory: Path) -> None:
        shutil.copytree(prepared, directory, symlinks=True)
        with Up(directory) as up:
            neighborhood = Neighborhood(up.places)
            assert neighborhood.send().status == 0
            neighborhood.close(DAYS)
            for day in DAYS:
                ask(up.places, day)

    return _copy(made_once(tmp_path_factory, "closed", make), tmp_path)


def _copy(directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(directory, tmp_path / directory.name, symlinks=True))
