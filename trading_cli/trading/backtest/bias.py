"""Does a decision use what nobody could know yet? The same slots decided with the later hidden.

repeat      nothing hidden: the same slots give the same decisions, else nothing can be compared
truncate    at every decision, nothing later exists
poison      at every decision, everything later is garbage
blind       outcomes are hidden, or told wrong, until they were observed

The strategies are made anew for each from the history they are to see, so one that reads ahead in
what it was given at the start is caught, too. What is decided may not change by it: the first
decision that does is named.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import zip_longest

from trading_cli.domain import from_epoch
from trading_cli.trading.backtest.blindfolds import Blinded, Cut, Now, Poisoned, Window
from trading_cli.trading.backtest.engine import trace
from trading_cli.trading.backtest.history import History, Moment
from trading_cli.trading.backtest.rules import Rules
from trading_cli.trading.strategies import Strategy

Make = Callable[[History], Sequence[Strategy]]
CHECKS = ("repeat", "truncate", "poison", "blind")
LEAST_SLOTS = 4
_SHOWN = 120
_MEANS = {
    "repeat": "the same slots decided twice differ: it keeps state, or leaves it to chance",
    "truncate": "it used what came later",
    "poison": "it used what came later",
    "blind": "it used an outcome before that was observed",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found up to ``until``; ``slot``, ``market``, ``strategy`` of the first breach.

    ``compared`` counts the decisions that were held against one another.
    """

    check: str
    until: int
    compared: int
    sentence: str
    slot: int | None = None
    market: str = ""
    strategy: str = ""
    passed: bool = True


def check(
    history: History,
    rules: Rules,
    make: Make,
    *,
    cuts: int = 2,
    slots: int = 96,
    seed: int = 0,
) -> tuple[Finding, ...]:
    """Return what every check found in *cuts* spans of so many *slots*, spread over *history*.

    Each is decided under *rules* with the strategies that *make* makes of the history it is given.
    Empty below 4 slots: there is nothing to compare.
    """
    moments = history.moments()
    if len(moments) < LEAST_SLOTS:
        return ()
    places = sorted({(number + 1) * (len(moments) - 1) // (cuts + 1) for number in range(cuts)})
    found: list[Finding] = []
    for place in places:
        span = moments[max(0, place - slots + 1) : place + 1]
        found += _within(history, rules, make, span, seed)
    return tuple(found)


def compare(
    history: History, cut: History, rules: Rules, make: Make, *, until: datetime
) -> Finding:
    """Return whether *cut*, a history that really ends at *until*, gives the same decisions.

    Up to a signal's life before its end: what an order of later meets may be missing there.
    """
    last = until - rules.expiry
    known = [one.slot for one in cut.moments() if one.decided_at <= last]
    through = known[-1] if known else 0
    lines = [trace(one, rules, make(one)) for one in (_to(history, until), cut)]
    ours, theirs = ([one for one in told if _slot(one) <= through] for told in lines)
    return _compared("truncate", ours, theirs, through)


def seen_alike(history: History, cut: History) -> Finding:
    """Return whether *cut*, which really ends, shows the same of its last slot as *history*.

    What is seen, whether or not a strategy makes something of it: views, listings, payouts, books.
    """
    if not (moments := cut.moments()):
        return Finding("truncate", 0, 0, "there is no slot to look at")
    moment = moments[-1]
    slot = moment.slot
    ours, theirs = (_sight(one, moment) for one in (history, cut))
    for market, what in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get((market, what)), theirs.get((market, what))
        if one != other:
            where = f" of market {market}" if market else ""
            sentence = (
                f"{what}{where} at {moment.decided_at:%Y-%m-%d %H:%M} UTC is {_short(one)}, but"
                f" {_short(other)} where nothing later is stored: {_MEANS['truncate']}"
            )
            return Finding("truncate", slot, len(ours), sentence, slot, market, "", passed=False)
    sentence = f"{len(ours)} things seen at {moment.decided_at:%Y-%m-%d %H:%M} UTC are the same"
    return Finding("truncate", slot, len(ours), sentence)


def _sight(history: History, moment: Moment) -> dict[tuple[str, str], object]:
    """Return all that can be seen as *moment* is decided, by (market, what)."""
    views = history.views(moment.slot)
    ids = [one.market.id for one in views]
    found: dict[tuple[str, str], object] = {
        ("", "the list of candidates"): tuple(ids),
        ("", "the state of trading"): history.operated(moment.slot),
    }
    books = history.exit_books(moment.slot, ids)
    for view in views:
        name, at = view.market.id, moment.decided_at
        found |= {(name, one.name): getattr(view, one.name) for one in fields(view)}
        found[name, "listing"] = history.market(name, at)
        found[name, "payout"] = history.payout(name, at)
        found[name, "exit book"] = books.get(name)
    return found


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _to(history: History, until: datetime) -> History:
    """Return the slots of *history* decided by *until*."""
    slots = [one.slot for one in history.moments() if one.decided_at <= until]
    return Window(history, slots[0] if slots else 0, slots[-1] if slots else -1, _quietly)


def _within(
    history: History, rules: Rules, make: Make, span: Sequence[Moment], seed: int
) -> list[Finding]:
    """Return the findings of one *span* of slots."""
    first, last = span[0].slot, span[-1].slot
    times = {one.slot: one.decided_at for one in span}

    def decided(eyes: Callable[[Now], tuple[History, History]]) -> tuple[str, ...]:
        now = Now(span[0].exits_at)

        def come(slot: int) -> None:
            now.at = times[slot]

        seen, dealt = eyes(now)
        return trace(Window(dealt, first, last, come), rules, make(seen))

    usual = decided(lambda _now: (history, history))
    variants = (
        decided(lambda _now: (history, history)),
        decided(lambda now: (Cut(history, now), history)),
        decided(lambda now: (Poisoned(history, now, seed), history)),
        decided(lambda now: (Blinded(history, now), Blinded(history, now, honest=True))),
    )
    return [
        _compared(name, usual, other, last) for name, other in zip(CHECKS, variants, strict=True)
    ]


def _quietly(_slot: int) -> None:
    """Say nothing of a slot that begins."""


def _compared(name: str, ours: Sequence[str], theirs: Sequence[str], until: int) -> Finding:
    """Return the first decision that is not the same in both."""
    for one, changed in zip_longest(ours, theirs, fillvalue=""):
        if one == changed:
            continue
        slot, market, strategy = (one or changed).split("|")[:3]
        sentence = (
            f"{strategy} on market {market} at {from_epoch(int(slot)):%Y-%m-%d %H:%M} UTC:"
            f" {_said(one)}, but {_said(changed)} with that hidden: {_MEANS[name]}"
        )
        return Finding(name, until, len(ours), sentence, int(slot), market, strategy, passed=False)
    sentence = f"{len(ours)} decisions up to {from_epoch(until):%Y-%m-%d %H:%M} UTC are the same"
    return Finding(name, until, len(ours), sentence)


def _slot(line: str) -> int:
    return int(line.split("|", 1)[0])


def _said(line: str) -> str:
    """Return action, reason and size of a decision's line."""
    if not line:
        return "no decision"
    token, action, reason, _features, shares = line.rstrip("\n").split("|")[3:8]
    size = "" if shares == "0" else f" {shares}"
    return f"{action}{size} {token} ({reason})".replace("  ", " ")
