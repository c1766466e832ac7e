"""`trading run`: the scheduler, in the foreground."""

import typer

from trading_cli.cli.answer import Answer
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def run(ctx: typer.Context) -> Answer:
    """Run every cycle when it is due, until `trading stop`, a signal, or the kill switch."""
    from trading_cli.app import running

    said = shared(ctx)
    ended = running.serve(said.config, said.talk)
    data = {"reason": ended.reason, "killed": ended.killed}
    told = [f"ended: {ended.reason}", *["the way back: trading kill status"] * ended.killed]
    return Answer(data, told, exit_code=8 if ended.killed else 0)
