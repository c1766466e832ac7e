"""`trading simulate`: the pretend exchange in the foreground."""

from pathlib import Path
from typing import Annotated

import typer

from trading_cli.cli.options import Command, commands, shared

app = commands()


@app.command(cls=Command)
def simulate(
    ctx: typer.Context,
    replay: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Serve recorded replies of this folder.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which world.")] = 1,
    markets: Annotated[int, typer.Option(min=1, help="How many markets it has.")] = 200,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any free port.")] = 8900,
    latency_ms: Annotated[int, typer.Option(min=0, help="Wait so long before each reply.")] = 0,
) -> None:
    """Run the pretend exchange on loopback until interrupted."""
    from trading_cli.app.simulate import serve
    from trading_cli.cli.render import envelope, write_line

    said = shared(ctx)

    def ready(url: str) -> None:
        if said.as_json:
            write_line(envelope("simulate", {"url": url, "seed": seed, "markets": markets}))
            return
        write_line(url)
        said.talk("the pretend exchange is up; Ctrl-C ends it")

    serve(replay, seed, markets, port, latency_ms, ready)
