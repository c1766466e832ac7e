"""What was decided held against what the same rows lead to now: the first difference, and why.

Slot by slot, in the order things happen: settlements, exit checks and their sales, entries and
their orders. The first difference is the cause; all after it may follow from it.

    SETTINGS   the decision was taken under other settings than those of now
    INPUT      the stored inputs give other facts than the decision itself wrote down
    CODE       the same facts and settings, and another answer
    FILL       the same order got something else
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from trading_cli.app.backtests.facts_apart import Apart, apart
from trading_cli.app.backtests.rerun import Redone
from trading_cli.app.backtests.taken import Taken, Transfer
from trading_cli.app.effective import Changed
from trading_cli.app.effective import sentence as told_changes
from trading_cli.app.meanings import settings_of
from trading_cli.domain import Action, Decision, Entry, Fill, Order, Purpose, from_epoch
from trading_cli.trading.backtest.tally import line_of

SETTINGS, INPUT, CODE, FILL = "SETTINGS", "INPUT", "CODE", "FILL"
CAUSES = (INPUT, SETTINGS, CODE, FILL)
_LINE = ("token", "action", "reason", "shares", "limit_price", "binding")
_FILL = ("shares", "price", "fee", "grade", "book_hash")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came out otherwise: what, where, why, and the two values of its first field.

    ``decision`` is the id of the decision it concerns, "" for a settlement.
    """

    cause: str
    what: str
    slot: int
    market: str
    strategy: str
    decision: str
    field: str
    stored: str | None
    recomputed: str | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Basis:
    """What the recomputing rests on: the settings' hash and the formulas of now.

    ``changed``: by the hash of then, what was changed in the settings since; those of older homes
    were not kept.
    """

    settings: str
    formula: str
    changed: Mapping[str, Sequence[Changed]]

    def apart(self, stored: str) -> bool:
        """Return whether settings that decide may differ from those of the hash *stored*."""
        if stored == self.settings:
            return False
        known = self.changed.get(stored)
        return known is None or any(one.decides for one in known)

    def told(self, stored: str, *answers: Decision) -> tuple[tuple[str, str, str], str]:
        """Return (field, then, now) of what was changed since *stored*, and the sentence.

        The field is the setting that decides one of *answers*, where one of those was changed.
        """
        known = [one for one in self.changed.get(stored, ()) if one.decides]
        if not known:
            why = f"decided under settings {stored}, now {self.settings}"
            return ("settings", stored, self.settings), why
        keys = frozenset(one.key for one in known)
        named = {key for each in answers for key in settings_of(each.reason, each.binding, keys)}
        known.sort(key=lambda one: one.key not in named)
        first = known[0]
        values = (first.key, first.stored or "not there", first.now or "not there")
        return values, f"the settings were changed since: {told_changes(known)}"


@dataclass(frozen=True, slots=True)
class Compared:
    """What was compared, how much of it was the same, and every difference in order.

    ``unmoved``: decisions that came out the same on facts that are not the same (the first is
    said in ``unmoved_said``); ``untaken`` decisions no run took, since it failed before.
    """

    decisions: int
    same: int
    fills: int
    same_fills: int
    settlements: int
    same_settlements: int
    differences: tuple[Difference, ...]
    unmoved: int = 0
    unmoved_said: str = ""
    untaken: int = 0


