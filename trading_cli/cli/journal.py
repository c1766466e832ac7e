"""`trading journal …`: the hash-chained record, a person's part in it, and what it adds up to."""

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
Id = Annotated[str, typer.Argument(metavar="ID", help="An id, or its unique beginning.")]
Price = Annotated[str, typer.Option(metavar="P", help="USD a share: 0.42.")]
Fee = Annotated[str | None, typer.Option(metavar="USD", help="Default: by the market's schedule.")]
At = Annotated[str, typer.Option(metavar="TIME", help="When it was.")]
Again = Annotated[bool, typer.Option("--again", help="Book it although the same is booked.")]


class Dimension(enum.StrEnum):
    """What a record can be cut by."""

    ALL = "all"
    STRATEGY = "strategy"
    CATEGORY = "category"
    TIER = "tier"
    HOUR = "hour"
    BY = "by"


class Records(enum.StrEnum):
    """What can be exported."""

    JOURNAL = "journal"
    DECISIONS = "decisions"
    ORDERS = "orders"
    FILLS = "fills"
    POSITIONS = "positions"
    LEDGER = "ledger"


@app.callback()
def journal() -> None:
    """Read the record, add to it, check it, count it."""


@app.command("list", cls=Command)
def list_(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="order, fill, note, …")] = None,
    subject: Annotated[str | None, typer.Option(metavar="ID", help="About this id only.")] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="Written since then.")] = "30d",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 30,
) -> Answer:
    """Show the newest rows of the journal, newest first."""
    from datetime import UTC, datetime

    from trading_cli.app import journal as diary
    from trading_cli.core.times import instant

    begin = instant(since, datetime.now(UTC))
    data = diary.entries(shared(ctx).config, kind=kind, subject=subject, since=begin, limit=limit)
    warnings = data.pop("warnings", ())
    count = f"{len(data['entries'])} of {data['total']} rows"
    return Answer(data, (_rows(data["entries"]), count), warnings)


@app.command(cls=Command)
def show(ctx: typer.Context, name: Id) -> Answer:
    """Show every row about an id, or the one row of a number, whole."""
    from trading_cli.app import journal as diary
    from trading_cli.cli.eighty import fitted

    data = diary.about(shared(ctx).config, name)
    blocks: list[Block] = [f"{data['kind']} {data['id']}"]
    for row in data["entries"]:
        head = ("row", f"{row['seq']}, {row['at'][:19]}, {row['kind']}, by {row['actor']}")
        blocks.append(Facts(fitted([head, *row["body"].items()])))
    return Answer(data, blocks if data["entries"] else [*blocks, "nothing is written about it"])


@app.command(cls=Command)
def note(
    ctx: typer.Context, name: Id, text: Annotated[str, typer.Argument(metavar="TEXT")]
) -> Answer:
    """Add a note about an id."""
    from trading_cli.app import journal as diary

    return _written(diary.note(shared(ctx).config, name, text))


@app.command(cls=Command)
def tag(
    ctx: typer.Context, name: Id, tags: Annotated[list[str], typer.Argument(metavar="TAG…")]
) -> Answer:
    """Add tags to an id."""
    from trading_cli.app import journal as diary

    return _written(diary.tag(shared(ctx).config, name, tuple(tags)))


def _written(row: Mapping[str, Any]) -> Answer:
    return Answer(row, (f"row {row['seq']}: {row['kind']} about {row['subject']}",))


def _rows(entries: list[dict[str, Any]]) -> Table:
    from trading_cli.cli.eighty import minute

    rows = [
        (one["seq"], minute(one["at"]), one["kind"], one["subject"], one["actor"], _brief(one))
        for one in entries
    ]
    headings = ("row", "at, UTC", "kind", "about", "by", "what")
    return Table(headings, rows, "", frozenset({"row"}), frozenset({"what"}), ("by",))


