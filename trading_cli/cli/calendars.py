"""`trading calendar`: what is coming, what we risk in it, and when trading happens."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Table
from trading_cli.cli.options import Command, Group, commands, deliver, shared

app = commands()
_EVENTS = ("at, UTC", "in", "kind", "what", "at stake", "note")
_HELD = ("within", "left", "at stake", "token", "shares", "question")


@app.callback(cls=Group, invoke_without_command=True)
def calendar(
    ctx: typer.Context,
    days: Annotated[int, typer.Option("--days", min=1, max=730, help="So far ahead.")] = 30,
    held: Annotated[bool, typer.Option("--held", help="Only what is held.")] = False,
    ics: Annotated[
        Path | None, typer.Option("--ics", metavar="FILE", help="Write it as iCalendar too.")
    ] = None,
) -> None:
    """Show deadlines, settlements under way and dates brought in, with what is held in them."""
    if ctx.invoked_subcommand is not None:
        return
    from trading_cli.app import agenda

    data = agenda.agenda(shared(ctx).config, days=days, held_only=held)
    if ics is not None:
        count = agenda.write_ics(ics, data["events"])
        shared(ctx).talk(f"{count} entries written to {ics}")
    raise typer.Exit(deliver(Answer(data, _blocks(data)), ctx))


@app.command("import", cls=Command)
def bring_in(
    ctx: typer.Context,
    place: Annotated[str, typer.Argument(metavar="FILE|URL", help="An .ics or .csv.")],
    source: Annotated[str | None, typer.Option(help="What to call it.")] = None,
) -> Answer:
    """Keep the dates of a file or a public https address: iCalendar, or CSV with at and title."""
    from trading_cli.app import agenda

    data = agenda.bring_in(shared(ctx).config, place, source)
    text = f"{data['source']}: {data['read']} dates read, {data['new']} new"
    return Answer(data, [text, *data["wrong"][:10]], data["wrong"][:1])


@app.command(cls=Command)
def patterns(
    ctx: typer.Context,
    days: Annotated[int, typer.Option("--days", min=1, max=730, help="So far back.")] = 56,
) -> Answer:
    """Show in which hours and on which weekdays trading happens, with intervals."""
    from trading_cli.app import rhythm

    data = rhythm.patterns(shared(ctx).config, days=days)
    return Answer(data, _rhythm(data))


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    from trading_cli.cli.eighty import minute, money

    if not data["events"] and not data["expiring"]:
        return [f"nothing is known to happen until {minute(data['until'])} UTC"]
    found: list[Block] = []
    if data["expiring"]:
        held = [
            (f"{one['within_h']} h" if one["hours"] >= 0 else None, _left(int(one["hours"] * 3600)),
             money(one["stake"]), one["token"], f"{one['shares']:g}", one["question"])
            for one in data["expiring"]
        ]  # fmt: skip
        right = frozenset({"within", "left", "at stake", "shares"})
        found.append(Table(_HELD, held, "Held, nearest first", right, frozenset({"question"})))
    rows = [
        (minute(one["at"]), _left(one["in_s"]), one["kind"], one["title"],
         money(one["stake"]) if one["stake"] else None, one["note"] or None)
        for one in data["events"]
    ]  # fmt: skip
    folds, spare = frozenset({"what", "note"}), ("note", "at stake")
    found.append(Table(_EVENTS, rows, "", frozenset({"at stake", "in"}), folds, spare))
    return found


def _left(seconds: int) -> str:
    from trading_cli.cli.eighty import age

    return f"{age(seconds)}" if seconds >= 0 else f"passed {age(-seconds)} ago"


def _rhythm(data: Mapping[str, Any]) -> list[Block]:
    missing = [
        f"by {what}: INSUFFICIENT, {data[name]} whole {name} of {data['least']}"
        for what, name in (("hour", "days"), ("weekday", "weeks"))
        if data[name] < data["least"]
    ]
    found: list[Block] = [*missing]
    for title, name, even in (("By hour, UTC", "hours", 24), ("By weekday", "weekdays", 7)):
        known = [one for one in data[name] if one["share"] is not None]
        most = max((one["share"] for one in known), default=0.0)
        rows = [
            (one["when"], f"{one['share']:.1%}", f"{one['low']:.1%} to {one['high']:.1%}",
             "#" * round(24 * one["share"] / most))
            for one in known
        ]  # fmt: skip
        if rows:
            head = ("when", "of USD", "95 %", f"even is {1 / even:.1%}")
            found.append(Table(head, rows, title, frozenset({"of USD"})))
    return found
