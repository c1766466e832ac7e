"""Homes to stop, and ways to look at them, for the tests of the kill switch."""

import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

from trading_cli.app import release
from trading_cli.app.stop import Place, opened, standing_at
from trading_cli.domain import Order, OrderState, Purpose, Reason, Side, Token
from trading_cli.store import Store, kill
from trading_cli.trading.killswitch import State, forbids

NOW = datetime(2026, 3, 2, 12, 0, 7, tzinfo=UTC)
COOL_DOWN = timedelta(minutes=15)
WHY = "looked into it, all is well"


@cache
def template() -> Path:
    """Return a database as a new home has it, made once for a process."""
    path = Path(tempfile.mkdtemp(prefix="kill-template-")) / "trading.db"
    Store.open(path, now=NOW).close()
    return path


def make(home: Path) -> Place:
    """Make an armed home at *home*."""
    (home / "data").mkdir(parents=True)
    place = Place(home, home / "data" / "trading.db")
    shutil.copyfile(template(), place.database)
    return place


def file_of(place: Place) -> Path:
    """Return the path of the file KILL."""
    return place.folder / "KILL"


def rows(place: Place) -> list[tuple[str, int]]:
    """Return (state, level) of every row, oldest first."""
    with Store.reader(place.database) as store, store.reading() as look:
        return [(row.state, row.level) for row in reversed(kill.history(look))]


def phrase(place: Place) -> str:
    """Return the phrase that resets the newest trigger."""
    with opened(place, busy_ms=1000) as store, store.reading() as look:
        last = kill.newest(look)
    return release.phrase_of(last[1]) if last else ""


def may(place: Place, purpose: Purpose = Purpose.ENTRY) -> bool:
    """Return whether an order of *purpose* may go now."""
    reason = Reason.SIGNAL if purpose is Purpose.ENTRY else Reason.STOP
    return not forbids(standing_at(place, busy_ms=500), purpose, reason)


def order(name: str = "o1", purpose: Purpose = Purpose.ENTRY, **changes: object) -> Order:
    """Return an order to buy or sell YES."""
    side, reason = Side.BUY, Reason.SIGNAL
    if purpose is Purpose.EXIT:
        side, reason = Side.SELL, Reason.STOP
    made = Order(
        name, "d1", "500001", "e1", "rvr_roc_hype", purpose, side, Token.YES, Decimal(10),
        Decimal("0.4"), reason, OrderState.PENDING, NOW, Decimal(4),
    )  # fmt: skip
    return replace(made, **changes)


def release_whole(place: Place, at: datetime) -> None:
    """Go the whole way back at *at*."""
    words = {"reason": WHY, "actor": "person", "now": at}
    release.reset(place, phrase=phrase(place), cool_down=COOL_DOWN, **words)
    assert standing_at(place).state is State.DISARMED
    release.arm(place, **words)
