"""`trading microstructure MARKET`: what a market's order book implies, on one page."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_BAR = 36
_BARE = "-"
_LEVELS, _WALLETS = 4, 3
_MINUTES = 180  # seconds from which minutes are told


@app.command(cls=Command)
def microstructure(
    ctx: typer.Context,
    market: Annotated[
        str, typer.Argument(metavar="MARKET", help="Its id, slug, or words of its question.")
    ],
    size: Annotated[
        str | None, typer.Option(metavar="USD", help="Also say what this size costs.")
    ] = None,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="So much of the past, to the newest book.")
    ] = "24h",
    live: Annotated[
        bool, typer.Option("--live", help="Fetch the book of now; nothing is stored.")
    ] = False,
) -> Answer:
    """Say what a market's book implies: spread, depth, cost by size, resilience, impact, whales."""
    from trading_cli.core.times import duration

    said, span, usd = shared(ctx), duration(since), _usd(size)

    from trading_cli.app import microstructure as looking

    data = looking.microstructure(said.config, market, size=usd, since=span, live=live)
    return Answer(data, _blocks(data), _warnings(data))


def _usd(text: str | None) -> Decimal | None:
    """Return the size as a number; what it may be the use case says."""
    if text is None:
        return None
    try:
        return Decimal(text.replace(",", "").replace("_", ""))
    except InvalidOperation:
        from trading_cli.core.errors import UsageError

        raise UsageError(f"--size {text!r} is no number of USD.", hint="--size 500") from None


def _warnings(data: Mapping[str, Any]) -> list[str]:
    fee = data["market"]["fee_unknown"]
    return [f"costs are without a fee: {fee}"] if fee else []


def _blocks(data: Mapping[str, Any]) -> list[Block]:
    from trading_cli.cli.eighty import fitted, folded

    yes = data["tokens"][0]
    blocks: list[Block] = [
        "\n".join(folded(f"{data['market']['question']} ({data['market']['id']})", 80)),
        Facts(fitted(_about(data))),
        _picture(yes),
        _both(data["tokens"]),
        _depth(data["tokens"]),
    ]
    for token in data["tokens"]:
        blocks.append(_costs(token))
        blocks += [f"  {line}" for line in _short(token)]
    if data["size_usd"] is not None:
        blocks.append(Facts(fitted(_asked(data)), f"{data['size_usd']:,f} USD"))
    over: list[tuple[str, object]] = [
        ("spread by time", _weighted(data)),
        ("resilience", _resilience(data["resilience"])),
    ]
    over += [(one["name"], _impact(one)) for one in data["impact"]]
    over += _flow(data["flow"]) + _whales(data["tokens"])
    return [*blocks, Facts(fitted(over), "over the span"), _score(data["tokens"])]


def _about(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    from trading_cli.cli.eighty import age, minute

    one, book, span = data["market"], data["book"], data["span"]
    tick = "unknown" if one["tick"] is None else f"{one['tick']:g} ({one['tick_origin']})"
    least = "unknown" if one["min_shares"] is None else f"{one['min_shares'].normalize():f} shares"
    fee = "unknown"
    if not one["fee_unknown"]:
        rate, exponent = (one[name].normalize() for name in ("fee_rate", "fee_exponent"))
        fee = f"{rate:f} x (p (1-p))^{exponent:f} ({one['fee_origin']})"
    levels = f"{book['bid_levels']} bids, {book['ask_levels']} asks"
    old = f"{book['seen_at']:%Y-%m-%d %H:%M:%S} UTC, {age(book['age_seconds'])} old"
    changed = f"{book['changed_at']:%Y-%m-%d %H:%M:%S}"
    times = ", by the venue's times" if span["venue_times"] else ""
    crossed = f", {span['crossed']} crossed left out" if span["crossed"] else ""
    spanned = f"{minute(str(span['since']))} to {minute(str(span['until']))}"
    return [
        ("book", f"{book['source']}, seen {old}; changed {changed}; {levels}"),
        ("span", f"{spanned}, {span['looks']} looks{times}{crossed}"),
        ("terms", f"tick {tick}; smallest order {least}; fee {fee}"),
    ]


def _picture(token: Mapping[str, Any]) -> str:
    """Return the five best levels of each side as bars, asks above bids."""
    asks, bids = token["levels"]["asks"][::-1], token["levels"]["bids"]
    most = max(one["usd"] for one in (*asks, *bids))
    lines = [_bar("ask", one, most) for one in asks]
    wide = token["spread"]
    lines.append(f"      ------  spread {wide['absolute']:g}, mid {token['mid']:g}")
    lines += [_bar("bid", one, most) for one in bids]
    return "\n".join([f"{token['token']} ({token['label']}), best five levels, USD", *lines])


def _bar(name: str, one: Mapping[str, float], most: float) -> str:
    bar = "#" * max(1, round(one["usd"] / most * _BAR))
    return f"{name} {one['price']:8.6g}  {bar.ljust(_BAR)}  {one['usd']:>14,.2f}"


def _both(tokens: Sequence[Mapping[str, Any]]) -> Table:
    """Return the numbers of now and of the span, YES beside NO."""
    rows: list[list[object]] = []

    def add(name: str, told: Any) -> None:
        rows.append([name, *(told(one) for one in tokens)])

    add("bid / ask", lambda t: f"{t['bid']:g} / {t['ask']:g}")
    add("mid", lambda t: f"{t['mid']:g}")
    for name, which in (("spread", "spread"), ("spread by time", "weighted_spread")):
        add(name, lambda t, w=which: _wide(t[w]))
        add(f"{name}, of the ask", lambda t, w=which: _share(t[w]["of_ask"]))
    add("imbalance, USD of top 5", lambda t: _signed(t["imbalance"]["usd_top_5"]))
    add("imbalance, shares in 2 %", lambda t: _signed(t["imbalance"]["shares_2_percent"]))
    add("imbalance, shares in 5 ticks", lambda t: _signed(t["imbalance"]["shares_5_ticks"]))
    for side in ("BUY", "SELL"):
        for against in ("mid", "best"):
            add(
                f"most to {side.lower()} within 1 % of {against}",
                lambda t, s=side, a=against: _largest(t["largest"], s, a),
            )
    add("concentration of levels", lambda t: f"{t['concentration']:.3f}")
    headings = ("", *(str(one["token"]) for one in tokens))
    return Table(headings, rows, right=frozenset(headings[1:]))


def _wide(one: Mapping[str, float | None]) -> str:
    if one["absolute"] is None:
        return "undefined"
    return f"{one['absolute']:.4g}, {one['bps']:,.0f} bps"


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2%}"


