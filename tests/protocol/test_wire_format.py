"""That docs/wire-format.md says what the code does, where a program can tell."""

import ast
import re
from dataclasses import fields
from pathlib import Path

from tests.protocol.samples import ONE_OF_EACH, header, report, roster, statement
from tests.protocol.test_codec import message_types
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.report import FlagRun, frame
from wattseal.protocol.roster import RosterRow
from wattseal.protocol.statement import positions_to_bits

HERE = Path(__file__).parent
DOCUMENT = (HERE.parents[1] / "docs" / "wire-format.md").read_text()


def test_each_named_test_exists() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", DOCUMENT)
    assert len(named) > 20
    for file, name in named:
        body = ast.parse((HERE / file).read_text()).body
        assert name in {node.name for node in body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"


def test_the_header_table_has_no_gaps() -> None:
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (.+?) \|", DOCUMENT, re.MULTILINE)
    ends = [int(offset) + int(size) for offset, size, _ in rows]
    assert [int(offset) for offset, _, _ in rows] == [0, *ends[:-1]]
    assert ends[-1] == len(header().to_bytes(0)) == 62


def test_each_message_is_listed_with_its_fields() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", DOCUMENT, re.MULTILINE))
    assert set(listed) == {kind.__name__ for kind in message_types()} - {"Envelope"} | {
        "RosterRow",
        "SignedTariff",
        "SignedChargeList",
    }
    assert re.findall(r"`(\w+)`", listed["RosterRow"]) == [field.name for field in fields(RosterRow)]
    for message in ONE_OF_EACH:
        if type(message).__name__ in listed:
            named = re.findall(r"`(\w+)`", listed[type(message).__name__])
            assert [name for name in type(message).model_fields if name not in named] == []


def test_the_sizes() -> None:
    flags = tuple(FlagRun(3 * place, 1, 1) for place in range(32))
    sizes = {
        "header, no flags": len(header().to_bytes(0)),
        "header, 32 runs": len(header(flags=flags).to_bytes(0)),
        "a day of 96 reads, Paillier 3,072: 62 + 768 + 64": len(report(bytes(768))),
        "the same in a frame": len(frame([report(bytes(768))])),
        "a read, framed": round(len(frame([report(bytes(768))])) / 96, 2),
        "a wide layout's day of 96 reads: two ciphertexts, 62 + 2 x 768 + 64": len(report(bytes(2 * 768))),
        "the most: two ciphertexts and 32 runs, in a frame": len(frame([report(bytes(2 * 768), flags=flags)])),
    }
    for name, size in sizes.items():
        assert f"| {name} | {size:,} |" in DOCUMENT
    every = statement(members=positions_to_bits(range(16_384), 16_384), numbers=())
    assert 2_950 < len(every.to_bytes()) < 3_050
    numbered = every.model_copy(update={"numbers": tuple((place, 7) for place in range(16_384))})
    assert 150_000 < len(numbered.to_bytes()) < 160_000
    row = canonical_json(roster().model_dump(mode="json")["rows"][0])
    assert 330 < len(row) < 365
