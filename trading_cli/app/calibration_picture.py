"""The reliability diagram as a self-contained SVG: no script, no font, no address in it.

One panel a group: stated probability across, share that happened upwards, the diagonal where both
agree, Wilson's band of each bin, a point where a bin has events enough, its size by rows. Below 30
events there is no point, only the band (SPEC §5).
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

PANEL, MARGIN, HEAD, FOOT = 320, 48, 56, 40
COLUMNS = 2
INK, BAND, GRID = "#1b1b1b", "#7a9cc6", "#d8d8d8"
_SMALLEST, _LARGEST = 3.0, 9.0

Group = Mapping[str, Any]


def chosen(groups: Sequence[Group]) -> list[Group]:
    """Return what a picture shows: the price by horizon, and each strategy's own probability."""
    return [
        one
        for one in groups
        if one["bins"] and (one["of"], one["by"]) in {("price", "horizon"), ("own", "strategy")}
    ]


def svg(groups: Sequence[Group], as_of: str) -> str:
    """Return the picture of *groups* (cells of `calibrate`) as they were known *as_of*."""
    rows = max(1, -(-len(groups) // COLUMNS))
    width, height = COLUMNS * PANEL, HEAD + rows * (PANEL + FOOT)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}"'
            f' font-family="sans-serif" font-size="11" fill="{INK}" role="img">'
        ),
        "<title>Calibration: stated probability against what happened</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        (
            f'<text x="16" y="24" font-size="15">Stated probability against what happened, as of'
            f" {escape(as_of)}</text>"
        ),
        (
            '<text x="16" y="42">Bar: 95 % Wilson band, clustered by event. Point: at least 30'
            " events. On the diagonal both agree.</text>"
        ),
    ]
    if not groups:
        parts.append(f'<text x="16" y="{HEAD + 30}">INSUFFICIENT: no group has 30 events.</text>')
    for place, group in enumerate(groups):
        across, down = place % COLUMNS * PANEL, HEAD + place // COLUMNS * (PANEL + FOOT)
        parts.append(f'<g transform="translate({across} {down})">{_panel(group)}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(group: Group) -> str:
    side = PANEL - MARGIN - 16
    title = f"{group['of']}: {group['name']} (n {group['n']}, events {group['events']})"
    parts = [f'<text x="{MARGIN}" y="14" font-size="12">{escape(title)}</text>']
    for tenth in range(0, 11, 2):
        share = tenth / 10
        x, y = _x(share, side), _y(share, side)
        parts += [
            (
                f'<path d="M{_x(0, side):.1f} {y:.1f}H{_x(1, side):.1f}M{x:.1f} {_y(0, side):.1f}'
                f'V{_y(1, side):.1f}" stroke="{GRID}" fill="none"/>'
            ),
            f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.1f}</text>',
            f'<text x="{x:.1f}" y="{_y(0, side) + 16:.1f}" text-anchor="middle">{share:.1f}</text>',
        ]
    parts.append(
        f'<path d="M{_x(0, side):.1f} {_y(0, side):.1f}L{_x(1, side):.1f} {_y(1, side):.1f}"'
        f' stroke="{INK}" stroke-dasharray="4 4" fill="none"/>'
    )
    most = max((one["n"] for one in group["bins"]), default=1)
    parts += [_bin(one, side, most) for one in group["bins"]]
    parts.append(f'<text x="{MARGIN}" y="{_y(0, side) + 34:.1f}">{escape(_scores(group))}</text>')
    return "".join(parts)


def _bin(one: Mapping[str, Any], side: float, most: int) -> str:
    x = _x(one["forecast"], side)
    low, high = _y(one["low"], side), _y(one["high"], side)
    words = (
        f"stated {one['forecast']:.3f}; happened between {one['low']:.3f} and {one['high']:.3f};"
        f" n {one['n']}, events {one['events']}"
    )
    drawn = f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{BAND}" stroke-width="5"/>'
    if one["frequency"] is not None:
        size = _SMALLEST + (_LARGEST - _SMALLEST) * (one["n"] / most) ** 0.5
        at = _y(one["frequency"], side)
        drawn += f'<circle cx="{x:.1f}" cy="{at:.1f}" r="{size:.1f}" fill="{INK}"/>'
    return f"<g><title>{words}</title>{drawn}</g>"


def _scores(group: Group) -> str:
    brier = group["brier"]
    told = f"Brier {brier['point']:.4f} [{brier['low']:.4f}, {brier['high']:.4f}]"
    if group["slope"] is not None:
        told += f"; slope {group['slope']:.2f}"
    if group["skill"] is not None and group["skill"]["point"] is not None:
        told += f"; skill against the price {group['skill']['point']:+.3f}"
    return told


def _x(share: float, side: float) -> float:
    return MARGIN + share * side


def _y(share: float, side: float) -> float:
    return 24 + (1 - share) * side


def html(groups: Sequence[Group], as_of: str, rows: Sequence[Sequence[str]]) -> str:
    """Return a self-contained page: the picture, and *rows* (headings first) as a table."""
    head, *body = rows
    table = "".join(
        "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>\n"
        for tag, lines in (("th", [head]), ("td", body))
        for row in lines
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<title>Calibration</title><style>body{font-family:sans-serif;margin:2em}"
        "td,th{padding:.2em .6em;text-align:right;border-bottom:1px solid #d8d8d8}"
        "td:nth-child(-n+3),th:nth-child(-n+3){text-align:left}svg{max-width:100%;height:auto}"
        "</style></head><body>\n"
        f"<h1>Calibration</h1>\n{svg(groups, as_of)}<table>\n{table}</table>\n</body></html>\n"
    )
