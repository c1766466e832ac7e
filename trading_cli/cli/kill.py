"""`trading kill`: stop everything, now. And the way back, which is slower on purpose."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, Group, commands, deliver, shared

if TYPE_CHECKING:  # the stop loads what it needs, not more
    from trading_cli.app.release import Released

app = commands()
PERSON = "person"  # a hand
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.")]


@app.callback(cls=Group, invoke_without_command=True)
def kill(
    ctx: typer.Context,
    reason: Reason = None,
    level: Annotated[
        int | None,
        typer.Option(
            "--level",
            min=1,
            max=4,
            help="1 nothing is opened, 2 winners are sold, 3 everything is, 4 (default) no order.",
        ),
    ] = None,
) -> None:
    """Stop trading at once: `trading kill --reason TEXT`. It never asks."""
    if ctx.invoked_subcommand is not None:
        if reason is not None or level is not None:
            raise click.UsageError(
                "--reason and --level stand behind the word they belong to.", ctx
            )
        return
    if not reason:
        raise click.UsageError('say why, and it stops: trading kill --reason "TEXT"', ctx)
    answer = _trip(shared(ctx).config, level, reason)
    raise typer.Exit(deliver(answer, ctx))


def _trip(config: Path | None, level: int | None, reason: str) -> Answer:
    from trading_cli.app import halting

    data, troubles = halting.halt(
        config,
        os.environ,
        level=level or halting.DEFAULT_LEVEL,
        reason=reason,
        actor=PERSON,
        now=datetime.now(UTC),
    )
    proof = data["proof"]
    said = f"{proof['state']}: {proof['detail']}" if proof else "UNVERIFIED: nobody could look"
    facts: list[tuple[str, object]] = [
        ("stopped", data["home"]),
        ("level", f"{data['level']}: {_LEVELS[data['level']]}"),
        ("proof", said),
    ]
    blocks: list[Block] = [Facts(facts), "the way back: trading kill status"]
    return Answer(data, blocks, troubles)


_LEVELS = {
    1: "nothing is opened, exits go on",
    2: "nothing is opened, winners are sold",
    3: "nothing is opened, everything is sold",
    4: "no order at all",
}


@app.command(cls=Command)
def status(ctx: typer.Context) -> Answer:
    """Show how the switch stands, the phrase that resets it, and what was verified."""
    from trading_cli.app import release

    data = release.status(shared(ctx).config, os.environ)
    warnings = data.pop("warnings")
    proof = data["proof"]
    facts: list[tuple[str, object]] = [
        ("home", data["home"]),
        ("state", _state(data)),
        ("means", data["forbids"]),
        ("reason", data["reason"]),
        ("since", data["since"]),
        ("by", data["actor"]),
    ]
    if data["state"] == "TRIGGERED":
        facts += [
            ("proof", f"{proof['state']}: {proof['detail']}" if proof else "UNVERIFIED: not yet"),
            ("phrase", data["phrase"]),
            ("reset from", data["reset_from"]),
        ]
    if data["doubt"]:
        facts.append(("doubt", data["doubt"]))
    return Answer(data, [Facts(facts), *_next(data)], warnings)


def _state(data: Mapping[str, Any]) -> str:
    level = f", level {data['level']}" if data["level"] else ""
    words = " (no trading allowed)" if data["state"] == "DISARMED" else ""
    return f"{data['state']}{level}{words}"


def _next(data: Mapping[str, Any]) -> list[Block]:
    """Return the next command of the way back."""
    if data["state"] == "DISARMED":
        return ["next: trading kill arm"]
    if data["state"] != "TRIGGERED":
        return []
    if data["phrase"] is None or data["proof"] is None or data["proof"]["state"] != "VERIFIED":
        return ["next: trading kill verify"]
    return [f'next: trading kill reset --phrase {data["phrase"]} --reason "TEXT"']


@app.command(cls=Command)
def verify(ctx: typer.Context) -> Answer:
    """Look whether anything can still be filled: VERIFIED, or UNVERIFIED (exit 3)."""
    from trading_cli.app import release, stop
    from trading_cli.core.errors import StoreError

    place = stop.find_place(shared(ctx).config, os.environ)
    warnings = list(place.oddities)
    try:
        proof = release.proof_told(stop.verify(place, datetime.now(UTC)))
    except StoreError as error:
        proof = dict.fromkeys(
            ("trigger", "at", "open_orders", "opening_orders", "unknown_orders", "positions",
             "worst_case")
        ) | {"state": "UNVERIFIED", "detail": error.message}  # fmt: skip
        warnings.append(error.hint)
    data = {"home": str(place.home), **proof}
    blocks: list[Block] = [Facts([("home", data["home"]), (data["state"], data["detail"])])]
    return Answer(data, blocks, warnings, 0 if data["state"] == "VERIFIED" else 3)


@app.command(cls=Command)
def reset(
    ctx: typer.Context,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why it is safe, 10 characters or more.")
    ],
    phrase: Annotated[
        str, typer.Option("--phrase", metavar="P", help="As `trading kill status` shows it.")
    ],
) -> Answer:
    """Undo a stop: no trading then, until `trading kill arm`."""
    from trading_cli.app import release

    place, cool_down = release.settled_place(shared(ctx).config, os.environ)
    done = release.reset(
        place,
        reason=reason,
        phrase=phrase,
        actor=PERSON,
        now=datetime.now(UTC),
        cool_down=cool_down,
    )
    return _released(done)


@app.command(cls=Command)
def arm(ctx: typer.Context, reason: Reason = None) -> Answer:
    """Allow trading again, after a reset."""
    from trading_cli.app import release

    place, _ = release.settled_place(shared(ctx).config, os.environ)
    now = datetime.now(UTC)
    return _released(release.arm(place, reason=reason or "armed", actor=PERSON, now=now))


def _released(done: "Released") -> Answer:
    data = {"home": str(done.place.home), "row": done.seq, "state": done.state}
    facts = Facts([("home", data["home"]), ("state", data["state"])])
    more: list[Block] = ["next: trading kill arm"] if done.state == "DISARMED" else []
    return Answer(
        data, [facts, *more], (done.trouble,) if done.trouble else (), 8 if done.trouble else 0
    )


@app.command(cls=Command)
def history(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="So many rows.")] = 20,
) -> Answer:
    """Show who put the switch into which state, when and why."""
    from trading_cli.app import release

    data = release.history(shared(ctx).config, os.environ, limit)
    headings = ("at", "state", "level", "by", "reason")
    rows = [
        (row["at"][:19], row["state"], row["level"], row["actor"], row["reason"])
        for row in data["rows"]
    ]
    warnings = [data["doubt"]] if data["doubt"] else []
    return Answer(data, [Table(headings, rows, folds=frozenset({"reason"}))], warnings)


@app.command(cls=Command)
def drill(ctx: typer.Context) -> Answer:
    """Try a stop on a copy of the home, with real processes, and measure it (exit 3: too slow)."""
    from trading_cli.app import drill as drills
    from trading_cli.app import stop

    place = stop.find_place(shared(ctx).config, os.environ)
    now = datetime.now(UTC)
    done, seq = drills.drill(place, now=now)
    data = {"home": str(place.home), **asdict(done), "row": seq, "at": now.isoformat()}
    facts: list[tuple[str, object]] = [
        ("drill", "passed" if done.passed else "FAILED"),
        ("`trading kill`", f"latched after {done.latched_seconds:.3f} s as a whole process"),
        ("processes", f"{done.processes}, {done.asked} times asked"),
        ("last permission", f"{done.last_permission_seconds * 1000:+.1f} ms from the latch"),
        ("all refused", f"{done.refused_seconds * 1000:.1f} ms after the latch"),
        ("then", f"{done.proof}, reset, {done.reset}"),
        ("home", f"{place.home}: nothing was stopped here; journal row {seq}"),
    ]
    return Answer(data, [Facts(facts)], place.oddities, 0 if done.passed else 3)
