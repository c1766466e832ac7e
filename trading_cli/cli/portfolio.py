"""`trading portfolio …`: a wallet of one's own, what could be lost, what should go."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_MANY = 12
Apply = Annotated[
    bool, typer.Option("--apply", help="Not built: this gives advice only.", hidden=True)
]


@app.callback()
def portfolio() -> None:
    """Look after everything that is held, also outside."""


@app.command(cls=Command)
def sync(
    ctx: typer.Context,
    wallet: Annotated[
        str, typer.Option(metavar="ADDRESS", help="0x and 40 hexadecimal digits; no key is needed.")
    ],
) -> Answer:
    """Read what a wallet holds from the public Data API, and count it in the limits."""
    from trading_cli.app import wallet as reading

    data = reading.sync(shared(ctx).config, wallet)
    warnings = data.pop("warnings")
    rows = [
        (one["question"] or one["market"], one["token"], one["shares"], one["cost"])
        for one in data["positions"]
    ]
    headings, right = ("question", "token", "shares", "cost"), frozenset({"shares", "cost"})
    blocks: list[Block] = []
    if rows:
        blocks.append(Table(headings, rows, "", right, frozenset({"question"})))
    pairs = [
        ("wallet", data["wallet"]),
        ("positions", f"{len(rows)}, cost {data['cost']:,.2f} USD: counted in every limit"),
        ("settled", f"{data['settled']}, not counted"),
    ]
    return Answer(data, (*blocks, Facts(pairs)), warnings)


@app.command(cls=Command)
def exposure(
    ctx: typer.Context,
    all_: Annotated[bool, typer.Option("--all", help="Every limit, not only the fullest.")] = False,
) -> Answer:
    """Show the worst outcome of every event, the cost to leave now, and the limits in use."""
    from trading_cli.app import portfolio as book

    data = book.exposure(shared(ctx).config)
    warnings = data.pop("warnings")
    return Answer(data, _exposed(data, all_), warnings)


def _exposed(data: Mapping[str, Any], every: bool) -> list[Block]:
    blocks: list[Block] = []
    if rows := [
        (
            one["event"],
            one["question"],
            one["stakes"],
            *(_usd(one[name]) for name in ("cost", "worst", "limit", "cost_to_leave")),
        )
        for one in data["groups"]
    ]:
        headings = ("event", "question", "stakes", "cost", "worst", "limit", "to leave")
        right = frozenset(headings[2:])
        blocks.append(Table(headings, rows, "", right, frozenset({"question"}), ("stakes",)))
    if totals := data["totals"]:
        names = ("equity", "cash", "exposure", "worst", "cost_to_leave")
        blocks.append(Facts([(n.replace("_", " "), _usd(totals[n])) for n in names]))
    if found := data["risk"]:
        blocks.append(Facts(_tails(found), "held to the end, the mids being the chances"))
    elif data["groups"]:
        blocks.append("no tail: a price is unknown")
    if limits := data["limits"][: None if every else _MANY]:
        blocks.append(_limits(limits))
    return blocks


def _tails(found: Mapping[str, Any]) -> list[tuple[str, object]]:
    how = "exact" if found["exact"] else "drawn"
    return [
        *(
            (
                f"worst {1 - one['level']:.0%}",
                f"VaR {one['var']:,.2f}, CVaR {one['cvar']:,.2f} USD lost",
            )
            for one in found["tails"]
        ),
        ("result", f"mean {found['mean']:+,.2f}, deviation {found['deviation']:,.2f} USD"),
        ("outcomes", f"{found['outcomes']:,} ({how}); the worst of them {-found['worst']:+,.2f}"),
        ("HHI", f"{found['hhi']:.3f}: as {found['effective_events']:.1f} equal events"),
    ]


def _limits(limits: Sequence[Mapping[str, Any]]) -> Table:
    def amount(one: Mapping[str, Any], name: str) -> str:
        return f"{one[name]:,.2f}" if one["unit"] == "USD" else f"{one[name]:g}"

    rows = [
        (
            one["rule"],
            one["of"],
            amount(one, "used"),
            f"at least {amount(one, 'limit')}" if one["rule"] == "cash" else amount(one, "limit"),
            None if one["share"] is None else f"{one['share']:.0%}",
            "BROKEN" if one["broken"] else "",
        )
        for one in limits
    ]
    headings = ("limit", "of", "used", "allowed", "full", "")
    return Table(headings, rows, "limits in use", frozenset(headings[2:5]), frozenset({"of"}))


def _usd(value: float | None) -> str | None:
    return None if value is None else f"{value:,.2f}"


@app.command(cls=Command)
def optimize(ctx: typer.Context, apply: Apply = False) -> Answer:
    """Say what would have to be sold for every limit to hold; advice only."""
    from trading_cli.app import portfolio as book

    data = book.optimize(shared(ctx).config, apply=apply)
    warnings = data.pop("warnings")
    blocks: list[Block] = [_sales(data["trims"])] if data["trims"] else ["nothing has to go"]
    if data["broken"]:
        blocks.append(_limits(data["broken"]))
    return Answer(data, [*blocks, data["growth"], book.ADVICE], warnings)


@app.command(cls=Command)
def rebalance(ctx: typer.Context, apply: Apply = False) -> Answer:
    """Say what outgrew its limit by more than the band, sales first; advice only."""
    from trading_cli.app import portfolio as book

    data = book.rebalance(shared(ctx).config, apply=apply)
    warnings = data.pop("warnings")
    none = f"nothing is more than {data['band']:.0%} over its limit"
    blocks: list[Block] = [_sales(data["sales"])] if data["sales"] else [none]
    blocks += [f"left as it is: {one['position']}: {one['why']}" for one in data["left"]]
    return Answer(data, [*blocks, data["growth"], book.ADVICE], warnings)


def _sales(sales: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            one["position"],
            one["question"] or one["market"],
            one["token"],
            f"{one['shares']:g} of {one['held']:g}",
            _usd(one["brings"]),
            _usd(one["cost"]),
            one["why"],
        )
        for one in sales
    ]
    headings = ("position", "question", "token", "sell", "brings", "costs", "because of")
    folds = frozenset({"question", "because of"})
    return Table(headings, rows, "", frozenset(headings[3:6]), folds)
