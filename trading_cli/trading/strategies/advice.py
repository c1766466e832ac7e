"""What a strategy is asked and what it answers: the seam users write against."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from trading_cli.domain import Action, Reason, Token
from trading_cli.trading.view import View


@dataclass(frozen=True, slots=True)
class Advice:
    """A strategy's answer for one market.

    action        BUY, SELL or HOLD. There is no short: SELL means buy the other token
    token         the one meant, YES where left out
    strength      in [0, 1]; only ranks
    indicators    the numbers that decided, as JSON can hold them
    reason        why not, of a HOLD
    ceiling       at most this fraction of equity; the strategy's own where left out
    probability   that the token bought pays; ``None`` unless the strategy really states one
    label         shown to people ("agreement 3 of 3 …")
    halved        buy half as much
    """

    action: Action
    token: Token | None = None
    strength: float = 0.0
    indicators: Mapping[str, object] = field(default_factory=dict)
    reason: Reason = Reason.NO_EDGE
    ceiling: Decimal | None = None
    probability: float | None = None
    label: str = ""
    halved: bool = False


class Strategy(Protocol):
    """Anything with a name, a ceiling (a fraction of equity) and ``decide``.

    ``decide`` gets all that is known (*data*), the market's id (*symbol*) and the YES mid
    (*current_price*). It keeps no state, asks no clock and no network.
    """

    @property
    def name(self) -> str:
        """Return the name decisions are kept under."""

    @property
    def ceiling(self) -> Decimal:
        """Return the most one position may be of equity."""

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:
        """Return what to do about one market."""


def hold(reason: Reason, indicators: Mapping[str, object]) -> Advice:
    """Return the answer not to trade, with why and the numbers."""
    return Advice(Action.HOLD, reason=reason, indicators=indicators)


def risen(change: float) -> Token:
    """Return the token whose price a change of the YES price of this sign has raised."""
    return Token.YES if change > 0 else Token.NO
