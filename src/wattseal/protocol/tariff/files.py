"""Whatever a person names a tariff by: a file of ours, one of OpenEI's, or a sheet that comes with the package."""

from pathlib import Path

from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.toml_file import load_toml, packaged
from wattseal.protocol.tariff.urdb import load_urdb


def load_tariff(source: str) -> Tariff:
    """A path ending in .toml or .json, else a sheet's name. Raises UsageError naming what is wrong."""
    loaders = {".toml": load_toml, ".json": load_urdb}
    path = Path(source)
    return loaders[path.suffix](path) if path.suffix in loaders else packaged(source)
