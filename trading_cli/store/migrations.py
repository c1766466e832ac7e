"""The schema, as numbered steps. A step once released is never edited; the next one mends it.

Each step and its record are one transaction, so a file is at one version or the next, never
between. Before a file that holds something is changed, a copy of it is made beside it.
"""

import os
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from trading_cli.store.born import LOST, mark_of
from trading_cli.store.kill import seal_all
from trading_cli.store.schema import FIRST
from trading_cli.store.schema_agenda import AGENDA
from trading_cli.store.schema_backtests import BACKTESTS
from trading_cli.store.schema_imports import IMPORTS
from trading_cli.store.schema_opinions import OPINIONS
from trading_cli.store.schema_research import THIRD
from trading_cli.store.schema_seals import SEALS
from trading_cli.store.schema_settings import SETTINGS
from trading_cli.store.schema_trading import SECOND
from trading_cli.store.schema_trials import TRIALS
from trading_cli.store.schema_web import WEB
from trading_cli.store.sealed_rows import watch


def _first(connection: sqlite3.Connection, at: int) -> None:
    """Make every table, and arm the kill switch: only a new home comes this way."""
    for statement in FIRST:
        connection.execute(statement)
    connection.execute(
        "INSERT INTO kill_state (state, level, at, actor, reason)"
        " VALUES ('ARMED', 0, ?, 'migration', 'a new home')",
        (at,),
    )


def _second(connection: sqlite3.Connection, _at: int) -> None:
    """Make the tables of deciding and dealing, and seal what the kill switch says already."""
    for statement in SECOND:
        connection.execute(statement)
    seal_all(connection)


def _third(connection: sqlite3.Connection, _at: int) -> None:
    """Make the tables of research."""
    for statement in (*THIRD, *TRIALS):
        connection.execute(statement)


def _fourth(connection: sqlite3.Connection, at: int) -> None:
    """Make the tables of backtests and of what is brought in."""
    for statement in (*BACKTESTS, *AGENDA, *IMPORTS, *SEALS):
        connection.execute(statement)
    watch(connection, at)  # last: every table there is, with what it holds


def _fifth(connection: sqlite3.Connection, at: int) -> None:
    """Make the table of the settings that decided."""
    for statement in SETTINGS:
        connection.execute(statement)
    watch(connection, at)  # last: every table there is, with what it holds


def _sixth(connection: sqlite3.Connection, at: int) -> None:
    """Make the tables of outside opinions, of what a page looks at, and what tells it of all."""
    for statement in (*OPINIONS, *WEB):
        connection.execute(statement)
    watch(connection, at)  # last: every table there is, with what it holds


STEPS: tuple[tuple[str, Callable[[sqlite3.Connection, int], None]], ...] = (
    ("the first schema", _first),
    ("decisions, orders, positions, journal, outbox, pauses", _second),
    ("what research found", _third),
    ("backtests and what is brought in", _fourth),
    ("the settings that decided", _fifth),
    ("what a page looks at", _sixth),
)
NEWEST = len(STEPS)

COUNTS: tuple[tuple[str, str], ...] = (
    ("markets", "SELECT count(*) FROM markets"),
    ("listings", "SELECT count(*) FROM listing_seen"),
    ("listing_versions", "SELECT count(*) FROM listing_versions"),
    ("quotes", "SELECT coalesce(sum(quotes), 0) FROM quote_packs"),
    ("books", "SELECT count(*) FROM books"),
    ("trades", "SELECT count(*) FROM trades"),
    ("points", "SELECT count(*) FROM points"),
    ("resolutions", "SELECT count(*) FROM resolutions"),
    ("posts", "SELECT count(*) FROM posts"),
    ("post_links", "SELECT count(*) FROM post_links"),
    ("refusals", "SELECT count(*) FROM refusals"),
    ("failures", "SELECT count(*) FROM failures"),
    ("conflicts", "SELECT count(*) FROM conflicts"),
    ("findings", "SELECT count(*) FROM findings"),
    ("gaps", "SELECT count(*) FROM gaps"),
    ("runs", "SELECT count(*) FROM runs"),
    ("decisions", "SELECT count(*) FROM decisions"),
    ("orders", "SELECT count(*) FROM orders"),
    ("fills", "SELECT count(*) FROM fills"),
    ("positions", "SELECT count(*) FROM positions"),
    ("entries", "SELECT count(*) FROM entries"),
    ("journal", "SELECT count(*) FROM journal"),
    ("outbox", "SELECT count(*) FROM outbox"),
    ("opinions", "SELECT count(*) FROM opinions"),
)


def version_of(connection: sqlite3.Connection) -> int:
    """Return the number of the last step applied to the file, 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(
    connection: sqlite3.Connection, path: Path, *, now: datetime, backups: int, application_id: int
) -> None:
    """Apply the steps that are missing, each in one transaction with its record.

    Where a database was lost, the new one begins stopped, in the very transaction that makes it.
    """
    lost = os.path.lexists(mark_of(path))
    version = version_of(connection)
    if 0 < version < NEWEST:
        back_up(connection, path, version=version, now=now, keep=backups)
    for number in range(version + 1, NEWEST + 1):
        _apply(connection, number, int(now.timestamp()), application_id, lost=lost)


def _apply(
    connection: sqlite3.Connection, number: int, at: int, application_id: int, *, lost: bool
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version_of(connection) < number:  # another process may have been quicker
            name, step = STEPS[number - 1]
            step(connection, at)
            if lost and number == 1:
                connection.execute(
                    "INSERT INTO kill_state (state, level, at, actor, reason)"
                    " VALUES ('TRIGGERED', 4, ?, 'migration', ?)",
                    (at, LOST),
                )
            connection.execute(
                "INSERT INTO migrations (version, name, applied_at) VALUES (?, ?, ?)",
                (number, name, at),
            )
            connection.execute(f"PRAGMA application_id={application_id}")
            connection.execute(f"PRAGMA user_version={number}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def back_up(
    connection: sqlite3.Connection, path: Path, *, version: int, now: datetime, keep: int
) -> Path:
    """Copy the whole file beside itself, 0600, and forget all but the newest *keep* copies."""
    target = path.with_name(f"{path.name}.backup-v{version}-{now:%Y%m%dT%H%M%SZ}")
    half = target.with_name(target.name + f".part{os.getpid()}")
    os.close(os.open(half, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    try:
        copy = sqlite3.connect(half, isolation_level=None)
        try:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()
        descriptor = os.open(half, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    for old in sorted(path.parent.glob(f"{path.name}.backup-v*Z"), key=_stamp)[: -keep or None]:
        old.unlink(missing_ok=True)
    return target


def _stamp(backup: Path) -> str:
    return backup.name.rsplit("-", 1)[1]
