"""Request bodies, bounded in size before anything is parsed."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from wattseal.protocol.errors import MessageTooLarge, Rejected

JSON_LIMIT = 1 << 20
ROSTER_LIMIT = 16 << 20


async def read_body(request: Request, limit: int, within_s: float = 60.0) -> bytes:
    """The whole body. Raises MessageTooLarge beyond `limit` bytes, Rejected for a compressed, slow or broken one."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Rejected("compressed bodies are not taken")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise MessageTooLarge(f"the body is above {limit} bytes")
    try:
        async with asyncio.timeout(within_s):
            return await _collect(request, limit)
    except TimeoutError:
        raise Rejected(f"the body did not arrive within {within_s:g} s") from None
    except ClientDisconnect:
        raise Rejected("the body ended early") from None


async def _collect(request: Request, limit: int) -> bytes:
    chunks, length = list[bytes](), 0
    async for chunk in request.stream():
        chunks.append(chunk)
        length += len(chunk)
        if length > limit:
            raise MessageTooLarge(f"the body is above {limit} bytes")
    return b"".join(chunks)
