"""Small tariffs, segments and reads that the tests of this directory change one thing in."""

from datetime import date
from typing import Any

import numpy as np

from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.bill import Bill, Cycle
from wattseal.protocol.tariff.charges import Charge, EnergyCharge, Tier, TieredCharge
from wattseal.protocol.tariff.compile import Segment
from wattseal.protocol.tariff.model import Row, Schedule, Tariff, Turn
from wattseal.protocol.tariff.plain import Reads

PACIFIC = "America/Los_Angeles"
ONE_SEASON = (Turn(month=1, day=1, season="year"),)
TWO_SEASONS = (Turn(month=6, day=1, season="summer"), Turn(month=10, day=1, season="winter"))
MAY = Cycle(date(2026, 5, 1), date(2026, 5, 31), PACIFIC)


def flat(*seasons: str, name: str = "flat") -> Schedule:
    """One period at all hours; with several seasons one for each."""
    rows = [Row(season=s, days=d, runs=((0, i),)) for i, s in enumerate(seasons) for d in ("weekday", "weekend")]
    return Schedule(name=name, periods=seasons, rows=tuple(rows))


def peak(*seasons: str, name: str = "tou") -> Schedule:
    """From 16 to 21 every day."""
    runs = ((0, 0), (64, 1), (84, 0))
    rows = [Row(season=season, days=days, runs=runs) for season in seasons for days in ("weekday", "weekend")]
    return Schedule(name=name, periods=("off-peak", "peak"), rows=tuple(rows))


ENERGY = EnergyCharge(name="Energy", schedule="flat", prices=(30_000,))
TOU = EnergyCharge(name="Energy", schedule="tou", prices=(30_000, 50_000))
EXPORT = EnergyCharge(name="Export", channel=Channel.RECEIVED, schedule="tou", prices=(-4_000, -9_000))


def tariff(*charges: Charge, **changes: Any) -> Tariff:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "name": "T-1",
        "revision": "2026-03-01",
        "turns": ONE_SEASON,
        "schedules": (flat("year"), peak("year")),
        "charges": charges,
    }
    return Tariff(**{**fields, **changes})


def tiers(*ladder: tuple[int | None, int]) -> tuple[Tier, ...]:
    return tuple(Tier(limit=limit, prices=(price,)) for limit, price in ladder)


def tiered(*ladder: tuple[int | None, int], **changes: Any) -> TieredCharge:  # noqa: ANN401 - any field's value
    return TieredCharge(**{"name": "Tiers", "schedule": "flat", "per": "cycle", "tiers": tiers(*ladder), **changes})


def segment(cycle: Cycle = MAY, *channels: Channel, **changes: Any) -> Segment:  # noqa: ANN401 - any field's value
    start, end = cycle.minutes
    fields: dict[str, Any] = {
        "start": start,
        "end": end,
        "interval_minutes": 60,
        "timezone": cycle.timezone,
        "channels": channels or (Channel.DELIVERED,),
    }
    return Segment(**{**fields, **changes})


def steady(part: Segment, value: int = 1000) -> Reads:
    """The same read in every interval of every channel."""
    reads = np.full(part.intervals, value, dtype=np.int64)
    return Reads(part, dict.fromkeys(part.channels, reads))


def reads(part: Segment, seed: int = 1, largest: int = 5000) -> Reads:
    rng = np.random.default_rng(seed)
    return Reads(part, {channel: rng.integers(0, largest, part.intervals) for channel in part.channels})


def cents(bill: Bill) -> dict[str, int]:
    return {line.name: line.cents for line in bill.lines}


def any_record(rng: np.random.Generator) -> dict[str, Any]:
    """Of OpenEI: up to four periods anywhere in the year, all with the same tiers, and both kinds of demand charges."""
    limits = sorted(set(rng.integers(100, 20_000, rng.integers(0, 4)).tolist()))
    kilowatts = sorted(set(rng.integers(1, 60, rng.integers(0, 3)).tolist()))
    periods = int(rng.integers(1, 5))

    def structure(bounds: list[int]) -> list[list[dict[str, Any]]]:
        ends: list[dict[str, Any]] = [*({"max": bound} for bound in bounds), {}]
        return [[{**end, "rate": int(rng.integers(0, 900_000)) / 1_000_000} for end in ends] for _ in range(periods)]

    def year() -> list[list[int]]:
        kinds = rng.integers(0, periods, (3, 24))
        return [kinds[kind].tolist() for kind in rng.integers(0, 3, 12)]

    return {
        "energyratestructure": structure(limits),
        "energyweekdayschedule": year(),
        "energyweekendschedule": year(),
        "demandratestructure": structure(kilowatts),
        "demandweekdayschedule": year(),
        "demandweekendschedule": year(),
        "flatdemandstructure": structure(kilowatts),
        "flatdemandmonths": rng.integers(0, periods, 12).tolist(),
        "fixedchargefirstmeter": int(rng.integers(0, 500)),
        "fixedchargeunits": str(rng.choice(["$/month", "$/day"])),
    }
