"""Time the last 24 h of 1,000 markets read as arrays, with 1 and with 20 million quotes.

The files are made by sqlite itself, rows and packs as `record_quotes` makes them; reads alternate
between the two files, each with a connection that has just been opened.
"""

import argparse
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from trading_cli.store import Store
from trading_cli.store.arrays import ENTRY, quote_matrix

START = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
MARKETS = 1_000


def build(path: Path, millions: float) -> datetime:
    """Make a file of so many million quotes and return the end of its last slot."""
    slots = int(millions * 1_000_000 / MARKETS)
    store = Store.open(path, now=datetime.now(UTC))
    with store, store.transaction() as tx:
        tx.executemany(
            "INSERT INTO markets (id, venue_id, condition_id, yes_token, no_token, first_seen)"
            " VALUES (?1, ?1, 'c' || ?1, 'y' || ?1, 'n' || ?1, 0)",
            ((n,) for n in range(1, MARKETS + 1)),
        )
        tx.execute(
            "WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n + 1 < ?1),"
            " m(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM m WHERE id < ?2)"
            " INSERT INTO quotes SELECT m.id, ?3 + s.n * 900, 10000 + (m.id * 7 + s.n) % 900000,"
            " 20000 + (m.id * 7 + s.n) % 900000, 100.5, 200.25, 0, x'0123456789abcdef',"
            " ?3 + s.n * 900 + 5, ?3 + s.n * 900 + 9, ?3 + s.n * 900 + 9, 0 FROM m, s",
            (slots, MARKETS, START),
        )
        tx.executemany("INSERT INTO quote_packs VALUES (?, ?, ?)", packs(slots))
    return datetime.fromtimestamp(START + slots * 900, UTC)


def packs(slots: int):  # noqa: ANN201  # a generator of rows
    """Yield the pack of each slot, as `record_quotes` would have made it."""
    entries = np.zeros(MARKETS, ENTRY)
    entries["market"] = np.arange(1, MARKETS + 1)
    entries["bid_depth"], entries["ask_depth"] = 100.5, 200.25
    for n in range(slots):
        entries["bid"] = 10_000 + (entries["market"] * 7 + n) % 900_000
        entries["ask"] = entries["bid"] + 10_000
        entries["available_at"] = START + n * 900 + 9
        yield START + n * 900, MARKETS, entries.tobytes()


def read(path: Path, end: datetime) -> float:
    """Return seconds to read the last day, the file just opened; check the numbers."""
    names = [str(n) for n in range(1, MARKETS + 1)]
    with Store.reader(path) as store:
        began = time.perf_counter()
        with store.reading() as look:
            day = {"since": end - timedelta(days=1), "until": end, "as_of": end}
            found = quote_matrix(look, names, **day)
        seconds = time.perf_counter() - began
        with store.reading() as look:
            row = look.execute(
                "SELECT bid FROM quotes WHERE market = 17 AND slot = ?", (int(found.slots[-1]),)
            ).fetchone()
    if found.bid.shape != (MARKETS, 96) or np.isnan(found.mid).any():
        raise SystemExit("the arrays are not whole")
    if round(found.bid[16, -1] * 1e6) != row[0]:
        raise SystemExit("the arrays are not the rows")
    return seconds


def main() -> None:
    """Print both medians in milliseconds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=None, help="where to make the files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as top:
        files = {}
        for millions in (1.0, options.millions):
            began = time.perf_counter()
            path = Path(top) / f"{millions:g}.db"
            files[millions] = (path, build(path, millions))
            size = path.stat().st_size / 1e6
            print(f"{millions:g} M quotes: {size:.0f} MB, {time.perf_counter() - began:.0f} s")
        times: dict[float, list[float]] = {millions: [] for millions in files}
        for _ in range(options.rounds):
            for millions, (path, end) in files.items():
                times[millions].append(read(path, end))
    medians = [statistics.median(found) for found in times.values()]
    for millions, seconds in zip(times, medians, strict=True):
        print(f"last 24 h of {MARKETS:,} markets, {millions:g} M: {seconds * 1000:.1f} ms")
    print(f"ratio of the medians of {options.rounds}: {medians[-1] / medians[0]:.2f}")


if __name__ == "__main__":
    main()
