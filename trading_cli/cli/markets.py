"""`trading markets`: what there is."""

import enum
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_HEADINGS = (
    *("id", "question", "category", "bid", "ask", "mid", "volume 24h", "liquidity", "deadline"),
    *("panel", "score", "age"),
)
_NUMBERS = frozenset({"bid", "ask", "mid", "volume 24h", "liquidity", "score", "age"})
_SPARE = ("liquidity", "category", "panel", "score", "age", "deadline", "bid", "ask", "volume 24h")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


class Sort(enum.StrEnum):
    """The columns a listing can be sorted by."""

    VOLUME = "volume"
    LIQUIDITY = "liquidity"
    DEADLINE = "deadline"
    QUESTION = "question"
    SCORE = "score"
    AGE = "age"


@app.command(cls=Command)
def markets(
    ctx: typer.Context,
    search: Annotated[
        str, typer.Option(metavar="TEXT", help="Only questions that contain this text.")
    ] = "",
    sort: Annotated[Sort, typer.Option(help="What to sort by.")] = Sort.VOLUME,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    rules: Annotated[
        str | None, typer.Option(metavar="MARKET", help="One market's rules, and their changes.")
    ] = None,
) -> Answer:
    """List the markets that are known, with their latest prices."""
    if rules is not None:
        from trading_cli.app import rules as worded

        found = worded.rules(shared(ctx).config, rules)
        return Answer({"markets": [], "total": 0, "rules": found}, _worded(found))
    from trading_cli.app import overview

    data = overview.markets(shared(ctx).config, search=search, sort=sort.value, limit=limit)
    rows = [_row(market) for market in data["markets"]]
    table = Table(
        _HEADINGS, rows, right=_NUMBERS, folds=frozenset({"question", "category"}), spare=_SPARE
    )
    total = data.get("total", len(rows))
    warnings = data.get("warnings", ())
    told = {"markets": data["markets"], "total": total}
    if not rows:
        return Answer(told, ("no market matches" if search else "no markets",), warnings)
    count = f"{len(rows)} markets" if total == len(rows) else f"{len(rows)} of {total} markets"
    return Answer(told, (table, count), warnings)


def _worded(found: Mapping[str, Any]) -> list[Block]:
    """Return the newest wording whole, then what changed and when."""
    from trading_cli.cli.eighty import folded, minute

    blocks: list[Block] = [f"{found['market']}  {found['question']}"]
    if not found["versions"]:
        return [*blocks, "the venue gave no rules text"]
    newest = found["versions"][-1]
    blocks.append(f"rules as seen since {minute(newest['seen_at'])} UTC:")
    blocks += [line for text in newest["text"].splitlines() for line in (folded(text, 80) or [""])]
    for one in reversed(found["versions"]):
        if one["changes"]:
            blocks.append(f"\nchanged by {minute(one['seen_at'])} UTC:")
            blocks += [line for text in one["changes"] for line in folded(text, 80)]
    return blocks


def _row(market: Mapping[str, Any]) -> list[object]:
    """Return *market* for people: whole USD, the day of the deadline, the age in words."""
    at = market["deadline"]
    return [
        *(market[key] for key in ("id", "question", "category", "bid", "ask", "mid")),
        *(_whole(market[key]) for key in ("volume_24h", "liquidity")),
        None if at is None else str(at)[:10],
        market["panel"],
        market["score"],
        _age(market["age_s"]),
    ]


def _whole(usd: float | None) -> int | None:
    return None if usd is None else round(usd)


def _age(seconds: int | None) -> str | None:
    """Return how old a quote is, in the unit a person would use; ``None`` where there is none."""
    if seconds is None:
        return None
    if seconds < 2 * _MINUTE:
        return f"{seconds} s"
    if seconds < 2 * _HOUR:
        return f"{seconds // _MINUTE} min"
    return f"{seconds // _HOUR} h" if seconds < 2 * _DAY else f"{seconds // _DAY} days"
