"""The stored past as a source of histories: a path, so that another process can open it too."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trading_cli.app.backtests.cells import Opened
from trading_cli.app.settings import Settings
from trading_cli.store import Store, backtests, trials


@dataclass(frozen=True, slots=True)
class Stored:
    """The database at a path."""

    database: Path

    @contextmanager
    def opened(
        self, settings: Settings, since: datetime, until: datetime, fees: str
    ) -> Iterator[Opened]:
        """Yield the history of [since, until), read from one unchanging state of everything."""
        from trading_cli.app.backtests.history import (  # noqa: PLC0415  # only who opens it pays
            StoreHistory,
        )

        with (
            Store.reader(self.database) as store,
            StoreHistory.open(store, settings, since=since, until=until, fees=fees) as past,
        ):
            yield Opened(past, past.coverage())

    def extent(self) -> backtests.Extent | None:
        """Return from when to when there are prices."""
        with Store.reader(self.database) as store, store.reading() as look:
            return backtests.extent(look)

    def fingerprint(self, since: datetime, until: datetime) -> str:
        """Return what stands for what is stored of [since, until)."""
        with Store.reader(self.database) as store, store.reading() as look:
            return trials.fingerprint(look, since, until)
