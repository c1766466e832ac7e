"""A small home with true rows in most tables, and cycles that write more of them."""

import os
import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from trading_cli.app.runs import only_run
from trading_cli.app.settings import Loaded, load
from trading_cli.domain import (
    Book,
    Finding,
    Level,
    Market,
    Outcome,
    Point,
    Post,
    Quote,
    Resolution,
    Severity,
    Side,
    Trade,
    from_epoch,
)
from trading_cli.store import (
    Store,
    Transaction,
    backfill,
    journal,
    ledger,
    listings,
    runs,
    sealed_rows,
    series,
    talk,
)

NOON = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)
SLOT = timedelta(minutes=15)
MARKETS = 6


def quiet(_text: str) -> None:
    """Hear nothing."""


def make_home(folder: Path, slots: int = 4, text: str = "") -> Path:
    """Make a home of *slots* collected slots, and return its settings file."""
    folder.mkdir(mode=0o700, parents=True)
    config = folder / "config.yaml"
    config.write_text(text)
    config.chmod(0o600)
    loaded = opened(config)
    with Store.open(loaded.database, now=NOON) as store:
        for number in range(slots):
            cycle(store, number)
    return config


def opened(config: Path) -> Loaded:
    """Return the settings of a home, whatever the environment says."""
    return load(config, env={})


def at(number: int) -> datetime:
    """Return when slot *number* was collected."""
    return NOON + number * SLOT


def market(number: int, seen: datetime) -> Market:
    """Return a market."""
    return Market(
        id=str(500_000 + number),
        condition_id=f"0xc{number}",
        question=f"Will thing {number} happen?",
        slug=f"thing-{number}",
        yes_token=f"7{number}1",
        no_token=f"7{number}2",
        yes_label="Yes",
        no_label="No",
        observed_at=seen,
        event_id=f"e{number}",
        tags=("Politics",),
        description="It happens if it happens.",
        tick=Decimal("0.01"),
        end_at=NOON + timedelta(days=400),
        outcome_prices=(Decimal("0.42"), Decimal("0.58")),
        volume_24h=60_000.0 + number,
        liquidity=20_000.0,
    )


def record(tx: Transaction, number: int) -> None:
    """Write what slot *number* brings: a row or more of every kind that is only ever added to."""
    now = at(number)
    slot = int(now.timestamp()) // 900 * 900
    price = Decimal(20 + number % 50) / 100
    several = [market(n, now) for n in range(MARKETS)]
    listings.record_markets(tx, several)
    series.record_quotes(tx, [
        Quote(one.id, slot, price, price + Decimal("0.01"), 1000.5 + number, 2000.25, now, now,
              Decimal(0), f"{number:016x}")
        for one in several
    ])  # fmt: skip
    book = [Level(price, Decimal(100)), Level(price - Decimal("0.01"), Decimal("5.25"))]
    series.record_books(tx, slot, [
        (one.id, Book(one.yes_token, one.condition_id, tuple(book),
                      (Level(price + Decimal("0.01"), Decimal(80)),), now, now, f"h{number}"))
        for one in several
    ])  # fmt: skip
    series.record_trades(tx, [
        Trade(f"t{number}-{one.id}", one.condition_id, one.yes_token, 0, Side.BUY, price,
              Decimal("12.5"), f"0xw{number}", now, now)
        for one in several
    ])  # fmt: skip
    series.record_points(
        tx, [Point(one.yes_token, float(price), now - timedelta(hours=1), now) for one in several]
    )
    posts = [
        Post("bluesky", f"p{number}", f"words of {number} \N{SNOWMAN}", "who", "https://x.test",
             now, now, "e1", likes=number)
    ]  # fmt: skip
    talk.record_posts(tx, posts)
    ledger.record_findings(
        tx, slot, [Finding("gap", Severity.WARN, several[0].id, f"in {number}", {"n": number})], now
    )
    listings.record_resolutions(tx, [Resolution("0xc1", Outcome.OPEN, None, None, None, now)])
    journal.append(tx, "test", f"slot {number}", {"n": number}, at=now)
    backfill.set_watermark(tx, "trades", now)


def cycle(store: Store, number: int, *, lock: bool = False) -> None:
    """Do slot *number* as a collection does: begun, written, ended, sealed; each in a commit."""
    if lock:
        with only_run(store.path.parent, "collection", at(number), patience=60):
            cycle(store, number)
        return
    now = at(number)
    slot = int(now.timestamp()) // 900 * 900
    with store.transaction() as tx:
        ticket = runs.begin(
            tx, runs.Start("collection", slot, now, os.getpid()), lease=timedelta(hours=1)
        )
    with store.transaction() as tx:
        record(tx, number)
    with store.transaction() as tx:
        runs.record_step(tx, ticket.run, runs.Step("collect", "OK", 0.5, "", {"n": number}))
    with store.transaction() as tx:
        runs.finish(tx, ticket, "OK", "", {"n": number}, now)
        sealed_rows.seal(tx, run=ticket.run, now=now)


def said(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return everything a database says, table by table, in the order of its rows' values."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as look:
        look.text_factory = bytes
        names = [
            name.decode()
            for (name,) in look.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not name.startswith(b"sqlite_stat")
        ]
        found = {name: sorted(look.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}  # noqa: S608  # ours
    look.close()
    return found


def last_run(path: Path) -> tuple[int, datetime, str]:
    """Return the newest run of a database: its number, its slot, its state."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as look:
        number, slot, state = look.execute(
            "SELECT id, slot, state FROM runs ORDER BY id DESC LIMIT 1"
        ).fetchone()
    look.close()
    return number, from_epoch(slot), state


def decide(path: Path, number: int) -> None:
    """Let market 0 be decided on in slot *number*: no trade."""
    seen = int(at(number).timestamp())
    with Store.open(path, now=NOON) as store, store.transaction() as tx:
        tx.execute(
            "INSERT INTO decisions (id, slot, decided_at, market, event, strategy, purpose, action,"
            " reason, shares, binding, formula, settings_hash, facts) VALUES (?, ?, ?, '500000',"
            " 'e0', 's', 'entry', 'HOLD', 'NO_SIGNAL', 0, '', '', '', '{}')",
            (f"d{number}", seen // 900 * 900, seen),
        )
