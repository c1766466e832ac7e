"""`trading quality-check`: scores, findings, the gap ledger; exit 3 when the gate is closed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_SCORES = {
    "overall": "overall",
    "validity": "valid",
    "consistency": "consistent",
    "timeliness": "timely",
    "uniqueness": "unique",
    "completeness": "complete",
}
_SHOWN = 20


@app.command(cls=Command)
def quality_check(
    ctx: typer.Context,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="Judge what was observed since then.")
    ] = "24h",
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write it all as Markdown.")
    ] = None,
) -> Answer:
    """Say whether the collected data is fit, and why not; exit 3 when the gate is closed."""
    from trading_cli.cli.render import document
    from trading_cli.core.times import span

    said = shared(ctx)
    begin, _ = span(since, "now", datetime.now(UTC))

    from trading_cli.app import quality

    data = quality.check(said.config, since=begin)
    if report is not None:
        document(report, markdown(data))
        said.talk(f"written to {report}")
    shut = not data["gate"]["open"]
    return Answer(data, _blocks(data), data.get("warnings", ()), exit_code=3 if shut else 0)


def _tables(data: Mapping[str, Any]) -> list[Table]:
    """Return scores (worst first, as they come), findings and gaps."""
    numbers = frozenset(_SCORES.values())
    scores = {"market": "market", "question": "question", **_SCORES}
    return [
        _table(data, "scores", scores, right=numbers, spare=("unique", "consistent", "valid")),
        _table(data, "findings", _same("severity", "check", "market", "message")),
        _table(data, "gaps", _same("slot", "market", "cause")),
    ]


def _same(*keys: str) -> dict[str, str]:
    return {key: key for key in keys}


def _table(
    data: Mapping[str, Any],
    name: str,
    columns: Mapping[str, str],
    *,
    right: frozenset[str] = frozenset(),
    spare: tuple[str, ...] = (),
) -> Table:
    """Return the list *name* of *data* under *columns*, which are headings by key."""
    rows = [[row.get(key) for key in columns] for row in data.get(name, ())]
    folds = frozenset({"question", "message"})
    return Table(tuple(columns.values()), rows, name, right, folds, spare)


def _verdict(data: Mapping[str, Any]) -> str:
    gate = data["gate"]
    since, until = (
        datetime.fromisoformat(data[key]).isoformat(timespec="seconds")
        for key in ("since", "until")
    )
    reasons = "; ".join(str(reason) for reason in gate["reasons"]).replace("\n", " ")
    word = "open" if gate["open"] else f"CLOSED: {reasons}"
    return f"gate: {word}\nspan: {since} <= t < {until}"


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    blocks: list[Block] = [_verdict(data)]
    for table in _tables(data):
        rows = table.rows[:_SHOWN]
        if not rows:
            blocks.append(f"{table.title}: none")
            continue
        blocks.append(replace(table, rows=rows, title=f"{table.title} ({len(table.rows)})"))
        if len(rows) < len(table.rows):
            blocks.append(f"{len(table.rows) - len(rows)} more: --json, or --report FILE")
    return blocks


def markdown(data: Mapping[str, Any]) -> str:
    """Return the whole report as Markdown; cells are neutralised and cannot break the table."""
    from trading_cli.cli.render import neutral

    def cell(value: object) -> str:
        return neutral(value).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")

    lines = ["# Quality of the collected data", "", neutral(_verdict(data)), ""]
    for table in _tables(data):
        lines += [f"## {table.title} ({len(table.rows)})", ""]
        lines += [f"| {' | '.join(table.headings)} |", "|" + "---|" * len(table.headings)]
        lines += [f"| {' | '.join(cell(value) for value in row)} |" for row in table.rows]
        lines.append("")
    return "\n".join(lines)
