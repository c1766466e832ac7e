"""`trading health`: how every part of this machine is, quickly and without asking anybody."""

from typing import Annotated

import typer

from trading_cli.cli.answer import Answer
from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def health(
    ctx: typer.Context,
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help="Metrics instead of a table.")
    ] = False,
) -> Answer:
    """Show how every part is, with the fix for what is not well; exit 3 if a part fails."""
    from trading_cli.app import health as examined
    from trading_cli.cli.doctor import told

    if prometheus:
        from trading_cli.app.health import prometheus as scraped

        text = scraped.text(shared(ctx).config)
        return Answer({"parts": [], "metrics": text}, [text.rstrip("\n")])
    parts = examined.health(shared(ctx).config)
    ill = any(part["state"] == "fail" for part in parts)
    return Answer({"parts": parts, "metrics": None}, told(parts), exit_code=3 if ill else 0)
