"""`trading doctor`: every part's ping, and the fix for what is wrong."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def doctor(
    ctx: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no other host.")] = False,
) -> Answer:
    """Examine every part and print the fix for what is wrong; exit 3 if a part fails."""
    from trading_cli.app.health import doctor as examine

    parts = examine(shared(ctx).config, offline=offline)
    ill = any(part["state"] == "fail" for part in parts)
    return Answer({"parts": parts}, told(parts), exit_code=3 if ill else 0)


def told(parts: Sequence[Mapping[str, Any]]) -> list[Block]:
    """Return the findings as a person sees them: a table, then the fixes."""
    rows = [[part.get(key) for key in ("part", "state", "evidence")] for part in parts]
    ailing = [part for part in parts if part.get("fix") and part["state"] != "ok"]
    return [
        Table(("part", "state", "evidence"), rows, folds=frozenset({"evidence"})),
        *(f"fix {part['part']}: {part['fix']}" for part in ailing),
    ]
