"""Help answers without loading what only the work needs, tells what each verb does, and a mistake is named."""

import sys
from pathlib import Path

import pytest

from tests.commands.shell import ended, wattseal
from tests.commands.verbs import Verb, all_verbs, groups

HEAVY = ("numpy", "polars", "matplotlib", "numba", "cryptography", "fastapi", "httpx", "nacl", "redis")
VERBS = all_verbs()
# What a command loads does not depend on the verb: of each role and group its own help, and that of one verb.
HELPS = sorted({verb.role: (verb.role, verb.words) for verb in VERBS}.values()) + [
    (one[0], one[1:]) for one in groups()
]

# A word more, where what a verb cannot do without is right as it is, or nothing is.
WRONG = {
    "collector demo": ["--date", "nonsense"],
    "collector up": ["--policy", "nonsense"],
    "collector fleet": ["--first-date", "nonsense"],
    "collector bench": ["--against", "nonsense"],
    "collector bill": ["nonsense"],
    "collector audit verify": ["--ledger", "nonsense", "--trust", "nonsense"],
    "collector policy list": ["nonsense"],
    "collector policy explain": ["--roster", "nonsense"],
    "meter_sim init": ["nonsense"],
    "meter_sim prepare": ["--reads", "nonsense"],
    "bench": ["--against", "nonsense"],
}


@pytest.mark.parametrize(
    ("role", "words"), HELPS, ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
def test_help_loads_nothing_heavy(role: str, words: tuple[str, ...]) -> None:
    done = ended([sys.executable, "-X", "importtime", "-m", f"wattseal.{role}", *words, "--help"])
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert done.status == 0
    assert "Usage" in done.stdout
    assert "wattseal.edge.command" in loaded
    assert loaded.isdisjoint(HEAVY)


@pytest.mark.parametrize("verb", VERBS, ids=str)
def test_what_a_verb_does_stands_in_one_line_and_every_option_says_what_it_is(verb: Verb) -> None:
    summary = (verb.command.help or "").strip()
    assert len(summary.splitlines()) == 1
    assert summary.endswith(".")
    assert [one.name for one in verb.shown if not one.help] == []


@pytest.mark.parametrize("verb", VERBS, ids=str)
def test_nonsense_is_named(verb: Verb, tmp_path: Path) -> None:
    words = [word for one in verb.shown if one.required for word in (*_option(one)[:1], f"nonsense-{one.name}")]
    words += ["--dir", "nonsense-dir"] if "--dir" in [word for one in verb.shown for word in one.opts] else []
    words += WRONG.get(str(verb), [])
    assert words, "say in WRONG what would be wrong"
    done = ended([sys.executable, "-m", f"wattseal.{verb.role}", *verb.words, *words], cwd=tmp_path)
    assert (done.status, done.stdout) == (2, "")
    assert any(word in done.words for word in words)
    assert "[Errno" not in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def _option(parameter: object) -> list[str]:
    """The option's names, longest first; none of an argument."""
    names = sorted(getattr(parameter, "opts", []), key=len, reverse=True)
    return [name for name in names if name.startswith("--")]


def test_the_installed_command_leads_to_every_role() -> None:
    overview = wattseal("--help")
    assert overview.status == 0
    for role in ("collector", "aggregator", "keyserver"):
        answer = overview if role == "collector" else wattseal(role, "--help")
        assert answer.status == 0
        listed = {verb.words[0] for verb in VERBS if verb.role == role}
        assert [word for word in sorted(listed) if word not in answer.stdout] == []


def test_an_unknown_verb() -> None:
    done = wattseal("open-everything")
    assert done.status == 2
    assert "open-everything" in done.stderr
    assert "Traceback" not in done.stderr
