"""`trading signal`: the decisions of this slot."""

from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def signal(
    ctx: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store, order and tell nothing.")
    ] = False,
    market: Annotated[str | None, typer.Option(metavar="ID", help="Only this market.")] = None,
) -> Answer:
    """Decide on every candidate of this slot, and show each decision with its reason."""
    from trading_cli.app import signalling

    said = shared(ctx)
    data = signalling.signal(said.config, dry_run=dry_run, market=market, progress=said.talk)
    return Answer(data, _blocks(data))


def _blocks(data: dict[str, Any]) -> list[Block]:
    """Return the decisions as a table, those to buy first, and the word on what a stop is."""
    decisions = data["decisions"]
    if not decisions:
        return ["no candidates in this slot: `trading status` shows the funnel"]
    rows = [
        (
            one["id"],
            one["action"],
            one["side"],
            one["reason"],
            *(_short(one["features"].get(name)) for name in ("rvr", "roc", "hype")),
            one["size"] or None,
            one["question"],
        )
        for one in decisions
    ]
    headings = ("id", "action", "side", "reason", "RVR", "ROC", "hype", "shares", "question")
    table = Table(headings, rows, right=frozenset(headings[4:8]), folds=frozenset({"question"}))
    more = "why, and why not: trading explain ID"
    blocks: list[Block] = [table, more]
    if any(one["action"] == "BUY" for one in decisions):
        blocks.append("A stop is an attempt, not a bound; you can lose the whole stake. UNPROVEN.")
    return blocks


def _short(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"
