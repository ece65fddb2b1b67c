"""A year's bills from NREL's SAM (PySAM, Utilityrate5): the independent reference for whole tariffs.

Its year has 8,760 hours, begins on a Monday, and knows no daylight saving, holidays or leap day.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import PySAM.Utilityrate5
from numpy.typing import NDArray
from PySAM.UtilityRateTools import URDBv8_to_ElectricityRates

HOURS = 8760
# A common year that begins on a Monday.
YEAR = 2018


class SamYear(NamedTuple):
    """Dollars of twelve months."""

    energy: tuple[float, ...]
    fixed: tuple[float, ...]
    flat_demand: tuple[float, ...]
    demand: tuple[float, ...]
    minimum: tuple[float, ...]
    total: tuple[float, ...]


def sam_year(
    record: dict[str, Any],
    delivered_wh: NDArray[np.int64],
    received_wh: NDArray[np.int64] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> SamYear:
    """`overrides` replaces what the record comes to in SAM's own terms."""
    model = PySAM.Utilityrate5.new()
    # The converter adds 1 to the schedules in place, to a row that two months share twice: no copy.deepcopy.
    own = json.loads(json.dumps(record))
    model.ElectricityRates.assign(URDBv8_to_ElectricityRates(own))
    if overrides is not None:
        model.ElectricityRates.assign(overrides)
    model.Lifetime.assign({"analysis_period": 1, "system_use_lifetime_output": 0, "inflation_rate": 0})
    model.SystemOutput.degradation = [0]
    kilowatts = len(delivered_wh) / HOURS / 1000
    generated = np.zeros_like(delivered_wh) if received_wh is None else received_wh
    model.SystemOutput.gen = list(generated * kilowatts)
    model.Load.load = list(delivered_wh * kilowatts)
    model.execute(0)
    found = model.Outputs
    return SamYear(
        energy=found.year1_monthly_ec_charge_with_system,
        fixed=found.year1_monthly_fixed_with_system,
        flat_demand=found.year1_monthly_dc_fixed_with_system,
        demand=found.year1_monthly_dc_tou_with_system,
        minimum=found.year1_monthly_minimum_with_system,
        total=found.year1_monthly_utility_bill_w_sys,
    )
