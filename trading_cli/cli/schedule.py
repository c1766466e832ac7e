"""`trading schedule show|install`: when the cycles run, for cron and systemd."""

from typing import Annotated

import typer

from trading_cli.cli.answer import Answer
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.callback()
def schedule() -> None:
    """Show or install the schedule of the cycles."""


@app.command(cls=Command)
def show(
    ctx: typer.Context,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="As systemd units instead of crontab lines.")
    ] = False,
) -> Answer:
    """Print the crontab lines, or the systemd units, that the settings come to."""
    from trading_cli.app import scheduling

    data = scheduling.shown(shared(ctx).config, systemd=systemd)
    return Answer(data, [part["text"] for part in data["parts"]])


@app.command(cls=Command)
def install(ctx: typer.Context) -> Answer:
    """Write the lines of this home into your crontab; other lines are not touched."""
    from trading_cli.app import scheduling

    data = scheduling.installed(shared(ctx).config)
    return Answer(data, data["done"])
