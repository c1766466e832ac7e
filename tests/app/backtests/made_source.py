"""A source of histories made of a seed: markets that wander, some resolved; it can be pickled."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from trading_cli.app.backtests.cells import Opened
from trading_cli.app.settings import Settings
from trading_cli.core.errors import UsageError
from trading_cli.domain import from_epoch
from trading_cli.store.backtests import Extent
from trading_cli.trading.backtest.history import Coverage, Moment
from trading_cli.trading.backtest.rules import fees_of
from trading_cli.trading.backtest.worlds import FIRST_SLOT, MemoryHistory, plain_market
from trading_cli.trading.view import View

SLOT = timedelta(minutes=15)
START = from_epoch(FIRST_SLOT)


@dataclass(frozen=True)
class Made:
    """*markets* logit walks of *days*, of which every ``paid_every``-th resolves.

    ``step``: how far in a quarter-hour. ``still``: no price ever moves. ``refuses``: the stop
    under which it cannot be opened.
    """

    days: int = 6
    markets: int = 24
    seed: int = 1
    step: float = 0.05
    still: bool = False
    paid_every: int = 3
    refuses: str = ""

    @property
    def until(self) -> datetime:
        """Return the end."""
        return START + timedelta(days=self.days)

    @cached_property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mids and volumes [M, S]."""
        rng = np.random.default_rng(self.seed)
        shape = (self.markets, self.days * 96)
        steps = rng.normal(0, 0.0 if self.still else self.step, shape)
        logits = np.cumsum(steps, axis=1) + rng.normal(0, 0.5, (self.markets, 1))
        mids = np.round(1 / (1 + np.exp(-logits)), 2).clip(0.02, 0.98)
        return mids, rng.gamma(0.6, 4000, shape)

    def history(self, settings: Settings, fees: str) -> MemoryHistory:
        """Return the whole of it."""
        mids, volumes = self.arrays
        markets = [plain_market(one, event=f"E{one}") for one in range(self.markets)]
        paid = {
            one.id: (START + timedelta(days=self.days * 0.4), Decimal(int(mids[row, -1] > 0.5)))
            for row, one in enumerate(markets)
            if row % self.paid_every == 0
        }
        return MemoryHistory(
            markets, mids, volumes=volumes, payouts=paid, signals=settings.signals,
            slippage=settings.backtest.slippage, fees=fees_of(fees),
        )  # fmt: skip

    @contextmanager
    def opened(
        self, settings: Settings, since: datetime, until: datetime, fees: str
    ) -> Iterator[Opened]:
        """Yield the part of it in [since, until)."""
        if str(settings.exits.stop) == self.refuses:
            raise UsageError("this one cannot be")
        part = Part(self.history(settings, fees), since, until)
        yield Opened(part, Coverage(imported=self.markets * len(part.moments())))

    @contextmanager
    def cut(self, since: datetime, at: datetime) -> Iterator["Made"]:  # noqa: ARG002  # of the protocol
        """Yield what there is of it by *at*: it was made as a whole, so it is only not shown."""
        yield Ended(**{one.name: getattr(self, one.name) for one in fields(Made)}, at=at)

    def extent(self) -> Extent | None:
        """Return all of it."""
        whole = (START, self.until)
        return Extent(whole, whole) if self.days else None

    def fingerprint(self, since: datetime, until: datetime) -> str:
        """Return what stands for it."""
        return f"{self!r} {since} {until}"


@dataclass(frozen=True)
class Ended(Made):
    """One that ends."""

    at: datetime = START

    @contextmanager
    def opened(
        self, settings: Settings, since: datetime, until: datetime, fees: str
    ) -> Iterator[Opened]:
        """Yield the part of it before the end."""
        with super().opened(settings, since, min(until, self.at), fees) as found:
            yield found


@dataclass(frozen=True)
class Part:
    """Some slots of a history."""

    inner: MemoryHistory
    since: datetime
    until: datetime
    seen: dict[int, Sequence[View]] = field(default_factory=dict)

    def views(self, slot: int) -> Sequence[View]:
        """Return the candidates, made once for whoever asks."""
        if slot not in self.seen:
            self.seen[slot] = self.inner.views(slot)
        return self.seen[slot]

    def moments(self) -> list[Moment]:
        """Return the slots within."""
        first, last = self.since.timestamp(), self.until.timestamp()
        return [one for one in self.inner.moments() if first <= one.slot < last]

    def __getattr__(self, name: str) -> Any:
        """Return everything else as it is."""
        return getattr(self.inner, name)
