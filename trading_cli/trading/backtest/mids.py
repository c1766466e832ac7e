"""Books made of a mid, for history that has nothing else: grade C, depth without end.

The price is the token's own: to buy mid x (1 + slippage), to sell mid x (1 - slippage). What a
decision looks at beforehand is at least as dear for either token, so that a limit taken from it
holds for both. Such a book says in its hash what it was made of.
"""

from datetime import datetime
from decimal import Decimal

from trading_cli.domain import Book, Level, Market, Token

MID_ONLY = "mid"
ENDLESS = Decimal(1_000_000_000)
ONE = Decimal(1)


def book_of_mid(  # a book is this many facts
    mid: Decimal, slippage: Decimal, token: str, market: Market, at: datetime
) -> Book:
    """Return the book of one token around its own *mid*, in (0, 1); no ask at 1 or above."""
    return _book(mid, slippage, mid * slippage, token, market, at)


def book_to_decide(mid: Decimal, slippage: Decimal, market: Market, at: datetime) -> Book:
    """Return the YES book a decision looks at: around *mid*, as wide as the dearer token's."""
    half = slippage * max(mid, ONE - mid)
    return _book(mid, slippage, half, market.yes_token, market, at)


def token_book(book: Book, token: Token, market: Market) -> Book:
    """Return the *token* side of the YES *book* of *market*; one made of a mid is made again.

    Asked again with the NO book and ``Token.NO`` it gives the YES book back, its name apart.
    """
    made_of = book.hash.split()
    if not made_of or made_of[0] != MID_ONLY:
        return book if token is Token.YES else book.mirrored(market.no_token)
    mid, slippage = Decimal(made_of[1]), Decimal(made_of[2])
    own = mid if token is Token.YES else ONE - mid
    name = market.yes_token if token is Token.YES else market.no_token
    return book_of_mid(own, slippage, name, market, book.observed_at)


def _book(  # what _both_ kinds are made of
    mid: Decimal, slippage: Decimal, half: Decimal, token: str, market: Market, at: datetime
) -> Book:
    bids = (Level(mid - half, ENDLESS),) if mid > half else ()
    asks = (Level(mid + half, ENDLESS),) if mid + half < 1 else ()
    made_of = f"{MID_ONLY} {mid} {slippage}"
    return Book(
        token, market.condition_id, bids, asks, at, at, made_of, market.tick, market.min_size
    )
