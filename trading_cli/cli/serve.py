"""`trading serve`: the page and the API, in the foreground."""

import os
from typing import Annotated

import typer

from trading_cli.cli.options import Command, commands, shared

app = commands()

Host = Annotated[
    str | None, typer.Option(metavar="HOST", help="Where to listen (default: dashboard.host).")
]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65_535, help="Its port (default: dashboard.port); 0: any free one."),
]
Parent = Annotated[
    int | None, typer.Option("--child-of", hidden=True, help="End when this is not our parent.")
]


@app.command(cls=Command)
def serve(
    ctx: typer.Context, host: Host = None, port: Port = None, child_of: Parent = None
) -> None:
    """Serve the page and the API until interrupted: on this machine, unless told otherwise.

    Another address needs TRADING_SERVE_TOKEN, and TLS in front.
    """
    from datetime import UTC, datetime
    from functools import partial

    from trading_cli.app import serving
    from trading_cli.cli.render import write_line
    from trading_cli.core.envelope import envelope

    said = shared(ctx)
    loaded, where, number = serving.ready(said.config, host, port)
    at = serving.seat(where, number)

    from trading_cli.web import standing
    from trading_cli.web.api import create_app

    wrong = serving.migrated(loaded, datetime.now(UTC))
    api = create_app(said.config, os.environ)

    def ready(url: str) -> None:
        if said.as_json:
            token = loaded.secrets.serve_token is not None
            warnings = [wrong] if wrong else []
            write_line(envelope("serve", {"url": url, "token_needed": token}, warnings))
            return
        if wrong:
            said.talk(f"warning: {wrong}")
        said.talk(f"serving {loaded.home} at {url}; Ctrl-C ends it")

    serving.serve(
        api, at, on_ready=ready, begin=partial(standing.begin, api),
        end=partial(standing.end, api), parent=child_of,
    )  # fmt: skip
