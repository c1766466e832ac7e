"""Names and values folded to a screen of 80 columns: one pair may take several lines."""

from collections.abc import Sequence

WIDTH = 80
_GAP = 2
_LEAST = 20


def fitted(pairs: Sequence[tuple[str, object]]) -> list[tuple[str, object]]:
    """Return *pairs* in lines of 80 columns; a line that goes on with a value has no name."""
    name_width = max((len(name) for name, _ in pairs), default=0)
    room = max(_LEAST, WIDTH - _GAP - name_width)
    return [
        (name if number == 0 else "", line)
        for name, value in pairs
        for number, line in enumerate(folded(value, room))
    ]


def folded(value: object, room: int) -> list[str]:
    """Return *value* in lines of *room* columns, broken between words; at least one line."""
    from textwrap import wrap

    from trading_cli.cli.render import neutral

    return wrap(neutral(value), room, break_long_words=False, break_on_hyphens=False) or [""]


def money(value: float | None) -> str | None:
    """Return USD to the cent; ``None`` where it is not known."""
    return None if value is None else f"{value:,.2f}"


def change(value: float | None) -> str | None:
    """Return USD gained or lost, to the cent with its sign; ``None`` where it is not known."""
    return None if value is None else f"{value:+,.2f}"


def percent(value: float | None) -> str | None:
    """Return a fraction as a signed percentage; ``None`` where it is not known."""
    return None if value is None else f"{value:+.1%}"


def age(seconds: int | None) -> str | None:
    """Return how old something is, in the unit a person would use; ``None`` if not known."""
    if seconds is None:
        return None
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def minute(told: str | None) -> str | None:
    """Return the instant *told* (ISO, UTC) to the minute; ``None`` where there is none."""
    return None if told is None else f"{told[:10]} {told[11:16]}"
