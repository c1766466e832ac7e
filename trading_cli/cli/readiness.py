"""`trading readiness`: what can be said yet, what cannot, and when."""

from collections.abc import Mapping
from typing import Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_REASONS = 8


@app.command(cls=Command)
def readiness(ctx: typer.Context) -> Answer:
    """Say for every part how much there is, what is missing, and when it comes at this pace."""
    from trading_cli.app import readiness as ready

    data = ready.readiness(shared(ctx).config)
    return Answer(data, _blocks(data))


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    from trading_cli.cli.eighty import fitted, minute

    rows = [
        (
            row["part"],
            row["state"],
            f"{row['n']:g} of {row['minimum']:g} {row['unit']}",
            None if row["state"] == "READY" else (minute(row["ready_at"]) or "no pace yet"),
        )
        for row in data["parts"]
    ]
    blocks: list[Block] = [Table(("part", "state", "there is", "enough at, UTC"), rows)]
    facts: list[tuple[str, object]] = [(one["name"], _indicator(one)) for one in data["indicators"]]
    facts += [(f"gate, {one['strategy']}", _gate(one)) for one in data["gate"]]
    if data["funnel"]:
        facts.append(("funnel", data["funnel"]))
    if reasons := data["reasons"]:
        told = [f"{name} {count}" for name, count in list(reasons.items())[:_REASONS]]
        facts.append(("7 days of reasons", ", ".join(told)))
    if facts:
        blocks.append(Facts(fitted(facts)))
    if data["expect"]:
        blocks.append(data["expect"])
    return blocks


def _gate(one: Mapping[str, Any]) -> str:
    if one["state"] == "PROVEN" or not one["trades"]:
        return str(one["sentence"])
    waiting = f"; {one['waiting']} trades wait for their bet to end" if one["waiting"] else ""
    return f"{one['sentence']}{waiting}"


def _indicator(one: Mapping[str, Any]) -> str:
    told = f"{one['defined']} of {one['markets']} markets"
    if one["provisional"]:
        told += f" ({one['provisional']} provisional)"
    if one["undefined"]:
        first = one["undefined"][0]
        told += f"; mostly: {first['reason']} ({first['markets']})"
    return told
