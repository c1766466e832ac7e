"""`trading correlate`: does talk lead prices, by category first, then market by market."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_SHOWN = 20


@app.command(cls=Command)
def correlate(
    ctx: typer.Context,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="How far back, or from when: 30d, 2026-03-01.")
    ] = "30d",
    market: Annotated[
        str | None, typer.Option(metavar="ID", help="Show this market only, lag by lag.")
    ] = None,
    max_lag: Annotated[int, typer.Option(metavar="HOURS", help="Lags tried: 1 to this.")] = 24,
    workers: Annotated[
        int, typer.Option(min=1, max=1024, help="Processes; the result is the same.")
    ] = 1,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Spread the markets over a dask cluster.")
    ] = None,
) -> Answer:
    """Say whether talk leads prices, with q-values, both directions, tiers and reasons."""
    said, span = shared(ctx), _since(since)

    from trading_cli.app import correlate as app_correlate
    from trading_cli.app.workers import Crew

    crew = Crew(workers, cluster)
    data = app_correlate.correlate(
        said.config, since=span, market=market, max_lag=max_lag, crew=crew
    )
    return Answer(data, _blocks(data, one=market is not None))


def _since(text: str) -> timedelta | datetime:
    """Return a length of time as it is, anything else as the instant it names."""
    from trading_cli.core.errors import UsageError
    from trading_cli.core.times import duration, instant

    try:
        return duration(text)
    except UsageError:
        return instant(text, datetime.now(UTC))


def _blocks(data: Mapping[str, Any], *, one: bool) -> list[Block]:
    looks = data["looks"]
    about: list[tuple[str, object]] = [
        ("span", f"{data['since'][:16]} <= t < {data['until'][:16]}"),
        ("run", f"{data['run']} ({data['kind']}: a look, no label changes)"),
        ("looks", ", ".join(f"{name} {count}" for name, count in looks.items())),
    ]
    counts = ", ".join(f"{word} {n}" for word, n in data["counts"].items() if n)
    if counts:
        about.append(("markets", counts))
    blocks: list[Block] = [Facts(about), _pooled(data["pooled"]), _study(data["event_study"])]
    if one:
        return [*blocks, *_whole(data["markets"][0])]
    rows = data["markets"]
    if not rows:
        return [*blocks, _nobody(data["followed"])]
    blocks.append(_ranking(rows[:_SHOWN], len(rows)))
    if len(rows) > _SHOWN:
        blocks.append(f"{len(rows) - _SHOWN} more: --json, or --market ID")
    blocks.append("A lead is predictive, not cause; a label needs three weekly confirmations.")
    return blocks


def _nobody(followed: int) -> str:
    """Return why no market was there to be looked at."""
    if not followed:
        return "no market is followed: trading collect"
    return (
        f"{followed} markets are followed, none of them before the last full hour, where the span"
        " ends: wait for the first full hour of data"
    )


def _number(value: float | None, form: str = ".3f") -> str | None:
    return None if value is None else format(value, form)


def _pooled(rows: Sequence[Mapping[str, Any]]) -> Table | str:
    """Return the pooled tests; where none could be made, the one sentence why."""
    made = [row for row in rows if not row["insufficient"]]
    if not made:
        why = rows[0]["insufficient"] if rows else "no market"
        return f"all markets together: INSUFFICIENT, {why}"
    headings = ("category", "hours", "events", "b", "q", "reverse p", "leads")
    cells = [
        (
            row["category"],
            row["horizon"],
            row["events"],
            _number(row["b"], "+.3f"),
            _number(row["q"]),
            _number(row["reverse"]),
            "yes" if row["leads"] else "no",
        )
        for row in made
    ]
    return Table(headings, cells, "all markets together", frozenset(headings[1:6]))


def _study(study: Mapping[str, Any]) -> Table | str:
    if study["insufficient"]:
        return f"bursts of talk: INSUFFICIENT, {study['insufficient']}"
    headings = ("hours", "mean change", "error", "p", "size")
    cells = [
        (
            f"{step['hours']:+d}",
            _number(step["mean"], "+.2f"),
            _number(step["error"], ".2f"),
            _number(step["p"]),
            _number(step["size"], ".2f"),
        )
        for step in study["path"]
    ]
    title = f"around {study['bursts']} bursts of talk in {study['events']} events"
    return Table(headings, cells, title, frozenset(headings))


def _ranking(rows: Sequence[Mapping[str, Any]], count: int) -> Table:
    headings = ("market", "verdict", "tier", "q", "reverse q", "lag", "r", "net c", "why")
    cells = [
        (
            row["market"],
            row["verdict"],
            None if row["tier"] == "NONE" else row["tier"],
            _number(row["q"]),
            _number(row["reverse_q"]),
            row["forward"]["lag"] or None,
            _number(row["forward"]["r"], "+.2f"),
            _number(row["net_cents"], "+.2f"),
            row["sentence"],
        )
        for row in rows
    ]
    numbers = frozenset({"q", "reverse q", "lag", "r", "net c"})
    spare = ("tier", "net c", "r", "reverse q")
    return Table(headings, cells, f"markets ({count})", numbers, frozenset({"why"}), spare)


def _whole(row: Mapping[str, Any]) -> list[Block]:
    """Return everything about one market."""
    skipped = {"forward", "reverse", "label"}
    facts = [(key, value) for key, value in row.items() if key not in skipped]
    label = row["label"]
    facts.append(("label", f"{'leads' if label['leads'] else 'none'} {label['tier']}"))
    blocks: list[Block] = [Facts(facts, "market")]
    for name, title in (("forward", "talk to price"), ("reverse", "price to talk")):
        part = row[name]
        blocks.append(Facts([(k, v) for k, v in part.items() if k != "by_lag"], title))
        if part["by_lag"]:
            cells = [(n, _number(p, ".4f")) for n, p in enumerate(part["by_lag"], 1)]
            blocks.append(
                Table(("lag", "p"), cells, f"{title}, each lag alone", frozenset({"lag", "p"}))
            )
    return blocks
