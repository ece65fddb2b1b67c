"""`wattseal waiver`, and what `quarantine` and `extension` share with it: from one signature to all three services."""

from pathlib import Path

from tests.commands.shell import Ended, Up, wattseal

TERM = ("--first", "2026-03-02", "--last", "2026-03-03", "--reason", "collector C7 was down")


def test_a_waiver_and_an_extension_are_signed_checked_and_installed(up: Up, deployment: Path, tmp_path: Path) -> None:
    """Not before all three operators have signed it, and not as something else."""
    paper, where = tmp_path / "waiver.json", ("--dir", deployment)
    signed = wattseal("waiver", "sign", "--cohort", "town", "--coverage", 60, *TERM, "--out", paper, *where, "--json")
    assert signed.json["signed"] == str(paper)
    refused = wattseal("waiver", "install", paper, *where)
    assert refused == Ended(2, "", "wattseal: the waiver is not countersigned by both operators\n")
    assert list(deployment.glob("*/registry/waivers/*")) == []
    wattseal("waiver", "countersign", paper, *where)
    assert wattseal("quarantine", "install", paper, *where).words == "the signature of the quarantine does not match"
    assert wattseal("waiver", "install", paper, *where, "--json").json["at"] == ["aggregator", "decryptor", "unblinder"]
    installed = sorted(path.parts[-4] for path in deployment.glob("*/registry/waivers/*.json"))
    assert installed == ["aggregator", "decryptor", "unblinder"]
    told = wattseal("waiver", "check", paper, "--trust", deployment / "trust.json", "--json").json
    assert told == {
        "document": "waiver",
        "name": "60 % of town, delivered",
        "region": "region-1",
        "first": "2026-03-02",
        "last": "2026-03-03",
        "reason": "collector C7 was down",
        "signatures": {"utility": "holds", "aggregator_operator": "holds", "unblinder_operator": "holds"},
    }
    extended(deployment, tmp_path / "extension.json")


def extended(deployment: Path, paper: Path) -> None:
    """A budget extension goes the same way, in the same deployment; one of noise is signed by a verb of its own."""
    where, trust = ("--dir", deployment), ("--trust", deployment / "trust.json", "--json")
    more = ("--cohort", "town", "--rho-millionths", 500)
    wattseal("extension", "sign-noise", *more, *TERM, "--out", paper, *where)
    told = wattseal("extension", "check", paper, *trust).json
    assert told["name"] == "noisy totals of town, delivered: 500 millionths of rho more"
    assert told["signatures"] == {"utility": "holds", "aggregator_operator": "missing", "unblinder_operator": "missing"}
    wattseal("extension", "sign", "--tariff", "TOU-8", "--results", 1, *TERM, "--out", paper, *where)
    wattseal("extension", "countersign", paper, *where)
    installed = wattseal("extension", "install", paper, *where, "--json")
    assert installed.json["at"] == ["aggregator", "decryptor", "unblinder"]
    assert len(list(deployment.glob("*/registry/budget-extensions/*.json"))) == 3
    told = wattseal("extension", "check", paper, *trust).json
    assert (told["document"], told["name"]) == ("budget extension", "results of bills under TOU-8: 1 more")
    assert set(told["signatures"].values()) == {"holds"}


def test_mistakes_end_in_one_line(tmp_path: Path) -> None:
    nowhere = wattseal("waiver", "install", tmp_path / "w.json", "--dir", tmp_path / "nothing")
    assert (nowhere.status, nowhere.stdout) == (2, "")
    assert nowhere.stderr.startswith("wattseal: no deployment is in ")
    lost = wattseal("quarantine", "check", tmp_path / "q.json", "--trust", tmp_path / "trust.json")
    assert lost == Ended(2, "", f"wattseal: {tmp_path / 'trust.json'}: No such file or directory\n")
