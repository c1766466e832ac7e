"""`trading alerts`: try the channels, look at the queue, try again, say that it was seen."""

from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Table
from trading_cli.cli.options import Command, Group, commands, shared

app = commands()
_SHORT = 60


@app.callback(cls=Group)
def alerts() -> None:
    """Look after what is told: Telegram, webhook, Discord, Slack, e-mail."""


@app.command(cls=Command)
def test(ctx: typer.Context) -> Answer:
    """Send one message through every channel that is on."""
    from trading_cli.app import alerting

    data = alerting.try_out(shared(ctx).config)
    rows = [(one["name"], "taken", one["seconds"]) for one in data["channels"]]
    return Answer(data, (Table(("channel", "test", "seconds"), rows, right=_right("seconds")),))


@app.command("list", cls=Command)
def list_(
    ctx: typer.Context,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="STATE", help="PENDING, SENT, EXPIRED, DIGEST, DIGESTED, DEAD or MUTED."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> Answer:
    """Show what was to be told and how it went, the newest first; and how the channels do."""
    from trading_cli.app import alerting

    wanted = None if state is None else state.upper()
    data = alerting.listed(shared(ctx).config, state=wanted, limit=limit)
    return Answer(data, _blocks(data))


def _blocks(data: dict[str, Any]) -> list[Block]:
    """Return the queue and the channels for people."""
    rows = [
        (
            one["id"],
            one["created_at"][:16].replace("T", " "),
            f"{one['kind']}{' !' if one['critical'] else ''}",
            one["state"],
            ", ".join(each["channel"] for each in one["deliveries"] if each["state"] == "SENT"),
            _first(one["text"]),
        )
        for one in data["notices"]
    ]
    headings = ("id", "at", "kind", "state", "through", "text")
    blocks: list[Block] = []
    if rows:
        blocks.append(Table(headings, rows, right=_right("id"), folds=frozenset({"text"})))
    else:
        blocks.append("nothing was to be told")
    oldest = data["oldest_s"]
    since = f", the oldest for {oldest // 60} min" if oldest is not None else ""
    blocks.append(f"{data['pending']} wait{since}")
    on = [
        (
            one["name"],
            f"fails ({one['failures']}): {one['error']}" if one["failures"] else "on",
            one["last_sent"],
        )
        for one in data["channels"]
    ]
    off = [(one["name"], one["why"], None) for one in data["off"]]
    blocks.append(Table(("channel", "state", "last sent"), on + off, folds=frozenset({"state"})))
    return blocks


def _first(text: str) -> str:
    line = text.partition("\n")[0]
    return line if len(line) <= _SHORT else f"{line[: _SHORT - 1]}…"


def _right(*names: str) -> frozenset[str]:
    return frozenset(names)


@app.command(cls=Command)
def retry(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One notice; all of them without it.")
    ] = None,
) -> Answer:
    """Try again now what no channel took, and every channel that is left alone."""
    from trading_cli.app import alerting

    data = alerting.retry(shared(ctx).config, name)
    said = f"{data['revived']} tried again; {data['sent']} messages sent, {data['waiting']} wait"
    return Answer(data, (said,), data["problems"])


@app.command(cls=Command)
def ack(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="A notice's number or key, or all.")],
) -> Answer:
    """Say that you have seen a notice, or all that were told."""
    from trading_cli.app import alerting

    data = alerting.ack(shared(ctx).config, name)
    return Answer(data, (f"{data['acked']} marked as seen",))


@app.command(cls=Command)
def bot(ctx: typer.Context) -> Answer:
    """Obey the chat: /status /signals /positions /explain ID /pause /kill; never a reset."""
    from trading_cli.app import alerting

    said = shared(ctx)
    data = alerting.serve_bot(said.config, said.talk)
    return Answer(data, (f"{data['handled']} handled",))
