"""`trading collect`: one slot of markets, books, trades, resolutions and talk."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def collect(
    ctx: typer.Context,
    backfill: Annotated[
        str | None, typer.Option(metavar="TIME", help="Also fetch the past: 7d, 24h.")
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this source; may be repeated.")
    ] = None,
    all_markets: Annotated[
        bool, typer.Option("--all-markets", help="Every listed market, not only the panel.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Collect again though the slot is complete.")
    ] = False,
) -> Answer:
    """Collect markets, books, trades, resolutions and the talk about them, once per slot."""
    from trading_cli.core.times import duration

    said = shared(ctx)
    span = duration(backfill) if backfill else None

    from trading_cli.app.collect import collect as collect_slot
    from trading_cli.app.toolkit import build

    with build(said.config, verbose=said.verbose) as toolkit:
        report = collect_slot(
            toolkit,
            backfill=span,
            sources=tuple(source or ()),
            all_markets=all_markets,
            force=force,
            progress=said.talk,
        )
    data = report.data()
    return Answer(data, _blocks(data), report.warnings)


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    """Return the report for people: what was done, then one line per source."""
    counts = ("markets", "quotes", "trades", "posts", "points", "resolutions")
    facts = [(name, data[name]) for name in ("slot", *counts) if data.get(name) is not None]
    gate = data.get("gate")
    if gate:
        reasons = "; ".join(str(reason) for reason in gate["reasons"])
        facts.append(("gate", "open" if gate["open"] else f"closed: {reasons}"))
    funnel = data.get("funnel")
    blocks: list[Block] = ["already collected; --force collects again"] * bool(data.get("already"))
    blocks.append(Facts(facts))
    if funnel:
        blocks.append(Facts([(f"  {key}", value) for key, value in funnel.items()], "funnel"))
    columns = ("fetched", "stored", "refused", "failed", "requests", "seconds", "state", "message")
    rows = [
        [name, *(told.get(column) for column in columns)]
        for name, told in (data.get("sources") or {}).items()
    ]
    if rows:
        blocks.append(
            Table(
                ("source", *columns),
                rows,
                right=frozenset(columns[:6]),
                folds=frozenset({"message"}),
                spare=("seconds", "requests", "refused", "failed"),
            )
        )
    return blocks
