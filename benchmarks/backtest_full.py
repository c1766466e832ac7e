"""How long a full backtest takes over a recorded past of 1,000 markets: 10, 20 and 30 days of it.

    python benchmarks/backtest_full.py [--markets 1000] [--days 30] [--trades 40] [--folder DIR]

Builds (once) a file as a home would have recorded it: listings, quotes, YES books, scores and
coverage of every quarter-hour, trades, panel, fees, resolutions. Then runs `StoreHistory` and
`engine.run` with 50 candidates a slot in a fresh process for each span; says seconds, the largest
memory, and what the run did. Linear: seconds a day stay the same.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from trading_cli.app.backtests.history import StoreHistory
from trading_cli.app.settings import Settings
from trading_cli.domain import Book, FeeSchedule, Level, Market, from_epoch
from trading_cli.store import Store, listings
from trading_cli.store.arrays import ENTRY
from trading_cli.store.rows import digest
from trading_cli.store.series import pack_levels
from trading_cli.trading import strategies
from trading_cli.trading.backtest import engine
from trading_cli.trading.backtest.rules import Rules

START = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
SLOT, DAY = 900, 86_400
SEEN, JUDGED = 5, 30
CENT = 10_000


def market(number: int) -> Market:
    """Return one of the markets as listed before the first slot."""
    return Market(
        str(500_000 + number), f"0xc{number}", f"Will thing {number} happen by December 31, 2026?",
        f"thing-{number}", f"7{number}1", f"7{number}2", "Yes", "No", from_epoch(START - DAY),
        event_id=f"e{number // 2}", tags=("Politics",), description="Resolves as the source says.",
        active=True, accepting_orders=True, enable_order_book=True, tick=Decimal("0.01"),
        min_size=Decimal(5), fees_enabled=True, fee_schedule=FeeSchedule(Decimal("0.04"),
        Decimal(1), "market"), created_at=from_epoch(START - 40 * DAY),
        end_at=datetime(2026, 12, 31, tzinfo=UTC), best_bid=0.4, best_ask=0.41,
        volume=1e6, volume_24h=80_000.0, liquidity=40_000.0,
    )  # fmt: skip


def prices(rng: np.random.Generator, markets: int, slots: int) -> np.ndarray:
    """Return the YES bids [slots, markets] in whole cents: walks that jump now and then."""
    steps = rng.normal(0, 0.25, (slots, markets))
    steps += (rng.random((slots, markets)) < 0.0015) * rng.normal(0, 9, (slots, markets))
    walk = rng.uniform(15, 85, markets) + np.cumsum(steps, axis=0)
    folded = np.abs((walk - 5) % 180 - 90)  # reflected between 5 and 95 cents
    return np.clip(folded + 5, 3, 96).astype(np.int64)


def build(path: Path, markets: int, days: int, trades: int) -> None:
    """Fill a new file."""
    rng = np.random.default_rng(7)
    slots = days * DAY // SLOT
    bids = prices(rng, markets, slots)
    with Store.open(path, now=from_epoch(START)) as store:
        with store.transaction() as tx:
            listings.record_markets(tx, [market(n) for n in range(markets)])
            for n in range(markets):
                since = from_epoch(START - 2 * DAY)
                listings.panel_enter(tx, str(500_000 + n), since, since + timedelta(days=7))
            versions = dict(tx.execute("SELECT market, id FROM listing_versions").fetchall())
            numbers = np.array(sorted(versions))
        for fill in (
            lambda tx: looks(tx, rng, numbers, versions, bids),
            lambda tx: quotes(tx, numbers, bids),
            lambda tx: books(tx, numbers, bids),
            lambda tx: judged(tx, slots, markets),
            lambda tx: heard(tx, slots, markets),
            lambda tx: dealt(tx, rng, numbers, days, trades),
            lambda tx: resolved(tx, numbers, slots),
        ):
            with store.transaction() as tx:
                fill(tx)
        store.checkpoint()


def times(slots: int) -> range:
    """Return the slots."""
    return range(START, START + slots * SLOT, SLOT)


def looks(tx, rng, numbers, versions, bids) -> None:  # noqa: ANN001  # rows in, rows out
    """List every market in every slot; which 50 are the busiest changes slowly."""
    slots = len(bids)
    hours = np.repeat(rng.lognormal(11, 0.7, (slots // 16 + 1, len(numbers))), 16, axis=0)
    for column, number in enumerate(numbers.tolist()):
        low = (bids[:, column] / 100).tolist()
        volumes = hours[:slots, column].tolist()
        tx.executemany(
            "INSERT INTO listing_seen VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?)",
            (
                (
                    number,
                    s + 3,
                    s + 3,
                    s + 3,
                    versions[number],
                    s,
                    bid,
                    bid + 0.01,
                    bid,
                    1e6,
                    v,
                    4e4,
                )
                for s, bid, v in zip(times(slots), low, volumes, strict=True)
            ),
        )


def quotes(tx, numbers, bids) -> None:  # noqa: ANN001
    """Quote every market in every slot, one cent wide, as rows and as packs."""
    slots = len(bids)
    for column, number in enumerate(numbers.tolist()):
        tx.executemany(
            "INSERT INTO quotes VALUES (?, ?, ?, ?, 900, 900, 0, x'0123456789abcdef', ?, ?, ?, 0)",
            (
                (number, s, bid, bid + CENT, s + SEEN, s + SEEN, s + SEEN)
                for s, bid in zip(times(slots), (bids[:, column] * CENT).tolist(), strict=True)
            ),
        )
    entries = np.zeros(len(numbers), ENTRY)
    entries["market"], entries["bid_depth"], entries["ask_depth"] = numbers, 900, 900
    for s, row in zip(times(slots), bids, strict=True):
        entries["bid"], entries["ask"] = row * CENT, row * CENT + CENT
        entries["available_at"] = s + SEEN
        tx.execute("INSERT INTO quote_packs VALUES (?, ?, ?)", (s, len(numbers), entries.tobytes()))


def books(tx, numbers, bids) -> None:  # noqa: ANN001
    """Keep the YES book of every market in every slot: ten levels a side."""
    packed = {cents: book_of(cents) for cents in range(1, 99)}
    for s, row in zip(times(len(bids)), bids, strict=True):
        tx.executemany(
            "INSERT INTO books VALUES (?, ?, 'slot', ?, ?, ?, 0, ?, ?, ?)",
            (
                (number, s, s + SEEN, s + SEEN, s + SEEN, f"0x{number:08x}{s:08x}", *packed[cents])
                for number, cents in zip(numbers.tolist(), row.tolist(), strict=True)
            ),
        )


def book_of(cents: int) -> tuple[bytes, bytes]:
    """Return the hash and the packed levels of a book whose best bid is *cents*."""
    at = from_epoch(START)
    bids = [
        Level(Decimal(c) / 100, Decimal(400 + 7 * c)) for c in range(cents, max(cents - 10, 0), -1)
    ]
    asks = [
        Level(Decimal(c) / 100, Decimal(500 + 9 * c))
        for c in range(cents + 1, min(cents + 11, 100))
    ]
    held = Book("t", "c", tuple(bids), tuple(asks), at, at, "", Decimal("0.01"), Decimal(5))
    levels = pack_levels(held)
    return digest(levels), zlib.compress(levels, 1)


def judged(tx, slots: int, markets: int) -> None:  # noqa: ANN001
    """Score every market in every slot."""
    for s in times(slots):
        tx.executemany(
            "INSERT INTO scores VALUES (?, ?, 0.99, '{}', ?)",
            ((str(500_000 + n), s, s + JUDGED) for n in range(markets)),
        )


def heard(tx, slots: int, markets: int) -> None:  # noqa: ANN001
    """Say that the venue answered about the trades of every market in every slot."""
    for n in range(markets):
        tx.executemany(
            "INSERT INTO coverage VALUES ('polymarket.trades', ?, ?, ?, ?, 1, 0)",
            (
                (f"0xc{n}", s - 1800, s + SEEN, s + SEEN)
                for s in range(START - 2 * DAY, START + slots * SLOT, SLOT)
            ),
        )


def dealt(tx, rng, numbers, days: int, trades: int) -> None:  # noqa: ANN001
    """Deal so many times a day in each market, from two days before on, now and then a lot."""
    count = trades * (days + 2) * len(numbers)
    when = np.sort(rng.integers(START - 2 * DAY, START + days * DAY, count))
    which = numbers[rng.integers(0, len(numbers), count)]
    size = rng.lognormal(18.5, 1.2, count).astype(np.int64)
    wallet = rng.integers(0, 5000, count)
    tx.executemany(
        "INSERT INTO trades VALUES (?, ?, 0, 1, 420000, ?, ?, ?, ?, ?, 0)",
        (
            (
                f"t{i:09d}{'x' * 55}",
                m,
                s,
                f"0x{w:040d}",
                t,
                t // SLOT * SLOT + SLOT + SEEN,
                t // SLOT * SLOT + SLOT + SEEN,
            )
            for i, (m, s, w, t) in enumerate(
                zip(which.tolist(), size.tolist(), wallet.tolist(), when.tolist(), strict=True)
            )
        ),
    )


def resolved(tx, numbers, slots: int) -> None:  # noqa: ANN001
    """Pay out a tenth of the markets somewhere in the second half."""
    for n, number in enumerate(numbers[::10].tolist()):
        at = START + (slots // 2 + n * 13 % (slots // 2)) * SLOT + 4
        tx.execute(
            "INSERT INTO resolutions VALUES (?, ?, ?, ?, 0, ?, ?, 'resolved', ?, 'paid')",
            (number, at, at, at, *(("yes", 1_000_000) if n % 2 else ("no", 0)), at),
        )


def once(path: Path, days: int) -> dict[str, object]:
    """Run over so many days in this process; return what it took and did."""
    settings = Settings()
    rules = Rules(settings.signals, settings.risk, settings.exits, settings.bankroll)
    names = (*settings.signals.strategies, "roc_only")
    asked = strategies.load(
        tuple(dict.fromkeys(names)), settings.risk.tier_ceilings, folder=path.parent
    )
    since = from_epoch(START)
    began = time.perf_counter()
    with (
        Store.reader(path) as store,
        StoreHistory.open(store, settings, since=since, until=since + timedelta(days=days)) as past,
    ):
        found = engine.run(past, rules, asked)
        covered = past.coverage()
    return {
        "days": days,
        "seconds": round(time.perf_counter() - began, 1),
        "cpu": round(time.process_time(), 1),
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "quotes": covered.recorded,
        "decisions": sum(found.reasons.values()),
        "fills": sum(found.grades.values()),
        "closed": len(found.closed),
        "digest": found.digest,
    }


def spans(path: Path, days: int) -> Iterator[dict[str, object]]:
    """Yield what each span took, in a fresh process each."""
    for part in (days // 3, 2 * days // 3, days):
        asked = [sys.executable, __file__, "--once", str(part), "--path", str(path)]
        yield json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Build where needed, then time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markets", type=int, default=1000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--trades", type=int, default=40, help="a market and day")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--once", type=int, help="so many days, in this process")
    parser.add_argument("--path", type=Path)
    asked = parser.parse_args()
    if asked.once is not None:
        print(json.dumps(once(asked.path, asked.once)))
        return
    path = asked.folder / f"backtest-{asked.markets}-{asked.days}-{asked.trades}.db"
    if not path.exists():
        began = time.perf_counter()
        build(path, asked.markets, asked.days, asked.trades)
        print(
            f"built {path}: {time.perf_counter() - began:.0f} s, {path.stat().st_size / 1e9:.1f} GB"
        )
    for one in spans(path, asked.days):
        each = float(str(one["seconds"])) / int(str(one["days"]))
        took = f"{one['seconds']:>6} s (CPU {one['cpu']})  {each:.2f} s a day  {one['mb']} MB"
        print(f"{one['days']:>3} days  {took}  {one}")


if __name__ == "__main__":
    main()
