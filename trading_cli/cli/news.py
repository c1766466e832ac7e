"""`trading news`: what moved, and what was said about it then."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_HEADINGS = ("change", "from", "to", "leap", "at, UTC", "said", "market")


@app.command(cls=Command)
def news(
    ctx: typer.Context,
    market: Annotated[
        str | None, typer.Argument(metavar="MARKET", help="An id, a slug or a word.")
    ] = None,
    since: Annotated[str, typer.Option(help="From when on: 24h, 7d, a date.")] = "24h",
    until: Annotated[str, typer.Option(help="Until when.")] = "now",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="Markets.")] = 10,
) -> Answer:
    """Show which markets moved most, when they leapt, and what was said around that hour."""
    from datetime import UTC, datetime

    from trading_cli.app import news as moved
    from trading_cli.core.times import span

    begin, end = span(since, until, datetime.now(UTC))
    data = moved.news(shared(ctx).config, begin, end, market=market, limit=limit)
    return Answer(data, _blocks(data))


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    from trading_cli.cli.eighty import folded, minute

    if not data["markets"]:
        return [f"nothing moved from {minute(data['since'])} to {minute(data['until'])} UTC"]
    rows = [
        (f"{one['change']:+.3f}", f"{one['from']:.3f}", f"{one['to']:.3f}", f"{one['leap']:+.3f}",
         minute(one["leap_at"]), one["said"], ("* " if one["held"] else "") + one["question"])
        for one in data["markets"]
    ]  # fmt: skip
    right = frozenset({"change", "from", "to", "leap", "said"})
    spare = ("from", "to")
    found: list[Block] = [Table(_HEADINGS, rows, "", right, frozenset({"market"}), spare)]
    for one in data["markets"]:
        if one["posts"]:
            found.append(f"\n{one['question']}")
            found += [
                line
                for post in one["posts"]
                for line in folded(f"{minute(post['at'])} {post['source']}: {post['text']}", 78)[:3]
            ]
    if any(one["held"] for one in data["markets"]):
        found.append("\n* held")
    return found
