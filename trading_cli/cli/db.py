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
    size, log = (f"{data[key] / 1e6:.1f} MB" for key in ("bytes", "wal_bytes"))
    facts = [("path", data["path"]), ("size", size), ("log", log), ("schema", data["schema"])]
    rows = [
        (name, count, data["queries"].get(f"count {name}"))
        for name, count in data["tables"].items()
    ]
    headings = ("table", "rows", "ms to count")
    blocks: list[Block] = [Facts(facts), Table(headings, rows, right=frozenset(headings[1:]))]
    return Answer(data, blocks)
