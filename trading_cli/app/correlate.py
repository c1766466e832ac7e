"""Does talk lead prices here: a family of tests written down, run, kept by date, and told.

A command or the daily cycle monitors: it counts as a look and changes no label. The weekly cycle
confirms. What a decision at *t* may use are the labels as of *t* (store/correlations.py).
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from trading_cli.app import hourly_series
from trading_cli.app.correlate_told import (
    COMMAND,
    CONFIRMATORY,
    MONITORING,
    head,
    market_row,
    plain,
    pooled_row,
    ranked,
    told_market,
    told_pooled,
)
from trading_cli.app.cycles import Cycle, Done
from trading_cli.app.facts import settings_hash
from trading_cli.app.hype_settings import HypeSection
from trading_cli.app.journal import must_exist
from trading_cli.app.toolkit import Toolkit, build
from trading_cli.app.trials import code_hash
from trading_cli.app.workers import ALONE, Crew
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.domain import Tier
from trading_cli.research import event_study, hourly, labels, lead, pooled, verdicts
from trading_cli.research.hype import HypeRules
from trading_cli.research.single_lags import alone
from trading_cli.store import Store, correlations, listings, thawed, trials
from trading_cli.store.talk_hours import record_hours

FORMULA = "correlate/1"
SPAN = timedelta(days=30)
LONGEST = timedelta(days=366)
TRANSFORM = "hype: unclipped z without sentiment; price: log-odds per hour; hour-of-week means off"


def correlate(
    config: Path | None,
    *,
    since: timedelta | datetime = SPAN,
    market: str | None = None,
    max_lag: int = lead.MAX_LAG,
    crew: Crew = ALONE,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Run the whole family, keep it, and return it as the envelope has it.

    *market* narrows what is shown, never what is tested. Raises ``UsageError`` for a span or lag
    that makes no sense, or a market that was not followed in the span.
    """
    if not 1 <= max_lag <= 7 * 24:
        raise UsageError(f"--max-lag {max_lag}: 1 to 168 hours.", hint="--max-lag 24")
    crew.ready()
    with ExitStack() as stack:
        toolkit = stack.enter_context(build(config, clock=clock))
        begin, until = hourly_series.span_of(toolkit.clock.now(), since)
        if not timedelta(days=1) <= until - begin <= LONGEST:
            raise UsageError(
                f"--since {begin:%Y-%m-%d %H:%M}: between a day and a year ago.", hint="--since 30d"
            )
        must_exist(toolkit.loaded.database)
        store = stack.enter_context(toolkit.open_store())
        found = run(toolkit, store, COMMAND, since=since, max_lag=max_lag, crew=crew)
    if market is not None:
        young = found["followed"] and not found["markets"]
        found["markets"] = [one for one in found["markets"] if one["market"] == market]
        if not found["markets"]:
            hint = "wait for the first full hour" if young else "trading markets"
            raise UsageError(f"market {market} was not followed in this span.", hint=hint)
    return found


def correlate_step(cycle: Cycle) -> Done:
    """Run the family: confirmatory in the weekly cycle, monitoring in any other."""
    weekly = cycle.ticket.cycle == "validation"
    found = run(cycle.toolkit, cycle.store, CONFIRMATORY if weekly else MONITORING)
    counts = found["counts"]
    tested = sum(counts.values()) - counts[verdicts.INSUFFICIENT]
    why = "" if tested else "INSUFFICIENT: no market has enough hours of talk and price"
    return Done(why=why, numbers={"run": found["run"], "looks": found["looks"], **counts})


def run(
    toolkit: Toolkit,
    store: Store,
    kind: str,
    *,
    since: timedelta | datetime = SPAN,
    max_lag: int = lead.MAX_LAG,
    crew: Crew = ALONE,
) -> dict[str, Any]:
    """Write down a family of *kind*, run it, keep what it found and return it."""
    now = toolkit.clock.now()
    begin, until = hourly_series.span_of(now, since)
    rules = _hype_rules(toolkit.settings.hype)
    kinds = (thawed.PACKS, thawed.POINTS)
    with thawed.reading(store, begin, until + timedelta(hours=2), kinds) as look:
        held = hourly_series.gather(look, since=begin, until=until, as_of=now, rules=rules)
        followed = len(listings.panel_members(look, as_of=now))
    planned = correlations.Planned(
        kind, now, begin, until, settings_hash(toolkit.settings), data_hash(held.markets),
        f"{FORMULA} {code_hash()}", _family(held.markets, max_lag),
    )  # fmt: skip
    with store.transaction() as tx:
        record_hours(tx, held.counted, now)
        number = correlations.plan_run(tx, planned)
        trial = trials.plan(tx, _trial(planned))
    judged = _judged(held, max_lag, crew)
    together = pooled.pooled(held.markets)
    summary = {
        "counts": {word: sum(one.word == word for one in judged) for word in verdicts.WORDS},
        "study": plain(asdict(event_study.study(held.markets))),
    }
    rows, groups = [market_row(one) for one in judged], [pooled_row(p) for p in together]
    with store.transaction() as tx:
        at = toolkit.clock.now()
        correlations.finish_run(tx, number, at=at, markets=rows, pooled=groups, summary=summary)
        trials.finish(tx, trial, at, trials.Result(summary=summary["counts"]))
        if kind == CONFIRMATORY:
            before = correlations.labels(tx, as_of=now)
            after = _labels(before, held, judged, together, now)
            correlations.record_labels(tx, [replace(one, run=number) for one in after])
        standing = correlations.labels(tx, as_of=now)
        looks = correlations.looks(tx, as_of=now)
    return {
        **head(number, planned, max_lag, looks),
        "followed": followed,
        "pooled": [told_pooled(row, standing) for row in groups],
        "event_study": summary["study"],
        "markets": [told_market(row, standing) for row in ranked(rows)],
        "counts": summary["counts"],
    }