def _brief(row: Mapping[str, Any]) -> str:
    """Return what a row says in a few words."""
    body = row["body"]
    names = ("text", "tags", "action", "side", "token", "shares", "price", "reason", "state")
    told = [body[name] for name in names if body.get(name) not in (None, "", [])]
    words = ", ".join(", ".join(one) if isinstance(one, list) else str(one) for one in told)
    return words[:60]


@app.command(cls=Command)
def review(
    ctx: typer.Context,
    name: Id,
    text: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Your words; then it is written down.")
    ] = None,
) -> Answer:
    """Hold the plan of a closed position against its outcome."""
    from trading_cli.app import journal as diary
    from trading_cli.cli.eighty import change, fitted, percent

    data = diary.review(shared(ctx).config, name, text)
    plan, came = data["plan"] or {}, data["outcome"]
    exits = [f"{one['reason']} {one['shares']:g} at {one['price']:.4g}" for one in came["exits"]]
    told: list[tuple[str, object]] = [
        ("position", data["position"]),
        ("plan", plan or "none: no decision of ours stands behind it"),
        ("exits", "; ".join(exits) or "settled"),
        ("held", None if came["days"] is None else f"{came['days']:.1f} days"),
        ("net", f"{change(came['net'])} USD ({percent(came['returned']) or '-'})"),
        ("your words", text if data["written"] else "none: --text TEXT writes the review down"),
    ]
    return Answer(data, (Facts(fitted(told)),))


@app.command(cls=Command)
def fill(  # what a person says of a trade
    ctx: typer.Context,
    name: Id,
    price: Price,
    shares: Annotated[str, typer.Option(metavar="N", help="How many were bought.")],
    fee: Fee = None,
    at: At = "now",
    again: Again = False,
) -> Answer:
    """Book that you bought on a signal: the same ledger as the broker's trades."""
    from trading_cli.app import by_hand

    trade = _trade(price, shares, fee, at, again=again)
    return _booked(by_hand.fill(shared(ctx).config, name, trade))


@app.command("exit", cls=Command)
def exit_(  # what a person says of a trade
    ctx: typer.Context,
    name: Id,
    price: Price,
    shares: Annotated[
        str | None, typer.Option(metavar="N", help="How many were sold (default: all).")
    ] = None,
    fee: Fee = None,
    at: At = "now",
    again: Again = False,
) -> Answer:
    """Book that you sold shares of your own position."""
    from trading_cli.app import by_hand

    trade = _trade(price, shares, fee, at, again=again)
    return _booked(by_hand.sold(shared(ctx).config, name, trade))


def _trade(price: str, shares: str | None, fee: str | None, at: str, *, again: bool) -> Any:
    from datetime import UTC, datetime

    from trading_cli.app.by_hand import Trade
    from trading_cli.core.times import instant

    when = None if at == "now" else instant(at, datetime.now(UTC))
    return Trade(
        _exact(price, "--price"),
        None if shares is None else _exact(shares, "--shares"),
        None if fee is None else _exact(fee, "--fee"),
        when,
        again,
    )


def _exact(text: str, option: str) -> Any:
    """Return the number as written. Raises UsageError for what is none."""
    from decimal import Decimal, InvalidOperation

    from trading_cli.core.errors import UsageError

    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise UsageError(f"{option} {text!r} is no number.", hint=f"{option} 0.42")
    return value


def _booked(data: dict[str, Any]) -> Answer:
    warnings = data.pop("warnings")
    deal = f"{data['side']} {data['shares']:g} {data['token']} at {data['price']:g}"
    told = (
        f"booked: {deal}, fee {data['fee']:.5f} USD\n"
        f"position {data['position']}: {data['held']:g} shares held, result"
        f" {data['realized']:+.2f} USD; cash {data['cash']:,.2f} USD"
    )
    return Answer(data, (told,), warnings)


