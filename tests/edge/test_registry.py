"""What the operators install: once, countersigned, without contradiction, and still there after a restart."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.policy.rosters import (
    REGION,
    TODAY,
    TRUST,
    countersigned,
    notice,
    operator,
    published,
    roster,
    rows_of,
)
from wattseal.edge import registry as registry_module
from wattseal.edge import rosters as rosters_module
from wattseal.edge.private_files import write_private
from wattseal.edge.registry import Registry
from wattseal.protocol.errors import (
    Contradiction,
    MalformedMessage,
    Rejected,
    RosterChangeRefused,
    SignatureInvalid,
    UnknownSubject,
    UsageError,
)
from wattseal.protocol.ids import RegionId, Window
from wattseal.protocol.roster import SignedRoster, Unit
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import SECONDS_PER_DAY, parse_window

Open = Callable[..., Registry]
ROSTER = roster(rows_of("town", 3), effective=TODAY + 1)
EAST = RegionId("east")


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Opens the same directory each time, as a restart does, on the morning of TODAY."""

    def open_registry(*, replay: bool = False, second_of_day: int = 3600) -> Registry:
        return Registry(
            tmp_path,
            TRUST,
            lambda: TODAY * SECONDS_PER_DAY + second_of_day,
            replay=replay,
            least_change=2,
            check_key=lambda _: None,
        )

    return open_registry


