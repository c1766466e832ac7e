"""HEAD wherever GET is: the same status and headers, no body (RFC 9110, 9.3.2)."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_cli.web.guard import API


class Heads:
    """Pure ASGI around the routes of the API; what is made for GET goes without its body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a stream is told that its reader left once it has begun."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or not _of_api(scope):
            await self.app(scope, receive, send)
            return
        begun = asyncio.Event()

        async def left() -> Message:
            await begun.wait()
            return {"type": "http.disconnect"}

        async def start_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                begun.set()

        await self.app({**scope, "method": "GET"}, left, start_only)


def _of_api(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.startswith(API)
