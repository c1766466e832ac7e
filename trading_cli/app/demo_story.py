"""The demo's report for people: a day told from its data, in lines of at most 80 columns."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from trading_cli.app.demo_facts import SEEN
from trading_cli.app.meanings import MEANING
from trading_cli.app.reconcile import as_read
from trading_cli.domain import Reason

WIDTH = 78
COLUMNS = ("exchange", "store", "report")
LOST = "No profit in this seed's day; what profit there is here was planted by us."


def story(data: Mapping[str, Any]) -> list[str]:
    """Return the whole report, one line each."""
    parts = (
        _came_in, _decided, _timeline, _shown, _refused, _alarms, _example, _adds_up, _beside,
        _next,
    )  # fmt: skip
    lines: list[str] = []
    for part in parts:
        lines += ["", *part(data)]
    return lines


def _wrap(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."


def _heading(text: str) -> str:
    return f"{text} {'-' * max(0, WIDTH - len(text) - 1)}"


def _clock(text: str) -> str:
    return f"{datetime.fromisoformat(text):%H:%M}"


def _came_in(data: Mapping[str, Any]) -> Iterator[str]:
    rows = data["rows"]
    yield _heading("1 What came in")
    yield from _wrap(
        f"A pretend Polymarket with {data['markets']} ordinary markets and a stage of scripted"
        f" ones. {data['followed']} markets were busy enough to follow: {rows['trades']:,} trades,"
        f" {rows['quotes']:,} quotes, {rows['points']:,} past prices and {rows['posts']:,} posts"
        f" came over real HTTP, {data['days']} days of past and {data['cycles']} quarter-hours."
    )
    states = ", ".join(f"{n} {state}" for state, n in data["runs"].items())
    yield f"cycles: {states}; {data['gaps']} expected quotes did not come, each with its cause"
    for why, times in data["troubles"].items():
        yield "  " + _fit(f"{times} x {why}", WIDTH - 2)


def _decided(data: Mapping[str, Any]) -> Iterator[str]:
    day = data["day"]
    yield _heading("2 What was decided")
    yield from _wrap(
        f"{day['decisions']:,} decisions on candidates, each with its reason, also the one to do"
        f" nothing; {day['exit_checks']:,} looks at what was held."
    )
    for name, count in day["reasons"].items():
        yield _fit(f"{count:>7,}  {name:17} {MEANING[Reason(name)]}", WIDTH)


def _timeline(data: Mapping[str, Any]) -> Iterator[str]:
    yield _heading("3 What happened, and what it brought (USD)")
    for event in data["timeline"]:
        yield _event(event)
    account = data["account"]
    yield from _wrap(
        f"Realized {account['realized']:+,.2f} with fees of {account['fees']:,.2f};"
        f" {account['won']} positions won, {account['lost']} lost, {account['open']} still held."
        f" Equity {account['opening']:,.2f} -> {account['equity']:,.2f}."
    )


def _event(event: Mapping[str, Any]) -> str:
    """Return one line: when, what, how much, at what price, what it brought, which market."""
    price = "-" if event["price"] is None else f"{event['price']:.3f}"
    told = f"{event['result']:+9.2f}" if event["what"] in {"SOLD", "SETTLED"} else " " * 9
    why = event["reason"].lower().replace("_", " ") or ("" if event["what"] == "BOUGHT" else "paid")
    what = f"{event['what'].lower()} {event['shares']:.0f} {event['token']} at {price}"
    head = f"{_clock(event['at'])} {what:24} {why:9} {told}  "
    return head + _fit(event["question"].removeprefix("Will "), WIDTH - len(head))


def _shown(data: Mapping[str, Any]) -> Iterator[str]:
    yield _heading("4 What a day can bring, and whether this one did")
    for name, text in SEEN.items():
        yield f"{'yes' if data['shown'][name] else 'no ':4} {text}"


def _refused(data: Mapping[str, Any]) -> Iterator[str]:
    yield _heading("5 What kept us out")
    yield from _wrap(
        "Left: how often it was the reason that decided; right: how often it stood. (The owner"
        " paused entries for half an hour at 12:30, as one may.)"
    )
    for row in data["refusals"]:
        if row["stood"]:
            yield _fit(
                f"{row['decided']:>6,} {row['stood']:>6,}  {row['reason']:17} {row['meaning']}",
                WIDTH,
            )
    absent = [row["reason"] for row in data["refusals"] if not row["stood"]]
    if absent:
        yield from _wrap(f"Not in this day: {', '.join(absent)}.")


def _alarms(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what became of the moves that were planted: finds, refusals and misses."""
    alarms = data["alarms"]
    counts = {
        name: sum(one["outcome"] == name for one in alarms)
        for name in ("bought", "refused", "missed")
    }
    yield _heading("6 Finds and misses")
    yield from _wrap(
        f"In {len(alarms)} events talk was planted hours before a move: {counts['bought']} were"
        f" bought, {counts['refused']} refused by a rule, {counts['missed']} missed."
    )
    for one in alarms:
        head = f"{_clock(one['at'])} {one['outcome']:8} {one['reason']:17} "
        yield head + _fit(one["question"].removeprefix("Will "), WIDTH - len(head))


