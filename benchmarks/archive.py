"""A year of 50 markets, live and archived: as quick as on the first day?

usage: archive.py [--days 365] [--markets 50] [--rounds 7] [--folder DIR | --kept DIR]. Three homes
that collect from an exchange of their own process: one just warmed up; the same with so many days
of quotes and books before it; that one with all but the last 90 days in the archive. Prints how
large each is, what the archiving took, the medians of the processor time of `collect` (a whole
cycle), `signal` and `status`, each a process of its own, interleaved, with their ratios; and what
reads the past. With --kept the homes are made in that folder once; another run goes on with them.
"""

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cycle import FIRST, SLOT, WARM_UP, _clock, _cycle, _exchange, _make_home  # beside this

from trading_cli.core.clock import FrozenClock
from trading_cli.store import Store, arrays, sealing, thawed, trials
from trading_cli.store.series import PACK

DAY = 86_400
LEFT = 90
RATIO = 1.2
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
    """Make the homes, archive one, let them take turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--markets", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--kept", type=Path, default=None, help="make homes here, or go on there")
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "CONFIG", "EPOCH"), default=None)
    options = parser.parse_args()
    if options.child:
        what, config, at = options.child
        _child(what, Path(config), int(at))
        return
    os.environ.pop("TRADING_HOME", None)
    with ExitStack() as open_now:
        url = open_now.enter_context(_exchange(options.markets))
        top = options.kept or Path(
            open_now.enter_context(tempfile.TemporaryDirectory(dir=options.folder))
        )
        homes = tuple(top / name for name in ("young", "live", "archived"))
        if not homes[-1].exists():
            _make(homes, url, options)
        turn = _go_on(homes, url)
        for home in homes:
            kept = sum(one.stat().st_size for one in (home / "data" / "archive").glob("*"))
            size = (home / "data" / "trading.db").stat().st_size
            print(f"{home.name:9} {size / 1e6:7.0f} MB live {kept / 1e6:7.0f} MB archive")
        for home in homes:
            _cycle(url, home, turn)  # the first features after a fill are slow once
        _table(_turns(url, homes, range(turn + 1, turn + 1 + options.rounds)), options.rounds)
        _past(homes[1:])


def _make(homes: tuple[Path, ...], url: str, options: argparse.Namespace) -> None:
    """Warm the first home up, age the second, archive the third."""
    young, live, old = homes
    _make_home(young, url, options.markets)
    (young / "config.yaml").chmod(0o600)
    for turn in range(WARM_UP):
        _cycle(url, young, turn, days=2.0 if turn == 0 else 0.0)
    shutil.copytree(young, live)
    _age(live, options.days, options.markets)
    unfinished = old.with_name("unfinished")
    shutil.copytree(live, unfinished)
    _archive(unfinished)
    unfinished.rename(old)


def _go_on(homes: tuple[Path, ...], url: str) -> int:
    """Point *homes* at the exchange of now. Return the number of the first slot none has."""
    newest = 0
    for home in homes:
        config = home / "config.yaml"
        config.write_text(re.sub(r"http://[0-9.:]+", url, config.read_text()))
        with Store.reader(home / "data" / "trading.db") as store, store.reading() as look:
            newest = max(newest, look.execute("SELECT max(slot) FROM quotes").fetchone()[0])
    return int(newest - FIRST) // SLOT + 1


def _quiet(_text: str) -> None:
    """Say nothing."""


def _age(home: Path, days: int, markets: int) -> None:
    """Give *home* so many days of quotes, books and runs before its own."""
    began = time.process_time()
    with Store.open(home / "data" / "trading.db", now=datetime.now(UTC)) as store:
        with store.reading() as look:
            until = look.execute("SELECT min(slot) FROM quotes").fetchone()[0] // DAY * DAY
            ids = look.execute("SELECT id FROM markets ORDER BY id LIMIT ?", (markets,)).fetchall()
        for slot in range(until - days * DAY, until, DAY):
            _one_day(store, slot, len(ids) and ids[-1][0])
            sealing.seal_all(store, run=0, now=datetime.now(UTC))
        store.checkpoint()
    rows = days * 96 * len(ids)
    print(f"{rows:,} quotes and books in {time.process_time() - began:.0f} s of CPU", flush=True)


def _one_day(store: Store, slot: int, last: int) -> None:
    with store.transaction() as tx:
        for insert in INSERTS:
            tx.execute(
                "WITH RECURSIVE s(slot) AS (SELECT ?1 UNION ALL SELECT slot + 900 FROM s WHERE"
                f" slot + 900 < ?2), m AS (SELECT id FROM markets WHERE id <= ?3) {insert}",
                (slot, slot + DAY, last),
            )
        packs: dict[int, list[bytes]] = {}
        for at, *entry in tx.execute(
            "SELECT slot, market, bid, ask, bid_depth, ask_depth, available_at FROM quotes"
            " WHERE market <= ? AND slot >= ? AND slot < ? ORDER BY slot, market",
            (last, slot, slot + DAY),
        ).fetchall():
            packs.setdefault(at, []).append(PACK.pack(*entry))
        tx.executemany(
            "INSERT INTO quote_packs VALUES (?, ?, ?)",
            ((at, len(one), b"".join(one)) for at, one in packs.items()),
        )


def _archive(home: Path) -> None:
    from trading_cli.app.upkeep.archive import into_archive  # noqa: PLC0415
    from trading_cli.app.upkeep.optimize import optimize  # noqa: PLC0415

    now = datetime.fromtimestamp(FIRST + WARM_UP * SLOT, UTC)
    began, clock = time.process_time(), FrozenClock(now)
    before = now - timedelta(days=LEFT)
    told = into_archive(home / "config.yaml", before=before, progress=_quiet, clock=clock)
    optimize(home / "config.yaml", _quiet, clock=clock)
    print(f"archived {told['deleted']} in {time.process_time() - began:.0f} s of CPU", flush=True)


def _child(what: str, config: Path, at: int) -> None:
    """In a process of its own: do what a command does, and say what it cost."""
    clock = _clock(at)
    if what == "status":
        from trading_cli.app.overview import status  # noqa: PLC0415  # what it pays, it pays

        status(config, {}, clock=clock)
    else:
        from trading_cli.app.signalling import signal  # noqa: PLC0415

        signal(config, dry_run=True, market=None, progress=_quiet, clock=clock)
    print(json.dumps({"cpu": time.process_time()}))


def _asked(what: str, home: Path, turn: int) -> float:
    at = FIRST + turn * SLOT + 60
    words = [sys.executable, __file__, "--child", what, f"{home}/config.yaml", str(at)]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(json.loads(done.stdout.splitlines()[-1])["cpu"])


def _turns(url: str, homes: tuple[Path, ...], turns: range) -> dict[str, dict[str, list[float]]]:
    spent: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for turn in turns:
        for home in homes if turn % 2 else homes[::-1]:
            spent["collect"][home.name].append(float(_cycle(url, home, turn)["cpu"]))
        for what in ("signal", "status"):
            for home in homes if turn % 2 else homes[::-1]:
                spent[what][home.name].append(_asked(what, home, turn))
    return spent


def _table(spent: dict[str, dict[str, list[float]]], rounds: int) -> None:
    names = ("young", "live", "archived")
    print(f"{f'CPU s, median of {rounds}':26}" + "".join(f"{name:>10}" for name in names))
    for what, held in spent.items():
        middle = [statistics.median(held[name]) for name in names]
        worst = max(middle[1:]) / middle[0]
        shown = "".join(f"{one:10.3f}" for one in middle)
        print(f"  {what:24}{shown}  {'pass' if worst <= RATIO else 'FAIL'} {worst:.2f}")


def _past(homes: tuple[Path, ...]) -> None:
    """Print what a month, all of the past and its fingerprint cost, and that they are the same."""
    with Store.reader(homes[0] / "data" / "trading.db") as store, store.reading() as look:
        first = look.execute("SELECT min(slot) FROM quotes").fetchone()[0]
    month = min(first + 30 * DAY, FIRST)
    spans = {"a month of 50 markets": (first, month), "all of it": (first, FIRST)}
    for text, (since, until) in spans.items():
        for kinds in ((thawed.PACKS,), thawed.EVERY):
            found = []
            for home in homes:
                began = time.process_time()
                with (
                    Store.reader(home / "data" / "trading.db") as store,
                    thawed.reading(store, since, until, kinds) as look,
                ):
                    names = [str(v) for (v,) in look.execute("SELECT venue_id FROM markets")]
                    ends = (datetime.fromtimestamp(one, UTC) for one in (since, until))
                    begin, end = ends
                    held = arrays.quote_matrix(look, names, since=begin, until=end, as_of=end)
                    hashed = (
                        trials.fingerprint(look, begin, end) if kinds != (thawed.PACKS,) else ""
                    )
                found.append((time.process_time() - began, held.bid.tobytes(), hashed))
            same = "the same" if found[0][1:] == found[1][1:] else "NOT THE SAME"
            what = "quotes alone" if kinds == (thawed.PACKS,) else "every kind, hashed"
            print(
                f"  {text}, {what}: live {found[0][0]:.2f} s, archived {found[1][0]:.2f} s, {same}"
            )
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  most memory of this process, archiving and all: {most:.0f} MB")


if __name__ == "__main__":
    main()
