"""The venue's site: whether trading is allowed from where the caller is."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trading_cli.simulator.wire import reply


def routes() -> list[Route]:
    """Return the one route we know of."""
    return [Route("/api/geoblock", _geoblock)]


async def _geoblock(request: Request) -> Response:
    """Answer as the real one does from a country that may trade; nobody is blocked on loopback."""
    host = request.client.host if request.client else ""
    return reply({"blocked": False, "ip": host, "country": "CH", "region": "ZH"})
