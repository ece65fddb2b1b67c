"""One day of each household: who is there, when they get up, leave, come back and go to bed."""

import numpy as np

from wattseal.kernels.load import Activity, Floats, Keys, Presence
from wattseal.meter_sim.load.archetypes import column
from wattseal.meter_sim.load.climate import DayType
from wattseal.meter_sim.load.draws import Lognormal, Purpose, draw, normal, purpose_keys
from wattseal.meter_sim.load.homes import Traits

_AWAY_WEEKS = 0.04
_MOOD = Lognormal(median=0.99, sigma=0.14)
_PHASE = Lognormal(median=0.96, sigma=0.32)
_PHASE_DAYS = 14
_ACTIVE_W, _LIGHT_W, _BURSTS, _KETTLE = (column(name) for name in ("active_w", "light_w", "bursts", "kettle"))
_SPREAD_H = column("spread_h")
_THERE, _OUT = column("there"), column("out")
_WAKE, _LEAVE, _BACK, _BED = (column(name) for name in ("wake", "leave", "back", "bed"))


def presence(traits: Traits, keys: Keys, day: int, day_type: DayType) -> Presence:
    """Holidays are taken by whole weeks."""
    kind, home = traits.kind, traits.people > 0
    absent = home & (draw(purpose_keys(keys, Purpose.ABSENCE, day // 7), 1)[0] < _AWAY_WEEKS)
    there, out, wake, leave, back, bed = draw(purpose_keys(keys, Purpose.PLAN, day), 6)
    spread = _SPREAD_H[kind]

    def quarters(hour: Floats, jitter: Floats) -> Floats:
        return np.asarray(4 * (hour[kind, day_type] + spread * (traits.clock_h + normal(jitter))))

    up = np.clip(quarters(_WAKE, wake), 16, 60)
    gone = np.maximum(quarters(_LEAVE, leave), up + 2)
    returned = np.where(out < _OUT[kind, day_type], quarters(_BACK, back), gone)
    return Presence(
        anybody=~absent & (there < _THERE[kind, day_type]),
        wake=np.rint(up).astype(np.int64),
        leave=np.rint(gone).astype(np.int64),
        back=np.rint(returned).astype(np.int64),
        bed=np.rint(np.clip(quarters(_BED, bed), up + 12, 110)).astype(np.int64),
    )


def activity(traits: Traits, presence: Presence, keys: Keys, day: int) -> Activity:
    kind = traits.kind
    scale = traits.size * _MOOD(draw(purpose_keys(keys, Purpose.MOOD, day), 1)[0]) * _phase(keys, day)
    return Activity(
        watts=np.where(presence.anybody, _ACTIVE_W[kind] * scale, 0),
        idle=traits.idle,
        light_w=_LIGHT_W[kind] * traits.size,
        bursts=np.minimum(_BURSTS[kind] / traits.size, 1),  # many appliances even out
        kettle=_KETTLE[kind],
    )


def _phase(keys: Keys, day: int) -> Floats:
    """What makes a fortnight unlike the next (guests, illness, habits), passing gradually from one to the other."""
    fortnight, since = divmod(day, _PHASE_DAYS)
    this, following = (
        _PHASE(draw(purpose_keys(keys, Purpose.PHASE, node), 1)[0]) for node in (fortnight, fortnight + 1)
    )
    return this + (following - this) * (since / _PHASE_DAYS)