@app.command(cls=Command)
def stats(
    ctx: typer.Context,
    by: Annotated[Dimension | None, typer.Option(help="One cut alone.")] = None,
) -> Answer:
    """Count the closed trades by strategy, category, tier and hour, with intervals."""
    from trading_cli.app import track_record

    data = track_record.stats(shared(ctx).config, by=None if by is None else by.value)
    warnings = data.pop("warnings")
    headings = ("by", "name", "trades", "events", "net USD", "won", "mean return", "verdict")
    rows = [
        (
            "dealer" if one["by"] == Dimension.BY else one["by"],
            *(one[name] for name in ("name", "trades", "events")),
            f"{one['net']:+,.2f}",
            *(_interval(one[name]) for name in ("win_rate", "mean_return")),
            one["verdict"] if not one["missing"] else f"{one['verdict']}: {one['missing']}",
        )
        for one in data["groups"]
    ]
    right = frozenset({"trades", "events", "net USD"})
    blocks: list[Block] = []
    if rows:
        blocks.append(Table(headings, rows, "", right, frozenset({"verdict"}), ("trades",)))
    blocks.append(
        f"{data['trades']} trades in {data['events']} events; below {data['minimum']} events"
        " nothing is said"
    )
    return Answer(data, blocks, warnings)


def _interval(told: Mapping[str, float] | None) -> str | None:
    if told is None:
        return None
    return f"{told['point']:.1%} [{told['low']:.1%}, {told['high']:.1%}]"


@app.command(cls=Command)
def verify(ctx: typer.Context) -> Answer:
    """Check every row against its seal; exit 3 naming the first that is broken."""
    from trading_cli.app import journal as diary

    data = diary.verify(shared(ctx).config)
    if data["whole"]:
        return Answer(data, (f"whole: {data['rows']} rows, head {data['head'][:16]}…",))
    broken = data["broken"]
    told = f"BROKEN at row {broken['seq']}: {broken['what']}"
    return Answer(data, (told,), (told,), exit_code=3)


@app.command(cls=Command)
def reconcile(ctx: typer.Context) -> Answer:
    """Hold the ledger against the fills and the positions; exit 3 where they differ."""
    from trading_cli.app import reconcile as reconciling

    data = reconciling.reconcile(shared(ctx).config)
    counted = ", ".join(f"{data[name]} {name}" for name in ("fills", "positions", "transfers"))
    pairs: list[tuple[str, object]] = [
        ("compared", counted),
        *((name, f"{usd:,.6f}") for name, usd in reconciling.as_read(data["balances"])),
    ]
    if data["agrees"]:
        return Answer(data, ("ledger, fills and positions agree", Facts(pairs)))
    rows = [
        (one["subject"], one["what"], one["ledger"], one["other"]) for one in data["mismatches"]
    ]
    headings = ("of", "what", "ledger", "other")
    table = Table(headings, rows, "MISMATCH", frozenset({"ledger", "other"}), frozenset({"what"}))
    return Answer(data, (table, Facts(pairs)), (f"{len(rows)} differences",), exit_code=3)


class Tax(enum.StrEnum):
    """Which shares go first."""

    FIFO = "fifo"


@app.command(cls=Command)
def export(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .json file.")],
    what: Annotated[Records, typer.Option(help="Which record.")] = Records.JOURNAL,
    tax: Annotated[
        Tax | None, typer.Option(help="Every disposal lot by lot instead; no tax advice.")
    ] = None,
    rates: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV: a date, units for one USD.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="What the rates are of: EUR.")] = None,
) -> Answer:
    """Write a record to a file that other programs read."""
    if tax is not None:
        from trading_cli.app import tax as lots

        told = lots.export(shared(ctx).config, file, rates=rates, currency=currency)
        text = f"{told['rows']} disposals in {told['file']}: gain {told['gain']:+,.2f} USD"
        if told["currency"]:
            text += f", {told['gain_local']:+,.2f} {told['currency']}"
        return Answer(told, (text, f"{told['still_held']} lots are still held"))
    if rates is not None or currency is not None:
        raise click.UsageError("--rates and --currency belong to --tax fifo.", ctx)
    from trading_cli.app import export as exporting

    data = exporting.export(shared(ctx).config, file, what=what.value)
    return Answer(data, (f"{data['rows']} rows of {data['what']} in {data['file']}",))
