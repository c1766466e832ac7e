"""RVR, ROC and hype of a slot's candidates from what was read in blocks: what `analyse` computes.

The same pure functions on the same inputs; only the reading is another. What the live step keeps
between slots (factors, ladders, hours of talk) is kept in memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from trading_cli.app.analyse import event_of, hype_rules, lacking, roc_rules, rvr_rules
from trading_cli.app.backtests.days import Days
from trading_cli.app.backtests.ears import Memory, PastEars
from trading_cli.app.backtests.pricing import Prices
from trading_cli.app.backtests.tape import REACH, Tape
from trading_cli.app.backtests.universe import DAY, Universe
from trading_cli.app.listening import heard
from trading_cli.app.settings import Settings
from trading_cli.domain import SLOT_SECONDS, Feature, Market, from_epoch
from trading_cli.research import hype, roc, rvr
from trading_cli.research.roc import Mid
from trading_cli.store import Transaction

HALF_A_DAY = int(roc.LOOK_BACK.total_seconds())
Found = Mapping[str, Feature]


class Indicators:
    """The indicators as they were computed, or would have been, at each slot's own time."""

    def __init__(
        self,
        look: Transaction,
        universe: Universe,
        prices: Prices,
        settings: Settings,
        since: int,
    ) -> None:
        self._of = universe
        self._prices = prices
        signals = settings.signals
        self._rvr, self._roc = rvr_rules(signals), roc_rules(signals)
        self._hype = hype_rules(signals, settings.hype)
        seasonal = signals.rvr_form == "seasonal"
        self.tape = Tape(look, universe, since)
        start = since - (settings.hype.baseline_days + 2) * DAY
        # what is known of imported history and what the live steps knew never mix
        self._days = {
            live: Days(look, universe, self.tape, seasonal=seasonal) for live in (False, True)
        }
        self._talk = {live: Memory(look, start) for live in (False, True)}

    def of(
        self,
        slot: int,
        at: datetime,
        markets: Mapping[int, Market],
        members: Sequence[int],
        *,
        live: bool,
    ) -> dict[str, dict[str, Feature]]:
        """Return each market's indicators of *slot* at *at*; *markets* by row, *members* rows."""
        if not markets:
            return {}
        now = int(at.timestamp())
        ruling = self._days[live].ruling(now, members, list(markets), live=live)
        weights = rvr.weights(now, ruling.factors if self._rvr.seasonal else None)
        talk = self._hear(at, markets.values(), live=live)
        rows = list(markets)
        hours = self.tape.hours(rows, now, live=live)
        mids = self._prices.both(rows, slot, now, now, live=live)
        before = self._prices.both(rows, slot - HALF_A_DAY, now - HALF_A_DAY, now, live=live)
        return {
            market.id: {
                rvr.NAME: rvr.of_hours(held, weights, ladder=ruling.ladder(row), rules=self._rvr),
                roc.NAME: roc.roc(mid, then, tick=market.tick, rules=self._roc),
                hype.NAME: talk[event_of(market)],
            }
            for (row, market), held, mid, then in zip(
                markets.items(), hours, mids, before, strict=True
            )
        }

    def _hear(self, at: datetime, markets: Iterable[Market], *, live: bool) -> Found:
        memory = self._talk[live]
        events = [event_of(market) for market in markets]
        told = heard(PastEars(memory, at, live), events, at=at, rules=self._hype)
        memory.keep(told.counted, int(at.timestamp()))
        return told.features

    def mids(self, row: int, slot: int, at: int, *, live: bool) -> tuple[Mid | None, Mid | None]:
        """Return the row's mid of *slot* and of 12 hours before, as known at *at*."""
        return (
            self._prices.mid(row, slot, at, at, live=live),
            self._prices.mid(row, slot - HALF_A_DAY, at - HALF_A_DAY, at, live=live),
        )

    def warming(self, row: int, at: datetime, entered: int | None, *, live: bool) -> str:
        """Return what a market on the panel since *entered* still lacks, as `analyse` says it."""
        now = int(at.timestamp())
        if entered is None or now - entered >= REACH:
            return ""
        condition = self._of.names[row].condition
        spans = self.tape.answers.spans(condition, now - REACH, now, live=live)
        slot = now // SLOT_SECONDS * SLOT_SECONDS
        mids = self.mids(row, slot, now, live=live)
        return lacking(from_epoch(entered), at, spans, mids)