def _signed(value: float | None) -> str:
    return "nothing there" if value is None else f"{value:+.3f}"


def _largest(found: Sequence[Mapping[str, Any]], side: str, against: str) -> str:
    one = next(row for row in found if (row["side"], row["against"]) == (side, against))
    return f"{one['usd']:,.2f}{' (whole side)' if one['whole'] else ''}"


def _depth(tokens: Sequence[Mapping[str, Any]]) -> Table:
    """Return what rests within a distance, USD: ticks from the own best, per cent from the mid."""
    rows = []
    for places in zip(*(one["depth"] for one in tokens), strict=True):
        cells = [f"{usd:,.0f}" for one in places for usd in (one["bid_usd"], one["ask_usd"])]
        rows.append([_reach(places[0]), *cells])
    headings = ("within", "YES bids", "YES asks", "NO bids", "NO asks")
    return Table(headings, rows, "depth, USD", frozenset(headings[1:]))


def _reach(one: Mapping[str, Any]) -> str:
    if one["unit"] == "of_mid":
        return f"{one['distance']:.0%} of the mid"
    return f"{one['distance']} tick{'s' if one['distance'] > 1 else ''} of the best"


def _costs(token: Mapping[str, Any]) -> Table:
    """Return the cost curve, purchases beside sales."""
    costs = token["costs"]
    rows = []
    for buy, sell in zip(costs[::2], costs[1::2], strict=True):
        rows.append([f"{buy['usd']:,f}", *_leg(buy), *_leg(sell)])
    headings = ("USD", "buy at", "mid", "best", "fee+", "sell at", "mid ", "best ", "fee+ ")
    title = f"{token['token']}: a size's average price; worse than mid, best; than mid with fee"
    return Table(headings, rows, title, frozenset(headings))


def _leg(one: Mapping[str, Any]) -> list[str]:
    if not one["filled"]:
        return ["no", _BARE, _BARE, _BARE]
    fee = _BARE if one["with_fee"] is None else f"{one['with_fee']:.2%}"
    mark = "*" if one["below_minimum"] else ""
    worse = [f"{one[against]:.2%}" for against in ("against_mid", "against_best")]
    return [f"{one['average']:.4f}{mark}", *worse, fee]


def _short(token: Mapping[str, Any]) -> list[str]:
    """Return what the book cannot give, and which sizes the venue would not take, in words."""
    told = []
    for side, word in (("BUY", "asks"), ("SELL", "bids")):
        lacking = [one for one in token["costs"] if one["side"] == side and not one["filled"]]
        if lacking:
            whole = lacking[0]["book_gives_usd"]
            told.append(f"no: the {word} hold {whole:,.2f} USD in all, that is all there is")
    if any(one["below_minimum"] for one in token["costs"]):
        told.append("*: below the venue's smallest order")
    return told


