"""Pads and tags summed ahead: equal to direct sums whatever changes, gone with their keys, and only for likely days."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cryptosystems.paillier.vectors import secret_key
from tests.policy.packs import flat
from tests.policy.rosters import REGION, TRUST, countersigned, operator, published, roster, row
from wattseal.cryptosystems.pads.derive import Root
from wattseal.cryptosystems.pads.label import Use, check_key_id
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.cryptosystems.summing import MemberSums
from wattseal.edge.access import Tokens
from wattseal.edge.keepers import Keeper
from wattseal.edge.registry import Registry
from wattseal.keyserver.decryptor import DecryptorService
from wattseal.keyserver.half import Half, Permitted
from wattseal.keyserver.ledger import Ledger
from wattseal.keyserver.member_sums import AHEAD, SUMS, WHEN_ASKED, Stopped, Summing
from wattseal.keyserver.periods import KeyPeriods
from wattseal.keyserver.preparing import DAYS_BEFORE, Preparing, PreparingTags
from wattseal.keyserver.schemes import day_label, labels_of, modulus_id_of, unblinder_of
from wattseal.keyserver.unblinder import UnblinderService
from wattseal.keyserver.vault import Period, Vault
from wattseal.protocol.errors import KeyDestroyed, PeerUnavailable, SignatureInvalid
from wattseal.protocol.ids import Channel, CohortId, HalfRole, RegionId, Role, Suite, Window
from wattseal.protocol.keys import CheckKeyName, CheckKeyNames, KeyNotice
from wattseal.protocol.roster import Roster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement, positions_to_bits
from wattseal.protocol.time import SECONDS_PER_DAY, month_of

TODAY = Window(20_000)
YESTERDAY = Window(TODAY - 1)
FIRST = Window(TODAY - 20)
METERS, TWO_WAY = 300, 140
"""Of whom so many deliver, too; more than are summed at once are in one leaf."""
BOTH = (Channel.DELIVERED, Channel.RECEIVED)
LAYOUT = DEFAULT_LAYOUTS[60]
ROOTS = {Role.DECRYPTOR: Root(Secret(b"d" * 32), 1), Role.UNBLINDER: Root(Secret(b"u" * 32), 1)}
USES = {Role.DECRYPTOR: Use.TAG, Role.UNBLINDER: Use.PAD}
COHORTS = ("town", "town/a", "town/b/1")


def homes(effective: Window = FIRST, suite: Suite = Suite.PAILLIER_3072, **changes: dict[str, Any]) -> Roster:
    leaves = ["town/a"] * 200 + ["town/b/1"] * 50 + ["town/b/2"] * 50
    rows = [
        row(f"m{n:03}", leaf, BOTH if n < TWO_WAY else BOTH[:1], **changes.get(f"m{n:03}", {}))
        for n, leaf in enumerate(leaves)
    ]
    return roster(rows, effective=effective, suite=int(suite), layout_id=LAYOUT.layout_id, interval_minutes=60)


@dataclass
class Side:
    """One half with what sums its pads or tags; `clock` moves."""

    half: Half
    service: UnblinderService | DecryptorService
    clock: list[float]

    @property
    def summing(self) -> Summing:
        return self.service.summing

    @property
    def preparing(self) -> Preparing:
        if isinstance(self.service, UnblinderService):
            return self.service.preparing
        return PreparingTags(self.half, self.service.summing, Listener())

    def look(self) -> None:
        self.preparing.look(threading.Event())

    def sums(self, key_id: int) -> MemberSums:
        if isinstance(self.service, UnblinderService):
            unblinder = unblinder_of(self.half.registry.key(key_id), LAYOUT.layout_id)
            return MemberSums(unblinder.pad_sum, unblinder.combined)
        decryptor: Any = self.half.vault.decryptor(key_id, LAYOUT.layout_id)
        return MemberSums(decryptor.tag_sum, decryptor.combined)


class Listener:
    """An unblinder that only hears; `silent` while it is away."""

    def __init__(self, *, silent: bool = False) -> None:
        self.heard: list[Envelope] = []
        self.silent = silent

    def expect(self, names: Envelope) -> None:
        if self.silent:
            raise PeerUnavailable("nobody answers")
        self.heard.append(names)

    grant = grant_bills = expect


def key_of(suite: Suite, key_id: int = 1, first: int = FIRST) -> KeyNotice:
    public = _paillier().public.to_bytes() if suite is Suite.PAILLIER_3072 else b""
    last = Window(FIRST + 400)
    return KeyNotice(key_id=key_id, suite=suite, public_key=public, first_window=Window(first), last_window=last)


def _paillier() -> SecretKey:
    return secret_key("3072")


@contextmanager
def side(directory: Path, role: HalfRole, suite: Suite = Suite.PAILLIER_3072) -> Iterator[Side]:
    clock = [TODAY * float(SECONDS_PER_DAY) + 3600]
    registry = Registry(
        directory / "registry", TRUST, lambda: 0.0, replay=True, least_change=1, check_key=lambda _: None
    )
    registry.install_roster(countersigned(homes(suite=suite)))
    registry.install_key(published(key_of(suite)))
    of_decryptor = suite is Suite.PAILLIER_3072 and role is Role.DECRYPTOR
    period = Period(1, ROOTS[role], _paillier() if of_decryptor else None)
    vault = Vault(role, operator(role), int(suite), [period], lambda _: None)
    with Ledger(directory / "ledger.sqlite", lambda: clock[0]) as ledger:
        half = Half(vault, ledger, registry, flat(4), Tokens([]), TRUST, lambda: clock[0])
        service = UnblinderService(half) if role is Role.UNBLINDER else DecryptorService(half, Listener())  # type: ignore[arg-type]
        found = Side(half, service, clock)
        tell(found, *(Window(TODAY - before) for before in range(5)))
        yield found


def check_id(window: Window, key_id: int = 1) -> bytes:
    """Of the decryptor's root in the first period; tests of later ones tell others."""
    return check_key_id(ROOTS[Role.DECRYPTOR].check_key(REGION, month_of(window))) if key_id == 1 else b"k" * 16


