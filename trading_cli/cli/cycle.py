"""`trading cycle collection|analysis|validation`: one run of a cycle, as cron starts it."""

from typing import Annotated

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def cycle(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="CYCLE", help="collection, analysis, validation.")],
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="Who starts it, for the ledger of runs.")
    ] = "command",
) -> Answer:
    """Run one cycle for the present slot: collection, analysis or validation.

    A second start in a slot does nothing and says so.
    """
    from trading_cli.app import once

    said = shared(ctx)
    report, killed = once.run(
        said.config, name, started_by=by, verbose=said.verbose, progress=said.talk
    )
    data = report.data()
    return Answer(data, _blocks(data), report.warnings, 8 if killed else 0)


def _blocks(data: dict[str, object]) -> list[Block]:
    """Return the run for people: how it ended, then a line per step."""
    facts = [(name, data[name]) for name in ("cycle", "run", "slot", "state", "timing")]
    if data["reason"]:
        facts.append(("reason", data["reason"]))
    steps = data["steps"]
    rows = [
        (step["name"], step["state"], step["seconds"], step["why"])
        for step in (steps if isinstance(steps, list) else [])
    ]
    blocks: list[Block] = [Facts(facts)]
    if rows:
        headings = ("step", "state", "seconds", "why")
        blocks.append(Table(headings, rows, right=frozenset({"seconds"}), folds=frozenset({"why"})))
    return blocks
