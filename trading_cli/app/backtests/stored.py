"""The stored past as a source of histories: a path, so that another process can open it too."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trading_cli.app.backtests.cells import Opened
from trading_cli.app.backtests.history import MIDS, StoreHistory
from trading_cli.app.calibrate import recalibration, thaw_settled
from trading_cli.app.settings import Settings
from trading_cli.research.recalibration import Recalibration
from trading_cli.store import Store, Transaction, backtests, cut_copies, thawed, trials
from trading_cli.trading.view import View


@dataclass(frozen=True, slots=True)
class Stored:
    """The database at a path."""

    database: Path

    @contextmanager
    def opened(
        self, settings: Settings, since: datetime, until: datetime, fees: str
    ) -> Iterator[Opened]:
        """Yield the history of [since, until), read from one unchanging state of everything."""
        with (
            Store.reader(self.database) as store,
            StoreHistory.open(store, settings, since=since, until=until, fees=fees) as past,
            store.reading() as look,
        ):
            yield Opened(Refitted(past, look, until), past.coverage())

    @contextmanager
    def cut(self, since: datetime, at: datetime) -> Iterator["Stored"]:
        """Yield a copy of the database from which all that was not known at *at* is absent."""
        with TemporaryDirectory(prefix="trading-cut-") as folder:
            path = Path(folder) / "trading.db"
            cut_copies.write(path, self.database, since=since, at=at)
            yield Stored(path)

    def extent(self) -> backtests.Extent | None:
        """Return from when to when there are prices."""
        with Store.reader(self.database) as store, store.reading() as look:
            return backtests.extent(look)

    def fingerprint(self, since: datetime, until: datetime) -> str:
        """Return what stands for what is stored of [since, until)."""
        kinds = (thawed.PACKS, thawed.TRADES, thawed.POINTS)
        with (
            Store.reader(self.database) as store,
            thawed.reading(store, since, until, kinds) as look,
        ):
            return trials.fingerprint(look, since, until)


class Refitted:
    """A history whose slots of mids alone carry the recalibration of that day's midnight.

    What was recorded keeps what was fitted then, or nothing. Each day's fit rests on what had
    settled by its midnight, however long after it is run.
    """

    def __init__(self, inner: StoreHistory, look: Transaction, until: datetime) -> None:
        self.inner = inner
        self._look, self._until = look, until
        self._fits: dict[datetime, Recalibration | None] = {}

    def views(self, slot: int) -> Sequence[View]:
        """Return the candidates of *slot*."""
        found = self.inner.views(slot)
        if self.inner.evidence(slot) != MIDS:
            return found
        return [
            one if one.recalibrate is not None else replace(one, recalibrate=self._fit(one.at))
            for one in found
        ]

    def _fit(self, at: datetime) -> Recalibration | None:
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        if midnight not in self._fits:
            if not self._fits:
                thaw_settled(self._look, self._until)
            self._fits[midnight] = recalibration(self._look, midnight)
        return self._fits[midnight]

    def __getattr__(self, name: str) -> Any:
        """Return everything else of the history as it is."""
        return getattr(self.inner, name)
