"""A home to import into, and files as a person could have them."""

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trading_cli.app.importing import Asked, bring_in
from trading_cli.core.clock import FrozenClock
from trading_cli.store import Store

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
T0 = 1_767_225_600  # 2026-01-01T00:00Z


@dataclass
class Person:
    """Somebody with a home and files of their own."""

    folder: Path
    clock: FrozenClock

    @property
    def config(self) -> Path:
        """Return the settings file."""
        return self.folder / "config.yaml"

    @property
    def database(self) -> Path:
        """Return where the database is, or would be."""
        return self.folder / "data" / "trading.db"

    def file(self, name: str, text: str | bytes) -> Path:
        """Write a file beside the home; one called .gz is packed."""
        path = self.folder / name
        data = text.encode() if isinstance(text, str) else text
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    def bring(self, *files: Path, **more: Any) -> dict[str, Any]:
        """Import *files* and return the report."""
        return bring_in(self.config, Asked(files, **more), clock=self.clock)

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with Store.reader(self.database) as store, store.reading() as look:
            return look.execute(question, values).fetchall()

    def points(self) -> list[tuple[Any, ...]]:
        """Return every point as (market, outcome, time, price)."""
        return self.rows(
            "SELECT m.venue_id, p.outcome, p.event_time, p.price FROM points p"
            " JOIN markets m ON m.id = p.market ORDER BY 1, 2, 3"
        )


def refused(report: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Return reason -> (how many, file:line of the first)."""
    return {
        one["reason"]: (one["count"], f"{one['file']}:{one['line']}") for one in report["refused"]
    }


def person(folder: Path) -> Person:
    """Make an empty home in *folder*."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "config.yaml").touch(mode=0o600)
    return Person(folder, FrozenClock(NOW))
