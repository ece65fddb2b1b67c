"""The load model's kernels against their slow twins, compiled and interpreted."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.kernels import naive_load as naive
from wattseal.kernels.load import (
    QUARTERS,
    Activity,
    Blocks,
    Cycles,
    Floats,
    Panels,
    Presence,
    Unit,
    add_activity,
    add_blocks,
    add_climate,
    add_cycles,
    add_sun,
    derive,
    occupied,
    uniforms,
)

words = st.integers(0, naive.MASK)
seeds = st.integers(0, 1 << 32)
patient = settings(deadline=None, max_examples=30)  # the first example waits for the compiler


def zeros(meters: int) -> Floats:
    return np.zeros((meters, QUARTERS))


def close(found: Floats, expected: list[list[float]]) -> bool:
    return np.allclose(found, expected, rtol=1e-12, atol=1e-9)


def columns(rows: list[tuple[float, ...]]) -> list[Floats]:
    return [np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)]


def integers(rows: list[tuple[int, ...]]) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    return [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]


def test_draws_are_those_of_splitmix64() -> None:
    """Published outputs from the state 1234567."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert naive.splitmix(1234567, 4) == published
    found = uniforms(np.array([1234567], dtype=np.uint64), 4)[:, 0]
    assert found.tolist() == [(word >> 11) * 2.0**-53 for word in published]


@patient
@given(keys=st.lists(words, max_size=5), word=words, count=st.integers(0, 5))
@example(keys=[naive.MASK, 0], word=naive.MASK, count=3)
def test_keys_and_draws(keys: list[int], word: int, count: int) -> None:
    array = np.array(keys, dtype=np.uint64)
    assert derive(array, np.uint64(word)).tolist() == [naive.derive(key, word) for key in keys]
    assert uniforms(array, count).T.tolist() == [naive.uniforms(key, count) for key in keys]


cycle_rows = st.tuples(st.integers(16, 200), st.integers(0, 200), st.integers(0, 5000)).map(
    lambda row: (row[0], min(row[0], row[1]), row[2])
)


@patient
@given(rows=st.lists(cycle_rows, min_size=1, max_size=4), first_minute=st.integers(0, 1 << 32))
@example(rows=[(16, 16, 0), (16, 0, 3), (16, 15, 15), (90, 40, 89)], first_minute=20_000 * 1440)
def test_cycles(rows: list[tuple[int, int, int]], first_minute: int) -> None:
    steady, watts = np.linspace(0, 300, len(rows)), np.linspace(60, 200, len(rows))
    load = zeros(len(rows))
    add_cycles(Cycles(steady, watts, *integers(list(rows))), first_minute, load)
    expected = [naive.cycles(a, b, *row, first_minute) for a, b, row in zip(steady, watts, rows, strict=True)]
    assert close(load, expected)


block = st.tuples(st.integers(-2000, 3000), st.integers(0, 1000), st.sampled_from([0, 1.5, 11_000])).map(
    lambda row: (row[0] / 4, row[1] / 4, row[2])
)


@patient
@given(meters=st.lists(st.lists(block, min_size=3, max_size=3), min_size=1, max_size=3))
@example(meters=[[(-15, 30, 60), (0, 0, 60), (1440, 15, 60)], [(1425, 100, 60), (14.5, 1, 60), (0, 15, 60)]])
@example(meters=[[(-2000, 5000, 11_000), (15, 15, 60), (-10, 10, 60)]])
def test_blocks(meters: list[list[tuple[float, float, float]]]) -> None:
    load = zeros(len(meters))
    start, minutes, watts = np.array(meters, dtype=np.float64).transpose(2, 1, 0)
    add_blocks(Blocks(*(np.ascontiguousarray(part) for part in (start, minutes, watts))), load)
    assert close(load, [naive.blocks(rows) for rows in meters])


def some_homes(rng: random.Random) -> list[naive.Home]:
    """Whoever goes to bed after midnight, never leaves, or is not there."""
    return [
        naive.Home(rng.random() < 0.8, wake, leave := rng.randrange(wake, 100), rng.randrange(leave - 2, 110), bed)
        for wake, bed in ((rng.randrange(10, 60), rng.randrange(62, 112)) for _ in range(12))
    ]


