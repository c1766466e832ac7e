"""What stands behind the routes while a server is up: who watches the jobs, who tells the pages."""

import asyncio

from fastapi import FastAPI

from trading_cli.app.foreman import Foreman
from trading_cli.web.here import Here
from trading_cli.web.stream import Hub


async def begin(api: FastAPI) -> None:
    """Take over the jobs that an earlier server left, and watch them; a look back leaves them."""
    if api.state.look_back is not None:
        return
    here: Here = api.state.here
    foreman = Foreman(here.loaded, here.env, clock=here.clock)
    api.state.foreman = foreman
    foreman.start()
    await asyncio.sleep(0)


async def end(api: FastAPI) -> None:
    """End every stream with a word; leave the jobs to the next server."""
    hub: Hub | None = getattr(api.state, "hub", None)
    if hub is not None:
        await hub.close()
    foreman: Foreman | None = getattr(api.state, "foreman", None)
    if foreman is not None:
        await asyncio.to_thread(foreman.close)
