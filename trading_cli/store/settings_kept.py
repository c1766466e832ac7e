"""The settings as they were in effect, by the hash that every decision carries.

They are only ever added to. What never enters them: secrets, and whom alerts go to.
"""

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from trading_cli.store.rows import epoch


def keep(tx: sqlite3.Connection, name: str, body: str, at: datetime) -> bool:
    """Keep the settings *body* (JSON) under the hash *name*; return whether they are new."""
    done = tx.execute(
        "INSERT INTO settings_kept (hash, at, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (name, epoch(at), body),
    )
    return bool(done.rowcount)


def kept(look: sqlite3.Connection, names: Iterable[str]) -> dict[str, Any]:
    """Return the settings of each hash in *names* that are kept; those of older homes are not."""
    rows = look.execute(
        "SELECT hash, body FROM settings_kept WHERE hash IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(set(names))),),
    )
    return {str(name): json.loads(body) for name, body in rows}
