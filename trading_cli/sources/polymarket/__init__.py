"""The venue: its public, keyless services, read and never trusted.

wire         fields of a reply: text, numbers, times, and why one is refused
gamma        a Gamma object -> Market; a keyset page
look_up      known markets by condition id, open and closed
listing      every market worth a look                    Listing
books        resting orders of both tokens                Books
trades       what takers did                              Trades
positions    what a wallet holds                      positions_of
history      the venue's own series of mids               History
resolutions  how the settlement of a listed market stands
venue_clock  what time the venue has
geoblock     whether trading is allowed from here
fanout       a bounded number of requests at once

A record of a market that could not be had is a ``Failure`` whose subject is the condition id (a
token for history); an item that is not what it should be is a ``Refusal``.
"""

from trading_cli.core.ratelimit import Rate
from trading_cli.sources import PolymarketSection

MARKETS = "/markets"
EVENTS = "/events"
BOOKS = "/books"
BOOK = "/book"
PRICES_HISTORY = "/prices-history"
CLOB_MARKET = "/markets/{condition_id}"
TIME = "/time"
DATA = "data"
SITE = "/api/geoblock"

_UNLIMITED = Rate(1e9, 10.0, burst=1_000_000)


def gamma_rates(section: PolymarketSection) -> dict[str, Rate]:
    """Return the budgets of a client of ``gamma_url``."""
    rates = section.requests_per_10s
    return {MARKETS: _rate(rates.markets), EVENTS: _rate(rates.events)}


def clob_rates(section: PolymarketSection) -> dict[str, Rate]:
    """Return the budgets of a client of ``clob_url``."""
    rates = section.requests_per_10s
    return {
        BOOKS: _rate(rates.books),
        BOOK: _rate(rates.book),
        PRICES_HISTORY: _rate(rates.prices_history),
        CLOB_MARKET: _rate(rates.clob_market),
        TIME: _rate(rates.time),
    }


def data_rates(section: PolymarketSection) -> dict[str, Rate]:
    """Return the budget of a client of ``data_url``: one for the whole host, without bursts."""
    return {DATA: _rate(section.requests_per_10s.data, burst=1)}


def _rate(per_10s: int | None, burst: int | None = None) -> Rate:
    """Return at most *per_10s* requests in any 10 s, a tenth of them at once."""
    if per_10s is None:
        return _UNLIMITED
    return Rate(float(per_10s), 10.0, burst=burst or max(1, per_10s // 10))
