"""Whether anything could be entered at an instant: the gate, the gaps, the switch, the pauses."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from trading_cli.app.proving import standing
from trading_cli.app.settings import Settings
from trading_cli.app.views import held_back
from trading_cli.domain import SLOT_SECONDS, from_epoch
from trading_cli.store import Transaction, glance, past, pauses
from trading_cli.trading.backtest.history import Operated
from trading_cli.trading.view import TradingState

GAP_REACH = int(timedelta(hours=3).total_seconds())
BY_DATA, BY_OWNER = "stale", "owner"
ARMED = Operated()


class Conditions:
    """The conditions as they stood. *as_operated*: with what the owner did at that time.

    *settings* then say what each strategy had shown of itself by then.
    """

    def __init__(
        self, look: Transaction, *, as_operated: bool, settings: Settings | None = None
    ) -> None:
        self._look = look
        self._as_operated = as_operated
        self._settings = settings

    def operated(self, at: datetime) -> Operated:
        """Return how the switch stood and what paused entries at *at*, but for losses.

        A home without a switch yet counts as armed.
        """
        kinds = (BY_OWNER, BY_DATA) if self._as_operated else (BY_DATA,)
        found = pauses.active(self._look, at)
        held = tuple(one.kind for one in found if one.kind in kinds)
        switch = past.switch_at(self._look, int(at.timestamp())) if self._as_operated else None
        return Operated(pauses=held) if switch is None else Operated(*switch, held)

    def state(self, slot: int, at: datetime) -> TradingState:
        """Return what stood against entries in *slot* at *at*."""
        closing = glance.closing(self._look, slot, since=from_epoch(slot), as_of=at)
        if not closing and not glance.judged(self._look, slot, as_of=at):
            closing = ["nothing was judged in this slot"]
        now = self.operated(at)
        return TradingState(
            now.kill_state,
            now.kill_level,
            now.pauses,
            gate_open=not closing,
            gate_reasons=tuple(closing),
            held_back=self._held_back(slot, at),
            proofs=self._proofs(at),
        )

    def _proofs(self, at: datetime) -> dict[str, dict[str, Any]]:
        if not self._as_operated or self._settings is None:
            return {}
        return standing(self._look, self._settings, at)

    def _held_back(self, slot: int, at: datetime) -> str:
        reach = range(slot - GAP_REACH, slot + 1, SLOT_SECONDS)
        if not past.missed(self._look, list(reach), int(at.timestamp())):
            return ""
        return held_back(self._look, slot, as_of=at)

    def bare(self, at: datetime) -> TradingState:
        """Return what stands against entries where nothing was ever judged: only what was done."""
        now = self.operated(at)
        return TradingState(now.kill_state, now.kill_level, now.pauses, gate_open=True)

    def scores(self, venues: Sequence[str], at: datetime) -> dict[str, float]:
        """Return the quality score of each market as it stood at *at*."""
        return past.scores_at(self._look, venues, int(at.timestamp()))
