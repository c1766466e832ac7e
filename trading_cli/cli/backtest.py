"""`trading backtest`: the live decisions over the stored past, and how likely it is luck."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_BARS = "▁▂▃▄▅▆▇█"
_WIDE = 56
_SHOWN = 12


Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="From here (default: what was recorded, else all)."),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="To here, not included.")]
Names = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Default: the settings'. Repeatable.")
]
Walk = Annotated[
    bool, typer.Option("--walk-forward", help="Choose on 60 days, judge on the 30 after, again.")
]
Grid = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=V1,V2", help="Vary a setting or strategy.parameter. Repeatable."),
]
Fees = Annotated[
    str | None, typer.Option(metavar="FEES", help="schedule, zero, or flat:R for rate R.")
]
Engine = Annotated[str, typer.Option(metavar="NAME", help="full, or screen: arrays, for sweeps.")]
Cluster = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Spread the cells over a dask cluster.")
]
Workers = Annotated[
    int, typer.Option(min=1, max=1024, help="Processes for cells; the result is the same.")
]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the report as a page.")]
Seed = Annotated[int, typer.Option(min=0, help="Of intervals and random entries.")]


@app.command(cls=Command)
def backtest(  # noqa: PLR0913, PLR0917  # an argument for each option
    ctx: typer.Context,
    since: Since = None,
    until: Until = None,
    strategy: Names = None,
    walk_forward: Walk = False,
    grid: Grid = None,
    fees: Fees = None,
    engine: Engine = "full",
    cluster: Cluster = None,
    workers: Workers = 1,
    html: Html = None,
    seed: Seed = 1,
) -> Answer:
    """Run the live decisions over stored history; say what came of it and how likely it is luck."""
    from datetime import UTC, datetime

    from trading_cli.app.backtests import report, study
    from trading_cli.core.times import instant

    said, now = shared(ctx), datetime.now(UTC)
    asked = study.Asked(
        None if since is None else instant(since, now),
        None if until is None else instant(until, now),
        tuple(strategy or ()), walk_forward, tuple(grid or ()), fees, engine, cluster, seed,
        workers,
    )  # fmt: skip
    if html is not None:
        _writable(html)
    data = study.backtest(said.config, asked, say=said.talk)
    if html is not None:
        from trading_cli.app.backtests.page import page
        from trading_cli.cli.render import document

        document(html, page(data))
        said.talk(f"written to {html}")
    return Answer(data, _blocks(data), _warnings(data["coverage"]), report.verdict(data))


def _warnings(coverage: Mapping[str, Any]) -> list[str]:
    from trading_cli.cli.eighty import minute

    return [
        f"imported history from {minute(one['since'])} to {minute(one['until'])} UTC is left out:"
        " the run is over what was recorded. --since and --until take it in, as"
        f" --since {one['since'][:16]}Z"
        for one in coverage["left_out"]
    ]


def _writable(path: Path) -> None:
    """Refuse a page that could not be written before the run, not after it."""
    import os

    from trading_cli.core.errors import UsageError

    folder = path.absolute().parent
    if path.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write {path}.", hint="name a file in a writable folder")


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    from trading_cli.cli.eighty import fitted

    blocks: list[Block] = [Facts(fitted(_about(data)))]
    blocks.append(_measures(data["metrics"]))
    blocks.append(_targets(data["targets"]))
    blocks.append(Facts(fitted(_luck(data)), "luck"))
    blocks.append(_beside(data))
    blocks += _capacity(data["capacity"])
    blocks.append(_groups("by grade of the fills", data["by_grade"]))
    blocks.append(_groups("by category", data["by_category"]))
    if data["grid"] is not None:
        blocks.append(_cells(data["grid"]))
    if data["walk_forward"] is not None:
        blocks.append(_folds(data["walk_forward"]))
    return [one for one in blocks if not isinstance(one, Table) or one.rows]


def _about(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    asked, counts, left = data["asked"], data["counts"], data["unresolved"]
    pairs: list[tuple[str, object]] = [("said", data["sentence"])]
    if data["missing"]:
        pairs.append(("", data["missing"]))
    pairs += [("IN-SAMPLE", one) for one in data["in_sample"]]
    pairs += [
        ("run", f"{data['run']} ({data['kind']}), trial {data['trial']}, {asked['engine']} engine"),
        ("span", f"{asked['since'][:16]} <= t < {asked['until'][:16]} UTC"),
        ("strategies", ", ".join(asked["strategies"])),
        ("history", _history(data["coverage"])),
        ("fees", f"{asked['fees']}; where there is but a mid: {asked['slippage']:.1%} off it"),
    ]
    if data["waived"]:
        pairs.append(("waived", ", ".join(data["waived"]) + ": no gate takes such a run"))
    fills = ", ".join(f"{grade} {count}" for grade, count in data["fills"].items())
    closed = f"{counts['closed']} closed in {counts['events']} events; fills by grade {fills}"
    pairs.append(("trades", closed))
    pairs.append(
        (
            "unresolved",
            f"{left['positions']} open, cost {left['cost']:,.2f}, now {left['value']:,.2f}",
        )
    )
    if data["killed_at"]:
        pairs.append(("ended", f"{data['killed_at'][:16]}, by a loss from the peak"))
    pairs.append(("equity", _sparkline(data["equity"])))
    pairs.append(("bias checks", _bias(data["bias"])))
    return pairs


def _history(found: Mapping[str, Any]) -> str:
    share = found["not_recorded_share"]
    told = f"{found['slots']:,} slots, {found['missing_slots']:,} more are missing"
    return told if share is None else f"{told}; {share:.0%} of the rows backfilled or imported"


def _bias(bias: Mapping[str, Any]) -> str:
    if bias["missing"]:
        return f"{bias['state']}: {bias['missing']}"
    wrong = [one["sentence"] for one in bias["checks"] if not one["clean"]]
    names = ", ".join(dict.fromkeys(one["name"] for one in bias["checks"]))
    compared = sum(one["compared"] for one in bias["checks"])
    return f"{bias['state']}: {'; '.join(wrong) or f'{names}; {compared:,} decisions compared'}"


def _sparkline(curve: Sequence[Mapping[str, Any]]) -> str:
    """Return the equity at liquidation value as one line of blocks, its ends in USD."""
    values = [one["liquidation"] for one in curve]
    if not values:
        return "none"
    most = min(_WIDE - 20, len(values))
    picked = [values[round(at * (len(values) - 1) / max(most - 1, 1))] for at in range(most)]
    low, high = min(picked), max(picked)
    steps = len(_BARS) - 1
    drawn = "".join(
        _BARS[round((one - low) / (high - low) * steps) if high > low else 0] for one in picked
    )
    return f"{values[0]:,.0f} {drawn} {values[-1]:,.2f}"


def _measures(rows: Sequence[Mapping[str, Any]]) -> Table:
    cells = [
        (
            one["name"],
            _value(one),
            _interval(one),
            one["n"],
            _short(one["missing"]) or one["method"],
        )
        for one in rows
    ]
    headings = ("measure", "value", "95 % interval", "n", "how, or what is missing")
    right = frozenset({"value", "95 % interval", "n"})
    return Table(headings, cells, "", right, frozenset({headings[-1]}))


def _short(missing: str) -> str:
    """Return what is missing without what every line here says."""
    return missing.removesuffix(" for an interval")


def _value(one: Mapping[str, Any], key: str = "value") -> str | None:
    value = one[key]
    if value is None:
        return None
    if one["unit"].startswith("share"):
        return f"{value:.1%}"
    return f"{value:,.2f}"


def _interval(one: Mapping[str, Any]) -> str | None:
    return None if one["low"] is None else f"{_value(one, 'low')} to {_value(one, 'high')}"


def _targets(rows: Sequence[Mapping[str, Any]]) -> Table:
    cells = [
        (
            one["name"],
            f"{'>=' if one['at_least'] else '<='} {one['target']:g}",
            _number(one["value"]),
            None if one["low"] is None else f"{one['low']:.2f} to {one['high']:.2f}",
            _short(one["missing"]) or one["stands"],
        )
        for one in rows
    ]
    headings = ("target", "asked", "value", "95 % interval", "the interval stands")
    title = "targets; alone they prove nothing (15 % of edgeless strategies meet four)"
    right = frozenset({"asked", "value", "95 % interval"})
    return Table(headings, cells, title, right, frozenset({headings[-1]}))


def _number(value: float | None, form: str = ".2f") -> str | None:
    return None if value is None else format(value, form)


def _luck(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    luck, gate = data["luck"], data["gate"]
    hurdle = _number(luck["hurdle_a_year"])
    told = f"{luck['trials']} distinct trials so far"
    told += "" if hurdle is None else f": the best of them without skill shows Sharpe {hurdle}"
    pairs: list[tuple[str, object]] = [("tried", told)]
    for name, key, form in (("PSR", "psr", ".3f"), ("DSR", "dsr", ".3f")):
        pairs.append((name, _number(luck[key], form) or luck["missing"]))
    days = _number(luck["least_days"], ",.0f")
    pairs.append(("least record", f"{days} days" if days else luck["missing"] or "never"))
    pbo, spa = luck["pbo"], luck["spa"]
    pairs.append(("PBO", pbo["missing"] or f"{pbo['pbo']:.2f} of {pbo['configurations']} cells"))
    pairs.append(
        ("SPA", spa["missing"] or f"p {spa['consistent']:.3f} that nothing beats no trade")
    )
    bound = _number(gate["bound"], "+.3f") or "unknown"
    pairs.append(("gate", f"bound {bound}; missing: {'; '.join(gate['missing']) or 'nothing'}"))
    return pairs


def _beside(data: Mapping[str, Any]) -> Table:
    curve = data["equity"]
    own = None if not curve else curve[-1]["liquidation"] / curve[0]["liquidation"] - 1
    counts = data["counts"]
    cells: list[tuple[object, ...]] = [
        ("this run", _number(own, "+.2%"), counts["closed"], counts["open"], None)
    ]
    cells += [
        (one["name"], _number(one["total_return"], "+.2%"), one["trades"], one["open"],
         _number(one["sharpe"]))
        for one in data["beside"]
    ]  # fmt: skip
    headings = ("beside it", "return", "closed", "open", "sharpe")
    return Table(headings, cells, "the same history", frozenset(headings[1:]))


def _capacity(rows: Sequence[Mapping[str, Any]]) -> list[Block]:
    """Return the run by the size of the account; why nothing is known of a size stands below."""
    cells = [
        (f"{one['times']} x", f"{one['bankroll']:,.0f}",
         "UNKNOWN" if one["missing"] else _number(one["total_return"], "+.2%"),
         one["trades"], _number(one["staked"], ",.0f"), _number(one["net_per_staked"], "+.2%"))
        for one in rows
    ]  # fmt: skip
    headings = ("capacity", "bankroll", "return", "taken", "staked", "net of stakes")
    why = list(dict.fromkeys(one["missing"] for one in rows if one["missing"]))
    return [Table(headings, cells, "", frozenset(headings)), *_folded(why)]


def _folded(sentences: Sequence[str]) -> list[Block]:
    from trading_cli.cli.eighty import WIDTH, folded

    return ["\n".join(folded(one, WIDTH)) for one in sentences]


def _groups(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    cells = [
        (one["name"], one["trades"], one["events"], f"{one['net']:,.2f}",
         one["missing"] or _rate(one["win_rate"]), one["missing"] or _rate(one["net_per_event"]))
        for one in rows
    ]  # fmt: skip
    short = [
        (*one[:4], one[4]) if one[4] == one[5] else (*one[:4], f"{one[4]}; {one[5]}")
        for one in cells
    ]
    headings = (title, "trades", "events", "net USD", "wins; net per event")
    return Table(headings, short, "", frozenset(headings[1:4]), frozenset({headings[-1]}))


def _rate(one: Mapping[str, Any] | None) -> str:
    if one is None or one["point"] is None:
        return "-"
    return f"{one['point']:+.1%} [{one['low']:+.1%}, {one['high']:+.1%}]"


def _cells(found: Mapping[str, Any]) -> Table:
    ranked = sorted(
        found["cells"], key=lambda one: (one["total_return"] is None, -(one["total_return"] or 0.0))
    )
    cells = [
        (one["cell"], _number(one["total_return"], "+.2%"), one["trades"], _number(one["sharpe"]),
         one["why"] or ("kept from before" if one["reused"] else None))
        for one in ranked[:_SHOWN]
    ]  # fmt: skip
    headings = ("cell", "return", "trades", "sharpe", "note")
    title = f"best {len(cells)} of {len(ranked)} cells (all: --json, or the page)"
    right = frozenset({"return", "trades", "sharpe"})
    return Table(headings, cells, title, right, frozenset({"cell", "note"}), ("note",))


def _folds(found: Mapping[str, Any]) -> Table:
    cells = [
        (one["test_since"][:10], one["cell"] or None, one["train_trades"], one["train_left_out"],
         _number(one["total_return"], "+.2%"), one["trades"], one["open"])
        for one in found["folds"]
    ]  # fmt: skip
    headings = ("test from", "chosen", "taught by", "left out", "return", "trades", "open")
    title = (
        f"folds: {found['train_days']} days choose, {found['test_days']} judge, the next"
        f" {found['step_days']} later"
    )
    right = frozenset(headings[2:])
    return Table(headings, cells, title, right, frozenset({"chosen"}))
