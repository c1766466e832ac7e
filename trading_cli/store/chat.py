"""What was written to the bot: every message once, whoever sent it, and whether it was obeyed."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from trading_cli.domain import from_epoch
from trading_cli.store.rows import epoch

KEEP_DENIED = 10_000


@dataclass(frozen=True, slots=True)
class Heard:
    """One message to the bot."""

    update: int
    chat: str
    at: datetime
    command: str
    allowed: bool


def seen(look: sqlite3.Connection, update: int) -> bool:
    """Return whether this update was heard before."""
    row = look.execute("SELECT 1 FROM chat_updates WHERE update_id = ?", (update,)).fetchone()
    return row is not None


def keep(tx: sqlite3.Connection, heard: Heard) -> bool:
    """Keep one message; False where it was heard before. Of those denied the newest are kept."""
    new = tx.execute(
        "INSERT INTO chat_updates (update_id, chat, at, command, allowed) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (update_id) DO NOTHING",
        (heard.update, heard.chat, epoch(heard.at), heard.command[:200], int(heard.allowed)),
    ).rowcount
    if not heard.allowed:
        tx.execute(
            "DELETE FROM chat_updates WHERE allowed = 0 AND rowid <= (SELECT rowid FROM"
            " chat_updates WHERE allowed = 0 ORDER BY rowid DESC LIMIT 1 OFFSET ?)",
            (KEEP_DENIED,),
        )
    return bool(new)


def heard(look: sqlite3.Connection, *, limit: int = 100) -> list[Heard]:
    """Return the newest messages, newest first."""
    return [
        Heard(update, chat, from_epoch(at), command, bool(allowed))
        for update, chat, at, command, allowed in look.execute(
            "SELECT update_id, chat, at, command, allowed FROM chat_updates"
            " ORDER BY at DESC, update_id DESC LIMIT ?",
            (limit,),
        )
    ]
