"""What time the venue has."""

from datetime import datetime

from trading_cli.core.errors import SourceGarbled
from trading_cli.core.http_client import HttpClient
from trading_cli.sources.polymarket import TIME, wire

SOURCE = "polymarket.clock"


def server_time(http: HttpClient, *, deadline: float | None = None) -> datetime:
    """Return the venue's time, to the second, from ``GET /time`` of the CLOB.

    Raises ``SourceError`` when it cannot be had.
    """
    reply = http.get("/time", endpoint=TIME, deadline=deadline)
    try:
        return wire.instant(reply.json(), "/time")
    except wire.Bad as bad:
        raise SourceGarbled(SOURCE, bad.detail) from None
