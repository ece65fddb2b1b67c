"""The page that names a test for each threat names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`((?:tests/[a-z/_]+/)?test_\w+\.py)(?:::(test_\w+))?`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_is_there(file: str, test: str) -> None:
    path = ROOT / file if file.startswith("tests/") else Path(__file__).with_name(file)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)}
    assert not test or test in functions


def test_every_threat_is_on_the_page() -> None:
    """Forty-five of them, in parts A to E."""
    parts = {"A": range(1, 12), "B": range(12, 18), "C": range(18, 25), "D": range(25, 31), "E": range(31, 46)}
    named = set(re.findall(r"\b[A-E]\d+\b", PAGE))
    assert {f"{part}{number}" for part, numbers in parts.items() for number in numbers} <= named


def test_every_module_of_attacks_is_on_the_page() -> None:
    attacks = {path.name for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).name}
    assert attacks == {file for file, _ in NAMED if not file.startswith("tests/")}
