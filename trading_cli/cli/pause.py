"""`trading pause`: no entries for a while; exits go on."""

from typing import Annotated

import typer

from trading_cli.cli.answer import Answer, Block, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def pause(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why: it is journaled.")],
    lasting: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="4h, 2d: it ends by itself.")
    ] = None,
) -> Answer:
    """Stop entries until `trading resume`, or for a time; exits go on."""
    from datetime import UTC, datetime

    from trading_cli.app import running
    from trading_cli.core.times import duration

    until = datetime.now(UTC) + duration(lasting) if lasting else None
    data = running.pause(shared(ctx).config, reason=reason, until=until)
    first = "entries are paused; exits go on" if data["new"] else "entries were paused already"
    return Answer(data, (first, pauses_table(data["pauses"])))


def pauses_table(held: list[dict[str, str | None]]) -> Block:
    """Return the pauses in force as a table."""
    rows = [(one["kind"], one["since"], one["until"], one["reason"]) for one in held]
    return Table(("pause", "since", "until", "reason"), rows, folds=frozenset({"reason"}))