def presence_of(homes: list[naive.Home]) -> Presence:
    anybody = np.array([home.anybody for home in homes])
    return Presence(anybody, *integers([home[1:] for home in homes]))


@patient
@given(seed=seeds)
def test_who_is_up(seed: int) -> None:
    homes = some_homes(random.Random(seed))
    assert occupied(presence_of(homes)).tolist() == [naive.occupied(home) for home in homes]


def test_hours_after_midnight_and_out() -> None:
    late = occupied(presence_of([naive.Home(anybody=True, wake=30, leave=40, back=70, bed=98)]))[0]
    assert np.flatnonzero(late).tolist() == [0, 1, *range(30, 40), *range(70, 96)]


@patient
@given(seed=seeds)
def test_activity(seed: int) -> None:
    rng = random.Random(seed)
    homes, dark = some_homes(rng), [rng.random() for _ in range(QUARTERS)]
    doings = [
        naive.Doing(rng.choice([0, 300]), rng.random(), rng.choice([0, 90]), rng.random(), rng.choice([0, 0.3, 1]))
        for _ in homes
    ]
    keys, load = [rng.getrandbits(64) for _ in homes], zeros(len(homes))
    activity = Activity(*columns(list(doings)))
    add_activity(occupied(presence_of(homes)), activity, np.array(dark), np.array(keys, dtype=np.uint64), load)
    expected = [
        naive.activity(naive.occupied(home), doing, dark, key)
        for home, doing, key in zip(homes, doings, keys, strict=True)
    ]
    assert close(load, expected)


@patient
@given(seed=seeds, middle_c=st.sampled_from([-15, 0, 20, 38]), before=st.sampled_from([0, 32]))
def test_climate(seed: int, middle_c: int, before: int) -> None:
    rng = random.Random(seed)
    homes = some_homes(rng)
    outside = [middle_c + 8 * rng.random() for _ in range(before + QUARTERS)]
    sun = [rng.random() for _ in outside]
    units = [
        naive.Conditioner(
            rng.choice([0, 2300]), 0.6, 0.015 * rng.random(), 0.1, rng.choice([-200, 20]), rng.choice([25, 200])
        )
        for _ in homes
    ]
    load = zeros(len(homes))
    unit = Unit(*columns(list(units)))
    add_climate(occupied(presence_of(homes)), unit, np.array(outside), np.array(sun), load)
    expected = [
        naive.climate(naive.occupied(home), unit, outside, sun) for home, unit in zip(homes, units, strict=True)
    ]
    assert close(load, expected)


@patient
@given(seed=seeds, cloud=st.sampled_from([0, 0.3, 1]))
def test_sun(seed: int, cloud: float) -> None:
    rng = random.Random(seed)
    light = [rng.choice([0, rng.random()]) for _ in range(QUARTERS)]
    rows = [(rng.choice([0, 4000.0]), rng.choice([-6, 0, 7, 200]), rng.random()) for _ in range(6)]
    keys, made = [rng.getrandbits(64) for _ in rows], zeros(len(rows))
    watts, late, shade = zip(*rows, strict=True)
    panels = Panels(np.array(watts, np.float64), np.array(late, np.int64), np.array(shade, np.float64))
    add_sun(panels, np.array(light), cloud, np.array(keys, dtype=np.uint64), made)
    assert close(made, [naive.sun(*row, light, cloud, key) for row, key in zip(rows, keys, strict=True)])


def test_everything_is_added_to_what_is_there() -> None:
    load = np.full((1, QUARTERS), 7.0)
    one = np.ones(1)
    ones = np.ones(1, dtype=np.int64)
    add_cycles(Cycles(4 * one, 0 * one, 20 * ones, ones, ones), 0, load)
    add_blocks(Blocks(np.zeros((1, 1)), np.full((1, 1), 15.0), np.full((1, 1), 4.0)), load)
    add_sun(Panels(4 * one, 0 * ones, 0 * one), np.ones(QUARTERS), 0.0, np.zeros(1, dtype=np.uint64), load)
    assert load[0].tolist() == [10.0] + [9.0] * (QUARTERS - 1)


def test_the_kernels_pass_their_tests_interpreted() -> None:
    """The same tests in a process without compilation, with warnings as errors."""
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        pytest.skip("this is that process")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout
