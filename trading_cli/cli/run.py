"""`trading run`: the scheduler, in the foreground."""

from typing import Annotated

import typer

from trading_cli.cli.answer import Answer
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def run(
    ctx: typer.Context,
    *,
    serve: Annotated[
        bool, typer.Option("--serve", help="Also serve the page (see `trading serve`).")
    ] = False,
) -> Answer:
    """Run every cycle when it is due, until `trading stop`, a signal, or the kill switch.

    With --serve the page stays up where the kill switch ends the cycles.
    """
    from trading_cli.app import running

    said = shared(ctx)
    ended = running.serve(said.config, said.talk, page=serve)
    data = {"reason": ended.reason, "killed": ended.killed}
    told = [f"ended: {ended.reason}", *["the way back: trading kill status"] * ended.killed]
    return Answer(data, told, exit_code=8 if ended.killed else 0)
