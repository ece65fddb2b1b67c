"""A whole run on a few meters: every lane exact or known to be approximate, every figure there."""

import pytest

from wattseal.bench.lanes import Kind, Party
from wattseal.bench.measure import Plan, measure
from wattseal.bench.results import BenchResult

TINY = Plan(meters=20, rounds=1, sizes=(2, 4), bills=5, quick=True)


@pytest.fixture(scope="module")
def result() -> BenchResult:
    return measure(TINY, lambda _: None)


def test_our_schemes_and_python_paillier_are_exact_and_tenseal_is_not(result: BenchResult) -> None:
    exact = {lane.name: lane.error_wh == 0 for lane in result.lanes}
    assert exact == {
        "plain": True,
        "masking": True,
        "ckks": True,
        "paillier": True,
        "python-paillier": True,
        "tenseal-ckks": False,
    }


def test_a_bill_of_ours_is_exact_where_tenseals_is_not(result: BenchResult) -> None:
    assert {bill.name: bill.error == 0 for bill in result.bills} == {
        "ckks": True,
        "plain": True,
        "tenseal-dot": False,
    }


def test_every_party_of_a_scheme_is_measured(result: BenchResult) -> None:
    for lane in result.lanes:
        measured = {part.party for part in lane.parts if part.seconds.low > 0}
        expected = {Kind.SCHEME: set(Party), Kind.FLOOR: {Party.METER, Party.AGGREGATOR}}
        assert measured == expected.get(lane.kind, {Party.METER, Party.AGGREGATOR, Party.DECRYPTOR})


def test_sizes_on_the_wire(result: BenchResult) -> None:
    size = {lane.name: lane.report_bytes for lane in result.lanes}
    assert size["paillier"] == 894
    assert size["masking"] == 1046
    assert size["plain"] == 318
    assert size["python-paillier"] == 96 * 768


def test_growth_is_measured_at_each_size_and_peers_stop_where_they_are_too_slow(result: BenchResult) -> None:
    for lane in result.lanes:
        sizes = [point.meters for point in result.curve if point.name == lane.name]
        assert sizes == [size for size in TINY.sizes if lane.kind is not Kind.PEER or size <= 128]


def test_ratios_name_their_peers_and_limits(result: BenchResult) -> None:
    names = {ratio.name: ratio.at_most for ratio in result.ratios}
    assert names["paillier: meter, a read / python-paillier's"] == 1 / 1000
    assert names["masking: all parties / the plain pipeline"] == 1.5
    assert names["bill: all three / TenSEAL's dot"] == 1 / 1000
