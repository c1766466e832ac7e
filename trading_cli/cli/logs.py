"""`trading logs`: the latest lines of the log."""

import enum
import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer
from trading_cli.cli.options import Command, commands, shared

app = commands()
_SHOWN_FIRST = ("at", "level", "component", "event")


class Level(enum.StrEnum):
    """How bad a line must be to be shown."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@app.command(cls=Command)
def logs(
    ctx: typer.Context,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="At most so many.")] = 50,
    level: Annotated[Level, typer.Option(help="The least severe that is shown.")] = Level.DEBUG,
    component: Annotated[
        str, typer.Option(metavar="NAME", help="Only of components that begin so.")
    ] = "",
) -> Answer:
    """Show the latest lines of the log, oldest first."""
    from trading_cli.app.asked import lines as latest

    data = latest.logs(
        shared(ctx).config, os.environ, lines=lines, level=level.value, component=component
    )
    none = [f"no such line in {data['folder']}"]
    return Answer(data, [_sentence(line) for line in data["lines"]] or none)


def _sentence(line: Mapping[str, Any]) -> str:
    """Return *line* for people: when, how bad, who, what, then the rest by name; one line."""
    head = [str(line.get(key, "-")) for key in _SHOWN_FIRST]
    rest = [
        f"{name}={value}"
        for key, told in line.items()
        if key not in _SHOWN_FIRST
        for name, value in _flat(key, told)
    ]
    return " ".join([*head, *rest]).replace("\n", " ")


def _flat(key: str, told: object) -> Iterator[tuple[str, object]]:
    """Yield *told* by name; what is inside it has dotted names."""
    if not isinstance(told, Mapping):
        yield key, told
        return
    for name, value in told.items():
        yield from _flat(f"{key}.{name}", value)
