"""What a run did, written down as it goes: round trips, counts, and the digest of everything."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b

from trading_cli.domain import (
    Decision,
    Feature,
    Fill,
    Order,
    Position,
    Purpose,
    Side,
    Trip,
)
from trading_cli.trading.fills import gross_of
from trading_cli.trading.orchestrator import Proposal

ZERO = Decimal(0)
SETTLED = "SETTLED"


def line_of(decision: Decision, features: str | None = None) -> str:
    """Return what the digest takes of *decision*; *features* default to those of its facts."""
    one = decision
    told = features_of_facts(one.facts) if features is None else features
    token = "" if one.token is None else one.token.value
    limit = "" if one.limit_price is None else _plain(one.limit_price)
    return (
        f"{one.slot}|{one.market_id}|{one.strategy}|{token}|{one.action.value}|"
        f"{one.reason.value}|{told}|{_plain(one.shares)}|{limit}|{one.binding}\n"
    )


def line_of_hold(one: Proposal, features: str) -> str:
    """Return the line of the decision that *one*, which buys nothing, would be."""
    signal, view = one.signal, one.view
    token = "" if signal.token is None else signal.token.value
    return (
        f"{view.slot}|{view.market.id}|{signal.strategy}|{token}|{one.action.value}|"
        f"{one.reason.value}|{features}|0||\n"
    )


def features_of(features: Mapping[str, Feature]) -> str:
    """Return value and tier of each feature, by name."""
    return ";".join(
        [f"{name}={one.value!r}:{one.tier.name}" for name, one in sorted(features.items())]
    )


def features_of_facts(facts: Mapping[str, object]) -> str:
    """Return the same from the facts a decision row keeps."""
    held = facts.get("features")
    if not isinstance(held, Mapping):
        return ""
    return ";".join(f"{name}={one['value']!r}:{one['tier']}" for name, one in sorted(held.items()))


def _plain(amount: Decimal) -> str:
    """Return *amount* without trailing zeros: the same number is the same text."""
    return format(amount.normalize(), "f") if amount else "0"


@dataclass(slots=True)
class _Trip:
    """One position as it goes."""

    position: Position
    label: str
    probability: float | None
    question: str
    shares: Decimal = ZERO
    cost: Decimal = ZERO
    proceeds: Decimal = ZERO
    fees: Decimal = ZERO
    grade: str = "A"
    late: bool = False
    reasons: list[str] = field(default_factory=list)
    payout: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What the signal of an entry said, to be kept with its position."""

    label: str = ""
    probability: float | None = None
    question: str = ""


class Tally:
    """The counts, the digest and the round trips of one run; *keep*: the decisions themselves, too.

    ``lines`` are kept only where they are asked for: by the checks that compare two runs.
    """

    def __init__(self, *, keep: bool, trace: bool = False) -> None:
        self.keep = keep
        self.reasons: Counter[str] = Counter()
        self.grades: Counter[str] = Counter()
        self.decisions: list[Decision] = []
        self.lines: list[str] | None = [] if trace else None
        self.closed: list[Trip] = []
        self._open: dict[str, _Trip] = {}
        self._said: dict[str, Said] = {}
        self._digest = blake2b(digest_size=16)

    def held_off(self, one: Proposal, features: str) -> None:
        """Count a decision to do nothing of which no row is kept."""
        self.reasons[one.reason.value] += 1
        self._take(line_of_hold(one, features))

    def decided(self, decision: Decision, features: str) -> None:
        """Count *decision*, and keep its row where they are kept."""
        if decision.purpose is Purpose.ENTRY:
            self.reasons[decision.reason.value] += 1
        self._take(line_of(decision, features))
        if self.keep:
            self.decisions.append(decision)

    def _take(self, line: str) -> None:
        self._digest.update(line.encode())
        if self.lines is not None:
            self.lines.append(line)

    def ordered(self, order: Order, said: Said) -> None:
        """Keep what the signal of an entry said until its position is there."""
        if order.purpose is Purpose.ENTRY:
            self._said[order.id] = said

    def filled(self, order: Order, fill: Fill, after: Position, *, late: bool) -> None:
        """Add *fill* to its round trip."""
        self.grades[fill.grade] += 1
        said = self._said.pop(order.id, Said())
        trip = self._open.setdefault(
            after.id, _Trip(after, said.label, said.probability, said.question)
        )
        gross = gross_of(fill)
        if fill.side is Side.BUY:
            trip.shares += fill.shares
            trip.cost += gross + fill.fee
        else:
            trip.proceeds += gross - fill.fee
            trip.reasons.append(order.reason.value)
        trip.fees += fill.fee
        trip.grade = max(trip.grade, fill.grade)
        trip.late = trip.late or late
        self._moved(trip, after)

    def settled(self, before: Position, after: Position, payout: Decimal) -> None:
        """End the round trip of a position the venue paid out."""
        trip = self._open[after.id]
        trip.proceeds += after.realized - before.realized + before.cost
        trip.payout = payout
        trip.reasons.append(SETTLED)
        self._moved(trip, after)

    def _moved(self, trip: _Trip, after: Position) -> None:
        trip.position = after
        if after.closed_at is not None:
            del self._open[after.id]
            self.closed.append(_round_trip(trip, ZERO))

    def still_open(self, values: Mapping[str, Decimal]) -> tuple[Trip, ...]:
        """Return what is still held, with what it would bring now (position id -> USD)."""
        return tuple(_round_trip(trip, values.get(name, ZERO)) for name, trip in self._open.items())

    def digest(self, orders: Mapping[str, Order], fills: list[Fill]) -> str:
        """Return the digest of every decision, then of orders and fills."""
        whole = self._digest.copy()
        for order in orders.values():
            whole.update(
                f"{order.id}|{_plain(order.shares)}|{_plain(order.limit_price)}|"
                f"{order.state.value}\n".encode()
            )
        for fill in fills:
            whole.update(
                f"{fill.id}|{_plain(fill.shares)}|{_plain(fill.price)}|{_plain(fill.fee)}|"
                f"{fill.grade}|{fill.at.timestamp()}\n".encode()
            )
        return whole.hexdigest()


def _round_trip(trip: _Trip, worth: Decimal) -> Trip:
    held = trip.position
    return Trip(
        id=held.id, market_id=held.market_id, event_id=held.event_id, category=held.category,
        sector=held.sector, strategy=held.strategy, token=held.token, label=trip.label,
        opened_at=held.opened_at, closed_at=held.closed_at, shares=trip.shares, cost=trip.cost,
        proceeds=trip.proceeds + worth, fees=trip.fees,
        net=trip.proceeds + worth - trip.cost, grade=trip.grade, late=trip.late,
        reasons=tuple(trip.reasons), payout=trip.payout, probability=trip.probability,
        entry_price=held.entry_price, question=trip.question,
        themes=held.themes,
    )  # fmt: skip
