"""What the report store refuses or cannot do, as branches of the one tree.

Unavailable
├── StoreUnavailable     nothing can be said about the last call: the caller tries again
└── StoreLocked          another process holds the data directory and does not answer
UsageError
└── StoreSettingsError   the store could lose acknowledged reports, or its URL or directory is wrong
Contradiction
└── WindowStateError     close with another roster, or archive of a window that is open
"""

from wattseal.protocol.errors import Contradiction, StoreUnavailable, Unavailable, UsageError

__all__ = ["StoreLocked", "StoreSettingsError", "StoreUnavailable", "WindowStateError"]


class StoreLocked(Unavailable):
    """The data directory belongs to a process that does not answer."""

    slug = "store-locked"


class StoreSettingsError(UsageError):
    """The store's settings are refused; the message names each one and its remedy."""

    slug = "store-settings"


class WindowStateError(Contradiction):
    """The state of the window does not permit the step."""

    slug = "window-state"
