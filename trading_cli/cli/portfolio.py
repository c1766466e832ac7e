"""`trading portfolio sync`: a person's own wallet, counted in the limits."""

from typing import Annotated

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.callback()
def portfolio() -> None:
    """Look after everything that is held, also outside."""


@app.command(cls=Command)
def sync(
    ctx: typer.Context,
    wallet: Annotated[
        str, typer.Option(metavar="ADDRESS", help="0x and 40 hexadecimal digits; no key is needed.")
    ],
) -> Answer:
    """Read what a wallet holds from the public Data API, and count it in the limits."""
    from trading_cli.app import wallet as reading

    data = reading.sync(shared(ctx).config, wallet)
    warnings = data.pop("warnings")
    rows = [
        (one["question"] or one["market"], one["token"], one["shares"], one["cost"])
        for one in data["positions"]
    ]
    headings, right = ("question", "token", "shares", "cost"), frozenset({"shares", "cost"})
    blocks: list[Block] = []
    if rows:
        blocks.append(Table(headings, rows, "", right, frozenset({"question"})))
    pairs = [
        ("wallet", data["wallet"]),
        ("positions", f"{len(rows)}, cost {data['cost']:,.2f} USD: counted in every limit"),
        ("settled", f"{data['settled']}, not counted"),
    ]
    return Answer(data, (*blocks, Facts(pairs)), warnings)
