"""What the bot says to a look: a few plain lines each, from the same use cases as the commands."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from trading_cli.app import explain as explaining
from trading_cli.app import overview, running
from trading_cli.app import positions as holding
from trading_cli.app.settings import Loaded
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.core.foreign import clean_text
from trading_cli.domain import Action, Purpose
from trading_cli.store import Store, decided, outbox
from trading_cli.store.born import is_there

MOST = 10


def status(loaded: Loaded, clock: Clock) -> str:
    """Return how things stand."""
    data = overview.status(loaded.config, _env(loaded), clock=clock)
    kill, last, gate = data.get("kill"), data.get("last_run"), data["data_gate"]
    lines = [
        f"{data['mode']}: kill switch {_kill(kill)}",
        "last run: none" if not last else f"last run {last['slot'][11:16]} {last['state']}",
        "data gate open" if gate["open"] else f"data gate closed: {'; '.join(gate['reasons'])}",
    ]
    lines += [f"paused ({one['kind']}): {one['reason']}" for one in data.get("pauses", ())]
    account = data.get("account")
    if isinstance(account, Mapping) and account.get("equity") is not None:
        lines.append(
            f"equity {account['equity']:.2f} USD, cash {account['cash']:.2f},"
            f" {account['open']} open"
        )
    if is_there(loaded.database):
        with Store.reader(loaded.database) as store, store.reading() as look:
            pending, _ = outbox.waiting(look)
        lines.append(f"{pending} messages wait")
    return "\n".join([*lines, "UNPROVEN."])


def _kill(kill: Mapping[str, Any] | None) -> str:
    if kill is None:
        return "unknown"
    level = f", level {kill['level']}: {kill['reason']}" if kill["level"] else ""
    return f"{kill['state']}{level}"


def signals(loaded: Loaded, clock: Clock) -> str:
    """Return the newest decisions to trade of the last day."""
    if not is_there(loaded.database):
        return "No signals: nothing was collected yet."
    since = clock.now() - timedelta(days=1)
    with Store.reader(loaded.database) as store, store.reading() as look:
        found = [
            one
            for one in decided.decisions(look, since=since, limit=5000)
            if one.action is not Action.HOLD and one.purpose is Purpose.ENTRY
        ]
    lines = [
        f"{one.decided_at:%H:%M} {one.action.value} {'' if one.token is None else one.token.value}"
        f" {one.reason.value}: {clean_text(one.facts.get('question'), 80)} ({one.id[:12]})"
        for one in found[:MOST]
    ]
    return "\n".join([*lines, "UNPROVEN."]) if lines else "No signal in the last 24 hours."


def positions(loaded: Loaded, clock: Clock) -> str:
    """Return what is held and what it would bring now."""
    data = holding.positions(loaded.config, clock=clock)
    rows = data["positions"]
    if not rows:
        return "Nothing is held."
    lines = [
        f"{one['shares']:g} {one['token']} cost {one['cost']:.2f}, now {_usd(one['liquidation'])}:"
        f" {clean_text(one['question'], 80)} ({one['id'][:12]})"
        for one in rows[:MOST]
    ]
    more = [f"and {len(rows) - MOST} more"] if len(rows) > MOST else []
    return "\n".join([*lines, *more, data["stop_note"]])


def _usd(value: float | None) -> str:
    return "not priced" if value is None else f"{value:.2f} USD"


def explain(loaded: Loaded, name: str, clock: Clock) -> str:
    """Return why, and why not."""
    if not name:
        raise UsageError("an id is missing: explain ID", hint="the signals show some")
    data = explaining.explain(loaded.config, clean_text(name, 100), clock=clock)
    market = data["market"] or {}
    return "\n".join(
        [
            f"{data['kind']} {data['id']}",
            clean_text(market.get("question"), 200),
            str(data["why"]),
        ]
    )


def pause(loaded: Loaded, reason: str, actor: str) -> str:
    """Stop entries until the owner lifts it at the terminal."""
    done = running.pause(loaded.config, reason=reason, until=None, actor=actor)
    first = "Entries are paused" if done["new"] else "Entries were paused already"
    return f"{first}; exits go on. Lift it at the terminal: trading resume"


def _env(loaded: Loaded) -> Mapping[str, str]:
    return {**os.environ, "TRADING_HOME": str(loaded.home)}
