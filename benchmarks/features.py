"""How long the indicators of 50 candidates take beside 28 days of a panel of 200.

    python benchmarks/features.py [--days 28] [--trades 1000000] [--folder DIR]

Builds (once) a file with 200 markets, a million trades, coverage rows of every quarter-hour, and 50
events with five talk sources; then times the step: first of a day, cold talk, and as it usually is.
"""

import argparse
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from trading_cli.app import analyse
from trading_cli.app.hype_settings import HypeSection
from trading_cli.app.selection import VOICES
from trading_cli.domain import Market
from trading_cli.store import Store, listings
from trading_cli.trading import SignalsSection

AT = datetime(2026, 3, 2, 12, 0, 20, tzinfo=UTC)
SLOT = 900
MARKETS, EVENTS = 200, 50


def market(number: int) -> Market:
    """Return one of the panel's markets; the first 50 are the candidates, each its own event."""
    return Market(
        str(500_000 + number), f"0xc{number}", f"Will thing {number} happen?", f"thing-{number}",
        f"7{number}1", f"7{number}2", "Yes", "No", AT - timedelta(days=40),
        event_id=f"e{number % EVENTS}",
    )  # fmt: skip


def build(path: Path, days: int, trades: int) -> None:
    """Fill a new file."""
    rng = np.random.default_rng(7)
    now = int(AT.timestamp())
    first = now - days * 86_400
    with Store.open(path, now=AT) as store, store.transaction() as tx:
        listings.record_markets(tx, [market(n) for n in range(MARKETS)])
        for n in range(MARKETS):
            listings.panel_enter(tx, str(500_000 + n), AT - timedelta(days=30), AT)
        ids = listings.market_ids(tx, [str(500_000 + n) for n in range(MARKETS)])
        numbers = np.array([ids[str(500_000 + n)] for n in range(MARKETS)])
        when = np.sort(rng.integers(first, now - 60, trades))
        which = numbers[rng.integers(0, MARKETS, trades)]
        tx.executemany(
            "INSERT INTO trades VALUES (?, ?, 0, 1, 420000, ?, ?, ?, ?, ?, 0)",
            (
                (
                    f"t{i:08d}{'x' * 56}",
                    int(m),
                    50_000_000 + i % 7,
                    f"0x{i % 997:040d}",
                    int(t),
                    int(t) + 30,
                    int(t) + 30,
                )
                for i, (m, t) in enumerate(zip(which, when, strict=True))
            ),
        )
        slots = range(now // SLOT * SLOT - days * 86_400, now, SLOT)
        tx.executemany(
            "INSERT INTO coverage VALUES ('polymarket.trades', ?, ?, ?, ?, 1, 0)",
            ((f"0xc{n}", s - 600, s + 901, s + 901) for n in range(MARKETS) for s in slots),
        )
        tx.executemany(
            "INSERT INTO coverage VALUES (?, ?, ?, ?, ?, 1, 0)",
            (
                (name, f"e{n}", s - 7200, s + 20, s + 20)
                for name in VOICES
                for n in range(EVENTS)
                for s in slots
                if s // SLOT % 4 == n % 4
            ),
        )
        tx.executemany(
            "INSERT INTO quotes VALUES (?, ?, 400000, 410000, 1, 1, 0, NULL, ?, ?, ?, 0)",
            ((int(m), s, s + 5, s + 5, s + 5) for m in numbers for s in slots),
        )
        talk(tx, rng, first, now)


def talk(tx: object, rng: np.random.Generator, first: int, now: int) -> None:
    """Say ten things an hour about every event."""
    count = EVENTS * (now - first) // 360
    when = rng.integers(first, now, count)
    words = np.array([f"word{n}" for n in range(3000)])
    for i in range(count):
        at, event = int(when[i]), f"e{i % EVENTS}"
        text = " ".join(words[rng.integers(0, 3000, 12)])
        seen = (at // 3600 + 1) * 3600 + 20
        if seen > now:
            seen = at
        tx.execute(
            "INSERT INTO posts VALUES (?, ?, ?, ?, ?, ?, 'en', ?, ?, ?, 0)",
            (
                i + 1,
                VOICES[i % 5],
                f"p{i}",
                text,
                f"a{i % 400}",
                f"https://d{i % 50}.test/{i}",
                at,
                seen,
                seen,
            ),
        )
        tx.execute(
            "INSERT INTO post_events VALUES (?, ?, ?, ?, ?, 0)", (event, at, i + 1, seen, seen)
        )
        tx.execute(
            "INSERT INTO post_seen VALUES (?, ?, 3, 1, 2, 50, ?, ?, 0)", (i + 1, seen, at, seen)
        )
        tx.execute(
            "INSERT INTO post_links VALUES (?, ?, '', 'm1', .8, 0, .1, 'v', NULL, ?)",
            (i + 1, event, seen),
        )


def step(path: Path, at: datetime, title: str) -> None:
    """Compute the indicators once and say how long it took."""
    candidates = [market(n) for n in range(50)]
    slot = int(at.timestamp()) // SLOT * SLOT
    with Store.open(path, now=at) as store:
        began, busy = time.perf_counter(), time.process_time()
        found = analyse.features(
            store,
            slot=slot,
            at=at,
            markets=candidates,
            signals=SignalsSection(),
            hype_section=HypeSection(),
        )
        took, used = time.perf_counter() - began, time.process_time() - busy
    said = sum(one["hype"].value is not None for one in found.values())
    volumes = sum(one["rvr"].value is not None for one in found.values())
    print(
        f"{title:<34}{1000 * took:8.0f} ms (CPU {1000 * used:.0f})"
        f"   rvr {volumes}/50, hype {said}/50"
    )


def main() -> None:
    """Build where needed, then time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--trades", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    path = folder / f"features-{asked.days}-{asked.trades}.db"
    if not path.exists():
        began = time.perf_counter()
        build(path, asked.days, asked.trades)
        print(
            f"built {path} in {time.perf_counter() - began:.0f} s,"
            f" {path.stat().st_size / 1e6:.0f} MB"
        )
    step(path, AT, "first of a day, nothing counted")
    step(path, AT + timedelta(seconds=10), "the same slot again")
    step(path, AT + timedelta(seconds=20), "and again: as it usually is")
    step(path, AT + timedelta(hours=12), "first of the next day")


if __name__ == "__main__":
    main()
