"""A move of 3 % over 12 h that the mood of the last 6 h agrees with."""

from dataclasses import dataclass
from decimal import Decimal

from trading_cli.domain import Action, Reason
from trading_cli.trading.strategies.advice import Advice, hold, risen
from trading_cli.trading.strategies.judging import readings
from trading_cli.trading.view import View

MOVE = 0.03
MOOD = 0.5
POSTS = 5


@dataclass(frozen=True, slots=True)
class MomentumSentiment:
    """ROC of 3 % (a move ROC counts), mean sentiment beyond 0.5 the same way, 5 posts or more."""

    name: str = "momentum_sentiment"
    ceiling: Decimal = Decimal("0.01")

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002  # the seam gives all three
        """Buy the token that rose where the talk is of the same mind."""
        change, mood = data.feature("roc").value, data.talk.sentiment
        numbers = readings(data, "roc") | {"sentiment": mood, "posts": data.talk.posts}
        if change is None:
            return hold(Reason.ROC_UNDEFINED, numbers)
        if abs(change) < MOVE or "limited" in data.feature("roc").inputs:
            return hold(Reason.ROC_LOW, numbers)
        agrees = mood is not None and abs(mood) > MOOD and mood * change > 0
        if mood is None or not agrees or data.talk.posts < POSTS:
            return hold(Reason.SENTIMENT_LOW, numbers)
        return Advice(
            Action.BUY,
            risen(change),
            strength=min(abs(mood), 1.0) / 2,
            indicators=numbers,
            label=f"moved {change:+.1%} in 12 h, mood {mood:+.2f} of {data.talk.posts} posts",
        )