def tell(to: Side, *windows: Window, key_id: int = 1, name: bytes | None = None) -> None:
    if isinstance(to.service, UnblinderService):
        months = {month_of(window): name or check_id(window, key_id) for window in windows}
        names = tuple(
            CheckKeyName(region=REGION, key_id=key_id, month=month, check_key_id=found)
            for month, found in months.items()
        )
        to.service.expect(Envelope.issue(CheckKeyNames(names=names), operator("decryptor")))


def asked(
    to: Side,
    absent: set[int] = frozenset(),  # type: ignore[assignment]
    numbers: dict[int, int] | None = None,
    cohort: str = "town",
    channel: Channel = Channel.DELIVERED,
    window: Window = YESTERDAY,
    key_id: int = 1,
    check: bytes | None = None,
) -> tuple[str, bytes, bytes]:
    """How the sum was made, the sum, and the direct one from the root. Positions are within the cohort."""
    in_force = to.half.registry.rosters.at(REGION, window)
    active = in_force.active(CohortId(cohort), channel)
    members = [position for position in range(len(active)) if position not in absent]
    numbered = {position: number for position, number in (numbers or {}).items() if position in members}
    statement = TotalStatement(
        purpose="grid-planning",
        region=REGION,
        cohort=CohortId(cohort),
        channel=channel,
        window=window,
        suite=in_force.suite,
        key_id=key_id,
        layout_id=LAYOUT.layout_id,
        roster_digest=in_force.fingerprint,
        members=positions_to_bits(members, len(active)),
        numbers=tuple(sorted(numbered.items())),
    )
    permitted = Permitted(in_force, statement.members_in(in_force), None)
    notice = to.half.registry.key(key_id)
    place = (notice, modulus_id_of(notice), REGION, channel, window)
    label = day_label(*place, check_id(window, key_id) if check is None else check)
    before = made(to.half.role)
    with to.half.one_at_a_time:
        found = to.summing.of(to.sums(key_id), statement, permitted, label)
    [how] = [word for word in before if made(to.half.role)[word] > before[word]]
    return how, found, direct(to, permitted, label, key_id)


