"""Services that go on with an older copy of what they had kept: the audit tells which."""

import shutil
from pathlib import Path

from tests.commands.shell import Ended, Up, wattseal
from wattseal.collector.deployment import Places
from wattseal.protocol.ids import Role

DAY = "2026-03-02"


def order(directory: Path, *words: object) -> Ended:
    return wattseal(*words, "--dir", directory)


def verified(directory: Path) -> Ended:
    with Up(directory, "--scheme", "masking"):
        return order(directory, "audit", "verify")


def released(directory: Path) -> Path:
    """A total was released; the deployment as it was before lies where the answer says."""
    before = directory.parent / "before"
    with Up(directory, "--scheme", "masking"):
        assert order(directory, "fleet", "--meters", 40, "--leaf-size", 0).status == 0
        assert order(directory, "close", DAY).status == 0
    shutil.copytree(directory, before, symlinks=True)
    with Up(directory, "--scheme", "masking"):
        assert order(directory, "total", "town", DAY).status == 0
        assert order(directory, "audit", "verify").status == 0
    return before


def test_a_rolled_back_role_is_told(deployment: Path) -> None:
    before = released(deployment)
    cut = Path(shutil.copytree(deployment, deployment.parent / "cut", symlinks=True))

    store = Places(deployment).of(Role.AGGREGATOR) / "store"
    shutil.rmtree(store)
    shutil.copytree(Places(before).of(Role.AGGREGATOR) / "store", store, symlinks=True)
    told = verified(deployment)
    assert (told.status, told.words) == (2, "the ledgers do not verify")
    for half in ("decryptor", "unblinder"):
        assert f"the aggregator's log does not have the statement of entry 1 of the {half}" in told.stdout

    for role in (Role.DECRYPTOR, Role.UNBLINDER):
        for path in Places(cut).of(role).glob("ledger.sqlite*"):
            path.unlink()
        for path in Places(before).of(role).glob("ledger.sqlite*"):
            shutil.copy2(path, Places(cut).of(role))
    told = verified(cut)
    assert told.status == 2
    for half, entry in (("decryptor", 2), ("unblinder", 1)):
        finding = f"the aggregator was shown a head at entry {entry} that the {half}'s ledger does not have"
        assert finding in told.stdout
