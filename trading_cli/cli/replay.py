"""`trading replay RUN`: the decisions of one stored run, recomputed from the stored inputs."""

from typing import Annotated

import typer

from trading_cli.cli.answer import Answer
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def replay(
    ctx: typer.Context,
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="The number of a run, or @last.", show_default=False),
    ],
) -> Answer:
    """Decide a stored run again from the stored inputs and the account before it.

    Exit 0: the digests are equal. Exit 3: they are not, with the first difference. Nothing is
    written.
    """
    from trading_cli.app.replays import replay as work
    from trading_cli.cli.parity import blocks

    data = work(shared(ctx).config, run)
    warnings = data.pop("warnings")
    return Answer(data, blocks(data), warnings, exit_code=0 if data["identical"] else 3)
