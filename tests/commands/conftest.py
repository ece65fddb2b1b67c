"""One deployment of `wattseal up`, made once a session and copied by whoever changes it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.made_once import made_once
from tests.commands.shell import Ended, Up


@pytest.fixture
def deployment(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """A stopped deployment that knows no roster yet."""
    fresh = made_once(tmp_path_factory, "fresh", make_deployment)
    return Path(shutil.copytree(fresh, tmp_path / "deployment", symlinks=True))


@pytest.fixture
def up(deployment: Path) -> Iterator[Up]:
    with Up(deployment) as running:
        yield running


def make_deployment(directory: Path) -> None:
    """What the first `wattseal up` makes, after Ctrl-C."""
    with Up(directory) as up:
        assert up.said[0] == "making keys for every role ...\n"
        assert up.stop() == Ended(130, "", "")
