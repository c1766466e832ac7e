"""The double-entry ledger, and what everything was worth at each slot.

Each transfer's lines sum to zero, so the sum of all accounts is zero after every commit. Nothing
here is ever changed; a transfer given twice is the same.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from trading_cli.core.errors import StoreError
from trading_cli.domain import Entry, Token, from_epoch
from trading_cli.store.rows import Row, Written, epoch, exact, whole

ACCOUNTS = ("cash", "positions", "fees", "realized", "capital")
OPENING = "opening"  # what the first deposit refers to: it is the bankroll, not a flow


@dataclass(frozen=True, slots=True)
class Mark:
    """What the account was worth in a slot, USD.

    ``liquidation`` and ``mid`` value the positions at what selling them now brings and at the mid;
    ``exposure`` is what can be lost; ``equity`` = cash + liquidation; ``flows`` are deposits less
    withdrawals so far, without the opening one; ``fresh``: every held market had a fresh book with
    two sides; ``seen``: every one had a fresh book, be it with one side.
    """

    slot: int
    at: datetime
    cash: Decimal
    liquidation: Decimal
    mid: Decimal
    exposure: Decimal
    equity: Decimal
    flows: Decimal
    open: int
    fresh: bool
    seen: bool = False


def record_entries(tx: sqlite3.Connection, entries: Sequence[Entry]) -> Written:
    """Keep transfers, each all or nothing; counted in lines.

    Raises StoreError where a transfer's amounts do not sum to zero, or where it is there already
    with other lines; ValueError where an amount is no whole millionths.
    """
    total = Written()
    transfers: dict[str, list[Entry]] = {}
    for entry in entries:
        transfers.setdefault(entry.transfer, []).append(entry)
    for transfer, lines in transfers.items():
        total += _record_transfer(tx, transfer, [_row(n, line) for n, line in enumerate(lines)])
    return total


def _record_transfer(tx: sqlite3.Connection, transfer: str, rows: list[Row]) -> Written:
    off = sum(int(str(row[3])) for row in rows)
    if off:
        raise StoreError(f"transfer {transfer} is off by {exact(off)} USD: its lines must sum to 0")
    kept = tx.execute(
        "SELECT transfer, line, account, amount, at, kind, reference, market, token, shares"
        " FROM entries WHERE transfer = ? ORDER BY line",
        (transfer,),
    ).fetchall()
    if kept:
        if [_without_time(row) for row in kept] != [_without_time(row) for row in rows]:
            raise StoreError(f"transfer {transfer} is in the ledger already, with other lines")
        return Written(same=len(rows))
    tx.executemany(
        "INSERT INTO entries (transfer, line, account, amount, at, kind, reference, market, token,"
        " shares) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    return Written(len(rows))


def _without_time(row: Row) -> Row:
    return (*row[:4], *row[5:])


def _row(line: int, entry: Entry) -> Row:
    return (
        entry.transfer,
        line,
        entry.account,
        whole(entry.amount, f"amount of {entry.account}"),
        epoch(entry.at),
        entry.kind,
        entry.reference,
        entry.market_id,
        None if entry.token is None else entry.token.value,
        whole(entry.shares, "shares"),
    )


def entries(
    look: sqlite3.Connection, *, since_seq: int = 0, reference: str | None = None
) -> list[Entry]:
    """Return the ledger's lines after *since_seq*, in the order written."""
    return [
        Entry(
            transfer,
            account,
            exact(amount),
            from_epoch(at),
            kind,
            about,
            market,
            None if token is None else Token(token),
            exact(shares),
        )
        for transfer, account, amount, at, kind, about, market, token, shares in look.execute(
            "SELECT transfer, account, amount, at, kind, reference, market, token, shares"
            " FROM entries WHERE seq > ?1 AND (?2 IS NULL OR reference = ?2) ORDER BY seq",
            (since_seq, reference),
        )
    ]


def balances(look: sqlite3.Connection) -> dict[str, Decimal]:
    """Return what is in each account, USD; one nothing was ever put in holds 0."""
    found = {
        account: exact(amount)
        for account, amount in look.execute("SELECT account, sum(amount) FROM entries GROUP BY 1")
    }
    return {account: found.get(account, Decimal(0)) for account in ACCOUNTS}


def flows(look: sqlite3.Connection) -> Decimal:
    """Return deposits less withdrawals, USD, without the opening deposit."""
    total = look.execute(
        "SELECT coalesce(sum(amount), 0) FROM entries WHERE account = 'cash'"
        " AND kind IN ('deposit', 'withdrawal') AND reference <> ?",
        (OPENING,),
    ).fetchone()[0]
    return exact(total)


def record_mark(tx: sqlite3.Connection, mark: Mark) -> bool:
    """Keep what everything is worth in a slot; said again, the newer word stands."""
    money = (mark.cash, mark.liquidation, mark.mid, mark.exposure, mark.equity, mark.flows)
    row = (
        mark.slot,
        epoch(mark.at),
        *(whole(amount, "mark") for amount in money),
        mark.open,
        int(mark.fresh),
        int(mark.seen),
    )
    changed = tx.execute(
        "INSERT INTO marks (slot, at, cash, liquidation, mid, exposure, equity, flows, open, fresh,"
        " seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (slot) DO UPDATE SET at = excluded.at,"
        " cash = excluded.cash, liquidation = excluded.liquidation, mid = excluded.mid,"
        " exposure = excluded.exposure, equity = excluded.equity, flows = excluded.flows,"
        " open = excluded.open, fresh = excluded.fresh, seen = excluded.seen"
        " WHERE (cash, liquidation, mid, exposure, equity, flows, open, fresh, seen)"
        " <> (excluded.cash, excluded.liquidation, excluded.mid, excluded.exposure,"
        " excluded.equity, excluded.flows, excluded.open, excluded.fresh, excluded.seen)",
        row,
    ).rowcount
    return bool(changed)


def marks(look: sqlite3.Connection, since: datetime | None = None) -> list[Mark]:
    """Return the marks of the slots that begin at or after *since*, oldest first."""
    return list(
        _marks(
            look.execute(
                "SELECT slot, at, cash, liquidation, mid, exposure, equity, flows, open, fresh,"
                " seen FROM marks WHERE slot >= ? ORDER BY slot",
                (0 if since is None else epoch(since),),
            )
        )
    )


def peak(look: sqlite3.Connection, *, since: datetime | None) -> Mark | None:
    """Return the fresh mark at or after *since* with the highest equity, flows apart."""
    rows = look.execute(
        "SELECT slot, at, cash, liquidation, mid, exposure, equity, flows, open, fresh, seen"
        " FROM marks WHERE fresh = 1 AND at >= ? ORDER BY equity - flows DESC, slot DESC LIMIT 1",
        (0 if since is None else epoch(since),),
    )
    return next(iter(_marks(rows)), None)


def _marks(rows: Iterable[tuple[int, ...]]) -> Iterable[Mark]:
    for slot, at, cash, liquidation, mid, exposure, equity, paid_in, count, fresh, seen in rows:
        yield Mark(
            slot,
            from_epoch(at),
            exact(cash),
            exact(liquidation),
            exact(mid),
            exact(exposure),
            exact(equity),
            exact(paid_in),
            count,
            bool(fresh),
            bool(seen),
        )
