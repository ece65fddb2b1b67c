"""The holder of secret bytes: nothing prints, pickles or hashes them, and reading them is a call to search for."""

import hmac
from typing import NoReturn


class Secret:
    """Secret bytes, compared in constant time."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: bytes) -> None:
        # bytes(32) of a careless number would be 32 zeros, and a bytearray would change behind our back.
        if not isinstance(value, bytes):
            raise TypeError(f"a Secret holds bytes, not {type(value).__name__}")
        self._value = value

    def expose(self) -> bytes:
        """The bytes themselves. Every call is a place to review."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __repr__(self) -> str:
        return "Secret(redacted)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied; expose it where it must travel")
