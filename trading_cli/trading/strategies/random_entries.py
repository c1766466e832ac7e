"""Benchmark: a coin is thrown for every candidate in every slot, and again for the token.

The coin is a hash of seed, market and slot, so it falls the same way in every run, whatever else
happens in it; it names a token by its id, so it does not matter which of them is called YES.
"""

from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b

from trading_cli.domain import Action, Reason, Token
from trading_cli.trading.strategies.advice import Advice, hold
from trading_cli.trading.view import View

_WHOLE = float(1 << 64)


@dataclass(frozen=True, slots=True)
class RandomEntries:
    """Enter with this ``chance`` per candidate and slot, either token alike."""

    chance: float = 0.005
    seed: int = 1
    name: str = "random_entries"
    ceiling: Decimal = Decimal("0.01")

    def decide(self, data: View, symbol: str, current_price: float) -> Advice:  # noqa: ARG002  # the seam gives all three
        """Buy what the coin says, if it says anything."""
        thrown = self.thrown(symbol, data.slot)
        numbers = {"thrown": thrown, "chance": self.chance}
        if thrown >= self.chance:
            return hold(Reason.NO_EDGE, numbers)
        first = Token.YES if data.market.yes_token < data.market.no_token else Token.NO
        return Advice(
            Action.BUY,
            first if thrown < self.chance / 2 else first.other,
            indicators=numbers,
            label="benchmark: a coin",
        )

    def thrown(self, symbol: str, slot: int) -> float:
        """Return the number in [0, 1) that is thrown for a market in a slot."""
        text = f"{self.seed}\x1f{symbol}\x1f{slot}".encode()
        made = blake2b(text, digest_size=8, person=b"coin").digest()
        return int.from_bytes(made, "big") / _WHOLE
