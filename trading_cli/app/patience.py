"""How long a server waits for a request to come: whoever connects and does not ask is let go.

A request's head must be whole ``HEAD_S`` after the connection is made, or after its first byte; so
must what is left of a body that was refused. Otherwise each connection that says nothing more would
hold one of the places there are, for ever.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0


class Patience(H11Protocol):
    """uvicorn's own protocol with an end to waiting."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take some bytes; wait no longer once a request is at work."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()
        else:
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget about it."""
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._end is None:
            self._end = self.loop.call_later(HEAD_S, self.transport.abort)

    def _rest(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
