"""From two books to one quote: the YES side, checked against the NO side's mirror."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from trading_cli.domain import Book, Market, Quote

DEPTH_WITHIN = Decimal("0.02")


def quote_of(market: Market, slot: int, yes: Book, no: Book | None) -> Quote:
    """Return the quote of *market* in *slot*; depths are ``None`` for a one-sided book."""
    depth = yes.depth_usd(DEPTH_WITHIN)
    return Quote(
        market.id,
        slot,
        yes.best_bid,
        yes.best_ask,
        None if depth is None else float(depth[0]),
        None if depth is None else float(depth[1]),
        yes.event_time,
        yes.observed_at,
        pair_gap=None if no is None else pair_gap(yes, no),
        book_hash=yes.hash,
    )


def pair_gap(yes: Book, no: Book) -> Decimal | None:
    """Return how far the NO book's best prices are from the YES book's mirror, the larger one.

    ``None`` where a side to compare is missing in either book.
    """
    mirror = yes.mirrored(no.token)
    pairs = ((mirror.best_bid, no.best_bid), (mirror.best_ask, no.best_ask))
    gaps = [abs(a - b) for a, b in pairs if a is not None and b is not None]
    return max(gaps) if gaps else None


def quotes_of(
    markets: Iterable[Market], books: Mapping[str, Book], slot: int
) -> list[tuple[Market, Book, Quote]]:
    """Return what each market with a YES book is quoted at; *books* are by token."""
    found = []
    for market in markets:
        yes = books.get(market.yes_token)
        if yes is not None:
            quote = quote_of(market, slot, yes, books.get(market.no_token))
            found.append((market, yes, quote))
    return found