def _asked(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return what the asked size costs, in words."""
    return [
        (f"{one['side'].lower()} {token['token']}", _sentence(one))
        for token in data["tokens"]
        for one in token["costs"]
        if one["usd"] == data["size_usd"]
    ]


def _sentence(one: Mapping[str, Any]) -> str:
    if not one["filled"]:
        return f"not to be had: the book gives {one['book_gives_usd']:,.2f} of {one['usd']:,f} USD"
    fee = "fee unknown" if one["fee"] is None else f"fee {one['fee']:,.5g}"
    told = f"{one['shares']:,.2f} shares at {one['average']:.6g}, the last at {one['worst']:.6g}"
    if one["round_trip"] is not None:
        told += f"; bought and sold again at once: {one['round_trip']:.2%} lost"
    least = "; below the venue's smallest order" if one["below_minimum"] else ""
    return f"{told}; {fee}{least}"


def _weighted(data: Mapping[str, Any]) -> str:
    span = data["span"]
    known = span["two_sided_seconds"] + span["one_sided_seconds"]
    if not known:
        return f"undefined: {span['looks']} looks, no time between them"
    hours = [span[name] / 3600 for name in ("two_sided_seconds", "one_sided_seconds")]
    told = f"with two sides {hours[0]:.1f} h, with one {hours[1]:.1f} h"
    return f"{told}; known for {known / span['seconds']:.0%} of {span['seconds'] / 3600:.1f} h"


def _resilience(one: Mapping[str, Any]) -> str:
    counted = f"{one['losses']} losses of a fifth of the depth ({one['dealt']} with trades)"
    if one["back_next_look"]["point"] is None:
        return str(one["undefined"])
    back = one["back_next_look"]
    told = f"{counted}; {back['point']:.0%} back at the next look"
    if back["low"] is not None:
        told += f" ({back['low']:.0%} to {back['high']:.0%})"
    if one["half_life_seconds"] is None:
        return f"{told}; no half-life: {one['undefined']}"
    high = "no upper end" if one["high"] is None else _time(one["high"])
    half = f"{_time(one['half_life_seconds'])} ({_time(one['low'])} to {high})"
    return f"{told}; half-life at most {half}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < _MINUTES else f"{seconds / 60:.0f} min"


def _impact(one: Mapping[str, Any]) -> str:
    if one["value"] is None:
        return str(one["undefined"])
    scale, unit = {
        "amihud": (1e5, "cents a 1,000 USD dealt"),
        "kyle": (1e5, "cents a 1,000 net shares"),
    }[one["name"]]
    low, high = one["low"] * scale, one["high"] * scale
    zero = "; 0 is not excluded" if low <= 0 <= high else ""
    return f"{one['value'] * scale:.3g} {unit} ({low:.3g} to {high:.3g}), n {one['n']}{zero}"


def _flow(one: Mapping[str, Any]) -> list[tuple[str, object]]:
    if not one["trades"]:
        return [("takers", "no trade is stored of this span")]
    net = "-" if one["net"] is None else f"{one['net']:+.2f}"
    told = f"{one['trades']} trades of {one['wallets']} wallets, {one['usd']:,.0f} USD; net {net}"
    pairs: list[tuple[str, object]] = [("takers", f"{told} (1: all bought YES)")]
    for row in one["largest"][:_WALLETS]:
        share = _BARE if row["share"] is None else f"{row['share']:.1%}"
        pairs.append(("", f"{row['wallet']} {share}, {row['usd']:,.0f} USD"))
    return pairs


def _whales(tokens: Sequence[Mapping[str, Any]]) -> list[tuple[str, object]]:
    """Return the heavy levels now: the venue shows levels, not whose orders they are."""
    pairs: list[tuple[str, object]] = []
    for token in tokens:
        found = token["whales"] or token["heaviest"]
        name = "above 10,000 USD" if token["whales"] else "none above 10,000 USD; heaviest"
        told = ", ".join(
            f"{one['side']} {one['price']:g} {one['usd']:,.0f} ({one['share']:.0%} of its side"
            f"{', DOMINANT' if one['dominant'] else ''})"
            for one in found[:_LEVELS]
        )
        more = f", {len(found) - _LEVELS} more" if len(found) > _LEVELS else ""
        pairs.append((f"levels {token['token']}", f"{name}: {told}{more}"))
    return pairs


def _score(tokens: Sequence[Mapping[str, Any]]) -> Table:
    """Return the score with its parts: weighted mean of those that are known."""
    rows: list[list[object]] = []
    for parts in zip(*(one["score"]["parts"] for one in tokens), strict=True):
        cells = [_BARE if part["value"] is None else f"{part['value']:.2f}" for part in parts]
        rows.append([parts[0]["name"], f"{parts[0]['weight']:g}", *cells, parts[0]["why"]])
    value = [f"{one['score']['value']:.2f}" for one in tokens]
    rows.append(["score", f"{tokens[0]['score']['weight']:g}", *value, ""])
    why = "not known because"
    headings = ("part", "weight", "YES", "NO", why)
    title = "liquidity, 0 to 1: the mean of the known parts by weight"
    return Table(headings, rows, title, frozenset(headings[1:4]), frozenset({why}))
