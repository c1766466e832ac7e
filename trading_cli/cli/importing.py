"""`trading import`: a person's own history, checked, into the tables of what was recorded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def bring_in(
    ctx: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="CSV, Parquet, JSON or JSON lines, plain or .gz; a folder means all of its files.",
        ),
    ],
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=THEIRS",
            help="Which column is which (--map p=mid_price). May be repeated.",
        ),
    ] = None,
    lag: Annotated[
        int | None,
        typer.Option(
            metavar="SECONDS",
            help="So long after its time a row counts as known (default: 90, trades 300).",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and check everything, store nothing.")
    ] = False,
    source: Annotated[
        str, typer.Option(metavar="TAG", help="Name of this source (default: the folder's name).")
    ] = "",
) -> Answer:
    """Bring in a history of your own: markets and prices, checked row by row."""
    from trading_cli.app.importing import Asked, bring_in

    said = shared(ctx)
    asked = Asked(files, maps or (), lag, dry_run, source)
    data = bring_in(said.config, asked, told=said.talk)
    return Answer(data, _blocks(data), _warnings(data))


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    from trading_cli.cli.eighty import fitted

    markets, gaps = data["markets"], data["gaps"]
    refused = sum(one["count"] for one in data["refused"])
    facts: list[tuple[str, object]] = [
        ("source", data["source"] + (" (dry run: nothing stored)" if data["dry_run"] else "")),
        ("span", f"{data['since'][:19]} to {data['until'][:19]}" if data["since"] else None),
        (
            "markets",
            (
                f"{markets['total']} ({markets['new']} new), {markets['settled']} settled,"
                f" {markets['synthetic']} under a name of ours"
            ),
        ),
        *((name, _written(data[name])) for name in _KINDS if sum(data[name].values())),
        ("known", f"{data['lag_s']} s after their time"),
        ("sorted", f"{data['unsorted']:,} rows came out of order, {data['duplicates']:,} twice"),
        ("gaps", _gaps(gaps)),
        ("refused", f"{refused:,} of {data['rows']:,} rows"),
        ("speed", f"{data['rows_per_second']:,} rows a second, {data['seconds']:.1f} s"),
    ]
    headings = ("file", "rows", "refused", "read as")
    rows = [
        (one["name"], f"{one['rows']:,}", one["refused"], one["layout"]) for one in data["files"]
    ]
    blocks: list[Block] = [
        Table(headings, rows, "", frozenset(headings[1:3]), frozenset({"read as"})),
        Facts(fitted(facts)),
    ]
    if data["refused"]:
        told = [
            (one["reason"], f"{one['count']:,}", f"{one['file']}:{one['line']}", one["detail"])
            for one in data["refused"]
        ]
        blocks.append(
            Table(
                ("refused", "rows", "first", "what it said"), told, "", frozenset({"rows"}),
                frozenset({"refused", "what it said"}),
            )
        )  # fmt: skip
    blocks += data["notes"]
    if markets["settled"] and not data["dry_run"]:
        blocks.append(f"next: trading calibrate --source {data['source']}, then trading backtest")
    return blocks


_KINDS = ("points", "resolutions", "listings", "books", "quotes", "trades")


def _written(counts: Mapping[str, int]) -> str:
    conflicts = f", {counts['conflict']:,} contradict what is kept" if counts["conflict"] else ""
    return f"{counts['new']:,} new, {counts['same']:,} there already{conflicts}"


def _gaps(gaps: Mapping[str, int]) -> str:
    if not gaps["count"]:
        return "none of three usual steps or more"
    return (
        f"{gaps['count']:,} of three usual steps or more in {gaps['series']:,} series,"
        f" the longest {gaps['longest_s'] / 3600:.1f} h"
    )


def _warnings(data: Mapping[str, Any]) -> list[str]:
    """Say of each column nothing was made of what it may be, and of conflicts where they are."""
    found = []
    for file in data["files"]:
        for odd in file["unknown"]:
            mend = f": --map {odd['near']}={odd['column']}" if odd["near"] else ""
            found.append(f"{file['name']}: column {odd['column']!r} is not used{mend}")
    return found
