"""The Never rules: why a candidate may not be entered, whatever a strategy says.

Each rule is one function of the view, the token to be bought and the settings; it answers ``None``
or a sentence with its numbers. All that apply are recorded, in the order of ``RULES``: first what
we are (stopped, paused, blind), then the market's words, then its price. The first names the
reason. Absent is never taken for good: no score, no liquidity, no fee known is a veto.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import islice

from trading_cli.domain import (
    Book,
    FeeSchedule,
    Level,
    Position,
    PositionState,
    Reason,
    Side,
    Token,
)
from trading_cli.trading import ExitsSection, SignalsSection, exits
from trading_cli.trading.fees import round_trip
from trading_cli.trading.fills import walk
from trading_cli.trading.view import View

HALF = Decimal("0.5")
LOT = Decimal(100)
FRESH_QUOTE = timedelta(seconds=120)
FRESH_LISTING = timedelta(hours=1)
_IN_DOUBT = frozenset({"proposed", "disputed"})


@dataclass(frozen=True, slots=True)
class Veto:
    """One Never rule that applies, in a sentence with its numbers."""

    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Sections:
    """The settings the rules read."""

    signals: SignalsSection = field(default_factory=SignalsSection)
    exits: ExitsSection = field(default_factory=ExitsSection)


Rule = Callable[[View, Token, Sections], str | None]


def not_armed(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse unless the kill switch is ARMED."""
    state = view.state
    if state.kill_state == "ARMED":
        return None
    level = f" at level {state.kill_level}" if state.kill_state == "TRIGGERED" else ""
    return f"the kill switch is {state.kill_state}{level}"


