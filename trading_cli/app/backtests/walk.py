"""Walk-forward: what was best on the days before is judged on the days after, and again.

A fold trains on `backtest.train_days`, judges on the `test_days` after, and the next begins
`step_days` later. What trains is purged by resolution date: a trade teaches only where the payout
of its market was known before the test began. No event stands on both sides: those that taught a
choice may not be entered in the test. With one configuration there is nothing to choose, so
nothing is trained but `price_only`'s recalibration, on the train side alone.

Where tests overlap, the account is split evenly between them: a day's return is the mean of the
folds that run on it, and a trade made in two folds is counted once, as the later fold made it and
in the size it had there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_cli.app.backtests import figures, grid, report
from trading_cli.app.backtests.cells import Cell, Outcome
from trading_cli.app.backtests.sweep import Failed, Study, attempted_on
from trading_cli.core.errors import UsageError
from trading_cli.domain import Trip
from trading_cli.research import recalibration, splits
from trading_cli.research.recalibration import Recalibration
from trading_cli.trading.backtest.history import History
from trading_cli.trading.backtest.result import Equity, Run

DAY = timedelta(days=1)
CENT = Decimal("0.01")
BENT = "price_only"


@dataclass(frozen=True, slots=True)
class Fold:
    """Days that choose, [since, turn), and days that judge, [turn, until)."""

    since: datetime
    turn: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Taught:
    """What one cell's training came to: the net of the trades that count, and how many do not."""

    net: Decimal
    counted: int
    left_out: int
    events: frozenset[str]


@dataclass(frozen=True, slots=True)
class Judged:
    """A fold that was run: what was chosen, on what, and what came of it."""

    fold: Fold
    cell: Cell
    outcome: Outcome
    trial: int
    taught: Taught | None


def folds(since: datetime, until: datetime, *, train: int, test: int, step: int) -> list[Fold]:
    """Return the folds of [since, until) by whole days from *since*; a last broken one is none.

    Raises ``UsageError`` where not even one fits.
    """
    days = (until - since) // DAY
    found = [
        Fold(
            since + int(one.train[0]) * DAY,
            since + int(one.test[0]) * DAY,
            since + (int(one.test[-1]) + 1) * DAY,
        )
        for one in splits.walk_forward(days, train=train, test=test, step=step)
    ]
    if not found:
        raise UsageError(
            f"--walk-forward needs {train + test} days; from {since:%Y-%m-%d} to {until:%Y-%m-%d}"
            f" there are {days}.",
            hint="wait, or set backtest.train_days and backtest.test_days lower",
        )
    return found


def walk(
    study: Study, base: Cell, cells: Sequence[Cell], axes: Sequence[grid.Axis]
) -> dict[str, Any]:
    """Run every fold and report what the tests came to together."""
    section = base.whole.backtest
    lengths = {
        "train_days": section.train_days,
        "test_days": section.test_days,
        "step_days": section.step_days,
    }
    spans = folds(
        base.since, base.until, train=section.train_days, test=section.test_days,
        step=section.step_days,
    )  # fmt: skip
    more = {"walk_forward": lengths, "grid": {one.key: list(one.values) for one in axes}}
    (parent,) = study.ledger.plan([study.ledger.planned(base, "backtest", more=more)])
    with study.failing(parent):
        judged = []
        for place, fold in enumerate(spans, start=1):
            judged.append(_fold(study, fold, cells, parent))
            study.say(f"fold {place} of {len(spans)}: {_brief(judged[-1])}")
        shown = replace(judged[-1].cell, since=spans[0].turn, until=spans[-1].until)
        shown = replace(shown, apart=frozenset(), recalibrate=None)
        told = {**lengths, "folds": [_told(one) for one in judged]}
        summary = {"folds": len(judged), **lengths}
        parts = report.Parts(report.WALK, parent, walk=told)
        with shown.source.opened(shown.whole, shown.since, shown.until, shown.fees) as opened:
            outcome = replace(
                together(judged, float(base.bankroll)), coverage=opened.coverage,
                slots=len(opened.history.moments()),
            )  # fmt: skip
            kept = study.ledger.finish(parent, shown, outcome, sweep=summary)
            return study.answer(shown, opened, outcome, parts, kept)


