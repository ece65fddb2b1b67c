"""What is made of measured seconds: ratios, tables, files, and the check against an earlier run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from wattseal.bench.capacity import Assumptions, bill_needs_of, needs_of, rows_of_bill_needs, rows_of_needs
from wattseal.bench.lanes import Kind, Party
from wattseal.bench.page import write_files
from wattseal.bench.recorded import recorded_ratios, regressions
from wattseal.bench.results import BenchResult, BillResult, CurvePoint, LaneResult, Part
from wattseal.bench.table import rows_of_bills, rows_of_lanes, rows_of_ratios
from wattseal.bench.timing import Timed, alternate
from wattseal.protocol.errors import UsageError


def timed(seconds: float) -> Timed:
    return Timed(seconds, seconds / 2, seconds * 2)


def lane(name: str, kind: Kind, meter_s: float, aggregator_s: float, error_wh: float = 0) -> LaneResult:
    parts = (
        Part(Party.METER, "encrypt", timed(meter_s)),
        Part(Party.METER, "sign", timed(meter_s)),
        Part(Party.AGGREGATOR, "add", timed(aggregator_s)),
        Part(Party.DECRYPTOR, "open", timed(10e-6)),
    )
    return LaneResult(name, kind, 1_000, 960, error_wh, parts, timed(1e-3), "a note with <signs>")


def bill(name: str, kind: Kind, **seconds: float) -> BillResult:
    of_party = tuple((Party(party), timed(value)) for party, value in seconds.items())
    return BillResult(name, kind, 10, of_party, 0, "")


LANES = [
    lane("plain", Kind.FLOOR, 1e-6, 10e-6),
    lane("masking", Kind.SCHEME, 2e-6, 10e-6),
    lane("ckks", Kind.SCHEME, 5e-6, 20e-6),
    lane("paillier", Kind.SCHEME, 1e-3, 30e-6),
    lane("python-paillier", Kind.PEER, 4.0, 100e-6),
    lane("tenseal-ckks", Kind.PEER, 5e-3, 50e-6, error_wh=3e-8),
]
BILLS = [
    bill("ckks", Kind.SCHEME, aggregator=10e-6, unblinder=8e-6, decryptor=12e-6),
    bill("plain", Kind.FLOOR, aggregator=4e-6),
    bill("tenseal-dot", Kind.PEER, aggregator=60e-3),
]
CURVE = [CurvePoint(each.name, size, size * 1e-3) for each in LANES for size in (10, 100)]
RESULT = BenchResult.of({"cores": "2"}, LANES, CURVE, BILLS, quick=True)


def test_ratios_are_of_medians() -> None:
    ratios = {ratio.name: round(ratio.value, 9) for ratio in RESULT.ratios}
    assert ratios["paillier: meter, a read / python-paillier's"] == 2e-3 / 8.0
    assert ratios["bill: aggregator / the bare dot product"] == 2.5
    assert ratios["bill: both halves / the bare dot product"] == 5.0
    assert ratios["bill: all three / TenSEAL's dot"] == 30e-6 / 60e-3
    assert [ratio.name for ratio in RESULT.ratios if not ratio.met] == [
        "paillier: bytes a read on the wire",
        "paillier: aggregator / the plain pipeline's",
        "ckks: bytes a report / TenSEAL's",
    ]


def test_without_the_peers_libraries_the_other_ratios_stay() -> None:
    ours = [each for each in LANES if each.kind is not Kind.PEER]
    alone = BenchResult.of({}, ours, [], BILLS[:2], quick=True)
    assert {ratio.name for ratio in alone.ratios} < {ratio.name for ratio in RESULT.ratios}
    assert not any("TenSEAL" in ratio.name or "python" in ratio.name for ratio in alone.ratios)


def test_rows_tell_medians_and_ranges() -> None:
    _, rows = rows_of_lanes(RESULT)
    assert rows[3] == ("paillier", "10", "20.8 (10-42)", "0.312 (0.16-0.62)", "9.09", "10 (5-20)", "exact")
    assert rows[0][-1] == "exact"
    assert rows[5][-1] == "within 3e-08 Wh"
    _, bills = rows_of_bills(RESULT)
    assert bills[0] == ("ckks", "10 (5-20)", "8 (4-16)", "12 (6-24)", "30 (15-60)", "0")
    _, ratios = rows_of_ratios(RESULT)
    assert ratios[0][-1] == "MISSED"


def test_needs_are_unit_costs_times_meters() -> None:
    assumed = Assumptions(channels=1, arrival_hours=1, busy=0.5, levels=2, store_days=3, store_bytes_more=40)
    needs = needs_of(LANES[1], 3_600_000, assumed)
    assert round(needs.aggregator_cores, 9) == 3_600_000 * 10e-6 / 1_800
    assert needs.wire_mbit_s == 3_600_000 * 960 * 8 / 3_600 / 1e6
    assert needs.store_gib == 3 * 3_600_000 * 1_000 / 2**30
    assert needs.archive_tib_a_year == 3_600_000 * (365 * 960 + 12 * 39_400) / 2**40
    assert (needs.unblinder_s, round(needs.decryptor_s, 9)) == (0, 72)
    bills = bill_needs_of(BILLS[0], 2_100_000, assumed)
    assert [round(seconds, 9) for seconds in bills[1:]] == [1, 0.8, 1.2]


def test_needs_as_rows() -> None:
    _, rows = rows_of_needs(RESULT, Assumptions())
    assert [row[:2] for row in rows[:3]] == [(name, "1,000,000") for name in ("masking", "ckks", "paillier")]
    assert len(rows) == 9
    _, bills = rows_of_bill_needs(RESULT, Assumptions())
    assert bills[0] == ("1,000,000", "47,619", "0.48", "0.38", "0.57")


def test_files_of_a_run(tmp_path: Path) -> None:
    files = write_files(RESULT, tmp_path / "new")
    assert sorted(file.name for file in files) == ["bench.html", "bench.json", "growth.png", "parts.png"]
    page = (tmp_path / "new" / "bench.html").read_text(encoding="utf-8")
    assert "a note with &lt;signs&gt;" in page
    assert "<script" not in page
    assert "http" not in page
    assert all((tmp_path / "new" / name).read_bytes().startswith(b"\x89PNG") for name in ("growth.png", "parts.png"))
    assert json.loads((tmp_path / "new" / "bench.json").read_text())["ratios"][0]["met"] is False


def test_a_run_is_no_worse_than_itself_and_a_worse_one_is_named(tmp_path: Path) -> None:
    write_files(RESULT, tmp_path)
    recorded = recorded_ratios(tmp_path / "bench.json")
    assert regressions(RESULT, recorded) == []
    slower = [replace(LANES[3], parts=(Part(Party.METER, "encrypt", timed(4e-3)), *LANES[3].parts[1:]))]
    worse = BenchResult.of({}, [*LANES[:3], *slower, *LANES[4:]], [], BILLS, quick=True)
    assert regressions(worse, recorded) == ["paillier: meter, a read / python-paillier's: 0.000625, recorded 0.00025"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"ratios": [{"name": 1}]}', b"\xff"])
def test_a_file_that_is_no_run_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"--against .*other\.json: not a run"):
        recorded_ratios(file)


def test_actions_alternate_and_the_first_round_does_not_count() -> None:
    called: list[str] = []
    seconds = alternate([lambda: called.append("a"), lambda: called.append("b")], 2)
    assert called == ["a", "b"] * 3
    assert [len(of_action) for of_action in seconds] == [2, 2]
