"""`trading close ID|--all --reason T`: a person sells, through the same gateway as the exits."""

from typing import Annotated

import typer

from trading_cli.cli.answer import Answer, Block, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def close(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why: it is journaled.")],
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]…", help="Of positions, orders, decisions.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything we hold.")] = False,
) -> Answer:
    """Sell positions now into the bids of a fresh book; exit 8 where the kill switch forbids."""
    from trading_cli.app import closing

    said = shared(ctx)
    data = closing.close(
        said.config, tuple(ids or ()), every=every, reason=reason, progress=said.talk
    )
    warnings = data.pop("warnings")
    rows = [
        (one["position"], one["question"], one["state"], one["sold"], one["left"], one["why"])
        for one in data["closed"]
    ]
    headings = ("position", "question", "state", "sold", "left", "why")
    folds, right = frozenset({"question", "why"}), frozenset({"sold", "left"})
    blocks: list[Block] = [Table(headings, rows, "", right, folds)] if rows else []
    refused = 8 if data["refused"] else 0
    return Answer(data, blocks or ["nothing is held"], warnings, refused)