class Comparing:
    """Compares slot by slot, and counts."""

    def __init__(self, taken: Taken, basis: Basis) -> None:
        self._taken, self._basis = taken, basis
        self._own = taken.own()
        self._fills: dict[str, list[Fill]] = {}
        for fill in taken.fills.values():
            self._fills.setdefault(fill.order_id, []).append(fill)
        self._failed = {one.slot: one.failed for one in taken.slots}
        self.decisions = self.same = self.untaken = self.unmoved = 0
        self.fills = self.same_fills = self.settlements = self.same_settlements = 0
        self.unmoved_said = ""

    def slot(self, one: Redone, paid: Mapping[str, Transfer]) -> Iterator[Difference]:
        """Yield the differences of one slot; *paid*: what was settled in it as stored."""
        yield from self._settlements(one, paid)
        stored = {taken.id: taken for taken in self._taken.decisions[one.slot]}
        orders = {order.decision_id: order for order in one.orders}
        fills: dict[str, list[Fill]] = {}
        for fill in one.fills:
            fills.setdefault(fill.order_id, []).append(fill)
        now = {taken.id: taken for taken in one.decisions}
        for name in _in_order(stored, now):
            yield from self._decision(stored.get(name), now.get(name))
            yield from self._order(name, orders.get(name), fills)

    def _decision(self, stored: Decision | None, now: Decision | None) -> Iterator[Difference]:
        self.decisions += 1
        if stored is None and now is not None and self._failed[now.slot]:
            self.untaken += 1
            return
        if stored is None or now is None:
            yield self._alone(stored, now)
            return
        facts = apart(stored, now)
        if line_of(stored) != line_of(now):
            yield self._otherwise(stored, now, facts)
            return
        self.same += 1
        if facts is not None and facts.input:
            self.unmoved += 1
            self.unmoved_said = self.unmoved_said or (
                f"{_where(stored)}: {facts.field} was {facts.stored}, and is {facts.recomputed}"
            )

    def _otherwise(self, stored: Decision, now: Decision, facts: Apart | None) -> Difference:
        """Return why the answers to one question differ."""
        field, before, after = _first_apart(stored, now)
        answer = f"{_answer(stored)} then, {_answer(now)} now"
        cause, why = CODE, "the same settings and facts"
        if self._basis.apart(stored.settings_hash):
            cause = SETTINGS
            (field, before, after), why = self._basis.told(stored.settings_hash, stored, now)
        elif stored.formula != self._basis.formula:
            why = f"decided by {stored.formula}, now {self._basis.formula}"
            field, before, after = "formula", stored.formula, self._basis.formula
        elif facts is not None:
            cause = INPUT if facts.input else CODE
            field, before, after = facts.field, facts.stored, facts.recomputed
            why = f"{field} was {before}, and is {after}"
            why += "" if facts.input else " from the same inputs"
        return _difference(cause, "decision", stored, (field, before, after), f"{answer}: {why}")

    def _alone(self, stored: Decision | None, now: Decision | None) -> Difference:
        """Return why there is a decision on one side only."""
        one = stored or now
        assert one is not None  # noqa: S101  # one of the two is there
        entry = one.purpose is Purpose.ENTRY
        field = "candidate" if entry else "position"
        there = "is a candidate" if entry else "is held"
        was, now_is = ("yes", "no") if now is None else ("no", "yes")
        cause, why = INPUT, f"{there} by the stored rows: {was} then, {now_is} now"
        hashes = {each.settings_hash for each in self._taken.decisions[one.slot]}
        formulas = {each.formula for each in self._taken.decisions[one.slot]}
        other = next((name for name in sorted(hashes) if self._basis.apart(name)), None)
        if other is not None:
            cause = SETTINGS
            (field, was, now_is), why = self._basis.told(other, one)
        elif formulas - {self._basis.formula}:
            before = ", ".join(sorted(formulas))
            cause, field, was, now_is = CODE, "formula", before, self._basis.formula
            why = f"decided by {before}, now {now_is}"
        return _difference(cause, "decision", one, (field, was, now_is), why)

    # --- what was ordered and paid

    def _order(
        self, decision: str, now: Order | None, fills: Mapping[str, Sequence[Fill]]
    ) -> Iterator[Difference]:
        if now is None:
            return
        stored = self._taken.orders.get(now.id)
        if stored is None:
            return  # its decision says so
        taken = self._own.get(decision) if stored.decision_id == decision else None
        before, after = self._fills.get(now.id, []), list(fills.get(now.id, ()))
        self.fills += max(len(before), len(after))
        found = list(_fills_apart(before, after))
        self.same_fills += min(len(before), len(after)) if not found else 0
        if found and taken is not None and _same_order(stored, now):
            field, was, now_is = found[0]
            why = f"order {now.id} got another fill: {field} was {was}, and is {now_is}"
            yield _difference(FILL, "fill", taken, found[0], why)

    def _settlements(self, one: Redone, paid: Mapping[str, Transfer]) -> Iterator[Difference]:
        for name in dict.fromkeys((*paid, *one.settlements)):
            self.settlements += 1
            then = _amounts(paid[name].lines) if name in paid else None
            now = _amounts(one.settlements[name]) if name in one.settlements else None
            if then == now:
                self.same_settlements += 1
                continue
            lines = paid[name].lines if name in paid else one.settlements[name]
            said = f"{name} was {then or 'not booked'} then, and is {now or 'not booked'} now"
            yield Difference(
                INPUT, "settlement", one.slot, lines[0].market_id, "", "", "resolution", then, now,
                f"{from_epoch(one.slot):%Y-%m-%d %H:%M} market {lines[0].market_id}: {said}",
            )  # fmt: skip


