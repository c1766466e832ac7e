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
        str | None,
        typer.Option(metavar="RUN", help="Trades of a kept backtest: @last, or its number."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same paths.")] = 1,
    workers: Annotated[
        int, typer.Option(min=1, max=1024, help="Processes; the result is the same.")
    ] = 1,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Spread the work over a dask cluster.")
    ] = None,
) -> Answer:
    """Redraw the closed trades: falls, ruin, recovery, each with its error; and worse worlds."""
    from trading_cli.app import montecarlo as drawing

    said, name = shared(ctx), None if engine is None else engine.value
    asked = drawing.Asked(runs, name, run, seed, workers, cluster)
    data = drawing.monte_carlo(said.config, asked, say=said.talk)
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
    if data["sensitivity"]:
        blocks.append(_grid(data["sensitivity"]))
    blocks.append(_worse(data["stress"]))
    blocks += [f"not done: {one}" for one in data["not_done"]]
    return blocks


def _about(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    source = "the account" if data["run"] is None else f"backtest {data['run']}"
    drawn = f"{data['runs']:,} paths of {data['steps']} {data['unit']}"
    if factors := data["factors"]:
        noise = ", ".join(f"{name} +-{most:.0%}" for name, most in factors.items())
        drawn = f"{data['runs']:,} runs of it, {noise}"
    pairs: list[tuple[str, object]] = [
        ("engine", f"{data['engine']}: {data['means']}"),
        ("drawn", f"{drawn}, seed {data['seed']}"),
        ("from", f"{data['trades']} closed trades of {source}, {data['events']} events. UNPROVEN."),
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


def _grid(rows: Sequence[Mapping[str, Any]]) -> Table:
    headings = ("RVR from", "stop", "size", "return", "drawdown", "trades", "note")
    told = [
        (
            f"{one['rvr']:g}", f"{one['stop']:.0%}", f"{one['size']:.0%}",
            None if one["total_return"] is None else f"{one['total_return']:+.2%}",
            None if one["drawdown"] is None else f"{one['drawdown']:.1%}",
            one["trades"], one["why"] or None,
        )
        for one in rows
    ]  # fmt: skip
    title = f"sensitivity: {len(rows)} backtests, each a trial in the ledger"
    return Table(headings, told, title, frozenset(headings[:-1]), frozenset({"note"}), ("note",))


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
