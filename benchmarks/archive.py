"""A year of 50 markets, live and archived: as quick as on the first day?

usage: archive.py [--days 365] [--markets 50] [--folder DIR]. Three homes: of one day; of so many
days of quotes and books; the same with all but the last 90 days in the archive. Prints how large
each is, what the archiving took, and medians of what is asked, interleaved, with their ratios.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trading_cli.app import overview
from trading_cli.app.upkeep.archive import FOLDER, into_archive
from trading_cli.app.upkeep.optimize import optimize
from trading_cli.core.clock import FrozenClock
from trading_cli.store import Store, archived, arrays, history, sealing
from trading_cli.store.series import PACK

END = datetime(2026, 3, 2, 12, tzinfo=UTC)
LAST = int(END.timestamp())
DAY = 86_400
RATIO, ROUNDS = 1.2, 15
INSERTS = (
    (
        "INSERT INTO quotes SELECT m.id, s.slot, 10000 + (m.id * 7 + s.slot / 900) % 900000,"
        " 20000 + (m.id * 7 + s.slot / 900) % 900000, 100.5, 200.25, 0, x'0123456789abcdef',"
        " s.slot + 5, s.slot + 9, s.slot + 9, 0 FROM m, s"
    ),
    (
        "INSERT INTO books SELECT m.id, s.slot, 'slot', s.slot + 5, s.slot + 9, s.slot + 9, 0,"
        " hex(randomblob(20)), randomblob(16), randomblob(400) FROM m, s"
    ),
    (
        "INSERT INTO runs (cycle, slot, state, started, finished, pid)"
        " SELECT 'collection', slot, 'OK', slot + 7, slot + 12, 1 FROM s"
    ),
)


def main() -> None:
    """Make the homes, archive one, ask all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--markets", type=int, default=50)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    os.environ.pop("TRADING_HOME", None)
    with tempfile.TemporaryDirectory(dir=options.folder) as top:
        young, live, old = (Path(top) / name for name in ("young", "live", "archived"))
        _make(young, 1, options.markets)
        _make(live, options.days, options.markets)
        shutil.copytree(live, old)
        began = time.perf_counter()
        before = END - timedelta(days=90)
        clock = FrozenClock(END)
        told = into_archive(old / "config.yaml", before=before, progress=_quiet, clock=clock)
        print(f"archived {told['deleted']} in {time.perf_counter() - began:.0f} s", flush=True)
        optimize(old / "config.yaml", _quiet, clock=clock)
        for home in (young, live, old):
            kept = sum(one.stat().st_size for one in (home / "data" / FOLDER).glob("*"))
            size = (home / "data" / "trading.db").stat().st_size
            print(f"{home.name:9} {size / 1e6:7.0f} MB live {kept / 1e6:7.0f} MB archive")
        _table((young, live, old))


def _quiet(_text: str) -> None:
    """Say nothing."""


def _make(home: Path, days: int, markets: int) -> None:
    home.mkdir()
    (home / "config.yaml").write_text("")
    (home / "config.yaml").chmod(0o600)
    with Store.open(home / "data" / "trading.db", now=END) as store:
        with store.transaction() as tx:
            tx.executemany(
                "INSERT INTO markets (id, venue_id, condition_id, yes_token, no_token, first_seen)"
                " VALUES (?1, ?1, 'c' || ?1, 'y' || ?1, 'n' || ?1, 0)",
                ((n,) for n in range(1, markets + 1)),
            )
        for slot in range(LAST - days * DAY, LAST, DAY):
            with store.transaction() as tx:
                for insert in INSERTS:
                    tx.execute(
                        "WITH RECURSIVE s(slot) AS (SELECT ?1 UNION ALL SELECT slot + 900 FROM s"
                        " WHERE slot + 900 < ?2), m AS (SELECT id FROM markets)"
                        f" {insert}",
                        (slot, slot + DAY),
                    )
                rows = tx.execute(
                    "SELECT slot, market, bid, ask, bid_depth, ask_depth, available_at FROM quotes"
                    " WHERE market <= ? AND slot >= ? AND slot < ? ORDER BY slot, market",
                    (markets, slot, slot + DAY),
                ).fetchall()
                packs: dict[int, list[bytes]] = {}
                for at, *entry in rows:
                    packs.setdefault(at, []).append(PACK.pack(*entry))
                tx.executemany(
                    "INSERT INTO quote_packs VALUES (?, ?, ?)",
                    ((at, len(one), b"".join(one)) for at, one in packs.items()),
                )
            sealing.seal_all(store, run=0, now=END)
        store.checkpoint()


def _questions(home: Path) -> dict[str, Callable[[], object]]:
    path, config = home / "data" / "trading.db", home / "config.yaml"
    day = {"since": END - timedelta(days=1), "until": END, "as_of": END}
    names = [str(n) for n in range(1, 51)]

    def ask(question: Callable[..., object]) -> Callable[[], object]:
        def call() -> object:
            with Store.reader(path) as store, store.reading() as look:
                return question(look)

        return call

    return {
        "status": lambda: overview.status(config, {}, clock=FrozenClock(END)),
        "latest quotes": ask(lambda tx: history.latest_quotes(tx, LAST - 900, as_of=END)),
        "24 h of one market": ask(lambda tx: history.quote_columns(tx, "7", **day)),
        "24 h of 50 markets": ask(lambda tx: arrays.quote_matrix(tx, names, **day)),
        "24 h, archive looked at": ask(
            lambda tx: archived.quotes_archived(home / "data" / FOLDER, tx, "7", **day)
        ),
    }


def _table(homes: tuple[Path, ...]) -> None:
    asked = [_questions(home) for home in homes]
    spent: dict[str, list[list[float]]] = {name: [[] for _ in homes] for name in asked[0]}
    for _ in range(ROUNDS):
        for name, times in spent.items():
            for held, questions in zip(times, asked, strict=True):
                began = time.perf_counter()
                questions[name]()
                held.append((time.perf_counter() - began) * 1e3)
    print(f"{'ms, median':26}" + "".join(f"{home.name:>10}" for home in homes))
    for name, times in spent.items():
        best = [statistics.median(one) for one in times]
        worst = max(best[1:]) / best[0]
        shown = "".join(f"{one:10.2f}" for one in best)
        print(f"  {name:24}{shown}  {'pass' if worst <= RATIO else 'FAIL'} {worst:.2f}")


if __name__ == "__main__":
    main()
