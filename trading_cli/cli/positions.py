"""`trading positions`: what is held, at what it would bring now."""

from collections.abc import Mapping
from typing import Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_HEADINGS = (
    *("id", "question", "token", "shares", "cost", "worth", "to leave", "result", "bid", "stop"),
    *("book age", "by", "state"),
)
_NUMBERS = frozenset({"shares", "cost", "worth", "to leave", "result", "bid", "stop", "book age"})
_SPARE = ("by", "state", "bid", "book age", "cost", "shares")


@app.command(cls=Command)
def positions(ctx: typer.Context) -> Answer:
    """Show what is held at liquidation value, the cost to leave now, and the stops."""
    from trading_cli.app import positions as holding

    data = holding.positions(shared(ctx).config)
    warnings = data.pop("warnings")
    return Answer(data, _blocks(data), warnings)


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    from trading_cli.cli.eighty import age, fitted, folded, money

    blocks: list[Block] = []
    if rows := data["positions"]:
        folds = frozenset({"question"})
        table = Table(_HEADINGS, [_row(row) for row in rows], "", _NUMBERS, folds, _SPARE)
        blocks += [table, Facts(fitted(_totals(data["totals"])))]
        noted = [f"{row['id']} is {row['state']}: {row['note']}." for row in rows if row["note"]]
        blocks += ["\n".join(folded(one, 80)) for one in noted]
        blocks.append("\n".join(folded(f"{data['stop_note'].capitalize()}.", 80)))
    if outside := data["outside"]:
        headings = ("wallet", "question", "token", "shares", "cost", "seen")
        told = [
            (
                *(f"{one['wallet'][:8]}…", one["question"] or one["market"], one["token"]),
                *(one["shares"], money(one["cost"]), f"{age(one['age_s'])} ago"),
            )
            for one in outside
        ]
        right = frozenset({"shares", "cost"})
        blocks.append(Table(headings, told, "held outside, counted in the limits", right,
                            frozenset({"question"}), ("seen", "wallet")))  # fmt: skip
    return blocks


def _row(row: Mapping[str, Any]) -> tuple[object, ...]:
    from trading_cli.cli.eighty import age, change, money

    return (
        row["id"],
        row["question"] or row["market"],
        row["token"],
        row["shares"],
        *(money(row[name]) for name in ("cost", "liquidation", "cost_to_leave")),
        change(row["unrealized"]),
        row["bid"],
        row["stop"],
        age(row["book_age_s"]),
        row["by"],
        row["state"],
    )


def _totals(totals: Mapping[str, Any]) -> list[tuple[str, object]]:
    from trading_cli.cli.eighty import money

    unpriced = totals["unpriced"]
    held = f"{totals['held']}" + (f", {unpriced} without a price" if unpriced else "")
    return [
        ("held", held),
        ("cost", money(totals["cost"])),
        ("worth now", money(totals["liquidation"])),
        ("cost to leave now", money(totals["cost_to_leave"])),
        ("cash", money(totals["cash"])),
    ]
