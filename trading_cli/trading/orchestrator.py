"""Strategies asked, vetoes applied, one proposal for every candidate and strategy.

A strategy has so many seconds per market. One that hangs is left behind in its own daemon thread
and answers STRATEGY_TIMEOUT from there on, until that thread comes back; one that raises answers
STRATEGY_FAILED for that market. Neither touches the others, nor keeps the process from ending.

Then the Never rules, then the events: where two want the same one, the first by settings order has
it, within a strategy the strongest, and the others get ALREADY_IN.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from math import isfinite
from queue import Empty, SimpleQueue

from trading_cli.domain import Action, Reason, Signal, Token
from trading_cli.trading.strategies import Advice, Strategy, ours
from trading_cli.trading.strategies.foreign import Failed, attempt, hangs, hung_name
from trading_cli.trading.vetoes import Sections, Veto, review, standing
from trading_cli.trading.view import View

FORMULA = "decide/1"
HALF = Decimal("0.5")
ALONE = "probability_alone"
"""The indicator that says what a strategy stated, where outside opinions moved it."""
_AS_IT_IS = frozenset({str, float, int, bool, type(None)})
"""What JSON gives back as it took it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one strategy wants of one candidate, and what stands against it.

    The signal stays as the strategy gave it; ``action`` and ``reason`` are what it comes to.
    """

    view: View
    signal: Signal
    vetoes: tuple[Veto, ...] = ()
    rank: int = field(default=0, compare=False)

    @property
    def action(self) -> Action:
        """Return BUY where nothing stands against it, else HOLD."""
        return Action.HOLD if self.vetoes else self.signal.action

    @property
    def reason(self) -> Reason:
        """Return why: the strategy's own for a HOLD, else the first veto's, else SIGNAL."""
        if self.signal.action is Action.HOLD or not self.vetoes:
            return self.signal.reason
        return self.vetoes[0].reason


def decide(
    views: Sequence[View],
    strategies: Sequence[Strategy],
    sections: Sections,
    *,
    explain: bool = True,
    bare: bool = False,
    in_line: bool = False,
) -> list[Proposal]:
    """Return one proposal per (candidate, strategy): those to review first, strongest first.

    ``rank`` counts the entries from 1 in the order they are to be reviewed; a HOLD has rank 0.
    Without *explain* the vetoes of what a strategy holds anyway are left out; where *bare*, all
    but the first of any other: action and reason are the same. *in_line* asks our own strategies,
    which cannot hang, without a thread, which is what a past of many thousand slots would cost:
    the answers are the same.
    """
    asked = [
        Proposal(view, signal, _against(view, signal, sections, explain=explain, bare=bare))
        for strategy in strategies
        for view, signal in zip(
            views, _signals(strategy, views, sections, in_line=in_line), strict=True
        )
    ]
    order = {strategy.name: place for place, strategy in enumerate(strategies)}
    proposals = _one_per_event(asked, order)
    entries = sorted(
        (one for one in proposals if one.action is Action.BUY),
        key=lambda one: (-one.signal.strength, order[one.signal.strategy], one.signal.market_id),
    )
    ranked = [replace(one, rank=place) for place, one in enumerate(entries, start=1)]
    return ranked + [one for one in proposals if one.action is not Action.BUY]


def _against(
    view: View, signal: Signal, sections: Sections, *, explain: bool, bare: bool
) -> tuple[Veto, ...]:
    if signal.token is None:
        return standing(view, sections) if explain else ()
    return review(view, signal.token, sections, first=bare)


def _one_per_event(proposals: Sequence[Proposal], order: Mapping[str, int]) -> list[Proposal]:
    """Return the proposals, all but the first entry of each event turned to ALREADY_IN."""
    entries = sorted(
        (place for place, one in enumerate(proposals) if one.action is Action.BUY),
        key=lambda place: (
            order[proposals[place].signal.strategy],
            -proposals[place].signal.strength,
            proposals[place].signal.market_id,
        ),
    )
    found, winner = list(proposals), dict[str, Signal]()
    for place in entries:
        one = found[place]
        first = winner.setdefault(one.view.event_id, one.signal)
        if first is not one.signal:
            sentence = (
                f"{first.strategy} enters event {one.view.event_id} in this slot, "
                f"in market {first.market_id}"
            )
            found[place] = replace(one, vetoes=(Veto(Reason.ALREADY_IN, sentence),))
    return found


def _signals(
    strategy: Strategy, views: Sequence[View], sections: Sections, *, in_line: bool
) -> Iterator[Signal]:
    """Yield one signal per view, in their order; only a view that is ready is asked about."""
    ready = [view for view in views if _not_ready(view) is None]
    answers = (
        (_heard(strategy, view, _attempted(strategy, view, in_line=True)) for view in ready)
        if in_line and ours(strategy)
        else _ask(strategy, ready, sections.signals.strategy_timeout_s)
    )
    for view in views:
        reason = _not_ready(view)
        if reason is None:
            yield next(answers)
        else:
            told = {"missing": view.warming} if view.warming else {}
            yield _held(strategy, view, reason, told)


def _not_ready(view: View) -> Reason | None:
    """Return why there is nothing to ask a strategy, ``None`` where there is."""
    if view.mid is None:
        return Reason.NO_QUOTE
    return Reason.WARMING_UP if view.warming else None


def _ask(strategy: Strategy, views: Sequence[View], seconds: float) -> Iterator[Signal]:
    """Yield the answers as they come; after the first that does not come in time, none."""
    if hangs(strategy.name):
        said = "it still hangs since an earlier slot; restart to ask it again"
        yield from _unheard(strategy, views, said)
        return
    replies: SimpleQueue[Signal | Failed] = SimpleQueue()
    left = threading.Event()
    work = partial(_work, strategy, views, replies, left)
    worker = threading.Thread(target=work, daemon=True, name=f"strategy {strategy.name}")
    worker.start()
    waiting = iter(views)
    for view in waiting:
        try:
            answer = replies.get(timeout=seconds)
        except Empty:
            left.set()
            worker.name = hung_name(strategy.name)
            said = f"no answer within {seconds:g} s on market {view.market.id}"
            yield from _unheard(strategy, (view, *waiting), said)
            return
        yield _heard(strategy, view, answer)


def _heard(strategy: Strategy, view: View, answer: Signal | Failed) -> Signal:
    if isinstance(answer, Failed):
        return _held(strategy, view, Reason.STRATEGY_FAILED, {"error": answer.error})
    return answer


def _attempted(strategy: Strategy, view: View, *, in_line: bool = False) -> Signal | Failed:
    return attempt(partial(_answer, strategy, view), in_line=in_line)


def _unheard(strategy: Strategy, views: Iterable[View], said: str) -> Iterator[Signal]:
    return (_held(strategy, view, Reason.STRATEGY_TIMEOUT, {"error": said}) for view in views)


def _work(
    strategy: Strategy,
    views: Sequence[View],
    replies: "SimpleQueue[Signal | Failed]",
    left: threading.Event,
) -> None:
    """Answer one view after the other until all are done or nobody listens any more."""
    for view in views:
        if left.is_set():
            return
        replies.put(_attempted(strategy, view))


def _answer(strategy: Strategy, view: View) -> Signal:
    mid = view.mid
    if mid is None:
        return _held(strategy, view, Reason.NO_QUOTE, {})
    return signal_of(strategy, view, strategy.decide(view, view.market.id, float(mid)))


def signal_of(strategy: Strategy, view: View, advice: Advice) -> Signal:
    """Return *advice* as a signal: SELL is to buy the other token, nothing is above the ceiling.

    A hazard market is bought half; where the strategy halves too, the ceiling is halved as well. A
    probability it states is moved by the opinions that weigh; nothing else of a signal ever is.
    Raises TypeError or ValueError, with what is wrong, where the advice makes no sense.
    """
    indicators = _plain(advice.indicators)
    if advice.action is Action.HOLD:
        reason = Reason.NO_EDGE if advice.reason is Reason.SIGNAL else Reason(advice.reason)
        return _held(strategy, view, reason, indicators)
    named = Token.YES if advice.token is None else Token(advice.token)
    token = named if Action(advice.action) is Action.BUY else named.other
    ceiling = strategy.ceiling if advice.ceiling is None else advice.ceiling
    _check(advice, ceiling)
    stated = believed = advice.probability
    if stated is not None and (believed := view.believed(stated, token)) != stated:
        indicators |= {ALONE: stated}
    twice = advice.halved and view.hazard
    return Signal(
        strategy.name,
        view.market.id,
        Action.BUY,
        Reason.SIGNAL,
        token,
        float(advice.strength),
        min(ceiling, strategy.ceiling) * (HALF if twice else 1),
        believed,
        str(advice.label),
        bool(advice.halved or view.hazard),
        indicators,
    )


def _check(advice: Advice, ceiling: Decimal) -> None:
    if not 0 <= advice.strength <= 1:
        raise ValueError(f"strength lies in [0, 1], not {advice.strength}")
    if not (isinstance(ceiling, Decimal) and 0 < ceiling <= 1):
        raise ValueError(f"a ceiling is a Decimal above 0, at most 1, not {ceiling!r}")
    if advice.probability is not None and not 0 < advice.probability < 1:
        raise ValueError(f"a probability lies between 0 and 1, not {advice.probability}")


def _plain(indicators: Mapping[str, object]) -> dict[str, object]:
    """Return the numbers as the journal can hold them. Raises ValueError for NaN and infinity."""
    names, kinds = set(map(type, indicators)), set(map(type, indicators.values()))
    numbers = (one for one in indicators.values() if type(one) is float)
    if names <= {str} and kinds <= _AS_IT_IS and all(map(isfinite, numbers)):
        return dict(indicators)
    found: dict[str, object] = json.loads(
        json.dumps(dict(indicators), allow_nan=False, default=str)
    )
    return found


def _held(
    strategy: Strategy, view: View, reason: Reason, indicators: Mapping[str, object]
) -> Signal:
    return Signal(strategy.name, view.market.id, Action.HOLD, reason, indicators=indicators)
