"""Small plots as SVG of our own: no script, no font, no address; the colours are the page's.

Every plot is drawn from numbers of the answer, takes the width it is given, and says in words what
it shows (``title``), for who does not see it.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 84, 12, 12, 34
TICKS = 4


class Line(NamedTuple):
    """One line: its class in the style of the page, its name, and (x, y) with ``None`` for none."""

    css: str
    name: str
    points: Sequence[tuple[float, float | None]]


class Bar(NamedTuple):
    """One bar: its name and its length, ``None`` for none."""

    name: str
    value: float | None


def lines(
    title: str,
    every: Sequence[Line],
    ends: tuple[str, str],
    *,
    form: str = ",.0f",
    area: bool = False,
) -> str:
    """Return *every* line over a common x; *ends* are the words under its two ends."""
    there = [(x, y) for one in every for x, y in one.points if y is not None]
    if len(there) < 2:  # noqa: PLR2004  # a point is no line
        return _words(f"{title}: nothing to draw")
    xs, ys = [x for x, _ in there], [y for _, y in there]
    across, up = _scale(min(xs), max(xs)), _scale(min(ys), max(ys), room=0.06)
    parts = [_head(title), *_grid(up, form), *_under(ends)]
    for one in every:
        path = " ".join(
            f"{'M' if start else 'L'}{_x(x, across):.1f} {_y(y, up):.1f}"
            for start, x, y in _runs(one.points)
        )
        if area:
            parts.append(_area(one, across, up))
        parts.append(f'<path class="{one.css}" d="{path}"/>')
    parts += _legend(every) if len(every) > 1 else []
    return "".join([*parts, "</svg>"])


def bars(title: str, every: Sequence[Bar], *, form: str = "+.2%") -> str:
    """Return horizontal bars to both sides of 0, each with its name and its number."""
    values = [one.value for one in every if one.value is not None]
    if not values:
        return _words(f"{title}: nothing to draw")
    low, high = min([0.0, *values]), max([0.0, *values])
    span = (high - low) or 1.0
    step, names, room = 30, 264, 100
    height = step * len(every) + 10
    wide = WIDTH - names - room

    def at(value: float) -> float:
        return names + (value - low) / span * wide

    parts = [_head(title, height), f'<path class="axis" d="M{at(0):.1f} 4V{height - 6}"/>']
    for place, one in enumerate(every):
        y = 8 + place * step
        parts.append(f'<text x="{names - 8}" y="{y + 15}" class="name">{escape(one.name)}</text>')
        if one.value is None:
            parts.append(f'<text x="{at(0) + 6:.1f}" y="{y + 15}">-</text>')
            continue
        left, right = sorted((at(0), at(one.value)))
        css = "gain" if one.value >= 0 else "loss"
        parts.append(
            f'<rect class="{css}" x="{left:.1f}" y="{y}" width="{max(right - left, 1):.1f}"'
            f' height="20"/><text x="{right + 6:.1f}" y="{y + 15}">{one.value:{form}}</text>'
        )
    return "".join([*parts, "</svg>"])


def _head(title: str, height: int = HEIGHT) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>"
    )


def _words(text: str) -> str:
    return f'<p class="quiet">{escape(text)}.</p>'


def _scale(low: float, high: float, room: float = 0.0) -> tuple[float, float]:
    """Return the ends of an axis that holds [low, high]; never of no length."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        away = abs(low) * 0.01 or 0.01
        return low - away, high + away
    more = (high - low) * room
    return low - more, high + more


def _x(value: float, ends: tuple[float, float]) -> float:
    return LEFT + (value - ends[0]) / (ends[1] - ends[0]) * (WIDTH - LEFT - RIGHT)


def _y(value: float, ends: tuple[float, float]) -> float:
    return TOP + (ends[1] - value) / (ends[1] - ends[0]) * (HEIGHT - TOP - BOTTOM)


def _round_values(ends: tuple[float, float]) -> list[float]:
    """Return round numbers within *ends*, a few of them."""
    rough = (ends[1] - ends[0]) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= rough)
    first = math.ceil(ends[0] / step)
    return [one * step for one in range(first, math.floor(ends[1] / step) + 1)]


def _grid(up: tuple[float, float], form: str) -> list[str]:
    found = []
    for value in _round_values(up):
        y = _y(value, up)
        found.append(
            f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
            f'<text class="name" x="{LEFT - 6}" y="{y + 4:.1f}">{value:{form}}</text>'
        )
    return found


def _under(ends: tuple[str, str]) -> list[str]:
    y = HEIGHT - 8
    return [
        f'<text x="{LEFT}" y="{y}">{escape(ends[0])}</text>',
        f'<text class="name" x="{WIDTH - RIGHT}" y="{y}">{escape(ends[1])}</text>',
    ]


def _runs(points: Sequence[tuple[float, float | None]]) -> list[tuple[bool, float, float]]:
    """Return the points that are there, each with whether a new stroke begins at it."""
    found, start = [], True
    for x, y in points:
        if y is None:
            start = True
            continue
        found.append((start, x, y))
        start = False
    return found


def _area(one: Line, across: tuple[float, float], up: tuple[float, float]) -> str:
    there = [(x, y) for x, y in one.points if y is not None]
    top = _y(min(max(0.0, up[0]), up[1]), up)
    path = " ".join(f"L{_x(x, across):.1f} {_y(y, up):.1f}" for x, y in there)
    first, last = _x(there[0][0], across), _x(there[-1][0], across)
    return f'<path class="under" d="M{first:.1f} {top:.1f} {path} L{last:.1f} {top:.1f}Z"/>'


def _legend(every: Sequence[Line]) -> list[str]:
    parts, x = [], LEFT + 10
    for one in every:
        parts.append(
            f'<path class="{one.css}" d="M{x} {TOP + 8}h22"/>'
            f'<text x="{x + 28}" y="{TOP + 12}">{escape(one.name)}</text>'
        )
        x += 60 + 10 * len(one.name)
    return parts