def _judged(held: hourly_series.Gathered, max_lag: int, crew: Crew) -> Sequence[verdicts.Verdict]:
    tried = lead.Rules(max_lag, held.first_end)
    return verdicts.judge(lead.examine(held.markets, tried, crew.each))


def _trial(planned: correlations.Planned) -> trials.Planned:
    """Return the family as the ledger of everything ever tried has it."""
    tests = len(planned.family["markets"]) * len(planned.family["directions"])
    return trials.Planned(
        "correlation", "", planned.at, planned.since, planned.until,
        {**planned.family, "settings": planned.settings_hash}, planned.data_hash, planned.code,
        tests=max(tests, 1),
    )  # fmt: skip


def _hype_rules(section: HypeSection) -> HypeRules:
    return HypeRules(
        weights=section.weights.model_dump(),
        baseline_days=section.baseline_days,
        full_days=section.full_days,
        provisional_days=section.provisional_days,
    )


def data_hash(markets: Sequence[lead.Market]) -> str:
    """Return 12 hex digits that stand for every number the family rests on."""
    made = blake2b(digest_size=6)
    for one in markets:
        made.update(f"{one.id}\x1f{one.event}\x1f{one.category}\x1f".encode())
        made.update(np.ascontiguousarray(one.hype).tobytes())
        made.update(np.ascontiguousarray(one.level).tobytes())
    return made.hexdigest()


def _family(markets: Sequence[lead.Market], max_lag: int) -> dict[str, Any]:
    """Return what is going to be tried, before any of it is."""
    return {
        "markets": [one.id for one in markets],
        "lags": max_lag,
        "horizons": list(pooled.HORIZONS),
        "directions": ["talk to price", "price to talk"],
        "transform": TRANSFORM,
    }


# --- labels


def _labels(
    before: Mapping[str, correlations.LabelRow],
    held: hourly_series.Gathered,
    judged: Sequence[verdicts.Verdict],
    together: Sequence[pooled.Pooled],
    now: datetime,
) -> list[correlations.LabelRow]:
    """Return the labels that a confirmatory run changes, or whose claim it does."""
    seen = {one.examined.id: _claim(one, now) for one in judged}
    seen |= {
        correlations.pooled_subject(one.category, one.horizon): _pooled_claim(one, now)
        for one in together
    }
    found = []
    for subject, claim in seen.items():
        row = before.get(subject)
        label = _label(row)
        confirmed = _confirmed(subject, label.claim, claim, held) if label.claim else None
        after = labels.advance(label, claim, confirmed=confirmed)
        if after != label:
            found.append(_label_row(subject, after, now))
    return found


def _claim(one: verdicts.Verdict, now: datetime) -> labels.Claim | None:
    if one.word == verdicts.INSUFFICIENT:
        return None
    ahead, at = one.examined.forward, int(now.timestamp())
    if not one.leads:
        return labels.Claim(leads=False, tier=Tier.NONE, lag=0, b=0.0, since=at)
    return labels.Claim(leads=True, tier=one.tier, lag=ahead.lag, b=ahead.b, since=at)


def _pooled_claim(one: pooled.Pooled, now: datetime) -> labels.Claim | None:
    if not math.isfinite(one.q):
        return None
    lag, b = (one.horizon, one.b) if one.leads else (0, 0.0)
    return labels.Claim(one.leads, Tier.NONE, lag, b, int(now.timestamp()))


def _confirmed(
    subject: str,
    claim: labels.Claim,
    seen: labels.Claim | None,
    held: hourly_series.Gathered,
) -> bool | None:
    """Return what the data after the first detection say of *claim*, ``None``: too few.

    A claim of a lead is one test: its lag, its direction, 5 %. A claim that nothing leads any more
    is what the run itself says.
    """
    if not claim.leads:
        return None if seen is None else not seen.leads
    later = held.ends > claim.since
    cut = [replace(m, hype=m.hype[later], level=m.level[later]) for m in held.markets]
    if subject.startswith("pooled:"):
        category, hours = subject.removeprefix("pooled:").rsplit(":", 1)
        among = [m for m in cut if category in {pooled.EVERYTHING, m.category}]
        one = pooled.pooled(among, horizons=(int(hours),), shifts=0)[0]
        return None if one.insufficient or math.isnan(one.p) else _agrees(one.b, one.p, claim)
    (own,) = (m for m in cut if m.id == subject)
    if lead.missing(own)[0]:
        return None
    after = alone(own.hype, hourly.changes(own.level), own=1, lags=[claim.lag])
    return _agrees(float(after.b[0]), float(after.p[0]), claim)


def _agrees(b: float, p: float, claim: labels.Claim) -> bool:
    return p <= verdicts.ALPHA and (b > 0) == (claim.b > 0)


def _label(row: correlations.LabelRow | None) -> labels.Label:
    if row is None:
        return labels.Label()
    pending = row.pending
    claim = labels.Claim(**{**pending, "tier": Tier(pending["tier"])}) if pending else None
    return labels.Label(row.leads, row.tier, row.lag, row.b or 0.0, claim)


def _label_row(subject: str, label: labels.Label, now: datetime) -> correlations.LabelRow:
    pending = {} if label.claim is None else asdict(label.claim) | {"tier": int(label.claim.tier)}
    return correlations.LabelRow(
        subject, now, 0, label.leads, label.tier, label.lag, label.b, pending
    )
