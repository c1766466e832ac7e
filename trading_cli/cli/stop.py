"""`trading stop`: end the scheduler of this home."""

import typer

from trading_cli.cli.answer import Answer
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def stop(ctx: typer.Context) -> Answer:
    """End `trading run` of this home; a cycle it cuts short is gone on with by the next one."""
    from trading_cli.app import running

    data = running.stop(shared(ctx).config)
    if data["pid"] is None:
        return Answer(data, ("nothing is running for this home",))
    said = "ended" if data["ended"] else "asked to end; it has not yet"
    return Answer(data, (f"process {data['pid']}: {said}",))
