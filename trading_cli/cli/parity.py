"""`trading parity`: a recorded span backtested from its own rows, decision for decision."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_SHOWN = 8


@app.command(cls=Command)
def parity(
    ctx: typer.Context,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="T", help="From here (default: the last 7 days decided)."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="T", help="Up to here, not included.")
    ] = None,
) -> Answer:
    """Backtest what was recorded, and say whether every decision comes out as it was taken.

    Exit 3: something does not, with the cause (INPUT, SETTINGS, CODE or FILL) of the first
    difference. The result goes into the journal, where the gate reads it.
    """
    from trading_cli.app.backtests.parity import parity as work
    from trading_cli.core.clock import SystemClock
    from trading_cli.core.times import instant

    said, now = shared(ctx), SystemClock().now()
    begin = None if since is None else instant(since, now)
    end = None if until is None else instant(until, now)
    data = work(said.config, begin, end, say=said.talk)
    warnings = data.pop("warnings")
    return Answer(data, blocks(data), warnings, exit_code=0 if data["identical"] else 3)


def blocks(data: Mapping[str, Any]) -> list[Block]:
    """Return what a person sees of a span or a slot that was recomputed."""
    from trading_cli.cli.eighty import fitted, minute

    fills, paid = data["fills"], data["settlements"]
    pairs: list[tuple[str, object]] = [("said", data["sentence"])]
    if "slots" in data:
        pairs.append(("span", f"{minute(data['since'])} <= t < {minute(data['until'])} UTC"))
        pairs.append(("slots", f"{data['slots']} ({data['slots_left_out']} left out)"))
    else:
        pairs.append(("run", f"{data['run']} ({data['cycle']}, {data['state']})"))
        pairs.append(("slot", minute(data["slot"])))
    pairs += [
        ("account", _account(data["from"])),
        ("decisions", _decisions(data["decisions"])),
        ("fills", f"{fills['same']} of {fills['compared']} the same"),
        ("settlements", f"{paid['same']} of {paid['compared']} the same"),
        ("digest", data["digest"]["stored"]),
    ]  # fmt: skip
    if data["digest"]["recomputed"] != data["digest"]["stored"]:
        pairs.append(("now", data["digest"]["recomputed"]))
    if data.get("journal") is not None:
        pairs.append(("journal", f"row {data['journal']}"))
    found: list[Block] = [Facts(fitted(pairs))]
    if data["cause"] is not None:
        found.append(Facts(fitted(_cause(data)), "the first difference"))
    if len(data["differences"]) > 1:
        found.append(_table(data))
    return found


def _decisions(counts: Mapping[str, Any]) -> str:
    kinds = f"{counts['entries']:,} entries, {counts['exit_checks']:,} exit checks"
    return f"{counts['same']:,} of {counts['stored']:,} the same ({kinds})"


def _account(begun: Mapping[str, Any]) -> str:
    if not begun["positions"] and not begun["cash"]:
        return "opened by the first slot"
    return f"as it stood: {begun['positions']} positions, {begun['cash']:,.2f} USD of cash"


def _cause(data: Mapping[str, Any]) -> list[tuple[str, object]]:
    one = data["cause"]
    pairs: list[tuple[str, object]] = [
        ("cause", one["cause"]), ("field", one["field"]), ("then", one["stored"]),
        ("now", one["recomputed"]),
    ]  # fmt: skip
    if one["decision"]:
        pairs.append(("see", f"trading explain {one['decision']}"))
    pairs.append(("follows", f"{data['follows']} more differences"))
    return pairs


def _table(data: Mapping[str, Any]) -> Table:
    rows = [
        (one["slot"][:16].replace("T", " "), one["market"], one["what"], one["cause"],
         one["field"])
        for one in data["differences"][:_SHOWN]
    ]  # fmt: skip
    title = f"the first {len(rows)} of {data['follows'] + 1} differences"
    return Table(("slot", "market", "what", "by itself", "field"), rows, title)
