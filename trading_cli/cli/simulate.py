"""`trading simulate`: the pretend exchange in the foreground, or a recording taken in."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()

At = Annotated[
    str | None, typer.Option(metavar="TIME", help="Stop its clock here (a recording: at its end).")
]
Home = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Make a home here that asks it, limits lifted.")
]
Into = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Bring all of --replay into a new home here, then end: every book."
    ),
]


@app.command(cls=Command)
def simulate(  # noqa: PLR0913  # one argument for each option
    ctx: typer.Context,
    *,
    replay: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Serve recorded replies of this folder.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which world.")] = 1,
    markets: Annotated[int, typer.Option(min=1, help="How many markets it has.")] = 200,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any free port.")] = 8900,
    latency_ms: Annotated[int, typer.Option(min=0, help="Wait so long before each reply.")] = 0,
    at: At = None,
    home: Home = None,
    into: Into = None,
) -> Answer | None:
    """Run the pretend exchange on loopback until interrupted.

    A recording's clock stands where its listing was recorded: `collect --all-markets` then sees
    every listing and each token's last book, and with --backfill the recorded series and trades.
    A home keeps one book a market and slot, so the earlier books come one by one: with --into, or
    with --at TIME and a collection in another slot.
    """
    said = shared(ctx)
    if into is not None:
        return _taken_in(replay, into, said.talk)

    from datetime import UTC, datetime

    from trading_cli.app.simulate import make_home, new_home, serve
    from trading_cli.cli.render import write_line
    from trading_cli.core.envelope import envelope
    from trading_cli.core.times import instant

    stands = None if at is None else instant(at, datetime.now(UTC))
    if home is not None:
        new_home(home)

    def ready(url: str) -> None:
        if home is not None:
            config = make_home(home, url)
            said.talk(f"collect from it:  trading collect --all-markets --config {config}")
        if said.as_json:
            write_line(envelope("simulate", {"url": url, "seed": seed, "markets": markets}))
            return
        write_line(url)
        said.talk("the pretend exchange is up; Ctrl-C ends it")

    serve(replay, seed, markets, port, latency_ms, ready, at=stands, limits=home is None)
    return None


def _taken_in(replay: Path | None, into: Path, talk: Callable[[str], None]) -> Answer:
    """Bring the recording in *replay* into a home at *into*, and show the sums."""
    from trading_cli.core.errors import UsageError

    if replay is None:
        raise UsageError("--into needs --replay.", hint="name the folder of recorded replies")

    from trading_cli.app.replayed import take_in

    data: Mapping[str, Any] = take_in(replay, into, progress=talk)
    columns = ("what", "recorded", "store")
    rows = [[row[name] for name in columns] for row in data["sums"]]
    table = Table(columns, rows, right=frozenset(columns[1:]))
    look = f"look around:  trading status --config {data['home']}/config.yaml"
    return Answer(data, [table, look])
