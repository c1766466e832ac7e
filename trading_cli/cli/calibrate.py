"""`trading calibrate`: what prices and stated probabilities were worth against what happened."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_HEADINGS = ("of", "by", "group", "n", "events", "brier", "interval", "slope", "z", "skill")
_WIDE = 40


@app.command(cls=Command)
def calibrate(
    ctx: typer.Context,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw the reliability diagrams.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write diagrams and table as a page.")
    ] = None,
) -> Answer:
    """Hold prices and our own probabilities against outcomes, clustered by event."""
    from trading_cli.app import calibrate as judging

    said = shared(ctx)
    data = judging.calibrate(said.config)
    rows = [_row(one) for one in data["groups"]]
    _draw(data, rows, svg, html, said.talk)
    return Answer(data, _blocks(data, rows), data["warnings"])


def _draw(
    data: Mapping[str, Any],
    rows: Sequence[Sequence[str]],
    svg: Path | None,
    html: Path | None,
    talk: Any,
) -> None:
    if svg is None and html is None:
        return
    from trading_cli.app import calibration_picture as picture
    from trading_cli.cli.render import document

    groups = picture.chosen(data["groups"])
    if svg is not None:
        document(svg, picture.svg(groups, data["as_of"]))
        talk(f"drawn in {svg}")
    if html is not None:
        document(html, picture.html(groups, data["as_of"], [_HEADINGS, *rows]))
        talk(f"written to {html}")


def _row(one: Mapping[str, Any]) -> list[str]:
    """Return one group as cells; without enough events what is missing stands for the numbers."""
    about = [one["of"], one["by"], one["name"], str(one["n"]), str(one["events"])]
    if one["brier"] is None:
        return [*about, "INSUFFICIENT", one["missing"], "", "", ""]
    brier, skill = one["brier"], one["skill"]
    return [
        *about,
        f"{brier['point']:.4f}",
        f"{brier['low']:.4f} to {brier['high']:.4f}",
        _number(one["slope"], ".2f"),
        _number(one["spiegelhalter_z"], "+.2f"),
        "" if skill is None else _number(skill["point"], "+.3f"),
    ]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _blocks(data: Mapping[str, Any], rows: Sequence[Sequence[str]]) -> list[Block]:
    from trading_cli.cli.eighty import fitted

    again = data["recalibration"]
    slope = (
        f"INSUFFICIENT: {again['missing']}"
        if again["slope"] is None
        else f"{again['slope']:.3f} ± {again['error']:.3f} in log odds (1: prices are right)"
    )
    left = data["left_out"]
    facts: list[tuple[str, object]] = [
        ("settled", f"{data['markets']} markets, {data['events']} events with a price"),
        ("left out", f"{left['half']} settled 50-50, {left['no_price']} without a price"),
        ("not recorded", _share(data["not_recorded_share"])),
        ("recalibration", slope),
    ]
    blocks: list[Block] = [Facts(fitted(facts))]
    if rows:
        numbers = frozenset(_HEADINGS[3:])
        spare = ("z", "slope", "interval", "n", "by")
        blocks.append(Table(_HEADINGS, rows, "", numbers, frozenset({"group"}), spare))
    drawn = next((one for one in data["groups"] if one["bins"]), None)
    if drawn is not None:
        blocks += [f"{drawn['of']}, {drawn['name']}: share that happened, 0 to 1", _plot(drawn)]
    return blocks


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.0%} of the rows (backfilled or imported)"


def _plot(group: Mapping[str, Any]) -> str:
    """Return the reliability diagram as lines: = band, o share that happened, | stated."""
    lines = []
    for one in group["bins"]:
        cells = [" "] * (_WIDE + 1)
        for place in range(_at(one["low"]), _at(one["high"]) + 1):
            cells[place] = "="
        cells[_at(one["forecast"])] = "|"
        if one["frequency"] is not None:
            cells[_at(one["frequency"])] = "o"
        lines.append(f"{one['from']:.1f}-{one['to']:.1f} [{''.join(cells)}] {one['events']} events")
    return "\n".join([*lines, "= 95 % band   o happened (from 30 events)   | stated"])


def _at(share: float) -> int:
    return round(share * _WIDE)
