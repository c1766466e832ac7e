"""`trading markets`: what there is."""

import enum
from typing import Annotated

import typer

from trading_cli.cli.answer import Answer, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_COLUMNS = {
    "id": "id",
    "question": "question",
    "category": "category",
    "bid": "bid",
    "ask": "ask",
    "mid": "mid",
    "volume_24h": "volume 24h",
    "liquidity": "liquidity",
    "deadline": "deadline",
    "panel": "panel",
    "score": "score",
    "age_s": "age s",
}
_WORDS = {"id", "question", "category", "deadline", "panel"}


class Sort(enum.StrEnum):
    """The columns a listing can be sorted by."""

    VOLUME = "volume"
    LIQUIDITY = "liquidity"
    DEADLINE = "deadline"
    QUESTION = "question"
    SCORE = "score"
    AGE = "age"


@app.command(cls=Command)
def markets(
    ctx: typer.Context,
    search: Annotated[
        str, typer.Option(metavar="TEXT", help="Only questions that contain this text.")
    ] = "",
    sort: Annotated[Sort, typer.Option(help="What to sort by.")] = Sort.VOLUME,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> Answer:
    """List the markets that are known, with their latest prices."""
    from trading_cli.app import overview

    data = overview.markets(shared(ctx).config, search=search, sort=sort.value, limit=limit)
    rows = [[market.get(key) for key in _COLUMNS] for market in data["markets"]]
    right = frozenset(title for key, title in _COLUMNS.items() if key not in _WORDS)
    table = Table(tuple(_COLUMNS.values()), rows, right=right)
    nothing = "no markets; `trading collect` brings them"
    blocks = (table, f"{len(rows)} markets") if rows else (nothing,)
    return Answer(data, blocks, data.get("warnings", ()))
