"""Whether the venue lets people trade from where this machine is. Reading needs no permission."""

from typing import NamedTuple

from trading_cli.core.errors import SourceGarbled
from trading_cli.core.http_client import HttpClient
from trading_cli.sources.polymarket import SITE

SOURCE = "polymarket.geoblock"


class Geoblock(NamedTuple):
    """``blocked`` as the venue says; ``country`` its two letters, "" where it names none."""

    blocked: bool
    country: str


def geoblock(http: HttpClient, *, deadline: float | None = None) -> Geoblock:
    """Return what ``GET /api/geoblock`` of the venue's site says of this machine.

    Raises ``SourceError`` where it cannot be had; a reply without a plain true or false is garbled,
    never a permission.
    """
    told = http.get("/api/geoblock", endpoint=SITE, deadline=deadline).json()
    if not isinstance(told, dict) or not isinstance(told.get("blocked"), bool):
        raise SourceGarbled(SOURCE, "a reply that says neither blocked nor not")
    country = told.get("country")
    word = country if isinstance(country, str) and country.isalpha() else ""
    return Geoblock(told["blocked"], word[:2].upper())
