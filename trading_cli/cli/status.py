"""`trading status`: where things stand, without the libraries of the collection."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import click
import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, deliver, shared

app = commands()
_HOUR = 60
_DAY = 24 * _HOUR
_WIDTH = 80
_GAP = 2
_LEAST = 20
_EVERY_S = 2.0
_STAYS = "\N{NO-BREAK SPACE}"
_NEXT = {
    True: ("trading markets", "trading quality-check", "trading doctor"),
    False: ("trading demo", "trading collect", "trading doctor"),
}


@app.command(cls=Command)
def status(
    ctx: typer.Context,
    watch: Annotated[
        bool, typer.Option("--watch", help="Draw it again every 2 s, until Ctrl-C.")
    ] = False,
) -> Answer | None:
    """Show mode, home, kill switch, pauses, the last run, the account, the gate and the funnel."""
    if not watch:
        return _answer(ctx)
    from trading_cli.cli.render import wipe

    try:
        while not shared(ctx).as_json and wipe():
            deliver(_answer(ctx), ctx)
            time.sleep(_EVERY_S)
    except KeyboardInterrupt:  # that is how a watch ends
        return None
    from trading_cli.core.errors import UsageError

    raise UsageError(
        "--watch draws on a terminal, not into a pipe or as JSON.",
        hint="run `trading status --json` as often as you like",
    )


def _answer(ctx: click.Context) -> Answer:
    data = _read(ctx)
    blocks: list[Block] = [Facts(_fitted(_facts(data)))]
    if sources := data.get("sources"):
        blocks.append(_sources(sources))
    if (data.get("kill") or {}).get("state") == "TRIGGERED":
        blocks.append("next: trading kill status")
    return Answer(data, blocks, data.get("warnings", ()))


def brief(ctx: click.Context) -> Answer:
    """Return the short status that `trading` alone prints, with three next commands."""
    data = _read(ctx)
    some = data.get("newest_quote_age_s") is not None
    facts = [pair for pair in _facts(data) if pair[0] in {"home", "last run", "newest quote"}]
    blocks: list[Block] = [Facts(_fitted(facts)), "next:"]
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
        ("last run", _ran(run) if run else "none yet"),
        ("next slot", _next_slot(data)),
        ("newest quote", _age(data.get("newest_quote_age_s"))),
        ("data gate", _gate(data.get("data_gate"))),
        ("account", _account(data.get("account"))),
    ]
    kill = data.get("kill")
    if isinstance(kill, Mapping):
        level = f", level {kill['level']}" if kill.get("level") else ""
        facts.append(("kill switch", f"{kill.get('state')}{level}, {kill.get('reason')}"))
    facts += [("paused", _pause(one)) for one in data.get("pauses") or ()]
    if box := data.get("outbox"):
        oldest = box.get("oldest_s")
        since = "" if oldest is None else f", the oldest queued {_age(oldest)}"
        facts.append(("to be told", f"{box.get('pending')}{since}"))
    known = {
        *("mode", "home", "last_run", "next_slot", "missed_since", "newest_quote_age_s"),
        *("data_gate", "warnings", "kill", "sources", "account", "pauses", "outbox"),
    }
    facts += [(key.replace("_", " "), value) for key, value in data.items() if key not in known]
    return facts


def _next_slot(data: Mapping[str, Any]) -> str:
    """Return when the next slot begins, and since when none was collected."""
    from trading_cli.cli.eighty import minute

    told = f"{minute(data.get('next_slot'))} UTC"
    missed = minute(data.get("missed_since"))
    return f"{told}; none was collected since {missed} UTC: `trading run`" if missed else told


def _ran(run: Mapping[str, Any]) -> str:
    """Return a run for people; why it is so where it failed."""
    why = f": {run['why']}" if run["state"] == "FAILED" and run.get("why") else ""
    from trading_cli.cli.eighty import minute

    return f"slot {minute(run['slot'])} UTC, {run['state']}{why}"


def _sources(told: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return each source's state; a long message goes on in the rows below it."""
    headings = ("source", "state", "last answer, UTC", "message")
    rows = []
    for name, one in told.items():
        state = str(one.get("state"))
        message = str(one.get("message") or "").removeprefix(f"{state}: ")
        rows.append((name, state, _when(one.get("last_ok")), message))
    taken = sum(max(len(row[i]) for row in (headings, *rows)) + _GAP for i in range(3))
    room = max(_LEAST, _WIDTH - taken)
    return Table(
        headings,
        [
            (*(row[:3] if first else ("", "", "")), line)
            for row in rows
            for first, line in _lines(row[3], room)
        ],
    )


def _fitted(facts: Sequence[tuple[str, object]]) -> list[tuple[str, object]]:
    """Return *facts* in lines of 80 columns; a line that goes on with a fact has no name."""
    room = max(_LEAST, _WIDTH - _GAP - max((len(name) for name, _ in facts), default=0))
    return [
        (name if first else "", line)
        for name, value in facts
        for first, line in _lines(value, room)
    ]


def _lines(value: object, room: int) -> list[tuple[bool, str]]:
    """Return *value* in lines of *room* columns, and of each whether it is the first.

    Lines break between words, in a mapping between its pairs; a path or an address stays whole.
    """
    from textwrap import wrap

    from trading_cli.cli.render import neutral

    text = neutral(value)
    if isinstance(value, Mapping):
        text = ", ".join(pair.replace(" ", _STAYS) for pair in text.split(", "))
    lines = wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    return [(number == 0, line.replace(_STAYS, " ")) for number, line in enumerate(lines)]


def _when(told: object) -> str:
    """Return the instant *told* (ISO, UTC) to the minute."""
    return f"{told[:10]} {told[11:16]}" if isinstance(told, str) else "-"


def _account(told: object) -> str:
    if not isinstance(told, Mapping):
        return "none yet"
    return (
        f"equity {told['equity']:,.2f} USD, cash {told['cash']:,.2f}, at stake"
        f" {told['exposure']:,.2f}, {told['open']} open, at {_when(told['at'])} UTC"
    )


def _pause(told: Mapping[str, Any]) -> str:
    until = told.get("until")
    ends = "until it is lifted" if until is None else f"until {_when(until)} UTC"
    return f"{told.get('kind')}, since {_when(told.get('since'))} UTC, {ends}: {told.get('reason')}"


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
