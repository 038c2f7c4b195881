"""What is decided before a request is read: its token, its size, its time, how many there are."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmaction.serving.limits import MEGABYTE, Limits
from mmaction.serving.metrics import Metrics

OPEN_PATHS = frozenset({"/", "/health"})  # they tell nothing that needs a token
FRAMING = 1 << 16  # bytes of a form around its file
RETRY_SECONDS = 2
DRAIN_SECONDS = 3.0


class Gate:
    """ASGI middleware.

    Args:
        app: What is behind it.
        limits: Of uploads.
        token: What requests must show as ``Authorization: Bearer``; None: nothing.
        metrics: They count requests.
    """

    def __init__(
        self, app: ASGIApp, *, limits: Limits, token: str | None, metrics: Metrics
    ) -> None:
        self.app, self.limits, self.token, self.metrics = app, limits, token, metrics
        self._free = asyncio.Semaphore(limits.parallel)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        with self.metrics.request(request.url.path) as answered:

            async def counted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    answered.append(message["status"])
                await send(message)

            refused = self._refusal(request)
            if refused is not None:
                if "expect" not in request.headers:  # who asks first isn't sending yet
                    await _drain(receive)
                await refused(scope, receive, counted)
            elif request.method == "POST":
                async with self._free:
                    await self.app(scope, self._limited(receive), counted)
            else:
                await self.app(scope, receive, counted)

    def _refusal(self, request: Request) -> JSONResponse | None:
        given = request.headers.get("authorization", "")
        if self.token is not None and request.url.path not in OPEN_PATHS:
            expected = f"Bearer {self.token}"
            if not secrets.compare_digest(given.encode(), expected.encode()):
                return _response(401, "token missing or wrong", {"WWW-Authenticate": "Bearer"})
        if request.method != "POST":
            return None
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.limits.megabytes * MEGABYTE + FRAMING:
            return _response(413, self._too_large)
        if self._free.locked():
            said = f"{self.limits.parallel} requests are under way: try again"
            return _response(429, said, {"Retry-After": str(RETRY_SECONDS)})
        return None

    @property
    def _too_large(self) -> str:
        return f"the upload is too large: at most {self.limits.megabytes:g} MiB are taken"

    def _limited(self, receive: Receive) -> Receive:
        """``receive`` for a body of so many bytes, in so much time."""
        left = self.limits.megabytes * MEGABYTE + FRAMING
        deadline = asyncio.get_running_loop().time() + self.limits.upload_seconds
        whole = False

        async def limited() -> Message:
            nonlocal left, whole
            if whole:
                return await receive()
            patience = deadline - asyncio.get_running_loop().time()
            try:
                message = await asyncio.wait_for(receive(), max(patience, 0))
            except asyncio.TimeoutError:
                said = f"the upload took over {self.limits.upload_seconds:g} s"
                raise HTTPException(408, said, {"Connection": "close"}) from None
            left -= len(message.get("body", b""))
            if left < 0:
                await _drain(receive)
                raise HTTPException(413, self._too_large, {"Connection": "close"})
            whole = not message.get("more_body", False)
            return message

        return limited


def _response(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    # What is left of the body must not be taken for another request.
    own = {"Connection": "close", **(headers or {})}
    return JSONResponse({"detail": message}, status, own)


async def _drain(receive: Receive) -> None:
    """Reads on for a while: who is still sending doesn't look for an answer."""

    async def read() -> None:
        while (await receive()).get("more_body", False):
            pass

    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(read(), DRAIN_SECONDS)
