"""The steps of the cycles: what each does with a run, in a few lines; the work is elsewhere."""

from collections.abc import Mapping
from datetime import timedelta

from trading_cli.app import (
    analyse,
    chatter,
    collect,
    entering,
    guards,
    holding,
    marking,
    past_talk,
    proving,
    stop,
    views,
)
from trading_cli.app.calibrate import calibrate_step
from trading_cli.app.collection import Collection, CollectReport
from trading_cli.app.correlate import correlate_step
from trading_cli.app.cycles import Cycle, Done, Plan
from trading_cli.app.daily import summary_step
from trading_cli.app.desk import Desk, open_account
from trading_cli.app.gather import Tally
from trading_cli.app.geoblock import geoblock_step
from trading_cli.app.heartbeat import beat
from trading_cli.app.montecarlo import montecarlo_step
from trading_cli.app.notify import notify_step
from trading_cli.app.portfolio import portfolio_step
from trading_cli.app.reminding import remind
from trading_cli.app.selection import Selection
from trading_cli.app.selftest import selftest_step
from trading_cli.app.upkeep.steps import upkeep_step, verify_step
from trading_cli.app.weekly import report_step
from trading_cli.store.timings import SOURCES
from trading_cli.trading import strategies

DAY = timedelta(days=1)
DESK, WORK, READY, FEATURES = "desk", "work", "ready", "features"
UNDONE = "exits undone"


def desk_of(cycle: Cycle) -> Desk:
    """Return the run's desk, made when it is first asked for."""
    if DESK not in cycle.said:
        cycle.said[DESK] = Desk(cycle.toolkit, cycle.store, cycle.slot, cycle.ticket)
    found: Desk = cycle.said[DESK]
    return found


def work_of(cycle: Cycle) -> Collection:
    """Return the run's collection, made when it is first asked for."""
    if WORK not in cycle.said:
        cycle.said[WORK] = Collection(
            cycle.toolkit,
            cycle.store,
            cycle.now,
            cycle.slot,
            Selection.of((), talk=True),
            CollectReport(cycle.slot),
            cycle.say,
        )
    found: Collection = cycle.said[WORK]
    return found


def collect_step(cycle: Cycle) -> Done:
    """Collect the slot, unless `trading collect` has done it whole already."""
    work = work_of(cycle)
    already = collect.collected(cycle.store, cycle.slot)
    if already:
        return Done(why=f"already collected at {already}")
    collect.gather_venue(work)
    collect.weigh(work)
    cycle.warnings += work.report.warnings
    why = "; ".join(work.report.warnings)[:300]
    numbers = {**work.report.counts, SOURCES: _asked(work.report.sources)}
    return Done(work.report.state, why if work.report.state != "OK" else "", numbers)


def _asked(sources: Mapping[str, Tally]) -> dict[str, object]:
    """Return how long each source took, for `trading profile`."""
    return {
        name: {"seconds": round(one.seconds, 3), "requests": one.requests, "state": one.state}
        for name, one in sources.items()
    }


def quality_step(cycle: Cycle) -> Done:
    """Judge what is stored; a closed gate is no failure of the run: it stops entries."""
    work = work_of(cycle)
    collect.judge(work)
    gate = work.report.gate
    why = "" if gate.get("open") else f"gate closed: {gate.get('reasons')}"
    return Done("OK", why, {"findings": work.report.counts.get("findings", 0), "gate": gate})


def features_step(cycle: Cycle) -> Done:
    """Compute RVR, ROC and hype of every candidate."""
    desk = desk_of(cycle)
    at = desk.now()
    with cycle.store.reading() as look:
        ready = views.ready(look, desk, at)
    found = analyse.features(
        cycle.store,
        slot=cycle.slot,
        at=at,
        markets=ready.markets,
        signals=cycle.toolkit.settings.signals,
        hype_section=cycle.toolkit.settings.hype,
    )
    cycle.said[READY], cycle.said[FEATURES] = ready, found
    undefined = sum(one.value is None for held in found.values() for one in held.values())
    return Done(numbers={"candidates": len(ready.markets), "undefined": undefined})


def exits_step(cycle: Cycle) -> Done:
    """Settle what is paid, sell what the rules want sold, mark the account, check the guards."""
    desk = desk_of(cycle)
    cycle.said[UNDONE] = True
    open_account(desk)
    held = holding.look_after(desk)
    marked = _mark(desk)
    tripped = guards.check(desk)
    why = f"{held.no_book} held markets had no book" if held.no_book else ""
    if tripped:
        why = "; ".join((*([why] if why else []), *tripped))
    numbers = {**held.numbers(), **marked.numbers()}
    del cycle.said[UNDONE]
    return Done("PARTIAL" if held.no_book or held.unknown else "OK", why, numbers)


