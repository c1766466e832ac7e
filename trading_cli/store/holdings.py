"""What is held, here and outside: shares of one token of one market, and what they cost."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading_cli.core.errors import StoreError
from trading_cli.domain import Position, PositionState, Reason, Token, from_epoch
from trading_cli.store.decided import only_one, prefix_bounds
from trading_cli.store.rows import Written, as_json, epoch, epoch_or_none, exact, moment, whole

_COLUMNS = (
    "id, market, event, strategy, token, by, state, shares, cost, realized, opened_at, closed_at,"
    " body"
)
_SAVE = (
    f"INSERT INTO positions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # our own column names
    " ON CONFLICT (id) DO UPDATE SET state = excluded.state, shares = excluded.shares,"
    " cost = excluded.cost, realized = excluded.realized, closed_at = excluded.closed_at,"
    " body = excluded.body WHERE state <> 'CLOSED'"
)
_BY_ID = f"SELECT {_COLUMNS} FROM positions WHERE id >= ? AND id < ? ORDER BY id LIMIT 2"  # noqa: S608  # same
_HELD = f"SELECT {_COLUMNS} FROM positions WHERE state <> 'CLOSED' ORDER BY opened_at, id"  # noqa: S608  # same
_EVERY = f"SELECT {_COLUMNS} FROM positions ORDER BY opened_at, id"  # noqa: S608  # same
_IN_BODY = ("original_shares", "entry_price", "entry_bid", "entry_spread", "high_bid")
_AS_IT_IS = ("decision_id", "category", "sector", "targets_hit", "halved_slow", "halved_deadline")


@dataclass(frozen=True, slots=True)
class Outside:
    """What a wallet of the owner's holds that we did not buy: it counts in the limits."""

    wallet: str
    market_id: str
    event_id: str
    token: Token
    shares: Decimal
    cost: Decimal
    observed_at: datetime
    facts: Mapping[str, object] = field(default_factory=dict)


def save_position(tx: sqlite3.Connection, position: Position) -> bool:
    """Keep how a position stands now; False where that is how it stood.

    What it is of (market, token, strategy, when opened) never changes. Raises StoreError where it
    was closed otherwise, and ValueError where shares or money are no whole millionths.
    """
    row = _row(position)
    kept = tx.execute(_BY_ID, prefix_bounds(position.id)).fetchone()
    if kept == row:
        return False
    if kept is not None and kept[0] == position.id and _same_holding(kept, row) is False:
        raise StoreError(f"position {position.id} is of another market, token or time")
    if not tx.execute(_SAVE, row).rowcount:
        raise StoreError(f"position {position.id} is closed: it cannot change")
    return True


def _same_holding(kept: tuple[object, ...], row: tuple[object, ...]) -> bool:
    return kept[:6] == row[:6] and kept[10] == row[10]


def _row(item: Position) -> tuple[object, ...]:
    body: dict[str, object] = {name: getattr(item, name) for name in _AS_IT_IS}
    body |= {
        name: None if getattr(item, name) is None else str(getattr(item, name)) for name in _IN_BODY
    }
    body["themes"] = list(item.themes)
    if item.owed_for is not None:
        body |= {"owed": str(item.owed), "owed_for": item.owed_for.value}
    return (
        item.id,
        item.market_id,
        item.event_id,
        item.strategy,
        item.token.value,
        item.by,
        item.state.value,
        whole(item.shares, "shares"),
        whole(item.cost, "cost"),
        whole(item.realized, "realized"),
        epoch(item.opened_at),
        epoch_or_none(item.closed_at),
        as_json(body),
    )


def positions(look: sqlite3.Connection, *, every: bool = False) -> list[Position]:
    """Return what is held, oldest first; with *every* also what is closed."""
    return [_position(row) for row in look.execute(_EVERY if every else _HELD)]


def position(look: sqlite3.Connection, name: str) -> Position | None:
    """Return the position whose id is, or alone begins with, *name*; UsageError if several do."""
    row = only_one(name, look.execute(_BY_ID, prefix_bounds(name)).fetchall(), "positions")
    return None if row is None else _position(row)


def _position(row: tuple[Any, ...]) -> Position:
    (
        name,
        market,
        event,
        strategy,
        token,
        by,
        state,
        shares,
        cost,
        realized,
        opened,
        closed,
        text,
    ) = row
    body = json.loads(text)
    exactly: dict[str, Any] = {
        field_: None if body[field_] is None else Decimal(body[field_]) for field_ in _IN_BODY
    }
    return Position(
        id=name,
        market_id=market,
        event_id=event,
        strategy=strategy,
        token=Token(token),
        by=by,
        state=PositionState(state),
        shares=exact(shares),
        cost=exact(cost),
        realized=exact(realized),
        opened_at=from_epoch(opened),
        closed_at=moment(closed),
        themes=tuple(body["themes"]),
        owed=Decimal(body.get("owed", 0)),
        owed_for=Reason(body["owed_for"]) if "owed_for" in body else None,
        **{field_: body[field_] for field_ in _AS_IT_IS},
        **exactly,
    )


def outside_positions(look: sqlite3.Connection) -> list[Outside]:
    """Return what the owner's wallets hold beside us, by wallet, market and token."""
    rows = look.execute(
        "SELECT wallet, market, event, token, shares, cost, observed_at, body"
        " FROM outside_positions ORDER BY wallet, market, token"
    )
    return [
        Outside(
            wallet,
            market,
            event,
            Token(token),
            exact(shares),
            exact(cost),
            from_epoch(seen),
            json.loads(body),
        )
        for wallet, market, event, token, shares, cost, seen, body in rows
    ]


def replace_outside(
    tx: sqlite3.Connection, wallet: str, held: Iterable[Outside], at: datetime
) -> Written:
    """Put what *wallet* holds at *at* in the place of what it held; what it sold is gone.

    A position as it was is the same. Raises ValueError where one is of another wallet.
    """
    names, total = [], Written()
    for item in held:
        if item.wallet != wallet:
            raise ValueError(f"a position of {item.wallet} was given for {wallet}")
        key = (wallet, item.market_id, item.token.value)
        row = (*key, item.event_id, whole(item.shares, "shares"), whole(item.cost, "cost"))
        new = tx.execute(
            "INSERT INTO outside_positions (wallet, market, token, event, shares, cost, body,"
            " observed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (wallet, market, token)"
            " DO UPDATE SET event = excluded.event, shares = excluded.shares, cost = excluded.cost,"
            " body = excluded.body, observed_at = excluded.observed_at"
            " WHERE (event, shares, cost, body, observed_at) <> (excluded.event, excluded.shares,"
            " excluded.cost, excluded.body, excluded.observed_at)",
            (*row, as_json(item.facts), epoch(at)),
        ).rowcount
        total += Written(new, 1 - new)
        names.append([item.market_id, item.token.value])
    gone = tx.execute(
        "DELETE FROM outside_positions WHERE wallet = ? AND NOT EXISTS (SELECT 1 FROM json_each(?)"
        " WHERE value ->> 0 = market AND value ->> 1 = token)",
        (wallet, as_json(names)),
    ).rowcount
    return total + Written(gone)
