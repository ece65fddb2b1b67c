"""Reports that come early, late or again, and clocks that disagree.

The services of the town replay old days, so lateness and conflicts are met there. What depends on the time of day is
met at the real door with a clock in the test's hand, and at one live aggregator process.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.system.corrupt_meter import CorruptMeter, whole_window
from tests.system.town import REGION, Status, Town
from wattseal.aggregator.door import CLOCK_SKEW_S, HORIZON_DAYS, Door, Overdue, Reason
from wattseal.collector.deployment import DECRYPTOR
from wattseal.collector.processes import Service, order
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import write_private
from wattseal.edge.registry import Registry
from wattseal.meter_sim.state import FleetState
from wattseal.meter_sim.uploader import REPORTS, Uploader
from wattseal.protocol.errors import PeerUnavailable, Rejected
from wattseal.protocol.ids import Window
from wattseal.protocol.report import frame
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import SECONDS_PER_DAY, system_clock, window_date, window_of

COHORT, METER = "town/a", "a-00"


def test_late_is_kept_apart_and_a_second_content_is_a_conflict(town: Town) -> None:
    """Threat B17: each with its own word, whether the window is open or closed; the first stays."""
    day = town.day(only=(COHORT,), without=(METER,), close=False)
    meter = CorruptMeter.of(town, METER)
    first, second = meter.report(day, {}), meter.report(day, {0: 1})
    assert town.upload([first, first, second]) == [Status("accepted"), Status("duplicate"), Status("conflict")]
    other = CorruptMeter.of(town, "b-00")
    tardy, tardier = other.report(day, {}), other.report(day, {0: 1})
    town.close(day.window)
    assert town.upload([first, second]) == [Status("duplicate"), Status("conflict")]
    assert town.upload([tardy, tardy, tardier]) == [Status("late"), Status("late"), Status("conflict")]
    town.opens_exactly(replace(day, bodies={meter.row.meter: first, **day.bodies}), COHORT)


def door_at(town: Town, seconds: float, directory: Path, *, horizon_days: int | None = HORIZON_DAYS) -> Door:
    """The real door of an aggregator that knows the town's roster and key, at that time of its clock."""
    registry = Registry(directory, town.trust, lambda: seconds, replay=True, least_change=15, check_key=lambda _: None)
    registry.install_roster(town.signed(town.roster))
    notice = (town.places.of(DECRYPTOR) / "key-notice.json").read_bytes()
    registry.install_key(Envelope.from_bytes(notice))
    return Door(registry, lambda: seconds, horizon_days=horizon_days, backend=Backend.OURS)


@pytest.mark.parametrize(
    ("after_its_end_s", "reason"),
    [
        (-SECONDS_PER_DAY, Reason.EARLY),
        (-CLOCK_SKEW_S - 1, Reason.EARLY),
        (-CLOCK_SKEW_S, None),
        (0, None),
        (HORIZON_DAYS * SECONDS_PER_DAY, None),
        (HORIZON_DAYS * SECONDS_PER_DAY + 1, "overdue"),
    ],
)
def test_the_door_by_its_clock(town: Town, tmp_path: Path, after_its_end_s: int, reason: Reason | str | None) -> None:
    """Threat B17: five minutes of skew are forgiven; after 45 days a window takes nothing."""
    day = town.day(only=(COHORT,), close=False)
    body = day.bodies[day.members(COHORT)[0]]
    (found,) = door_at(town, (day.window + 1) * SECONDS_PER_DAY + after_its_end_s, tmp_path).admit(frame([body]))
    assert (found if isinstance(found, Reason) else "overdue" if isinstance(found, Overdue) else None) == reason


@pytest.fixture(scope="module")
def live(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoleClient]:
    """A second aggregator, not replaying: its rosters take effect tomorrow at the earliest."""
    directory = tmp_path_factory.mktemp("live")
    data, passphrase = directory / "aggregator", directory / "passphrase"
    write_private(passphrase, b"of a live aggregator")
    order("aggregator", "init", "--data", data, "--passphrase-file", passphrase)
    write_private(data / "trust.json", town.trust.to_bytes())
    service = Service("aggregator", directory / "log", "--data", data, "--passphrase-file", passphrase)
    try:
        with RoleClient(service.url, (data / "tokens" / Scope.OPERATOR).read_text()) as operator:
            notice = (town.places.of(DECRYPTOR) / "key-notice.json").read_bytes()
            operator.post("/v1/keys", notice)
            with pytest.raises(Rejected, match="has not begun"):
                operator.post("/v1/rosters", town.signed(town.roster))
            tomorrow = Window(window_of(system_clock()) + 1)
            same = {str(row.meter): str(row.cohort) for row in town.roster.rows}
            operator.post("/v1/rosters", town.signed(town.new_roster(same, tomorrow)))
            with pytest.raises(Rejected, match="not over"):
                operator.post(f"/v1/regions/{REGION.name}/windows/{window_date(tomorrow)}/close", b"")
        with RoleClient(service.url, (data / "tokens" / Scope.FLEET).read_text()) as fleet:
            yield fleet
    finally:
        service.stop()


def test_a_live_aggregator_by_the_clock_of_the_machine(town: Town, live: RoleClient) -> None:
    """Threat B17: tomorrow is early, yesterday was before the first roster, long ago is archived."""
    meter, today = CorruptMeter.of(town, METER), window_of(system_clock())
    day = town.day(only=(COHORT,))
    ciphertext = day.ciphertexts([METER])[0]
    windows = (today + 1, today, today - 2, today - HORIZON_DAYS - 2, day.window)
    bodies = [meter.signed(meter.header(day, **whole_window(window)), ciphertext) for window in windows]
    answer = live.post("/v1/reports", frame(bodies), REPORTS).decode()
    reasons = ["early", "early", "unknown-region", "window-archived", "window-archived"]
    assert [part.partition('"')[0] for part in answer.split('"reason":"')[1:]] == reasons


def test_a_fleet_whose_clock_is_ahead_keeps_its_reports(town: Town, live: RoleClient, tmp_path: Path) -> None:
    """Threat B17: `early` is no outcome; the sealed bytes stay in the outbox for the next try."""
    meter, tomorrow = CorruptMeter.of(town, METER), window_of(system_clock()) + 1
    day = town.day(only=(COHORT,))
    body = meter.signed(meter.header(day, **whole_window(tomorrow)), day.ciphertexts([METER])[0])
    tmp_path.chmod(0o700)
    with FleetState(tmp_path) as state:
        slots = state.reserve("delivered", tomorrow * 1440, [(meter.row.meter, b"content")])
        state.keep_sealed([(slots[0], body)])
        with pytest.raises(PeerUnavailable, match="cannot take"):
            Uploader(state, live, patience_s=0).send_pending()
        assert state.pending(10) == [(slots[0], body)]