def direct(to: Side, permitted: Permitted, label: Any, key_id: int) -> bytes:  # noqa: ANN401 - a Label
    root = to.half.vault.root(key_id)
    rows = permitted.roster.by_meter
    keys = [root.meter_key(USES[to.half.role], REGION, m, rows[m].sealing_key) for m in permitted.members]
    return to.sums(key_id).of(labels_of(label, permitted.members.items()), keys)


def made(role: HalfRole) -> dict[str, float]:
    return {word: SUMS.labels(role, word)._value.get() for word in (AHEAD, WHEN_ASKED)}


@pytest.fixture(params=[Role.UNBLINDER, Role.DECRYPTOR])
def ready(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    with side(tmp_path, request.param) as found:
        found.look()
        yield found


@pytest.mark.parametrize(
    ("role", "suite"),
    [
        (Role.UNBLINDER, Suite.PAILLIER_3072),
        (Role.UNBLINDER, Suite.MASKING),
        (Role.UNBLINDER, Suite.CKKS),
        (Role.DECRYPTOR, Suite.PAILLIER_3072),
        (Role.DECRYPTOR, Suite.MASKING),
    ],
)
def test_sums_ahead_are_direct_sums(tmp_path_factory: pytest.TempPathFactory, role: HalfRole, suite: Suite) -> None:
    with side(tmp_path_factory.mktemp("half"), role, suite) as found:
        found.look()
        positions = st.integers(0, METERS - 1)

        @given(
            absent=st.sets(positions, max_size=20),
            numbers=st.dictionaries(positions, st.integers(1, 7), max_size=4),
            cohort=st.sampled_from(COHORTS),
            channel=st.sampled_from(Channel),
            before=st.sampled_from(DAYS_BEFORE),
        )
        @settings(max_examples=25, deadline=None, database=None)
        def check(absent: set[int], numbers: dict[int, int], cohort: str, channel: Channel, before: int) -> None:
            window = Window(TODAY - before)
            active = len(found.half.registry.rosters.at(REGION, window).active(CohortId(cohort), channel))
            if not active:
                return
            how, total, expected = asked(found, absent, numbers, cohort, channel, window)
            assert total == expected
            assert how == AHEAD

        check()


def test_when_most_are_missing_the_few_are_summed(ready: Side) -> None:
    absent = set(range(METERS // 2))
    how, total, expected = asked(ready, absent)
    assert (how, total) == (WHEN_ASKED, expected)
    how, total, expected = asked(ready, absent - {0})
    assert (how, total) == (AHEAD, expected)


def test_days_that_nobody_will_ask_about_are_not_kept(ready: Side) -> None:
    """Nor those of the future; tomorrow the oldest has gone."""
    days = [TODAY - before for before in (-1, 0, 1, 2, 3, 4)]
    assert [asked(ready, window=Window(day))[0] for day in days] == [WHEN_ASKED, *[AHEAD] * 4, WHEN_ASKED]
    ready.clock[0] += SECONDS_PER_DAY
    tell(ready, *map(Window, days))
    ready.look()
    assert [asked(ready, window=Window(day))[0] for day in days] == [*[AHEAD] * 4, WHEN_ASKED, WHEN_ASKED]


def test_another_roster_has_sums_of_its_own(ready: Side) -> None:
    """An exchanged meter has another key; in a replay a roster may come for a day whose sums are made."""
    changed = homes(YESTERDAY, m003={"sealing_key": b"\x09" + bytes(31), "installed": YESTERDAY})
    ready.half.registry.install_roster(countersigned(changed))
    how, total, expected = asked(ready, {1})
    assert (how, total) == (WHEN_ASKED, expected)
    ready.look()
    how, total, expected = asked(ready, {1})
    assert (how, total) == (AHEAD, expected)
    how, total, expected = asked(ready, {1}, window=Window(YESTERDAY - 1))
    assert (how, total) == (AHEAD, expected)


def test_a_roster_that_comes_meanwhile_gets_no_sums_under_the_former_ones_name(ready: Side) -> None:
    day = next(iter(ready.preparing.days()))
    ready.half.ahead.forget()
    ready.half.registry.install_roster(countersigned(homes(YESTERDAY)))
    ready.summing.prepare(day, threading.Event())
    assert not ready.half.ahead._days


@pytest.mark.parametrize(
    "changed", [{"layout_id": b"layout-9"}, {"suite": int(Suite.CKKS), "layout_id": LAYOUT.layout_id}], ids=str
)
def test_rosters_that_nobody_can_open_do_not_disturb(tmp_path: Path, changed: dict[str, Any]) -> None:
    with side(tmp_path, Role.DECRYPTOR) as found:
        other = roster([row("x1", "hamlet")], RegionId("east"), FIRST, interval_minutes=60, **changed)
        found.half.registry.install_roster(countersigned(other))
        found.look()
        kept = found.half.ahead._days
        assert {(day.region, len(leaves)) for day, leaves in kept.items()} == {("east", 0), (REGION, 4)}


def test_under_another_check_key_the_sum_is_made_when_asked(ready: Side) -> None:
    how, total, expected = asked(ready, {1}, check=b"c" * 16)
    assert (how, total) == (WHEN_ASKED, expected)
    assert total != asked(ready, {1})[1]


def begin(at: Side, first: Window) -> None:
    """The next key period, for windows from `first` on."""
    of_decryptor = at.half.role is Role.DECRYPTOR
    root = at.half.vault.root(1).next()
    at.half.vault.begin(Period(2, root, _paillier() if of_decryptor else None))
    at.half.registry.install_key(published(key_of(Suite.PAILLIER_3072, 2, first)))


def test_each_key_period_has_sums_of_its_own(ready: Side) -> None:
    begin(ready, YESTERDAY)
    ready.look()
    tell(ready, YESTERDAY, key_id=2)
    name = check_id(YESTERDAY, 2)
    if ready.half.role is Role.DECRYPTOR:
        name = check_key_id(ready.half.vault.root(2).check_key(REGION, month_of(YESTERDAY)))
    ready.look()
    how, total, expected = asked(ready, {1}, key_id=2, check=name)
    assert (how, total) == (AHEAD, expected)
    assert asked(ready, {1})[0] == WHEN_ASKED


def destroy(at: Side) -> None:
    KeyPeriods(at.half, lambda: at.clock[0]).destroy(1)


def test_a_destroyed_periods_sums_are_gone(ready: Side) -> None:
    begin(ready, TODAY)
    assert asked(ready)[0] == AHEAD
    destroy(ready)
    assert not ready.half.ahead._days
    ready.look()
    assert {day.key_id for day in ready.half.ahead._days} <= {2}
    with pytest.raises(KeyDestroyed):
        asked(ready)


@pytest.mark.parametrize("rests", [0, 5])
def test_a_period_destroyed_meanwhile_leaves_no_sums(ready: Side, rests: int) -> None:
    """After the first few meters, and after the last: nothing of it is kept."""
    begin(ready, TODAY)
    ready.half.ahead.forget()
    day = next(iter(ready.preparing.days()))
    assert day.window == YESTERDAY

    class Resting(threading.Event):
        left = rests

        def wait(self, timeout: float | None = None) -> bool:
            assert not ready.half.one_at_a_time.locked()
            if self.left == 0:
                destroy(ready)
            self.left -= 1
            return False

    with pytest.raises(KeyDestroyed):
        ready.summing.prepare(day, Resting())
    assert not ready.half.ahead._days


def test_a_service_that_ends_does_not_wait_for_sums(ready: Side) -> None:
    ready.half.ahead.forget()
    ended = threading.Event()
    ended.set()
    with pytest.raises(Stopped):
        ready.summing.prepare(next(iter(ready.preparing.days())), ended)
    ready.preparing.look(ended)
    assert not ready.half.ahead._days


def test_what_fails_is_logged_and_made_when_asked(
    ready: Side, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And the other days are ready all the same."""
    ready.half.ahead.forget()
    prepare = ready.summing.prepare

    def failing(day: Any, ended: threading.Event) -> None:  # noqa: ANN401 - a Day
        if day.window == YESTERDAY:
            raise MemoryError("no room")
        prepare(day, ended)

    monkeypatch.setattr(ready.summing, "prepare", failing)
    preparing = ready.preparing
    with Keeper("summing ahead").round():
        preparing.look(threading.Event())
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert "summing ahead" in caplog.text
    assert "no room\n" in caplog.text
    assert "region west" in caplog.text
    how, total, expected = asked(ready, {1})
    assert (how, total) == (WHEN_ASKED, expected)
    assert asked(ready, {1}, window=TODAY)[0] == AHEAD


def test_nothing_prints_a_sum(ready: Side) -> None:
    [leaves, *_] = ready.half.ahead._days.values()
    assert set(map(repr, leaves.values())) == {"Secret(redacted)"}


def test_the_unblinder_knows_no_check_key_until_told(tmp_path: Path) -> None:
    with side(tmp_path, Role.UNBLINDER) as found:
        tell(found)
        found.look()
        assert not found.half.ahead._days
        tell(found, YESTERDAY)
        found.look()
        assert asked(found)[0] == AHEAD


def test_only_the_decryptor_names_check_keys(tmp_path: Path) -> None:
    with side(tmp_path, Role.UNBLINDER) as found:
        assert isinstance(found.service, UnblinderService)
        with pytest.raises(SignatureInvalid):
            found.service.expect(Envelope.issue(CheckKeyNames(names=()), operator("aggregator")))


def test_a_false_name_changes_no_pads(tmp_path: Path) -> None:
    """The request's own counts; what was summed for another is left aside."""
    with side(tmp_path, Role.UNBLINDER) as found:
        tell(found, YESTERDAY, name=b"f" * 16)
        found.look()
        how, total, expected = asked(found, {1})
        assert (how, total) == (WHEN_ASKED, expected)


def test_the_decryptor_names_its_check_keys_each_time(tmp_path: Path) -> None:
    with side(tmp_path, Role.DECRYPTOR) as found:
        listener = Listener()
        preparing = PreparingTags(found.half, found.summing, listener)
        for _ in range(2):
            preparing.look(threading.Event())
        first, second = (names.opened(CheckKeyNames, TRUST.decryptor) for names in listener.heard)
        assert first == second
        windows = {month_of(window): window for window in (Window(TODAY - before) for before in DAYS_BEFORE)}
        assert {(each.region, each.key_id, each.month, each.check_key_id) for each in first.names} == {
            (REGION, 1, month, check_id(window)) for month, window in windows.items()
        }


def test_tags_are_summed_though_the_unblinder_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with side(tmp_path, Role.DECRYPTOR) as found:
        PreparingTags(found.half, found.summing, Listener(silent=True)).look(threading.Event())
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("WARNING", "naming check keys to the unblinder: nobody answers")
        ]
        assert asked(found)[0] == AHEAD


def test_the_decryptor_of_ckks_has_no_sums_of_a_day(tmp_path: Path) -> None:
    with side(tmp_path, Role.DECRYPTOR, Suite.CKKS) as found:
        found.look()
        assert set(map(len, found.half.ahead._days.values())) == {0}