def _fold(study: Study, fold: Fold, cells: Sequence[Cell], parent: int) -> Judged:
    """Choose on the train side, then judge what was chosen."""
    ledger, base = study.ledger, cells[0]
    trained: list[Outcome] = []
    if len(cells) > 1:
        before = [replace(one, since=fold.since, until=fold.turn) for one in cells]
        rows = ledger.plan([ledger.planned(one, "cell", parent=parent) for one in before])
        for cell, trial, outcome in zip(before, rows, study.each(before), strict=True):
            if isinstance(outcome, Failed):
                ledger.fail(trial, outcome.why)
                raise UsageError(f"{cell.label}: {outcome.why}")
            ledger.finish(trial, cell, outcome, whole=False)
            trained.append(outcome)
    bent = _bent(base, fold) if BENT in base.names else None
    with base.source.opened(base.whole, fold.turn, fold.until, base.fees) as ahead:
        taught = [lesson(ahead.history, fold.turn, one.run.closed) for one in trained]
        best = chosen(taught)
        cell = replace(
            cells[best], since=fold.turn, until=fold.until, recalibrate=bent,
            apart=frozenset[str]().union(*(one.events for one in taught)),
        )  # fmt: skip
        planned = ledger.planned(cell, "cell", parent=parent, more={"fold": fold.turn.isoformat()})
        (trial,) = ledger.plan([planned])
        same = cell.settings == base.settings and cell.fees == base.fees
        outcome = attempted_on(cell, ahead if same else None)
    if isinstance(outcome, Failed):
        ledger.fail(trial, outcome.why)
        raise UsageError(outcome.why)
    ledger.finish(trial, cell, outcome, whole=False)
    return Judged(fold, cell, outcome, trial, taught[best] if taught else None)


def lesson(ahead: History, turn: datetime, closed: Sequence[Trip]) -> Taught:
    """Return what *closed* trades teach at *turn*: only those whose market was paid by then."""
    count = [one for one in closed if ahead.payout(one.market_id, turn) is not None]
    net = sum((one.net for one in count), Decimal(0))
    events = frozenset(figures.event_of(one) for one in count)
    return Taught(net, len(count), len(closed) - len(count), events)


def chosen(taught: Sequence[Taught]) -> int:
    """Return the place of the best net return; the first of equals, also where nothing counts."""
    return max(range(len(taught)), key=lambda one: (taught[one].net, -one), default=0)


def _bent(cell: Cell, fold: Fold) -> Recalibration | None:
    """Return the recalibration of the train side: one mid a market and day, settled by the turn."""
    with cell.source.opened(cell.whole, fold.since, fold.turn, cell.fees) as past:
        return fitted(past.history, fold.turn)


