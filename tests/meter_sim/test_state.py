"""The outbox: a number is taken before anything is encrypted, and never for two contents."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from wattseal.meter_sim.state import FleetState, Slot, State, meter_id_of
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import MeterId

START = 20_000 * 1440
A, B = MeterId("a"), MeterId("b")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[FleetState]:
    with FleetState(tmp_path / "fleet") as opened:
        yield opened


def slot(meter: MeterId, number: int) -> Slot:
    return Slot(meter, "delivered", START, number)


def reserve(state: FleetState, *contents: tuple[MeterId, bytes]) -> list[Slot]:
    return state.reserve("delivered", START, contents)


def test_number_0_first(state: FleetState) -> None:
    assert reserve(state, (A, b"1"), (B, b"2")) == [slot(A, 0), slot(B, 0)]


def test_the_same_content_takes_no_number_again(state: FleetState) -> None:
    state.keep_sealed([(taken, b"sealed") for taken in reserve(state, (A, b"1"))])
    assert reserve(state, (A, b"1"), (B, b"2")) == [slot(B, 0)]


def test_other_content_takes_the_next(state: FleetState) -> None:
    for number in range(8):
        [taken] = reserve(state, (A, b"%d" % number))
        assert taken == slot(A, number)
        state.keep_sealed([(taken, b"sealed")])
    with pytest.raises(UsageError, match="no report number left"):
        reserve(state, (A, b"one too many"))


def test_a_number_reserved_before_a_crash_is_never_used(tmp_path: Path) -> None:
    with FleetState(tmp_path / "fleet") as before:
        reserve(before, (A, b"1"))
    with FleetState(tmp_path / "fleet") as after:
        assert reserve(after, (A, b"1")) == [slot(A, 1)]
        assert after.pending(10) == []


def test_sealed_bytes_stay_until_settled(tmp_path: Path) -> None:
    with FleetState(tmp_path / "fleet") as before:
        before.keep_sealed(
            [(taken, b"sealed " + taken.meter.encode()) for taken in reserve(before, (A, b"1"), (B, b"2"))]
        )
    with FleetState(tmp_path / "fleet") as after:
        assert after.pending(10) == [(slot(A, 0), b"sealed a"), (slot(B, 0), b"sealed b")]
        assert len(after.pending(1)) == 1
        after.settle([(slot(A, 0), State.ACKNOWLEDGED, "accepted"), (slot(B, 0), State.FAILED, "conflict")])
        assert after.pending(10) == []
        assert after.outcomes() == {"accepted": 1, "conflict": 1}
        assert reserve(after, (A, b"1"), (B, b"2")) == []


def test_sealed_bytes_are_kept_once(state: FleetState) -> None:
    [taken] = reserve(state, (A, b"1"))
    state.keep_sealed([(taken, b"first")])
    state.keep_sealed([(taken, b"second")])
    assert state.pending(1) == [(taken, b"first")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(steps=st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=8))
def test_no_number_ever_has_two_contents(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bool, bool]]
) -> None:
    """Whatever is asked, with crashes after reserving and restarts in between."""
    directory = tmp_path_factory.mktemp("fleet") / "fleet"
    sealed: dict[Slot, str] = {}
    state = FleetState(directory)
    for content, crash, restart in steps:
        taken = reserve(state, (A, content.encode()))
        if taken and not crash:
            assert taken[0] not in sealed
            sealed[taken[0]] = content
            state.keep_sealed([(taken[0], content.encode())])
        if restart:
            state.__exit__()
            state = FleetState(directory)
    assert {place: body.decode() for place, body in state.pending(100)} == sealed
    state.__exit__()


def test_meters_get_keys_once(state: FleetState) -> None:
    state.make_meters(["a", "b"])
    first = state.meters()
    state.make_meters(["b", "c"])
    rows = state.meters()
    assert [row.name for row in rows] == ["a", "b", "c"]
    assert rows[:2] == first
    assert len({bytes(SigningKey(row.identity).verify_key) for row in rows}) == 3
    assert len({bytes(PrivateKey(row.sealing).public_key) for row in rows}) == 3


@pytest.mark.parametrize("name", ["1234 Elm Street", "x" * 40, "-dash", "Zähler 7"])
def test_names_that_are_no_ids_stay_with_the_meters(state: FleetState, name: str) -> None:
    state.make_meters([name])
    [row] = state.meters()
    assert row.name == name
    assert row.meter != name
    assert len(row.meter) == 16


def test_ids_made_of_names_need_the_fleets_salt() -> None:
    ids = {meter_id_of(name, salt) for name in ("account 1", "account 2") for salt in (b"a" * 32, b"b" * 32)}
    assert len(ids) == 4
    assert meter_id_of("plain-id", b"a" * 32) == "plain-id"


def test_facts(state: FleetState) -> None:
    assert state.fact("settings") is None
    for value in (b"one", b"two"):
        state.keep_fact("settings", value)
        assert state.fact("settings") == value


def test_the_error_key_is_made_once(tmp_path: Path) -> None:
    with FleetState(tmp_path / "one") as fleet, FleetState(tmp_path / "two") as other:
        key = fleet.error_key()
        assert (len(key), fleet.error_key() == key, other.error_key() == key) == (32, True, False)
    with FleetState(tmp_path / "one") as reopened:
        assert reopened.error_key() == key


def test_a_file_that_is_no_state(tmp_path: Path) -> None:
    (tmp_path / "fleet").mkdir(mode=0o700)
    (tmp_path / "fleet" / "fleet.sqlite").write_bytes(b"something else entirely, of some length" * 10)
    with pytest.raises(UsageError, match=r"fleet\.sqlite"):
        FleetState(tmp_path / "fleet")


def test_what_is_pending_is_cut_by_bytes_but_never_to_nothing(tmp_path: Path) -> None:
    with FleetState(tmp_path / "fleet") as state:
        slots = state.reserve("delivered", START, [(MeterId(f"m{number}"), b"content") for number in range(4)])
        state.keep_sealed([(slot, bytes(100)) for slot in slots])
        assert [len(state.pending(10, most_bytes)) for most_bytes in (0, 99, 199, 200, 399, 1000)] == [1, 1, 1, 2, 3, 4]
