"""Who is on stage: events and markets as planned before the first minute. Frozen, no randomness.

Times are epoch seconds. Money is USD. Prices are fractions. ``member`` is the market's place in
its event.
"""

from dataclasses import dataclass, field
from enum import StrEnum

STEP = 300
DAY = 86_400
HOUR = 3_600


class Kind(StrEnum):
    """What really ties an event's talk to its price."""

    NULL = "null"
    TALK_LEADS = "talk_leads"
    PRICE_LEADS = "price_leads"
    COMMON_CAUSE = "common_cause"
    VOLATILITY_ONLY = "volatility_only"


class Form(StrEnum):
    """How an event's markets share one outcome."""

    SINGLE = "single"
    GROUP = "group"
    LADDER = "ladder"


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """One market's fixed facts; ``absent`` names wire fields that its listing leaves out.

    ``legacy``: settled before the venue wrote payouts, so that its listing shows none.
    ``end_date_later``: from when the listing claims another end; ``hushed``: no book in between.
    """

    id: str
    condition: str
    tokens: tuple[str, str]
    question: str
    slug: str
    member: int
    labels: tuple[str, str] = ("Yes", "No")
    group_title: str = ""
    other: bool = False
    placeholder: bool = False
    tick: float = 0.01
    daily_usd: float = 0.0
    liquidity: float = 0.0
    spread_ticks: int = 1
    fee_type: str | None = None
    fees_enabled: bool = False
    fee_rate: float | None = None
    end_date: str | None = None
    game_start: str | None = None
    description: str = ""
    rules_changed_at: float | None = None
    wash: bool = False
    traded_once: bool = False
    legacy: bool = False
    absent: frozenset[str] = frozenset()
    min_size: int = 5
    end_date_later: tuple[float, str] | None = None
    hushed: tuple[float, float] | None = None

    @property
    def ticks(self) -> int:
        """Return how many ticks make one dollar."""
        return round(1 / self.tick)


@dataclass(frozen=True, slots=True)
class EventPlan:
    """One event: when it opens, is decided and pays, and what drives it.

    ``deadline`` is the truth; a market's ``end_date`` is what the listing claims. ``closes`` is
    the end of trading and the payout (infinite for a zombie). ``knots`` scripts a scene as
    (time, price) pairs, between which the logit is straight.
    """

    key: str
    id: str
    slug: str
    title: str
    category: str
    form: Form
    opens: float
    deadline: float
    decided: float
    proposed: float
    closes: float
    words: tuple[str, ...]
    disputed: float | None = None
    half: bool = False
    zombie: bool = False
    liquid: bool = False
    by: bool = False
    kind: Kind = Kind.NULL
    lag_h: int = 0
    strength: float = 0.0
    theme: str = ""
    knots: tuple[tuple[float, float], ...] = ()
    payout: float | None = None
    talk_at: tuple[float, ...] = ()
    volume_at: tuple[float, ...] = ()
    markets: tuple[MarketPlan, ...] = field(default=())
