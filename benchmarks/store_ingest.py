"""Time `record_quotes` against bare `sqlite3.executemany` of the same rows into the same table.

Both write 1,000 markets slot by slot, one transaction a slot, into files made alike; the runs are
interleaved and their medians compared. The store also converts, checks and packs each quote.
"""

import argparse
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from trading_cli.domain import Quote, slot_of
from trading_cli.store import Store, series

START = datetime(2026, 3, 1, tzinfo=UTC)
CENT = Decimal("0.01")


def new_store(path: Path, markets: int) -> Store:
    """Return an empty store that knows *markets* markets."""
    store = Store.open(path, now=START)
    with store.transaction() as tx:
        tx.executemany(
            "INSERT INTO markets (id, venue_id, condition_id, yes_token, no_token, first_seen)"
            " VALUES (?1, ?1, 'c' || ?1, 'y' || ?1, 'n' || ?1, 0)",
            ((n,) for n in range(1, markets + 1)),
        )
    return store


def quotes_of(slots: int, markets: int) -> list[list[Quote]]:
    """Return the quotes of each slot."""
    found = []
    for number in range(slots):
        at = START + timedelta(minutes=15 * number)
        found.append(
            [
                Quote(
                    str(n), slot_of(at), CENT * (n % 90 + 1), CENT * (n % 90 + 2), n + 0.5,
                    n + 0.25, at, at, Decimal(0), f"{n * 7919 + number:016x}",
                )
                for n in range(1, markets + 1)
            ]
        )  # fmt: skip
    return found


def ours(folder: Path, batches: list[list[Quote]]) -> float:
    """Return seconds to record the quotes, a transaction a slot."""
    with new_store(folder / "ours.db", len(batches[0])) as store:
        began = time.perf_counter()
        for batch in batches:
            with store.transaction() as tx:
                series.record_quotes(tx, batch)
        return time.perf_counter() - began


def bare(folder: Path, rows: list[list[tuple[object, ...]]]) -> float:
    """Return seconds for executemany of ready tuples, a transaction a slot."""
    with new_store(folder / "bare.db", len(rows[0])) as store, store.reading():
        pass
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON", "cache_size=-64000",
                   "wal_autocheckpoint=4000"):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")
    began = time.perf_counter()
    for batch in rows:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO quotes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", batch
        )
        connection.execute("COMMIT")
    seconds = time.perf_counter() - began
    connection.close()
    return seconds


def main() -> None:
    """Print both medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slots", type=int, default=100)
    parser.add_argument("--markets", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    batches = quotes_of(options.slots, options.markets)
    with tempfile.TemporaryDirectory() as top:
        with new_store(Path(top) / "rows.db", options.markets) as store, store.transaction() as tx:
            for batch in batches:
                series.record_quotes(tx, batch)
            columns = "SELECT * FROM quotes WHERE slot = ? ORDER BY market"
            rows = [tx.execute(columns, (batch[0].slot,)).fetchall() for batch in batches]
        times: dict[str, list[float]] = {"ours": [], "bare": []}
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory(dir=top) as folder:
                times["bare"].append(bare(Path(folder), rows))
                times["ours"].append(ours(Path(folder), batches))
    count = options.slots * options.markets
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, seconds in medians.items():
        print(f"{name}: {count:,} quotes in {seconds:.3f} s, {count / seconds:,.0f} rows/s")
    print(f"ratio of the medians of {options.rounds}: {medians['ours'] / medians['bare']:.2f}")


if __name__ == "__main__":
    main()
