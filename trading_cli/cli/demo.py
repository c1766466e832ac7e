"""`trading demo`: everything at once, offline."""

from pathlib import Path
from typing import Annotated

import typer

from trading_cli.cli.answer import Answer
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def demo(
    ctx: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=365, help="Backfill so many days.")] = 42,
    cycles: Annotated[int, typer.Option(min=1, help="Then run so many slots.")] = 96,
    markets: Annotated[int, typer.Option(min=1, help="Ordinary markets, beside the scenes.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Which world.")] = 1,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Make the demo's home here.")
    ] = None,
) -> Answer:
    """Live a day, offline: past, decisions, trades, exits, messages, and whether it adds up."""
    from trading_cli.app.demo import demo as perform

    data = perform(days, cycles, markets, seed, keep, shared(ctx).talk)
    lines = [str(line) for line in data.pop("lines", ())]
    return Answer(data, lines, data.get("warnings", ()))
