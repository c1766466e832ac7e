"""`trading resume`: lift the owner's pause."""

import typer

from trading_cli.cli.answer import Answer, Block
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def resume(ctx: typer.Context) -> Answer:
    """Lift your own pause; one after a loss ends by itself, the kill switch has its own reset."""
    from trading_cli.app import running
    from trading_cli.cli.pause import pauses_table

    data = running.resume(shared(ctx).config)
    blocks: list[Block] = ["your pause is lifted" if data["lifted"] else "you had no pause"]
    if data["pauses"]:
        blocks.append(pauses_table(data["pauses"]))
    return Answer(data, blocks)