def _example(data: Mapping[str, Any]) -> Iterator[str]:
    one = data["example"]
    yield _heading("7 One decision explained")
    if one is None:
        yield "nothing was bought in this day"
        return
    yield _fit(f"{_clock(one['at'])} {one['question']}", WIDTH)
    for name, told in one["features"].items():
        value = "-" if told["value"] is None else f"{told['value']:.2f}"
        yield f"  {name:5} {value:>8}  {told['tier']:9} best of the hour {told['best']}"
    yield from _wrap(one["label"], "  ")
    yield from _wrap(one["sizing"], "  ")
    yield from _wrap(one["gateway"], "  ")
    if one["worst_case"] is not None:
        yield from _wrap(
            f"worst case {-one['worst_case']:.2f} USD; round trip {one['round_trip_percent']:.2f} %"
            f" of the stake; to break even it must win in {one['break_even']:.1%} of cases",
            "  ",
        )
    yield f"  all of it:  trading explain {one['id']} --config {_config(data)}"


def _adds_up(data: Mapping[str, Any]) -> Iterator[str]:
    ledger, told = data["ledger"], data["telegram"]
    yield _heading("8 Does it add up")
    yield f"{'':34}{'exchange':>12}{'store':>12}{'report':>12}"
    for row in data["sums"]:
        yield f"{row['what']:34}" + "".join(f"{row[name]:>12,}" for name in COLUMNS)
    yield from _wrap(
        f"The ledger balances: {ledger['fills']} fills in {ledger['transfers']} transfers, and the"
        f" positions agree to the millionth of a USD."
    )
    balances = "; ".join(f"{name} {usd:,.2f}" for name, usd in as_read(ledger["balances"]))
    yield from _wrap(f"In USD: {balances}.", "  ")
    yield from _wrap(
        f"The journal verifies: {data['journal']['rows']:,} rows, each sealed with the one before;"
        f" the last seal begins {data['journal']['seal']}. The kill switch is {data['kill']}."
    )
    if told["on"]:
        states = ", ".join(f"{n} {state.lower()}" for state, n in told["notices"].items())
        yield from _wrap(
            f"Telegram, a pretend one here, received {told['received']} messages, as many as we"
            f" sent. Notices: {states}. The first:"
        )
        for line in told["first"].splitlines():
            yield from _wrap(line, "  | ")


def _beside(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the planted world beside the one without any effect."""
    null = data["null_world"]
    yield _heading("9 The same code in a world without any effect")
    yield f"{'':34}{'planted':>14}{'null':>14}"
    rows: Sequence[tuple[str, str, str]] = (
        ("markets followed", "followed", ""),
        ("decisions", "day", "decisions"),
        ("signals", "day", "signals"),
        ("entries", "day", "bought"),
        ("positions closed at a gain", "account", "won"),
        ("positions closed at a loss", "account", "lost"),
    )
    for label, group, name in rows:
        pair = [world[group][name] if name else world[group] for world in (data, null)]
        yield f"{label:34}" + "".join(f"{value:>14,}" for value in pair)
    nets = [world["account"]["net"] for world in (data, null)]
    yield f"{'net result, USD':34}" + "".join(f"{net:>+14,.2f}" for net in nets)
    yield "Profit here was planted by us." if nets[0] > 0 else LOST
    yield from _wrap(
        "It says that the machinery works, and nothing about whether talk leads price in any real"
        " market. That is what months of your own data are for."
    )


def _next(data: Mapping[str, Any]) -> Iterator[str]:
    yield _heading("Where to look next")
    config = _config(data)
    for command in ("status", "positions", "journal stats", "markets", "serve --at last"):
        yield f"  trading {command} --config {config}"
    yield f"the demo took {data['seconds']} s; its folder stays: {data['home']}"


def _config(data: Mapping[str, Any]) -> str:
    return f"{data['home']}/config.yaml"
