"""Names to bytes, and length-prefixed joining of fields, so that different fields never give the same bytes."""

from wattseal.cryptosystems.errors import ParameterError


def length_prefixed(*fields: bytes) -> bytes:
    """Each field after its length in two bytes. Injective for a given count of fields."""
    if max(map(len, fields)) > 0xFFFF:
        raise ParameterError("a field of a label or key is longer than 65535 bytes")
    return b"".join(len(field).to_bytes(2, "big") + field for field in fields)


def utf8(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise ParameterError("the name of a region or meter holds a lone surrogate") from None
