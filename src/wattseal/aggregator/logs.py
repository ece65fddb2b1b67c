"""Names of the store's append-only logs: one for whatever a rule must see as a whole."""

from wattseal.protocol.ids import Channel, RegionId, Window


def totals_log(channel: Channel, window: Window) -> str:
    """Answers about one day, those of all regions."""
    return f"totals:{channel}:{window}"


def retention_log(region: RegionId) -> str:
    """What was deleted because its retention was over."""
    return f"retention:{region}"


def bills_log(region: RegionId) -> str:
    """Answers about all cycles: those of one meter may not overlap."""
    return f"bills:{region}"
