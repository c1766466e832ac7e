"""`trading status`: where things stand, without the libraries of the collection."""

import os
from collections.abc import Mapping
from typing import Any

import click
import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_HOUR = 60
_DAY = 24 * _HOUR
_NEXT = {
    True: ("trading markets", "trading quality-check", "trading doctor"),
    False: ("trading demo", "trading collect", "trading doctor"),
}


@app.command(cls=Command)
def status(ctx: typer.Context) -> Answer:
    """Show mode, home, the last run, the age of the newest quote, the gate and the funnel."""
    data = _read(ctx)
    blocks: list[Block] = [Facts(_facts(data))]
    rows = [
        (name, told.get("state"), told.get("last_ok"), told.get("message"))
        for name, told in (data.get("sources") or {}).items()
    ]
    if rows:
        blocks.append(Table(("source", "state", "last answered", "message"), rows))
    return Answer(data, blocks, data.get("warnings", ()))


def brief(ctx: click.Context) -> Answer:
    """Return the short status that `trading` alone prints, with three next commands."""
    data = _read(ctx)
    some = data.get("newest_quote_age_s") is not None
    facts = [pair for pair in _facts(data) if pair[0] in {"home", "last run", "newest quote"}]
    blocks: list[Block] = [Facts(facts), "next:"]
    blocks += [f"  {command}" for command in _NEXT[some]]
    return Answer(data, blocks, data.get("warnings", ()))


def _read(ctx: click.Context) -> Mapping[str, Any]:
    from trading_cli.app import overview

    data: Mapping[str, Any] = overview.status(shared(ctx).config, os.environ)
    return data


def _facts(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return the facts of *data* for people, absent ones said to be absent."""
    run = data.get("last_run") or {}
    facts: list[tuple[str, object]] = [
        ("mode", data.get("mode")),
        ("home", data.get("home")),
        ("last run", f"slot {run['slot']}, {run['state']}" if run else "none yet"),
        ("next slot", data.get("next_slot")),
        ("newest quote", _age(data.get("newest_quote_age_s"))),
        ("data gate", _gate(data.get("data_gate"))),
    ]
    kill = data.get("kill")
    if isinstance(kill, Mapping):
        facts.append(("kill switch", f"{kill.get('state')}, {kill.get('reason')}"))
    known = {
        *("mode", "home", "last_run", "next_slot", "newest_quote_age_s", "data_gate", "warnings"),
        *("kill", "sources"),
    }
    facts += [(key.replace("_", " "), value) for key, value in data.items() if key not in known]
    return facts


def _gate(gate: object) -> object:
    if not isinstance(gate, Mapping):
        return gate
    reasons = ", ".join(str(reason) for reason in gate.get("reasons", ()))
    return "open" if gate.get("open") else f"closed: {reasons}"


def _age(seconds: object) -> str:
    if not isinstance(seconds, (int, float)):
        return "none yet"
    minutes = int(seconds) // 60
    if minutes < 1:
        return f"{int(seconds)} s ago"
    if minutes < 2 * _HOUR:
        return f"{minutes} min ago"
    return f"{minutes // _HOUR} h ago" if minutes < 2 * _DAY else f"{minutes // _DAY} days ago"
