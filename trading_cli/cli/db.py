"""`trading db stats`: the database."""

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.callback()
def db() -> None:
    """Look after the database."""


@app.command(cls=Command)
def stats(ctx: typer.Context) -> Answer:
    """Show the size of the database, its schema version and the rows of every table."""
    from trading_cli.app import overview

    data = overview.db_stats(shared(ctx).config)
    facts = [(key, value) for key, value in data.items() if key not in {"tables", "warnings"}]
    blocks: list[Block] = [Facts(facts)]
    tables = data.get("tables")
    if tables:
        pairs = (
            tables.items() if isinstance(tables, dict) else [tuple(row.values()) for row in tables]
        )
        width = ("table", "rows")
        blocks.append(
            Table(width, [pair[:2] for pair in map(tuple, pairs)], right=frozenset({"rows"}))
        )
    return Answer(data, blocks, data.get("warnings", ()))
