"""The ledger against the fills against the positions, asked of the file itself.

Each question compares two records that should say the same, in whole millionths. It is asked in
every slot, so it is a handful of sums and no row is made into an object.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from trading_cli.store import deals

EVERY = 2**62

_UNBALANCED = (
    "SELECT transfer, 'the lines of the transfer do not sum to 0', sum(amount), 0 FROM entries"
    " GROUP BY transfer HAVING sum(amount) <> 0"
)
_FILLS = """
    WITH moved AS (
        SELECT transfer, sum(iif(account = 'cash', amount, 0)) AS cash,
            sum(iif(account = 'fees', amount, 0)) AS fee, sum(shares) AS shares
        FROM entries WHERE kind = 'fill' GROUP BY transfer
    ), told AS (
        SELECT f.id, coalesce(m.cash, 0) AS booked_cash, coalesce(m.fee, 0) AS booked_fee,
            coalesce(m.shares, 0) AS booked_shares, f.fee,
            iif(f.side = 'BUY', -f.gross - f.fee, f.gross - f.fee) AS cash,
            iif(f.side = 'BUY', f.shares, -f.shares) AS shares
        FROM fills f LEFT JOIN moved m ON m.transfer = 'fill:' || f.id
    )
    SELECT id, 'USD paid or received of the fill', booked_cash, cash FROM told
        WHERE booked_cash <> cash
    UNION ALL SELECT id, 'fee of the fill', booked_fee, fee FROM told WHERE booked_fee <> fee
    UNION ALL SELECT id, 'shares of the fill', booked_shares, shares FROM told
        WHERE booked_shares <> shares
"""
_STRAYS = """
    SELECT transfer, 'the ledger books a ' || kind || ' that is not there',
        sum(iif(account = 'cash', amount, 0)), 0
    FROM entries e WHERE
        (kind = 'fill' AND NOT EXISTS (SELECT 1 FROM fills WHERE id = substr(e.transfer, 6)))
        OR (kind = 'settlement' AND NOT EXISTS
            (SELECT 1 FROM positions WHERE id = e.reference AND state = 'CLOSED'))
    GROUP BY transfer
"""
_SHARES = """
    SELECT market || ' ' || token, 'shares held', sum(booked), sum(held) FROM (
        SELECT market, token, shares AS booked, 0 AS held FROM entries WHERE token IS NOT NULL
        UNION ALL SELECT market, token, 0, shares FROM positions
    ) GROUP BY market, token HAVING sum(booked) <> sum(held)
"""
_SUMS = """
    WITH account AS (
        SELECT coalesce(sum(amount), 0) AS total,
            coalesce(sum(iif(account = 'positions', amount, 0)), 0) AS cost,
            coalesce(-sum(iif(account IN ('realized', 'fees'), amount, 0)), 0) AS net
        FROM entries
    ), held AS (
        SELECT coalesce(sum(cost), 0) AS cost, coalesce(sum(realized), 0) AS net FROM positions
    )
    SELECT 'ledger', 'the sum of all accounts', total, 0 FROM account WHERE total <> 0
    UNION ALL SELECT 'positions', 'what the positions cost', account.cost, held.cost
        FROM account, held WHERE account.cost <> held.cost
    UNION ALL SELECT 'realized', 'the net result', account.net, held.net
        FROM account, held WHERE account.net <> held.net
"""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Two records that should say the same of *subject*, and what each says, in millionths."""

    subject: str
    what: str
    ledger: int
    other: int


def mismatches(look: sqlite3.Connection) -> list[Mismatch]:
    """Return where ledger, fills and positions differ, none where all agree."""
    questions = (_UNBALANCED, _FILLS, _STRAYS, _SHARES, _SUMS)
    return [Mismatch(*row) for question in questions for row in look.execute(question)]


def fills_that_do_not_add_up(look: sqlite3.Connection) -> Iterator[Mismatch]:
    """Yield the fills whose USD are not what their own levels, or average price, come to."""
    kept = dict(look.execute("SELECT id, gross FROM fills"))
    for fill in deals.fills(look, limit=EVERY):
        if deals.gross_of(fill) != kept[fill.id]:
            what = "USD of the fill against its levels"
            yield Mismatch(fill.id, what, kept[fill.id], deals.gross_of(fill))


def counts(look: sqlite3.Connection) -> dict[str, int]:
    """Return how many fills, positions and transfers there are."""
    fills, positions, transfers = look.execute(
        "SELECT (SELECT count(*) FROM fills), (SELECT count(*) FROM positions),"
        " (SELECT count(DISTINCT transfer) FROM entries)"
    ).fetchone()
    return {"fills": fills, "positions": positions, "transfers": transfers}
