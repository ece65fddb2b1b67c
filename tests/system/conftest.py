"""One town a test process: starting it takes seconds, a fresh day in it a fifth of one."""

from collections.abc import Iterator

import pytest

from tests.system.billed_town import BilledTown
from tests.system.town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    directory = tmp_path_factory.mktemp("town")
    directory.chmod(0o700)
    with Town(directory) as town:
        yield town


@pytest.fixture(scope="session")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BilledTown]:
    """The other kind of town, likewise; homes that nobody was billed for take the place of days."""
    directory = tmp_path_factory.mktemp("billed")
    directory.chmod(0o700)
    with BilledTown(directory) as town:
        yield town
