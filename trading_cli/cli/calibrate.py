"""`trading calibrate`: what prices and stated probabilities were worth against what happened."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_Z = "z by event"  # Spiegelhalter's, clustered
_HEADINGS = ("of", "by", "group", "n", "events", "brier", "interval", "slope", _Z, "skill")
_WIDE = 40


Svg = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also draw the reliability diagrams.")
]
Html = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write diagrams and table as a page.")
]
Horizon = Annotated[
    str, typer.Option(metavar="LIST", help="So long before: 7d,24h,10m (default: 1 h to 30 d).")
]
Before = Annotated[
    str,
    typer.Option(
        metavar="WORD", help="Counted back from: close, end (as announced), last (price)."
    ),
]
Take = Annotated[
    str,
    typer.Option(metavar="WORD", help="Which price: known (then); in hindsight nearest, after."),
]
Within = Annotated[
    str, typer.Option(metavar="TIME", help="How far off the price may be (default: a quarter).")
]
Source = Annotated[
    str, typer.Option(metavar="TAG", help="Only markets that were imported under this name.")
]
Label = Annotated[
    str, typer.Option(metavar="WORD", help="Only markets whose first outcome is called so.")
]


@app.command(cls=Command)
def calibrate(  # noqa: PLR0913, PLR0917  # one argument for each option
    ctx: typer.Context,
    svg: Svg = None,
    html: Html = None,
    horizon: Horizon = "",
    before: Before = "close",
    take: Take = "known",
    within: Within = "",
    source: Source = "",
    label: Label = "",
) -> Answer:
    """Hold prices and our own probabilities against outcomes, clustered by event."""
    from trading_cli.app import calibrate as judging
    from trading_cli.app.calibration_question import asked
    from trading_cli.core.times import duration

    said = shared(ctx)
    question = asked(
        _horizons(horizon),
        before=before,
        take=take,
        within=duration(within) if within else None,
        source=source,
        label=label,
    )
    data = judging.calibrate(said.config, question=question)
    rows = [_row(one) for one in data["groups"]]
    _draw(data, rows, svg, html, said.talk)
    return Answer(data, _blocks(data, rows), data["warnings"])


def _horizons(text: str) -> dict[str, timedelta]:
    """Return `7d,24h,10m` as spans by name, the shortest first; empty where nothing was said."""
    from trading_cli.core.times import duration

    spans = sorted({duration(word) for word in text.split(",") if word.strip()})
    return {_called(span): span for span in spans}


def _called(span: timedelta) -> str:
    """Return a span as the report calls it: 1 d, 23 h, 10 min."""
    for unit, name in ((timedelta(days=1), "d"), (timedelta(hours=1), "h")):
        if not span % unit:
            return f"{span // unit} {name}"
    minutes, rest = divmod(span, timedelta(minutes=1))
    return f"{span.seconds + span.days * 86_400} s" if rest else f"{minutes} min"


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
        _number(one["spiegelhalter_z_clustered"], "+.2f"),
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
        (
            "settled",
            f"{data['markets']} markets, {data['events']} events with a price {_base(data)}",
        ),
        ("left out", f"{left['half']} settled 50-50, {left['no_price']} without any price"),
        ("not recorded", _share(data["not_recorded_share"])),
        ("recalibration", slope),
    ]
    blocks: list[Block] = [Facts(fitted(facts))]
    if rows:
        numbers = frozenset(_HEADINGS[3:])
        spare = (_Z, "slope", "interval", "n", "by")
        blocks.append(Table(_HEADINGS, rows, "", numbers, frozenset({"group"}), spare))
    drawn = next((one for one in data["groups"] if one["bins"]), None)
    if drawn is not None:
        blocks += [f"{drawn['of']}, {drawn['name']}: share that happened, 0 to 1", _plot(drawn)]
    return blocks


def _base(data: Mapping[str, Any]) -> str:
    """Return when the price was that all markets are judged by, as the report calls it."""
    found = (one["name"] for one in data["groups"] if one["by"] == "all")
    return next(found, "a day before the close")


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
