"""`trading monte-carlo`: what else could have come of the same trades."""

import enum
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()


class Engine(enum.StrEnum):
    """How paths are made."""

    BLOCK = "block"
    IID = "iid"
    SHUFFLE = "shuffle"
    PERTURB = "perturb"
    OUTCOME = "outcome"


@app.command(cls=Command)
def monte_carlo(
    ctx: typer.Context,
    runs: Annotated[
        int | None, typer.Option(min=1, max=10_000_000, help="Paths (default: monte_carlo.runs).")
    ] = None,
    engine: Annotated[
        Engine | None, typer.Option(help="How (default: monte_carlo.engine).")
    ] = None,
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="A backtest: this version keeps none.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same paths.")] = 1,
    workers: Annotated[
        int, typer.Option(min=1, max=1024, help="Processes; the result is the same.")
    ] = 1,
) -> Answer:
    """Redraw the closed trades: falls, ruin, recovery, each with its error; and worse worlds."""
    from trading_cli.app import montecarlo as drawing

    asked = drawing.Asked(runs, None if engine is None else engine.value, run, seed, workers)
    data = drawing.monte_carlo(shared(ctx).config, asked)
    return Answer(data, _blocks(data))


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    if data["missing"]:
        return [data["missing"]]
    from trading_cli.cli.eighty import fitted

    blocks: list[Block] = [Facts(fitted(_about(data)))]
    headings = ("percentile", "drawdown", "error", "total return", "under water")
    final = {one["percentile"]: one for one in data["final"]}
    recovery = data["recovery"]
    longest = {one["percentile"]: one for one in recovery["longest"]} if recovery else {}
    falls = {one["percentile"]: one for one in data["drawdown"]}
    rows = [
        (
            f"{at:g}",
            *_fall(falls.get(at)),
            _signed(final.get(at)),
            f"{longest[at]['point']:g} {data['unit']}" if at in longest else None,
        )
        for at in sorted({*falls, *final, *longest})
    ]
    blocks.append(Table(headings, rows, "", frozenset(headings), frozenset(), ("error",)))
    blocks.append(_worse(data["stress"]))
    blocks += [f"not done: {one}" for one in data["not_done"]]
    return blocks


def _about(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = [
        ("engine", f"{data['engine']}: {data['means']}"),
        ("drawn", f"{data['runs']:,} paths of {data['steps']} {data['unit']}, seed {data['seed']}"),
        ("from", f"{data['trades']} closed trades in {data['events']} events. UNPROVEN."),
    ]
    if data["block_length"] is not None:
        pairs.append(("blocks", f"{data['block_length']:.2f} days on average (Politis-White)"))
    if odds := data["odds"]:
        told = f"{odds['stated']} stated by a strategy, {odds['price']} the price itself (no edge)"
        pairs.append(("chances", told))
    pairs.append((f"ruin, a fall of {data['ruin']['at']:.0%}", data["ruin"]["told"]))
    pairs.append((f"ever {data['ruin']['at']:.0%} below the start", _share(data["below_start"])))
    if data["lost"] is not None:
        pairs.append(("ended with a loss", _share(data["lost"])))
    if data["mean_final"] is not None:
        pairs.append(("mean total return", _share(data["mean_final"])))
    if recovery := data["recovery"]:
        told = f"{_share(recovery['waiting'])} of the first {recovery['paths']:,} paths"
        pairs.append(("not recovered at the end", told))
    return pairs


def _worse(rows: Sequence[Mapping[str, Any]]) -> Table:
    headings = ("worse world", "drawdown 50", "95", "ruin", "median return")
    told = []
    for one in rows:
        falls = {row["percentile"]: row for row in one["drawdown"]}
        middle = next(row for row in one["final"] if row["percentile"] == 50)  # noqa: PLR2004  # the median
        told.append(
            (
                one["name"],
                f"{falls[50]['point']:.1%}",
                f"{falls[95]['point']:.1%}",
                one["ruin"]["told"],
                _signed(middle),
            )
        )
    return Table(headings, told, "the trades drawn one by one", frozenset(headings[1:]))


def _fall(one: Mapping[str, float] | None) -> tuple[str | None, str | None]:
    if one is None:
        return None, None
    return f"{one['point']:.1%}", f"[{one['low']:.1%}, {one['high']:.1%}]"


def _signed(one: Mapping[str, float] | None) -> str | None:
    return None if one is None else f"{one['point']:+.1%}"


def _share(told: Mapping[str, float]) -> str:
    return f"{told['point']:.2%} [{told['low']:.2%}, {told['high']:.2%}]"