def fitted(past: History, turn: datetime) -> Recalibration | None:
    """Return what the views of *past* teach of prices that were settled by *turn*."""
    mids, outcomes, events, seen, settled = [], [], [], [], []
    days: set[int] = set()
    for moment in past.moments():
        if moment.slot // figures.DAY_S in days:
            continue
        days.add(moment.slot // figures.DAY_S)
        for view in past.views(moment.slot):
            paid = past.payout(view.market.id, turn)
            if view.mid is None or paid not in {Decimal(0), Decimal(1)}:
                continue
            mids.append(float(view.mid))
            outcomes.append(float(paid))
            events.append(view.event_id)
            seen.append(view.at.timestamp())
            settled.append(turn.timestamp())
    return recalibration.known_by(mids, outcomes, events, seen, settled, turn.timestamp())


# --- the folds together


def together(judged: Sequence[Judged], bankroll: float) -> Outcome:
    """Return the tests as one run of one account, split evenly where they overlap."""
    trips: dict[tuple[str, str, str, datetime], Trip] = {}
    grades: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    pauses: Counter[str] = Counter()
    digest = blake2b(digest_size=16, person=b"walk")
    for one in judged:
        run = one.outcome.run
        for trip in (*run.closed, *run.still_open):
            trips[trip.strategy, trip.market_id, trip.token.value, trip.opened_at] = trip
        grades.update(run.grades)
        reasons.update(run.reasons)
        pauses.update(run.pauses)
        digest.update(run.digest.encode())
    every = sorted(trips.values(), key=lambda one: (one.opened_at, one.id))
    killed = [one.outcome.run.killed_at for one in judged if one.outcome.run.killed_at is not None]
    run = Run(
        closed=tuple(one for one in every if one.closed_at is not None),
        still_open=tuple(one for one in every if one.closed_at is None),
        equity=_equity([one.outcome.run.equity for one in judged], bankroll),
        reasons=reasons,
        grades=grades,
        digest=digest.hexdigest(),
        traded=_traded([one.outcome.run for one in judged]),
        waived=frozenset[str]().union(*(one.outcome.run.waived for one in judged)),
        killed_at=min(killed, default=None),
        pauses=pauses,
    )
    first = next((one.outcome.in_sample for one in judged if one.outcome.in_sample), "")
    return Outcome(run, in_sample=first)


def _traded(runs: Sequence[Run]) -> Decimal:
    """Return what the one account traded: of days that several folds run on, their mean."""
    days = [set((one.equity.slots // figures.DAY_S).tolist()) for one in runs]
    total, distinct = sum(len(one) for one in days), len(set().union(*days))
    whole = sum((one.traded for one in runs), Decimal(0))
    return (whole * distinct / total).quantize(CENT) if total else whole


def _equity(every: Sequence[Equity], bankroll: float) -> Equity:
    """Return one account by day: its return is the mean of those of the curves of that day."""
    rows: dict[int, list[tuple[float, float, float, int]]] = {}
    for one in every:
        ends = figures.days_of(one.slots)
        at_bid, at_mid = one.at_liquidation[ends], one.at_mid[ends]
        before_bid = np.concatenate([[bankroll], at_bid[:-1]])
        before_mid = np.concatenate([[bankroll], at_mid[:-1]])
        staked = one.staked[ends] / np.maximum(at_bid, figures.LEAST)
        found = zip(at_bid / before_bid, at_mid / before_mid, staked, one.slots[ends], strict=True)
        for bid, mid, share, slot in found:
            rows.setdefault(int(slot) // figures.DAY_S, []).append(
                (float(bid), float(mid), float(share), int(slot))
            )
    days = sorted(rows)
    table = np.array([np.mean(np.array(rows[day], float), axis=0) for day in days])
    slots: NDArray[np.int64] = np.array(
        [max(row[3] for row in rows[day]) for day in days], np.int64
    )
    if not days:
        nothing = np.empty(0)
        return Equity(slots, nothing, nothing, nothing, nothing)
    at_bid, at_mid = bankroll * np.cumprod(table[:, 0]), bankroll * np.cumprod(table[:, 1])
    staked = table[:, 2] * at_bid
    return Equity(slots, at_bid - staked, staked, at_mid - at_bid + staked, staked)


def _brief(one: Judged) -> str:
    run = one.outcome.run
    return f"{one.cell.label or 'as the settings are'}, {len(run.closed)} trades closed"


def _told(one: Judged) -> Mapping[str, Any]:
    run, taught = one.outcome.run, one.taught
    bankroll = float(one.cell.bankroll)
    bent = one.cell.recalibrate
    return {
        "train_since": one.fold.since.isoformat(),
        "test_since": one.fold.turn.isoformat(),
        "test_until": one.fold.until.isoformat(),
        "cell": one.cell.label,
        "trial": one.trial,
        "train_trades": None if taught is None else taught.counted,
        "train_left_out": None if taught is None else taught.left_out,
        "train_net": None if taught is None else figures.number(float(taught.net)),
        "events_apart": len(one.cell.apart),
        "slope": None if bent is None else figures.number(bent.slope),
        "total_return": figures.number(
            float(figures.daily(run.equity, bankroll)[-1]) / bankroll - 1
        ),
        "trades": len(run.closed),
        "open": len(run.still_open),
    }
