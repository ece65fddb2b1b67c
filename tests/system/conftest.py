"""One town a test process: starting it takes seconds, a fresh day in it a fifth of one."""

from collections.abc import Iterator

import pytest

from tests.system.town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    directory = tmp_path_factory.mktemp("town")
    directory.chmod(0o700)
    with Town(directory) as town:
        yield town