class TestRosters:
    def test_installed(self, opened: Open) -> None:
        registry = opened()
        assert registry.install_roster(countersigned(ROSTER)) == ROSTER
        assert registry.rosters.of(REGION) == [ROSTER]

    def test_again_the_same(self, opened: Open, tmp_path: Path) -> None:
        registry = opened()
        first = registry.install_roster(countersigned(ROSTER))
        stored = {path: path.stat().st_ino for path in tmp_path.rglob("*.json")}
        assert registry.install_roster(countersigned(ROSTER)) is first
        assert {path: path.stat().st_ino for path in tmp_path.rglob("*.json")} == stored

    def test_the_same_again_even_after_it_took_effect(self, opened: Open) -> None:
        opened().install_roster(countersigned(ROSTER))
        assert opened(second_of_day=SECONDS_PER_DAY).install_roster(countersigned(ROSTER)) == ROSTER

    def test_another_one_from_the_same_day(self, opened: Open) -> None:
        registry = opened()
        registry.install_roster(countersigned(ROSTER))
        with pytest.raises(Contradiction, match="region west has another roster from 2024-10-05 on"):
            registry.install_roster(countersigned(roster(rows_of("town", 4), effective=TODAY + 1)))
        assert registry.rosters.of(REGION) == [ROSTER]

    @pytest.mark.parametrize("effective", [0, TODAY - 1, TODAY])
    def test_backdated(self, opened: Open, effective: int) -> None:
        backdated = roster(rows_of("town", 3), effective=effective)
        with pytest.raises(Rejected, match="has not begun"):
            opened().install_roster(countersigned(backdated))
        assert opened(replay=True).install_roster(countersigned(backdated)) == backdated

    def test_a_window_begins_at_midnight(self, opened: Open) -> None:
        assert opened(second_of_day=SECONDS_PER_DAY - 1).install_roster(countersigned(ROSTER)) == ROSTER

    def test_at_midnight_it_is_too_late(self, opened: Open) -> None:
        with pytest.raises(Rejected, match="has not begun"):
            opened(second_of_day=SECONDS_PER_DAY).install_roster(countersigned(ROSTER))

    def test_a_meter_in_two_regions(self, opened: Open) -> None:
        registry = opened()
        registry.install_roster(countersigned(ROSTER))
        with pytest.raises(Contradiction, match="region west"):
            registry.install_roster(countersigned(roster(rows_of("town", 1, first=2), EAST, TODAY + 1)))
        other = roster(rows_of("town", 1, first=3), EAST, TODAY + 1)
        assert registry.install_roster(countersigned(other)) == other

    @pytest.mark.parametrize("shared", ["identity_key", "sealing_key", "service_point"])
    def test_a_home_under_another_name_in_another_region(self, opened: Open, shared: str) -> None:
        """Totals of two regions that share all homes but one would tell that one."""
        registry = opened()
        registry.install_roster(countersigned(ROSTER))
        (alias,) = rows_of("town", 1, first=7)
        alias = replace(alias, **{shared: getattr(ROSTER.rows[1], shared)})
        with pytest.raises(Contradiction, match=f"a {shared} of the roster is in region west"):
            registry.install_roster(countersigned(roster([alias], EAST, TODAY + 1)))

    def test_a_home_has_a_meter_for_each_commodity(self, opened: Open) -> None:
        registry = opened()
        registry.install_roster(countersigned(ROSTER))
        gas = [
            replace(row, service_point=home.service_point)
            for row, home in zip(rows_of("town", 3, first=7), ROSTER.rows, strict=True)
        ]
        of_gas: dict[str, Any] = {"commodity": "gas", "interval_minutes": 60, "unit": Unit.LITRE}
        installed = roster(gas, EAST, TODAY + 1, **of_gas)
        assert registry.install_roster(countersigned(installed)) == installed

    def test_a_group_that_comes_back_without_one_home(self, opened: Open) -> None:
        """A roster follows all those before it, not the last one only."""
        registry = opened()
        first, second, third = (parse_window(day) for day in ("2024-11-01", "2024-12-01", "2025-01-01"))
        for effective, count in ((first, 5), (second, 2)):
            registry.install_roster(countersigned(roster(rows_of("town", count), effective=effective)))
        with pytest.raises(RosterChangeRefused, match="service points"):
            registry.install_roster(countersigned(roster(rows_of("town", 4), effective=third)))
        registry.install_roster(countersigned(roster(rows_of("town", 5), effective=third)))

    def test_a_later_roster_of_the_region_may_keep_its_meters(self, opened: Open) -> None:
        registry = opened()
        registry.install_roster(countersigned(ROSTER))
        later = roster(rows_of("town", 3), effective=TODAY + 2)
        assert registry.install_roster(countersigned(later)) == later

    def test_in_force(self, opened: Open) -> None:
        registry = opened()
        later = roster(rows_of("town", 3), effective=TODAY + 10)
        for installed in (later, ROSTER):
            registry.install_roster(countersigned(installed))
        assert registry.rosters.at(REGION, Window(TODAY + 1)) == ROSTER
        assert registry.rosters.at(REGION, Window(TODAY + 9)) == ROSTER
        assert registry.rosters.at(REGION, Window(TODAY + 10)) == later
        assert registry.rosters.at(REGION, Window(TODAY + 999)) == later

    @pytest.mark.parametrize("order", [1, -1])
    def test_a_change_that_stands_for_one_meter_is_refused_in_either_order(self, opened: Open, order: int) -> None:
        registry = opened()
        first, second = [ROSTER, roster(rows_of("town", 4), effective=TODAY + 2)][::order]
        registry.install_roster(countersigned(first))
        with pytest.raises(RosterChangeRefused):
            registry.install_roster(countersigned(second))
        assert registry.rosters.of(REGION) == [first]

    def test_named(self, opened: Open) -> None:
        registry = opened()
        registry.install_roster(countersigned(ROSTER))
        assert registry.rosters.named(ROSTER.digest()) == ROSTER
        with pytest.raises(UnknownSubject):
            registry.rosters.named(bytes(32))

    def test_none_in_force(self, opened: Open) -> None:
        registry = opened()
        registry.install_roster(countersigned(ROSTER))
        with pytest.raises(UnknownSubject, match="region west has no roster for 2024-10-04"):
            registry.rosters.at(REGION, TODAY)
        with pytest.raises(UnknownSubject, match="region east"):
            registry.rosters.at(EAST, Window(TODAY + 1))

    @pytest.mark.parametrize("missing", ["aggregator_operator", "unblinder_operator"])
    def test_without_a_countersignature(self, opened: Open, missing: str) -> None:
        with pytest.raises(MalformedMessage, match="not countersigned"):
            opened().install_roster(countersigned(ROSTER).model_copy(update={missing: None}))

    @pytest.mark.parametrize("forged", ["utility", "aggregator_operator", "unblinder_operator"])
    def test_with_another_ones_signature(self, opened: Open, forged: str) -> None:
        by_other = SignedRoster.issue(ROSTER, operator("nobody")).utility
        with pytest.raises(SignatureInvalid):
            opened().install_roster(countersigned(ROSTER).model_copy(update={forged: by_other}))

    def test_one_countersignature_does_not_serve_for_both(self, opened: Open) -> None:
        signed = countersigned(ROSTER)
        with pytest.raises(SignatureInvalid):
            opened().install_roster(signed.model_copy(update={"unblinder_operator": signed.aggregator_operator}))

    def test_two_at_once_that_contradict(self, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        both_are_writing = threading.Barrier(2)

        def wait_and_write(path: Path, data: bytes) -> None:
            with suppress(threading.BrokenBarrierError):
                both_are_writing.wait(0.1)
            write_private(path, data)

        monkeypatch.setattr(rosters_module, "write_private", wait_and_write)
        registry = opened()
        rivals = [countersigned(roster(rows_of("town", count), effective=TODAY + 1)) for count in (3, 4)]
        with ThreadPoolExecutor(len(rivals)) as threads:
            answers = [threads.submit(registry.install_roster, rival) for rival in rivals]
        outcomes = [answer.exception() for answer in answers]
        assert sum(outcome is None for outcome in outcomes) == 1
        assert all(outcome is None or isinstance(outcome, Contradiction) for outcome in outcomes)
        assert opened().rosters.of(REGION) == registry.rosters.of(REGION)

    def test_not_stored_not_installed(self, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        registry = opened()
        for module in (registry_module, rosters_module):
            monkeypatch.setattr(module, "write_private", fail)
        with pytest.raises(OSError, match="No space left"):
            registry.install_roster(countersigned(ROSTER))
        with pytest.raises(OSError, match="No space left"):
            registry.install_key(published(notice(TODAY, TODAY)))
        assert (registry.rosters.of(REGION), registry.notices()) == ([], [])


class TestKeys:
    def test_installed(self, opened: Open) -> None:
        registry, content = opened(), notice(TODAY, TODAY + 30)
        assert registry.install_key(published(content)) == content
        assert registry.key(1) == content
        assert registry.notices() == [published(content)]

    def test_again_the_same(self, opened: Open) -> None:
        registry, content = opened(), notice(TODAY, TODAY + 30)
        first = registry.install_key(published(content))
        assert registry.install_key(published(content)) is first
        assert len(registry.notices()) == 1

    def test_the_same_id_with_another_content(self, opened: Open) -> None:
        registry = opened()
        registry.install_key(published(notice(TODAY, TODAY + 30)))
        for other in (notice(TODAY, TODAY + 30, public_key=b"m"), notice(TODAY + 40, TODAY + 50)):
            with pytest.raises(Contradiction, match="key 1 is known with another content"):
                registry.install_key(published(other))

    @pytest.mark.parametrize("window", [(0, 0), (-5, 0), (0, 60), (-5, 60)])
    def test_windows_that_overlap(self, opened: Open, window: tuple[int, int]) -> None:
        registry = opened()
        registry.install_key(published(notice(TODAY, TODAY + 30)))
        with pytest.raises(Contradiction, match="key 1 is for some of the same windows"):
            registry.install_key(published(notice(TODAY + window[0], TODAY + window[1], key_id=2)))

    def test_a_later_key_takes_over(self, opened: Open) -> None:
        """From its first window on, also where it ends before the earlier one would have; an earlier id never does."""
        registry = opened(replay=True)
        registry.install_key(published(notice(TODAY, TODAY + 30)))
        second = registry.install_key(published(notice(TODAY + 10, TODAY + 20, key_id=2)))
        assert [registry.key(key_id).last_window for key_id in (1, 2)] == [TODAY + 9, TODAY + 20]
        assert [registry.key_of_window(Window(TODAY + day)).key_id for day in (0, 9, 10, 20)] == [1, 1, 2, 2]
        with pytest.raises(UnknownSubject):
            registry.key_of_window(Window(TODAY + 21))
        assert registry.install_key(published(second)) is second
        assert [opened().key(key_id).last_window for key_id in (1, 2)] == [TODAY + 9, TODAY + 20]
        registry.install_key(published(notice(TODAY + 40, TODAY + 60, key_id=4)))
        with pytest.raises(Contradiction, match="key 4 is for some of the same windows"):
            registry.install_key(published(notice(TODAY + 50, TODAY + 70, key_id=3)))

    def test_no_key_takes_over_a_window_that_has_begun(self, opened: Open) -> None:
        registry = opened()
        registry.install_key(published(notice(TODAY - 30, TODAY + 30)))
        for first in (TODAY - 1, TODAY):
            with pytest.raises(Rejected, match="a window that has not begun"):
                registry.install_key(published(notice(first, TODAY + 60, key_id=2)))
        registry.install_key(published(notice(TODAY + 1, TODAY + 60, key_id=2)))
        assert registry.key(1).last_window == TODAY

    def test_windows_side_by_side(self, opened: Open) -> None:
        registry = opened()
        for key_id, first in ((1, 0), (2, 31), (3, -31)):
            registry.install_key(published(notice(TODAY + first, TODAY + first + 30, key_id)))
        assert [registry.key_of_window(Window(TODAY + day)).key_id for day in (-31, -1, 0, 30, 31, 61)] == [
            3, 3, 1, 1, 2, 2,
        ]  # fmt: skip

    def test_unknown(self, opened: Open) -> None:
        registry = opened()
        registry.install_key(published(notice(TODAY, TODAY)))
        with pytest.raises(UnknownSubject, match="key 2 is not known here"):
            registry.key(2)
        with pytest.raises(UnknownSubject, match="no key is for 2024-10-05"):
            registry.key_of_window(Window(TODAY + 1))

    @pytest.mark.parametrize("signer", ["unblinder", "utility", "nobody"])
    def test_signed_by_another(self, opened: Open, signer: str) -> None:
        with pytest.raises(SignatureInvalid):
            opened().install_key(Envelope.issue(notice(TODAY, TODAY), operator(signer)))


class TestRestart:
    def test_everything_is_still_there(self, opened: Open) -> None:
        registry = opened()
        later = roster(rows_of("town", 3), effective=TODAY + 2)
        for installed in (ROSTER, later):
            registry.install_roster(countersigned(installed))
        for key_id in (1, 2):
            registry.install_key(published(notice(TODAY + key_id, TODAY + key_id, key_id)))
        again = opened(second_of_day=90 * SECONDS_PER_DAY)
        assert again.rosters.of(REGION) == [ROSTER, later]
        assert again.notices() == registry.notices()
        assert again.rosters.at(REGION, Window(TODAY + 1)).fingerprint == ROSTER.fingerprint

    def test_contradictions_are_still_refused(self, opened: Open) -> None:
        opened().install_roster(countersigned(ROSTER))
        opened().install_key(published(notice(TODAY, TODAY)))
        with pytest.raises(Contradiction):
            opened().install_roster(countersigned(roster(rows_of("town", 4), effective=TODAY + 1)))
        with pytest.raises(Contradiction):
            opened().install_key(published(notice(TODAY, TODAY, key_id=2)))

    @pytest.mark.parametrize("kind", ["rosters", "keys"])
    @pytest.mark.parametrize("change", [b"", b"{}", None])
    def test_an_altered_file_is_named(self, opened: Open, tmp_path: Path, kind: str, change: bytes | None) -> None:
        opened().install_roster(countersigned(ROSTER))
        opened().install_key(published(notice(TODAY, TODAY)))
        (path,) = (tmp_path / kind).glob("*.json")
        path.write_bytes(path.read_bytes()[::-1] if change is None else change)
        with pytest.raises(UsageError, match=str(path)):
            opened()

    def test_a_roster_whose_signatures_no_longer_hold(self, tmp_path: Path, opened: Open) -> None:
        opened().install_roster(countersigned(ROSTER))
        others = TRUST.model_copy(update={"utility": operator("nobody").verify_key.encode()})
        with pytest.raises(UsageError, match=r"west\.20001\.json: the signature of the roster does not match"):
            Registry(tmp_path, others, lambda: 0.0, replay=False, least_change=2, check_key=lambda _: None)

    def test_a_file_that_a_crash_left_half_written_is_not_read(self, opened: Open, tmp_path: Path) -> None:
        opened().install_roster(countersigned(ROSTER))
        (tmp_path / "rosters" / ".west.20001.json.0a1b2c3d").write_bytes(b"half")
        assert opened().rosters.of(REGION) == [ROSTER]
