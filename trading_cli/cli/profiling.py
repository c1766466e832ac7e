"""`trading profile`: where the time goes, over many runs or inside one command."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_STEPS = ("cycle", "step", "n", "p50 s", "p95 s", "p99 s", "max s", "trend", "failed")
_SOURCES = ("source", "n", "p50 s", "p95 s", "max s", "requests", "trend", "poor")
_SLOW = ("seconds", "cycle", "step", "slot, UTC", "run", "state", "why")
_SEEN = ("under", "own", "function")


@app.command(cls=Command)
def profile(
    ctx: typer.Context,
    since: Annotated[str, typer.Option(help="From when on: 7d, 24h, a date.")] = "7d",
    until: Annotated[str, typer.Option(help="Until when.")] = "now",
    cycle: Annotated[str | None, typer.Option(help="Only of this cycle.")] = None,
    command: Annotated[
        str | None, typer.Option(help='Sample one command instead: --command "status --json".')
    ] = None,
) -> Answer:
    """Show how long each step and source takes, which were slowest, and whether it gets worse."""
    from trading_cli.app import profiling
    from trading_cli.core.times import span

    if command is not None:
        seen = profiling.sample(_words(ctx, command), shared(ctx).talk)
        return Answer({"runs": None, "sample": seen}, _seen(seen), exit_code=seen["code"])
    from datetime import UTC, datetime

    begin, end = span(since, until, datetime.now(UTC))
    told = profiling.timings(shared(ctx).config, begin, end, cycle)
    return Answer({"runs": told, "sample": None}, _blocks(told))


def _words(ctx: typer.Context, command: str) -> list[str]:
    """Return the command's words, with the settings this one was given."""
    import shlex

    from trading_cli.core.errors import UsageError

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--command cannot be read: {error}.", hint="--command 'status'") from None
    if not words or words[0] in {"trading", "profile", "run", "serve", "simulate"}:
        raise UsageError(
            f"{command!r} is no command that ends by itself.",
            hint='without the word trading: --command "cycle collection"',
        )
    config = shared(ctx).config
    return [*(["--config", str(config)] if config else []), *words]


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    from trading_cli.cli.eighty import minute

    if not data["steps"]:
        return [f"nothing ran from {minute(data['since'])} to {minute(data['until'])} UTC"]
    steps = [
        (one["cycle"], one["step"], one["n"], *_times(one), _trend(one["trend"]), one["failed"])
        for one in data["steps"]
    ]
    slow = [
        (f"{one['seconds']:.2f}", one["cycle"], one["step"], minute(one["slot"]), one["run"],
         one["state"], one["why"] or None)
        for one in data["slowest"][:5]
    ]  # fmt: skip
    right = frozenset({"n", "p50 s", "p95 s", "p99 s", "max s", "trend", "failed"})
    span = f"{minute(data['since'])} to {minute(data['until'])} UTC"
    found: list[Block] = [
        f"{span}; trend: the newest quarter over the oldest",
        Table(_STEPS, steps, "Steps", right, spare=("p99 s", "failed")),
    ]
    if data["sources"]:
        rows = [
            (one["source"], one["n"], _s(one["p50_s"]), _s(one["p95_s"]), _s(one["max_s"]),
             one["requests"], _trend(one["trend"]), one["poor"])
            for one in data["sources"]
        ]  # fmt: skip
        found.append(Table(_SOURCES, rows, "Sources", right | {"requests", "poor"}))
    found.append(
        Table(_SLOW, slow, "Slowest", frozenset({"seconds", "run"}), frozenset({"why"}), ("state",))
    )
    return found


def _times(one: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return _s(one["p50_s"]), _s(one["p95_s"]), _s(one["p99_s"]), _s(one["max_s"])


def _s(seconds: float) -> str:
    return f"{seconds:.3f}"


def _trend(ratio: float | None) -> str | None:
    return None if ratio is None else f"{ratio:.2f}x"


def _seen(data: Mapping[str, Any]) -> list[Block]:
    facts = [
        ("command", f"trading {data['command']}"),
        ("exit code", data["code"]),
        ("took", f"{data['wall_s']:.2f} s, {data['cpu_s']:.2f} s of it at work"),
        ("looks", f"{data['looks']}, one every 3 ms"),
    ]
    right = frozenset({"under", "own"})
    return [
        Facts(facts),
        Table(_SEEN, [_share(one) for one in data["ours"]], "Ours, with what they call", right),
        Table(_SEEN, [_share(one) for one in data["heaviest"]], "Heaviest by themselves", right),
    ]


def _share(one: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"{one['under']:.1%}", f"{one['own']:.1%}", one["function"].removeprefix("trading_cli.")
