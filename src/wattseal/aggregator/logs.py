"""Names of the store's append-only logs: one for whatever a rule must see as a whole."""

from wattseal.protocol.ids import RegionDay, RegionId


def totals_log(day: RegionDay) -> str:
    """Answers about one day of a region: its meters are in no other."""
    return f"totals:{day.region}:{day.channel}:{day.window}"


def retention_log(region: RegionId) -> str:
    """What was deleted because its retention was over."""
    return f"retention:{region}"


def bills_log(region: RegionId) -> str:
    """Answers about all cycles: those of one meter may not overlap."""
    return f"bills:{region}"
