"""How long a gigabyte takes: backup, verify, restore (the time to recovery), optimize; and a seal.

usage: restore.py [--mb 1000] [--folder DIR]. Makes a home of so many MB of quotes, books and trades
as they are stored, sealed. Then what sealing costs: a slot of 200 markets written with the triggers
and sealed, against the same without. Prints seconds, bounds and pass or fail.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from trading_cli.app.upkeep.backup import backup
from trading_cli.app.upkeep.optimize import optimize
from trading_cli.app.upkeep.restore import restore
from trading_cli.app.upkeep.verify import verify
from trading_cli.domain import Book, Level, Quote, Side, Trade
from trading_cli.store import Store, sealed_rows, sealing, series

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIRST = int(START.timestamp())
MARKETS = 200
RTO_S, VERIFY_S, SEAL_MS = 300.0, 300.0, 250.0  # 5 % of a cycle of 5 s
DAY_OF = {
    "quotes": "INSERT INTO quotes SELECT m.id, s.slot, 10000 + (m.id * 7 + s.slot / 900) % 900000,"
    " 20000 + (m.id * 7 + s.slot / 900) % 900000, 100.5, 200.25, 0, x'0123456789abcdef',"
    " s.slot + 5, s.slot + 9, s.slot + 9, 0 FROM m, s",
    "books": "INSERT INTO books SELECT m.id, s.slot, 'slot', s.slot + 5, s.slot + 9, s.slot + 9, 0,"
    " hex(randomblob(20)), randomblob(16), randomblob(550) FROM m, s",
    "trades": "INSERT INTO trades SELECT hex(randomblob(32)), m.id, 0, 1, 400000, 12500000,"
    " '0x' || hex(randomblob(20)), s.slot + 5, s.slot + 9, s.slot + 9, 0 FROM m, s",
}


def main() -> None:
    """Make the home, take the times, print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as top:
        config = Path(top) / "home" / "config.yaml"
        config.parent.mkdir(mode=0o700)
        config.write_text("")
        config.chmod(0o600)
        path = config.parent / "data" / "trading.db"
        rows = _fill(path, options.mb)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {rows} rows", flush=True)
        kept = _timed("backup", lambda: backup(config, progress=_quiet))
        print(f"  compressed {kept['bytes'] / 1e6:.0f} MB")
        whole = _timed("verify", lambda: verify(config, _quiet))
        back = _timed("restore", lambda: restore(config, Path(kept["file"]), _quiet))
        _timed("optimize", lambda: optimize(config, _quiet))
        _verdict("restore (RTO)", back["seconds"], RTO_S)
        _verdict("verify", whole["seconds"], VERIFY_S)
        _seal(Path(top))


def _quiet(_text: str) -> None:
    """Say nothing."""


def _timed(name: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    began, spent, stood = time.perf_counter(), time.process_time(), _waited()
    done = call()
    took, cpu = time.perf_counter() - began, time.process_time() - spent
    print(
        f"  {name:10} {took:7.1f} s: {cpu:.1f} s of CPU,"
        f" {_waited() - stood:.1f} s waiting while others had it",
        flush=True,
    )
    return done


def _waited() -> float:
    """Return the seconds this process could have run, but others did; 0 where nobody counts."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def _verdict(name: str, value: float, bound: float) -> None:
    print(f"{'pass' if value <= bound else 'FAIL'}  {name}: {value:.1f} (bound {bound:g})")


def _markets(tx: Any) -> None:
    tx.executemany(
        "INSERT INTO markets (id, venue_id, condition_id, yes_token, no_token, first_seen)"
        " VALUES (?1, ?1, 'c' || ?1, 'y' || ?1, 'n' || ?1, 0)",
        ((n,) for n in range(1, MARKETS + 1)),
    )


def _fill(path: Path, mb: int) -> int:
    """Write day after day until the file is *mb* large; seal as it goes."""
    with Store.open(path, now=START) as store:
        with store.transaction() as tx:
            _markets(tx)
        slot = FIRST
        while path.stat().st_size < mb * 1e6:
            for insert in DAY_OF.values():
                with store.transaction() as tx:
                    tx.execute(
                        "WITH RECURSIVE s(slot) AS (SELECT ?1 UNION ALL SELECT slot + 900 FROM s"
                        " WHERE slot + 900 < ?2), m AS (SELECT id FROM markets)"
                        f" {insert}",
                        (slot, slot + 86_400),
                    )
            sealing.seal_all(store, run=0, now=START)
            store.checkpoint()
            slot += 86_400
        with store.reading() as look:
            return int(look.execute("SELECT sum(rows) FROM seal_sums").fetchone()[0])


def _slot(tx: Any, number: int) -> None:
    """Write what a slot brings: 200 quotes and books, 600 trades."""
    at = START + timedelta(minutes=15 * number)
    slot, cent = FIRST + 900 * number, Decimal("0.01")
    levels = tuple(Level(cent * n, Decimal(100)) for n in range(40, 20, -1))
    names = [str(n) for n in range(1, MARKETS + 1)]
    series.record_quotes(
        tx,
        [Quote(n, slot, cent * 40, cent * 41, 1.5, 2.5, at, at, Decimal(0), "ab") for n in names],
    )
    books = (
        (n, Book(f"y{n}", f"c{n}", levels, (Level(cent * 41, Decimal(5)),), at, at, "h"))
        for n in names
    )
    series.record_books(tx, slot, books)
    series.record_trades(tx, [
        Trade(f"{number}-{n}-{k}", f"c{n}", f"y{n}", 0, Side.BUY, cent, Decimal(1), "w", at, at)
        for n in names for k in range(3)
    ])  # fmt: skip


def _seal(top: Path) -> None:
    """Compare a slot with triggers and a seal to one without."""
    spent: dict[str, list[float]] = {"plain": [], "watched": [], "seal": []}
    with (
        Store.open(top / "plain" / "t.db", now=START) as plain,
        Store.open(top / "watched" / "t.db", now=START) as seen,
    ):
        for store in (plain, seen):
            with store.transaction() as tx:
                _markets(tx)
        with plain.transaction() as tx:
            names = tx.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'seal\\_%\\_in'"
                               " ESCAPE '\\' AND type = 'trigger'").fetchall()  # fmt: skip
            for (name,) in names:
                tx.execute(f'DROP TRIGGER "{name}"')
        for number in range(30):
            for name, store in (("plain", plain), ("watched", seen)):
                began = time.perf_counter()
                with store.transaction() as tx:
                    _slot(tx, number)
                spent[name].append((time.perf_counter() - began) * 1e3)
            began = time.perf_counter()
            with seen.transaction() as tx:
                sealed_rows.seal(tx, run=1, now=START)
            spent["seal"].append((time.perf_counter() - began) * 1e3)
    plainly, watched, sealed = (statistics.median(one) for one in spent.values())
    print(f"  1,000 rows: plain {plainly:.1f} ms, watched {watched:.1f} ms, seal {sealed:.1f} ms")
    _verdict("sealing a slot, ms", watched - plainly + sealed, SEAL_MS)


if __name__ == "__main__":
    main()
