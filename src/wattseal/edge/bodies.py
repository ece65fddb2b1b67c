"""Request bodies, bounded in size before anything is parsed."""

from fastapi import Request

from wattseal.protocol.errors import MessageTooLarge, Rejected

JSON_LIMIT = 1 << 20
ROSTER_LIMIT = 16 << 20


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises MessageTooLarge beyond `limit` bytes, Rejected for a compressed one."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Rejected("compressed bodies are not taken")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise MessageTooLarge(f"the body is above {limit} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise MessageTooLarge(f"the body is above {limit} bytes")
    return bytes(body)
