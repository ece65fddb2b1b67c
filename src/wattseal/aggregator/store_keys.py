"""Names of the store's keys, and what is read off them."""

from wattseal.aggregator.entries import ReportId, WindowState, WindowStatus, check_region

STATE_FIELDS = ("status", "roster", "archive", "emptied")


def window_key(region: str, window: int, name: str) -> str:
    """All keys of a window share one tag, hence one node of a cluster."""
    check_region(region)
    return f"ws:{{{region}:{window}}}:{name}"


def windows_key(region: str) -> str:
    check_region(region)
    return f"ws:{{{region}}}:windows"


def log_key(log: str) -> str:
    return f"ws:log:{log}"


def asked_key(token: bytes) -> str:
    return f"ws:asked:{token.hex()}"


def report_key(region: str, window: int, report: ReportId) -> str:
    return window_key(region, window, f"report:{id_text(report)}")


def id_text(report: ReportId) -> str:
    return f"{report.kind}:{report.channel}:{report.number}:{report.meter}"


def report_id(text: bytes) -> ReportId:
    kind, channel, number, meter = text.decode().split(":", 3)
    return ReportId(int(kind), int(channel), meter, int(number))


def state_of(status: bytes | None, roster: bytes | None, archive: bytes | None, emptied: bytes | None) -> WindowState:
    """Of the values of STATE_FIELDS."""
    known = WindowStatus.open if status is None else WindowStatus(status.decode())
    return WindowState(known, roster, archive, emptied is not None)