def compare(taken: Taken, redone: Iterable[Redone], basis: Basis) -> Compared:
    """Return what came of comparing the slots of *redone* with their record."""
    work = Comparing(taken, basis)
    slots = list(redone)
    paid = taken.paid()
    found = tuple(each for one in slots for each in work.slot(one, paid[one.slot]))
    return Compared(
        work.decisions, work.same, work.fills, work.same_fills, work.settlements,
        work.same_settlements, found, work.unmoved, work.unmoved_said, work.untaken,
    )  # fmt: skip


def _in_order(stored: Mapping[str, Decision], now: Mapping[str, Decision]) -> list[str]:
    """Return the ids, exits first, each kind in the order of now, then what is only stored."""
    names = list(dict.fromkeys((*now, *stored)))
    return sorted(names, key=lambda name: (now.get(name) or stored[name]).purpose is Purpose.ENTRY)


def _difference(
    cause: str, what: str, one: Decision, values: tuple[str, str | None, str | None], why: str
) -> Difference:
    field, before, after = values
    return Difference(
        cause, what, one.slot, one.market_id, one.strategy, one.id, field, before, after,
        f"{_where(one)}: {why}",
    )  # fmt: skip


def _where(one: Decision) -> str:
    return (
        f"{from_epoch(one.slot):%Y-%m-%d %H:%M} market {one.market_id}, {one.strategy},"
        f" {one.purpose.value}"
    )


def _answer(one: Decision) -> str:
    """Return what was decided, in a few words."""
    if one.action is Action.HOLD:
        return f"HOLD {one.reason.value}"
    token = "" if one.token is None else f" {one.token.value}"
    price = "" if one.limit_price is None else f" at {one.limit_price.normalize():f}"
    return f"{one.action.value}{token} {one.shares.normalize():f}{price} ({one.reason.value})"


def _first_apart(stored: Decision, now: Decision) -> tuple[str, str | None, str | None]:
    """Return the first field of the answers that differs, and both values."""
    for field in _LINE:
        before, after = getattr(stored, field), getattr(now, field)
        if before != after:
            return field, _told(before), _told(after)
    return "features", None, None


def _fills_apart(
    before: Sequence[Fill], after: Sequence[Fill]
) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield each field of the fills that differs."""
    if len(before) != len(after):
        yield "fills", str(len(before)), str(len(after))
    for one, other in zip(before, after, strict=False):
        for field in _FILL:
            was, now = getattr(one, field), getattr(other, field)
            if was != now:
                yield field, _told(was), _told(now)


def _same_order(stored: Order, now: Order) -> bool:
    return (stored.shares, stored.limit_price, stored.side, stored.token) == (
        now.shares, now.limit_price, now.side, now.token,
    )  # fmt: skip


def _amounts(lines: Iterable[Entry]) -> str:
    return ", ".join(f"{one.account} {one.amount.normalize():f}" for one in lines)


def _told(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, StrEnum):
        return value.value
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