def paused(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse during a pause by the owner or after a loss."""
    kinds = [kind for kind in view.state.pauses if kind != "stale"]
    return f"entries are paused: {', '.join(kinds)}" if kinds else None


def paused_stale(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse while the books are stale."""
    return "the newest books are stale" if "stale" in view.state.pauses else None


def gate_closed(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse while the data gate is closed, or held back until a slot is whole after a gap."""
    state = view.state
    if not state.gate_open:
        return f"the data gate is closed: {'; '.join(state.gate_reasons) or 'nothing judged yet'}"
    return f"entries wait after a gap: {state.held_back}" if state.held_back else None


def quality(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse below the quality score, and without one."""
    least = sections.signals.min_quality
    if view.quality is None:
        return f"no quality score; {least} is needed"
    return f"quality {view.quality:.3f} is below {least}" if view.quality < least else None


def stale(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse on a quote of some minutes ago, and on a listing not renewed for an hour."""
    if view.quote is not None and view.at - view.quote.observed_at > FRESH_QUOTE:
        age = (view.at - view.quote.observed_at).total_seconds()
        return f"its quote is {age:.0f} s old, {FRESH_QUOTE.total_seconds():.0f} s is the limit"
    if view.at - view.market.observed_at > FRESH_LISTING:
        age = (view.at - view.market.observed_at).total_seconds() / 60
        return f"its listing is {age:.0f} minutes old: it may be disputed by now"
    return None


def already_in(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse an event that holds a position or was entered within the last hours."""
    if view.event_id not in view.entered:
        return None
    hours = sections.signals.already_in_hours
    return f"event {view.event_id} holds a position or was entered within {hours:g} h"


def uma_status(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse a market whose outcome was ever proposed or disputed."""
    statuses = {*view.market.uma_statuses, view.market.uma_status or ""}
    doubt = sorted(status for status in statuses if status.lower() in _IN_DOUBT)
    return f"its resolution is {' and '.join(doubt)}" if doubt else None


def placeholder(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse a negRisk placeholder and the outcome "Other": what they mean changes."""
    if view.market.neg_risk_placeholder:
        return "it is a placeholder: its name is given later"
    return 'it is the outcome "Other": new names leave it' if view.market.neg_risk_other else None


def no_rules(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse a market without rules text."""
    return None if (view.market.description or "").strip() else "it has no rules text"


def rules_changed(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse a market whose rules changed lately."""
    if view.rules_changed_at is None:
        return None
    since, quiet = view.at - view.rules_changed_at, sections.signals.rules_quiet_days
    if since >= timedelta(days=quiet):
        return None
    return f"its rules changed {_days(since)} days ago; {quiet:g} quiet days are needed"


def deadline_unknown(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse a deadline that cannot be read, or dates that contradict one another."""
    found = view.deadline
    if found.refused is not None:
        apart = f" ({_days(found.spread)} days apart)" if found.at is not None else ""
        return f"its deadline is {found.refused.value}{apart}"
    return "it has no deadline" if found.at is None else None


def deadline_near(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse with fewer than so many days to go."""
    left, least = view.to_deadline, sections.signals.min_days_to_deadline
    if left is None or left >= timedelta(days=least):
        return None
    return f"{_days(left)} days to the deadline; {least:g} are needed"


def liquidity_low(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse a market with less USD resting, or of which the venue does not say."""
    has, least = view.market.liquidity, sections.signals.min_liquidity
    if has is None:
        return f"its liquidity is unknown; {least:,.0f} USD are needed"
    return f"liquidity {has:,.0f} USD is below {least:,.0f}" if has < least else None


def ask_band(view: View, token: Token, sections: Sections) -> str | None:
    """Refuse a token too cheap or too dear."""
    ask, low, high = view.ask(token), sections.signals.min_ask, sections.signals.max_ask
    if ask is None:
        return f"nobody offers {token.value}"
    return None if low <= ask <= high else f"{token.value} ask {ask} is outside [{low}, {high}]"


def fee_unknown(view: View, token: Token, sections: Sections) -> str | None:  # noqa: ARG001
    """Refuse where nothing says what a taker pays."""
    if view.fee is not None:
        return None
    return f"its fee is unknown: {view.fee_reason or 'nothing says what a taker pays'}"


def round_trip_dear(view: View, token: Token, sections: Sections) -> str | None:
    """Refuse where buying and selling at once costs above min(6 %, half of the stop's distance).

    Where bid, ask or fee is missing another rule speaks; a crossed quote is refused here.
    """
    bid, ask = view.bid(token), view.ask(token)
    if bid is None or ask is None or view.fee is None:
        return None if ask is None or view.fee is None else f"nobody bids for {token.value}"
    if not 0 <= bid <= ask <= 1 or ask == 0:
        return f"{token.value} bid {bid} and ask {ask} make no round trip"
    share = round_trip(bid, ask, view.fee).share
    limit = dearest_round_trip(bid, ask, view.tick, sections)
    if share <= limit:
        return None
    return (
        f"buying {token.value} at {ask} and selling at {bid} costs {share:.2%} of the stake; "
        f"at most {limit:.2%} (the stop is {stop_distance(bid, ask, view.tick, sections.exits)} "
        f"away)"
    )


def exit_would_fire(view: View, token: Token, sections: Sections) -> str | None:
    """Refuse where an exit rule would sell a fill at the ask at once, or one slot later.

    Tried with one lot on a book of the quote's two prices; where one of them or the fee is missing
    another rule speaks.
    """
    bid, ask = view.bid(token), view.ask(token)
    if bid is None or ask is None or view.fee is None or not 0 < bid <= ask < 1:
        return None
    book = Book("", view.market.condition_id, _lot(bid), _lot(ask), view.at, view.at)
    bought = walk(book, Side.BUY, LOT, ask, view.fee)
    sale = exits.would_fire(bought, _holding(view, token, book), sections.exits, view.at)
    return None if sale is None else f"{sale.reason.value} would sell it at once: {sale.sentence}"


def _lot(price: Decimal) -> tuple[Level, ...]:
    return (Level(price, LOT),)


def _holding(view: View, token: Token, book: Book) -> exits.Holding:
    """Return what would be held; the exits take price and size from the fill."""
    nothing = Decimal(0)
    position = Position(
        id="",
        market_id=view.market.id,
        event_id=view.event_id,
        strategy="",
        token=token,
        state=PositionState.OPEN,
        shares=nothing,
        cost=nothing,
        original_shares=nothing,
        entry_price=nothing,
        entry_bid=nothing,
        entry_spread=nothing,
        opened_at=view.at,
    )
    return exits.Holding(
        position,
        book,
        view.fee or FeeSchedule(nothing, Decimal(1), ""),
        view.tick,
        min_size=nothing,
        deadline=view.deadline.at,
        volume_24h=view.market.volume_24h,
    )


def stop_distance(bid: Decimal, ask: Decimal, tick: Decimal, section: ExitsSection) -> Decimal:
    """Return how far below the entry bid the stop lies: 12 %, 3 ticks, 2 spreads: the largest."""
    return max(section.stop * bid, section.stop_ticks * tick, section.stop_spreads * (ask - bid))


def dearest_round_trip(bid: Decimal, ask: Decimal, tick: Decimal, sections: Sections) -> Decimal:
    """Return the largest round trip allowed, as a share of the ask (above 0)."""
    half = HALF * stop_distance(bid, ask, tick, sections.exits) / ask
    return min(sections.signals.max_round_trip, half)


RULES: tuple[tuple[Reason, Rule], ...] = (
    (Reason.NOT_ARMED, not_armed),
    (Reason.PAUSED, paused),
    (Reason.PAUSED_STALE, paused_stale),
    (Reason.GATE_CLOSED, gate_closed),
    (Reason.QUALITY, quality),
    (Reason.STALE_BOOK, stale),
    (Reason.ALREADY_IN, already_in),
    (Reason.UMA_STATUS, uma_status),
    (Reason.PLACEHOLDER, placeholder),
    (Reason.NO_RULES, no_rules),
    (Reason.RULES_CHANGED, rules_changed),
    (Reason.DEADLINE_UNKNOWN, deadline_unknown),
    (Reason.DEADLINE_NEAR, deadline_near),
    (Reason.LIQUIDITY_LOW, liquidity_low),
    (Reason.ASK_BAND, ask_band),
    (Reason.FEE_UNKNOWN, fee_unknown),
    (Reason.ROUND_TRIP, round_trip_dear),
    (Reason.EXIT_WOULD_FIRE, exit_would_fire),
)


def review(
    view: View, token: Token, sections: Sections, *, first: bool = False
) -> tuple[Veto, ...]:
    """Return every veto on buying *token*, in the order of ``RULES``; waived rules are skipped.

    *first*: the first alone, which names the reason.
    """
    asked = ((reason, rule(view, token, sections)) for reason, rule in _asked_of(view))
    found = (Veto(reason, sentence) for reason, sentence in asked if sentence is not None)
    return tuple(islice(found, 1)) if first else tuple(found)


def standing(view: View, sections: Sections) -> tuple[Veto, ...]:
    """Return the vetoes that hold whichever token were bought: for the counts of the funnel.

    A rule of the price holds where it holds for both; the sentence then speaks of YES.
    """
    other = {veto.reason for veto in review(view, Token.NO, sections)}
    return tuple(veto for veto in review(view, Token.YES, sections) if veto.reason in other)


def _asked_of(view: View) -> Iterator[tuple[Reason, Rule]]:
    return ((reason, rule) for reason, rule in RULES if reason not in view.waived)


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.1f}"