def _mark(desk: Desk) -> marking.Marked:
    """Keep the mark of the slot; a loss from the peak pulls the switch."""
    marked = marking.mark(desk)
    for loss in marked.losses:
        if loss.kill_level is not None:
            place = stop.Place(desk.toolkit.home, desk.toolkit.loaded.database)
            stop.trip(
                place, level=loss.kill_level, reason=loss.sentence, actor="risk", now=desk.now()
            )
    return marked


def signals_step(cycle: Cycle) -> Done:
    """Decide on every candidate, and carry out what is allowed.

    Not where looking after what is held has just failed: nothing is added to that.
    """
    if UNDONE in cycle.said:
        return Done("FAILED", "the exits failed: nothing is entered")
    desk = desk_of(cycle)
    open_account(desk)
    desk.see_held()
    if READY not in cycle.said:
        features_step(cycle)
    stale = marking.watch_staleness(desk)
    at = desk.now()
    asked = entering.asked_strategies(desk)
    names = [one.name for one in asked if not isinstance(one, strategies.Broken)]
    proving.look_again(desk, names, at)
    proposals = entering.propose(desk, cycle.said[READY], cycle.said[FEATURES], asked, at)
    done = entering.enter(desk, proposals, at)
    _mark(desk)
    problems = strategies.problems(asked)
    why = "; ".join(([f"stale: {stale}"] if stale else []) + list(problems))
    return Done("PARTIAL" if problems else "OK", why, done.numbers())


def talk_step(cycle: Cycle) -> Done:
    """Listen to the talk: last, under a lock of its own, ended before the next slot."""
    work = work_of(cycle)
    work.patient = True
    before = dict(work.report.sources)
    chatter.listen(work, work.asked)
    past_talk.fill(work, work.asked)
    heard = {name: one for name, one in work.report.sources.items() if name not in before}
    poor = [name for name, one in heard.items() if one.state in {"failed", "degraded"}]
    numbers = {"posts": work.report.counts.get("posts", 0), SOURCES: _asked(heard)}
    return Done("PARTIAL" if poor else "OK", ", ".join(poor), numbers)


def tell_step(cycle: Cycle) -> Done:
    """Remind of deadlines of what is held, tell what is due, and give a sign of life."""
    remind(desk_of(cycle))
    done = notify_step(cycle)
    state = work_of(cycle).report.state
    toolkit = cycle.toolkit
    wrong = beat(toolkit.loaded, cycle.store, cycle.slot, state, toolkit.clock.now())
    if wrong:
        why = "; ".join(filter(None, (done.why, f"heartbeat: {wrong}")))
        return Done("PARTIAL" if done.state == "OK" else done.state, why, done.numbers)
    return done


def integrity_step(cycle: Cycle) -> Done:
    """Read the whole database and its chains; what is damaged pulls the kill switch."""
    tripped = guards.examine(desk_of(cycle))
    return Done("FAILED" if tripped else "OK", "; ".join(tripped))


def backtest_step(cycle: Cycle) -> Done:
    """Walk the settings' strategies forward over what is stored."""
    from trading_cli.app.backtests import study  # noqa: PLC0415  # only the weekly cycle pays

    return study.backtest_step(cycle)


COLLECTION = Plan(
    "collection",
    timedelta(minutes=15),
    (
        ("collect", collect_step),
        ("quality", quality_step),
        ("features", features_step),
        ("exits", exits_step),
        ("signals", signals_step),
        ("notify", tell_step),
        ("talk", talk_step),
    ),
    timedelta(seconds=840),
)
DECIDING = Plan(
    "signal",
    COLLECTION.period,
    (("features", features_step), ("signals", signals_step)),
    timedelta(minutes=5),
)
ANALYSIS = Plan(
    "analysis",
    DAY,
    (
        ("correlate", correlate_step),
        ("calibrate", calibrate_step),
        ("portfolio", portfolio_step),
        ("integrity", integrity_step),
        ("verify", verify_step),
        ("summary", summary_step),
        ("notify", notify_step),
    ),
    timedelta(hours=1),
)
VALIDATION = Plan(
    "validation",
    timedelta(days=7),
    (
        ("correlate", correlate_step),
        ("backtest", backtest_step),
        ("monte_carlo", montecarlo_step),
        ("geoblock", geoblock_step),
        ("selftest", selftest_step),
        ("integrity", integrity_step),
        ("upkeep", upkeep_step),
        ("report", report_step),
        ("notify", notify_step),
    ),
    timedelta(hours=4),
    offset=timedelta(days=4),
)
PLANS = {plan.name: plan for plan in (COLLECTION, ANALYSIS, VALIDATION)}
