"""`trading doctor`: every part's ping, and the fix for what is wrong."""

from typing import Annotated

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
    rows = [[part.get(key) for key in ("part", "state", "evidence")] for part in parts]
    blocks: list[Block] = [
        Table(("part", "state", "evidence"), rows, folds=frozenset({"evidence"}))
    ]
    ailing = [part for part in parts if part.get("fix") and part["state"] != "ok"]
    blocks += [f"fix {part['part']}: {part['fix']}" for part in ailing]
    ill = any(part["state"] == "fail" for part in parts)
    return Answer({"parts": parts}, blocks, exit_code=3 if ill else 0)
