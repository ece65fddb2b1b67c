"""One name for every source of a tariff."""

from pathlib import Path

import pytest

from tests.meter_sim.replaying import SAMPLES
from wattseal.protocol.errors import UsageError
from wattseal.protocol.tariff.files import load_tariff
from wattseal.protocol.tariff.toml_file import packaged
from wattseal.protocol.tariff.urdb import load_urdb


def test_by_name_and_by_file(tmp_path: Path) -> None:
    assert load_tariff("E-TOU-C") == packaged("E-TOU-C")
    record = SAMPLES / "urdb/REopt_multi_tier_urdb_response.json"
    assert load_tariff(str(record)) == load_urdb(record)
    own = tmp_path / "own.toml"
    own.write_text("name = 5")
    with pytest.raises(UsageError, match=r"own\.toml"):
        load_tariff(str(own))


@pytest.mark.parametrize("name", ["E-9", "", "../E-1", "missing.toml", "missing.json"])
def test_what_there_is_not(name: str) -> None:
    with pytest.raises(UsageError, match="tariff"):
        load_tariff(name)
