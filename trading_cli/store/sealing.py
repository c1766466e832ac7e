"""Sealing what was written, however much it is, in transactions that nobody waits long for."""

from datetime import datetime

from trading_cli.store import sealed_rows
from trading_cli.store.database import Store
from trading_cli.store.sealed_rows import Sealed

BATCH = 20_000  # about a tenth of a second


def seal_all(store: Store, *, run: int, now: datetime) -> Sealed:
    """Seal everything that waits, for *run* (0: no run). Return the last seal and all its rows.

    Killed between two transactions, the rest waits for the next one.
    """
    rows = 0
    while True:
        with store.transaction() as tx:
            done = sealed_rows.seal(tx, run=run, now=now, most=BATCH)
        rows += done.rows
        if done.rows < BATCH:
            return Sealed(done.seq, rows)
