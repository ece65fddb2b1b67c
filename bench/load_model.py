"""Reads a second of the load model, and its homes beside one real household's year, and how groups of them coincide.

`python -m bench.load_model --picture FILE` draws the comparison of docs/load-model.md.
"""

import argparse
import csv
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.meter_sim.load.climate import Climate
from wattseal.meter_sim.load.homes import Mix
from wattseal.meter_sim.load_model import simulate, simulate_behind, simulate_channels, simulate_gas

AUSGRID = Path(__file__).parents[2] / "shared/data/ausgrid/ausgrid_customer12_2011-2012_30min.csv"
SYDNEY = Climate(mean_c=18.2, swing_c=5.2, day_swing_c=4.5, latitude=34, midsummer=355)
LIKE_THE_REAL_ONE = Mix(businesses=0, cars=0, water_heaters=0, heat_pumps=0.1, cooling=0.6)
"""Its water heater has a meter of its own, and in 2011 nobody charged a car."""
FIRST_DAY = (date(2011, 7, 1) - date(1970, 1, 1)).days
DAYS = 366
METERS, REPEATS = 20_000, 7
GROUPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)

Wh = NDArray[np.float64]


class Figures(NamedTuple):
    """What says how a load moves, of one home's half hours."""

    daily_load_factor: float
    yearly_load_factor: float
    variation: float
    half_hour_lag: float
    day_lag: float
    daily_energy_lag: float


def figures(year: Wh) -> Figures:
    """Of half hours, (days, 48)."""
    flat = year.ravel()
    return Figures(
        daily_load_factor=float(np.median(year.mean(axis=1) / year.max(axis=1))),
        yearly_load_factor=float(flat.mean() / flat.max()),
        variation=float(flat.std() / flat.mean()),
        half_hour_lag=autocorrelation(flat, 1),
        day_lag=autocorrelation(flat, 48),
        daily_energy_lag=autocorrelation(year.sum(axis=1), 1),
    )


def autocorrelation(series: Wh, lag: int) -> float:
    return float(np.corrcoef(series[:-lag], series[lag:])[0, 1])


def coincidence(loads: Wh, size: int, draws: int = 30) -> float:
    """Peak of the sum over sum of the peaks, mean of random groups of `size` out of (homes, times)."""
    random = np.random.default_rng(size)
    groups = (random.choice(len(loads), size, replace=False) for _ in range(draws))
    return float(np.mean([loads[group].sum(axis=0).max() / loads[group].max(axis=1).sum() for group in groups]))


def year_of_use(meters: int, climate: Climate, mix: Mix) -> Wh:
    """Half hours of what simulated homes use, before solar panels, (meters, days, 48)."""
    days = range(FIRST_DAY, FIRST_DAY + DAYS)
    use = [simulate_behind(1, range(meters), day, climate, mix).load for day in days]
    halves: Wh = np.stack(use, axis=1).reshape(meters, DAYS, 48, 2).sum(axis=3).astype(np.float64)
    return halves


def comparable_year(meters: int) -> Wh:
    """Simulated homes that use between 24 and 42 kWh a day, as the real one does with 32."""
    year = year_of_use(meters, SYDNEY, LIKE_THE_REAL_ONE)
    daily_kwh = year.sum(axis=2).mean(axis=1) / 1000
    return np.asarray(year[(daily_kwh > 24) & (daily_kwh < 42)])


def real_year() -> Wh:
    """Half hours of the Ausgrid household's consumption, (days, 48)."""
    with AUSGRID.open(newline="") as file:
        return np.array([1000 * float(row["GC"]) for row in csv.DictReader(file)]).reshape(-1, 48)


def main() -> None:
    _speed()
    homes = year_of_use(500, Climate(), Mix(businesses=0)).reshape(500, -1)
    print("coincidence  " + "  ".join(f"{size}: {coincidence(homes, size):.2f}" for size in GROUPS))
    if AUSGRID.exists():
        _compare()


def _speed() -> None:
    meters = range(METERS)
    acts: dict[str, Callable[[], object]] = {
        "quarter hours, delivered": lambda: simulate(1, meters, FIRST_DAY, 15),
        "quarter hours, both channels": lambda: simulate_channels(1, meters, FIRST_DAY, 15),
        "hours of gas": lambda: simulate_gas(1, meters, FIRST_DAY, 60),
    }
    for (title, act), reads in zip(acts.items(), (96, 192, 24), strict=True):
        act()
        rate = reads * METERS / min(_cpu_seconds(act) for _ in range(REPEATS))
        print(f"{title:30} {rate / 1e6:7.1f} million reads per second of one core")


def _cpu_seconds(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def _compare() -> None:
    homes = comparable_year(2_000)
    simulated = np.array([figures(home) for home in homes])
    print(f"{len(homes)} homes like the real one{'real':>10}{'5 %':>9}{'median':>9}{'95 %':>9}")
    for name, real, column in zip(Figures._fields, figures(real_year()), simulated.T, strict=True):
        low, middle, high = np.percentile(column, [5, 50, 95])
        print(f"{name:26}{real:12.2f}{low:9.2f}{middle:9.2f}{high:9.2f}")


def picture(path: Path) -> None:
    """Four comparisons in one PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    homes, real = comparable_year(2_000), real_year()
    canvas, axes = plt.subplots(2, 2, figsize=(10, 6.5), layout="constrained")
    hours = (np.arange(48) + 0.5) / 2
    for name, color, mean, spread in (
        ("real household", "tab:red", real.mean(axis=0), real.std(axis=0)),
        (f"{len(homes)} simulated homes", "tab:blue", homes.mean(axis=(0, 1)), homes.std(axis=1).mean(axis=0)),
    ):
        axes[0, 0].plot(hours, mean / 500, color=color, label=name)
        axes[0, 1].plot(hours, spread / 500, color=color, label=name)
    axes[0, 0].set(title="Mean day", xlabel="hour", ylabel="kW", ylim=(0, None))
    axes[0, 1].set(title="Standard deviation over the days", xlabel="hour", ylabel="kW", ylim=(0, None))
    axes[0, 0].legend()
    factors = homes.mean(axis=2) / homes.max(axis=2)
    for values, color in ((real.mean(axis=1) / real.max(axis=1), "tab:red"), (factors.ravel(), "tab:blue")):
        axes[1, 0].hist(values, bins=40, range=(0, 1), density=True, histtype="step", color=color)
    axes[1, 0].set(title="Load factor of a day", xlabel="mean / peak", ylabel="density")
    fleet = year_of_use(500, Climate(), Mix(businesses=0)).reshape(500, -1)
    axes[1, 1].semilogx(GROUPS, [coincidence(fleet, size) for size in GROUPS], "o-", color="tab:blue")
    axes[1, 1].axhspan(0.3, 0.5, color="0.9")
    axes[1, 1].set(
        title="Coincidence factor of a year", xlabel="homes", ylabel="peak of sum / sum of peaks", ylim=(0, 1.05)
    )
    canvas.savefig(path, dpi=80)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--picture", type=Path)
    chosen = arguments.parse_args().picture
    main() if chosen is None else picture(chosen)
