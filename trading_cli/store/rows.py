"""How a row is kept: once, with its times and its origin, never overwritten.

Times are whole epoch seconds UTC, rounded down; money, prices and sizes are whole millionths. The
file's resolution is the second, so ``as_of`` includes everything of its own second.
"""

import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple

from trading_cli.domain import Origin, from_epoch

MILLION = Decimal(1_000_000)
ORIGINS = {Origin.RECORDED: 0, Origin.BACKFILLED: 1, Origin.IMPORTED: 2}
ORIGIN_OF = {code: origin for origin, code in ORIGINS.items()}
LAGS_S = {"mids": 90, "trades": 300, "talk": 900}
BATCH = 2_000

Row = tuple[object, ...]


class Written(NamedTuple):
    """What became of the rows given: new, there already, or contradicting what is there."""

    new: int = 0
    same: int = 0
    conflict: int = 0

    def __add__(self, other: object) -> "Written":
        """Return the sums."""
        if not isinstance(other, Written):
            return NotImplemented
        return Written(self.new + other.new, self.same + other.same, self.conflict + other.conflict)


def epoch(at: datetime) -> int:
    """Return *at* (aware) as whole seconds since 1970, rounded down. Raises ValueError if naive."""
    if at.tzinfo is None:
        raise ValueError("a time without a time zone cannot be stored")
    return int(at.timestamp() // 1)


def epoch_or_none(at: datetime | None) -> int | None:
    """Return *at* as epoch seconds, ``None`` where absent."""
    return None if at is None else epoch(at)


def moment(seconds: int | None) -> datetime | None:
    """Return stored *seconds* as a time, ``None`` where absent."""
    return None if seconds is None else from_epoch(seconds)


def millionths(value: Decimal | None) -> int | None:
    """Return *value* in whole millionths (half to even), ``None`` where absent."""
    if value is None:
        return None
    return int((value * MILLION).to_integral_value(ROUND_HALF_EVEN))


def whole(value: Decimal, what: str) -> int:
    """Return *value* in millionths. Raises ValueError, naming *what*, where it is not whole.

    For money and shares: what the ledger says must be what was given, so nothing is rounded here.
    """
    scaled = value * MILLION
    if not value.is_finite() or scaled != scaled.to_integral_value():
        raise ValueError(f"{what} {value} is finer than a millionth: round it before it is stored")
    return int(scaled)


def whole_or_none(value: Decimal | None, what: str) -> int | None:
    """Return *value* in millionths as ``whole`` does, ``None`` where absent."""
    return None if value is None else whole(value, what)


def decimal_of(value: int | None) -> Decimal | None:
    """Return stored millionths as a plain Decimal, ``None`` where absent."""
    return None if value is None else exact(value)


def exact(value: int) -> Decimal:
    """Return stored millionths, which must be there, as a plain Decimal."""
    return plain(Decimal(value) / MILLION)


def plain(value: Decimal) -> Decimal:
    """Return *value* without trailing zeros or exponent: 0.5, not 0.500000 or 5E-1."""
    return Decimal(format(value.normalize(), "f"))


def available_at(
    origin: Origin,
    event_time: int,
    observed_at: int,
    *,
    lag_s: int,
    bucket_close: int | None = None,
) -> int:
    """Return when a decision may first know a row, epoch seconds (SPEC §1).

    A recorded row is known when we saw it, and a sum over a bucket not before the bucket closed;
    quotes and books are instants and have no bucket. Any other row was knowable at its own time
    plus the lag its source declares.
    """
    if origin is Origin.RECORDED:
        return observed_at if bucket_close is None else max(observed_at, bucket_close)
    return event_time + lag_s


def narrowed(asked: Mapping[str, object]) -> tuple[str, list[object]]:
    """Return the conditions whose value was given, joined for WHERE, and those values.

    Keys are conditions of our own with one question mark each. What was not asked is not in the
    sentence at all, so that sqlite can use the index of what was.
    """
    given = {condition: value for condition, value in asked.items() if value is not None}
    return " AND ".join(given) or "TRUE", list(given.values())


def as_json(value: object) -> str:
    """Return *value* as canonical JSON: sorted keys, no spaces; one text for one value.

    Decimals become text, times ISO text, tuples and sets lists; a float that is no number becomes
    the text "nan", "inf" or "-inf", since JSON has no word for it and null means absent.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_plain(item) for item in value]
        return items if isinstance(value, (list, tuple)) else sorted(items, key=str)
    if isinstance(value, datetime):
        return value.isoformat()
    no_number = isinstance(value, float) and not math.isfinite(value)
    if value is None or (isinstance(value, (bool, int, float, str)) and not no_number):
        return value
    return _as_text(value)


def digest(value: object) -> bytes:
    """Return 16 bytes that stand for *value*: canonical JSON, blake2b."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_as_text)
    return blake2b(text.encode(), digest_size=16).digest()


def _as_text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


@dataclass(frozen=True, slots=True)
class Shape:
    """How rows of one table are kept.

    ``insert`` ends in ON CONFLICT DO NOTHING; ``select`` finds the payload columns by the key
    columns. ``key`` and ``payload`` pick those out of a row as given to ``insert``; ``observed`` is
    the position of its observed_at. What is in neither may differ without being a contradiction.
    """

    table: str
    insert: str
    select: str
    key: Callable[[Row], Row]
    payload: Callable[[Row], Row]
    observed: int


def keep(tx: sqlite3.Connection, shape: Shape, rows: Iterable[Row]) -> Written:
    """Insert *rows* where their keys are free; note each one that contradicts what is kept."""
    total = Written()
    feed = iter(rows)
    while batch := list(islice(feed, BATCH)):
        total += _keep_batch(tx, shape, batch)
    return total


def _keep_batch(tx: sqlite3.Connection, shape: Shape, batch: Sequence[Row]) -> Written:
    new = max(tx.executemany(shape.insert, batch).rowcount, 0)
    if new == len(batch):
        return Written(new)
    conflicts = 0
    for row in batch:
        kept = tx.execute(shape.select, shape.key(row)).fetchone()
        if kept is not None and kept != shape.payload(row):
            conflicts += 1
            note_conflict(
                tx, shape.table, shape.key(row), kept, shape.payload(row), row[shape.observed]
            )
    return Written(new, len(batch) - new - conflicts, conflicts)


def note_conflict(  # the five facts of a contradiction
    tx: sqlite3.Connection, table: str, key: Row, kept: Row, other: Row, observed_at: object
) -> None:
    """Remember that *other* came for *key* where *kept* was already; *kept* stays."""
    tx.execute(
        "INSERT INTO conflicts (kept_in, key, kept_hash, other_hash, other, observed_at)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            table,
            json.dumps(key, default=_as_text),
            digest(kept),
            digest(other),
            json.dumps(other, default=_as_text)[:4096],
            observed_at,
        ),
    )
