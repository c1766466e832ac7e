"""Disposals lot by lot, in USD and, with a file of rates, in another currency. Not tax advice.

A purchase is converted at the rate of its own day, a disposal at that of its own: the gain in the
other currency is not the gain in USD converted.
"""

import csv
import json
import os
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from trading_cli.app import brief
from trading_cli.app.export import ENDINGS, to_csv, write_whole
from trading_cli.app.journal import must_exist
from trading_cli.core.errors import UsageError
from trading_cli.store import Store, balances, listings
from trading_cli.trading.lots import Disposal, fifo

OLDEST = timedelta(days=7)
"""A rate may be so old: markets close at weekends and holidays."""
MOST_BYTES = 5_000_000
MOST_DIGITS = 30
LEAST, MOST = Decimal("0.000000001"), Decimal(1_000_000_000)
"""No currency was ever worth more or less: what lies outside is a slip of the pen."""
CENT = Decimal("0.01")
_COLUMNS = (
    "disposed_at", "acquired_at", "days", "how", "market", "question", "token", "shares",
    "cost", "proceeds", "gain",
)  # fmt: skip
_LOCAL = ("acquired_rate", "disposed_rate", "cost_local", "proceeds_local", "gain_local")


@dataclass(frozen=True, slots=True)
class Rates:
    """Units of ``currency`` for one USD, by day, rising."""

    currency: str
    days: tuple[date, ...]
    values: tuple[Decimal, ...]

    def on(self, day: date) -> Decimal:
        """Return the newest rate of *day* or up to a week before it. Raises UsageError: none."""
        place = bisect_right(self.days, day) - 1
        if place < 0 or day - self.days[place] > OLDEST:
            raise UsageError(
                f"the rates have none for {day} or the week before it.",
                hint=f"add the line {day},RATE to the file",
            )
        return self.values[place]


def read_rates(file: Path, currency: str) -> Rates:
    """Return the rates in *file*: CSV lines of date and units of *currency* for one USD.

    Raises UsageError naming the first line that is not such a pair, or gives a day twice.
    """
    try:
        with file.open("rb") as raw:
            body = raw.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise UsageError(f"{file} is larger than 5 MB.", hint="keep the years you need")
        rows = list(csv.reader(body.decode("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file} cannot be read: {error}.", hint="--rates FILE") from error
    found: dict[date, Decimal] = {}
    for number, row in enumerate(rows, start=1):
        if not row or (number == 1 and not row[0][:1].isdigit()):
            continue
        try:
            day, rate = date.fromisoformat(row[0].strip()), _rate(row[1].strip())
        except (ValueError, IndexError, InvalidOperation):
            said = f"{file}, line {number}: {','.join(row)[:80]!r} is no date and rate."
            raise UsageError(said, hint="write 2026-03-02,0.9215") from None
        if not (rate.is_finite() and LEAST <= rate <= MOST) or day in found:
            said = f"{file}, line {number}: "
            said += f"{day} is there twice." if day in found else f"{rate} is no rate."
            raise UsageError(said, hint=f"one line a day, a rate from {LEAST:f} to {MOST:,f}")
        found[day] = rate
    if not found:
        raise UsageError(f"{file} holds no rate.", hint="write lines like 2026-03-02,0.9215")
    days = tuple(sorted(found))
    return Rates(currency, days, tuple(found[day] for day in days))


def _rate(text: str) -> Decimal:
    """Return the number. Raises ValueError or InvalidOperation where it is none, or endless."""
    if len(text) > MOST_DIGITS:
        raise ValueError(text[:MOST_DIGITS])
    return Decimal(text)


def export(
    config: Path | None, file: Path, *, rates: Path | None = None, currency: str | None = None
) -> dict[str, Any]:
    """Write every disposal, first in first out, to *file*; return {file, what, rows, …} and sums.

    Raises UsageError for another ending, rates without a currency (or the reverse), or bad rates.
    """
    if file.suffix.lower() not in ENDINGS:
        raise UsageError(f"{file} is neither .csv nor .json.", hint="name it lots.csv")
    if (rates is None) != (currency is None):
        raise UsageError(
            "a file of rates and its currency belong together.",
            hint="--rates eur.csv --currency EUR",
        )
    table = None if rates is None or currency is None else read_rates(rates, currency)
    known = brief.read(config, os.environ)
    must_exist(known.database)
    with Store.reader(known.database) as store, store.reading() as look:
        gone, held = fifo(balances.entries(look))
        names = sorted({one.market_id for one in gone})
        asked = _questions(look, names, gone)
    rows = [_row(one, asked, table) for one in gone]
    columns = (*_COLUMNS, *(_LOCAL if table is not None else ()))
    as_csv = file.suffix.lower() == ".csv"
    write_whole(file, to_csv(columns, rows) if as_csv else json.dumps(rows, indent=1))
    local = None
    if table is not None:
        local = float(sum((Decimal(str(row["gain_local"])) for row in rows), Decimal(0)))
    return {
        "file": str(file),
        "what": "tax lots",
        "rows": len(rows),
        "method": "fifo",
        "gain": float(sum((one.gain for one in gone), Decimal(0))),
        "currency": currency,
        "gain_local": local,
        "still_held": len(held),
    }


def _questions(look: Any, names: list[str], gone: list[Disposal]) -> dict[str, str]:
    newest = max((one.disposed_at for one in gone), default=None)
    if newest is None:
        return {}
    listed = listings.listing_at(look, as_of=newest, venue_ids=names)
    return {one.id: one.question for one in listed}


def _row(one: Disposal, asked: Mapping[str, str], rates: Rates | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "disposed_at": one.disposed_at.isoformat(),
        "acquired_at": one.acquired_at.isoformat(),
        "days": one.days,
        "how": one.how,
        "market": one.market_id,
        "question": asked.get(one.market_id, ""),
        "token": one.token.value,
        "shares": format(one.shares, "f"),
        "cost": format(one.cost, "f"),
        "proceeds": format(one.proceeds, "f"),
        "gain": format(one.gain, "f"),
    }
    if rates is not None:
        before, after = rates.on(one.acquired_at.date()), rates.on(one.disposed_at.date())
        cost, proceeds = (one.cost * before).quantize(CENT), (one.proceeds * after).quantize(CENT)
        row |= {
            "acquired_rate": format(before, "f"),
            "disposed_rate": format(after, "f"),
            "cost_local": format(cost, "f"),
            "proceeds_local": format(proceeds, "f"),
            "gain_local": format(proceeds - cost, "f"),
        }
    return row
