"""`trading serve`: the page and the API, in the foreground."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from trading_cli.cli.options import Command, commands, shared

if TYPE_CHECKING:
    from datetime import datetime

    from trading_cli.app.settings import Loaded
    from trading_cli.cli.options import Shared

app = commands()

Host = Annotated[
    str | None, typer.Option(metavar="HOST", help="Where to listen (default: dashboard.host).")
]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65_535, help="Its port (default: dashboard.port); 0: any free one."),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="WHEN", help="Look back: as of then, or of the last collection (last)."
    ),
]
Parent = Annotated[
    int | None, typer.Option("--child-of", hidden=True, help="End when this is not our parent.")
]


@app.command(cls=Command)
def serve(
    ctx: typer.Context,
    host: Host = None,
    port: Port = None,
    at: At = None,
    child_of: Parent = None,
) -> None:
    """Serve the page and the API until interrupted: on this machine, unless told otherwise.

    Another address needs TRADING_SERVE_TOKEN, and TLS in front. With --at it shows a home that is
    at rest as it was at that moment: ages count from then, and nothing can be changed.
    """
    from datetime import UTC, datetime
    from functools import partial

    from trading_cli.app import look_back, serving

    said, now = shared(ctx), datetime.now(UTC)
    loaded, where, number = serving.ready(said.config, host, port)
    wrong = serving.migrated(loaded, now)
    as_of = None if at is None else look_back.moment(loaded, at, now)
    seat = serving.seat(where, number)

    from trading_cli.web import standing
    from trading_cli.web.api import create_app

    api = create_app(said.config, os.environ, look_back=as_of)
    serving.serve(
        api, seat, on_ready=partial(_tell, said, loaded, as_of, wrong),
        begin=partial(standing.begin, api), end=partial(standing.end, api), parent=child_of,
    )  # fmt: skip


def _tell(said: "Shared", loaded: "Loaded", as_of: "datetime | None", wrong: str, url: str) -> None:
    """Say where it answers, as soon as it does."""
    from trading_cli.cli.render import write_line
    from trading_cli.core.envelope import envelope

    if said.as_json:
        token = loaded.secrets.serve_token is not None
        told = {"url": url, "token_needed": token, "as_of": as_of}
        write_line(envelope("serve", told, [wrong] if wrong else []))
        return
    if wrong:
        said.talk(f"warning: {wrong}")
    back = "" if as_of is None else f", a look back as of {as_of:%Y-%m-%d %H:%M} UTC"
    said.talk(f"serving {loaded.home} at {url}{back}; Ctrl-C ends it")
