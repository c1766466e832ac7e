"""`trading trials`: what was ever tried, which is what a good result must be held against."""

import enum
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_HEADINGS = ("id", "at, UTC", "kind", "strategy", "state", "sharpe", "days", "settings", "hash")


class Kind(enum.StrEnum):
    """What was tried."""

    BACKTEST = "backtest"
    CELL = "cell"
    CORRELATION = "correlation"


@app.command(cls=Command)
def trials(
    ctx: typer.Context,
    strategy: Annotated[str | None, typer.Option(help="Only of this strategy.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="Only of this kind.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Rows shown.")] = 50,
) -> Answer:
    """List every backtest, sweep cell and correlation family that was ever begun."""
    from trading_cli.app import trials as tried

    data = tried.ledger(
        shared(ctx).config,
        strategy=strategy,
        kind=None if kind is None else kind.value,
        limit=limit,
    )
    return Answer(data, _blocks(data))


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    from trading_cli.cli.eighty import fitted, minute

    counted, luck = data["counted"], data["luck"]
    best = luck["missing"] or (
        f"Sharpe {luck['sharpe_a_year']:.2f} a year is the best that {luck['trials']} trials"
        " without skill are expected to show"
    )
    facts: list[tuple[str, object]] = [
        ("tried", f"{counted['distinct']} distinct trials in {counted['rows']} runs"),
        ("tests in them", counted["tests"]),
        ("never ended", counted["unfinished"]),
        ("luck alone", best),
    ]
    rows = [
        (
            one["id"], minute(one["at"]), one["kind"], one["strategy"] or None, one["state"],
            None if one["sharpe_a_year"] is None else f"{one['sharpe_a_year']:.2f}", one["days"],
            _said(one), one["hash"],
        )
        for one in data["trials"]
    ]  # fmt: skip
    blocks: list[Block] = [Facts(fitted(facts))]
    if rows:
        numbers = frozenset({"id", "sharpe", "days"})
        spare = ("hash", "days", "at, UTC", "kind")
        blocks.append(Table(_HEADINGS, rows, "", numbers, frozenset({"settings"}), spare))
    return blocks


def _said(one: Mapping[str, Any]) -> str:
    """Return the settings in a few words, IN-SAMPLE before them where it was."""
    told = ", ".join(f"{name}={value}" for name, value in sorted(one["settings"].items()))
    words = ["IN-SAMPLE"] if one["in_sample"] else []
    words += [one["why"]] if one["why"] else []
    return "; ".join([*words, told]) if words else told
