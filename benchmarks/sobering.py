"""What the rules would have done to real prices: round trips, stop-outs, gaps, net result.

    python benchmarks/sobering.py [--data DIR] [--spread 0.01] [--every 6]

Reads the recorded set of 106 resolved markets (mids about every 10 minutes, January 2026) from
``--data``, else ``TRADING_SHARED_DATA``, else ``../shared/data`` beside the repository; ends with
exit code 1 and a sentence where it is not there. What is assumed stands in ``mid_replay.py``.
Intervals: 95 %, whole events redrawn 2,000 times; below 30 events INSUFFICIENT. About a minute.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
from mid_replay import SETTLED, Lane, Quoted, Setup, Trade
from mid_series import CENT, Series, load

from trading_cli.domain import FeeSchedule, Reason, from_epoch

SET = "mixed_resolved_10min_2026-01"
FEES = ("0", "0.03", "0.04", "0.05")
ENOUGH_EVENTS = 30
REDRAWS, SEED, COINS = 2_000, 20260121, 3


@dataclass
class Outcome:
    """What one setup comes to over all markets."""

    quoted: list[Quoted]
    trades: list[Trade]
    coin: list[Trade]


def outcome(
    markets: Sequence[Series], setup: Setup, spread: Decimal, coins: int = COINS
) -> Outcome:
    """Return the candidate quotes, and the trades of both sides and of a side by coin."""
    rng = np.random.default_rng(SEED)
    found = Outcome([], [], [])
    for series in markets:
        lane = Lane(series, setup, spread)
        found.quoted += lane.quoted
        found.trades += lane.entries()
        for _ in range(coins):
            found.coin += lane.entries(rng)
    return found


def estimate(trades: Sequence[Trade], *, held: bool = False, per_event: bool = False) -> str:
    """Return the mean net return with its 95 % interval, whole events redrawn, as percents.

    INSUFFICIENT below ``ENOUGH_EVENTS``; *held*: had it been held to the settlement; *per_event*:
    each event counts once, else each trade.
    """
    by_event: dict[str, list[float]] = {}
    for trade in trades:
        by_event.setdefault(trade.event, []).append(trade.held if held else trade.net)
    if len(by_event) < ENOUGH_EVENTS:
        return "INSUFFICIENT"
    sums = np.array([sum(one) for one in by_event.values()])
    counts = np.array([float(len(one)) for one in by_event.values()])
    if per_event:
        sums, counts = sums / counts, np.ones_like(counts)
    drawn = np.random.default_rng(SEED).multinomial(
        len(sums), np.full(len(sums), 1 / len(sums)), REDRAWS
    )
    low, high = np.percentile(100 * (drawn @ sums) / (drawn @ counts), [2.5, 97.5])
    return f"{100 * sums.sum() / counts.sum():.1f} [{low:.1f}, {high:.1f}]"


def share(part: int, whole: int) -> str:
    """Return a percent, or a dash where there is nothing."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def events(trades: Sequence[Trade]) -> int:
    """Return in how many events *trades* were."""
    return len({trade.event for trade in trades})


def of_quotes(found: Outcome) -> list[str]:
    """Return what the round-trip rule says of the candidate quotes."""
    quoted = found.quoted
    cents = float(np.mean([quote.cents for quote in quoted]))
    part = 100 * float(np.mean([quote.share for quote in quoted]))
    admitted = sum(Reason.ROUND_TRIP not in q.vetoes for q in quoted)
    return [f"{cents:.1f} c, {part:.1f} %", share(admitted, len(quoted))]


def of_trades(trades: Sequence[Trade]) -> list[str]:
    """Return how the trades went and ended, as counts and shares of them."""
    n = len(trades)
    ends = Counter(trade.end for trade in trades)
    slow = ends[Reason.SLOW_7_DAYS.value]
    settled = ends[SETTLED]
    reached = [share(sum(t.targets >= k for t in trades), n)[:-2] for k in (1, 2, 3)]
    stopped = [trade for trade in trades if trade.stop is not None]
    gaps = [100 * float(trade.below) for trade in stopped if trade.gapped]
    lost = 100 * float(np.mean([t.net for t in stopped]))
    meant = 100 * float(np.mean([t.meant for t in stopped if t.meant is not None]))
    return [
        f"{n} ({events(trades)})",
        " / ".join(reached) + " %",
        share(len(stopped), n),
        share(len(gaps), len(stopped)),
        f"{np.mean(gaps):.1f} c, {np.percentile(gaps, 95):.1f} c" if gaps else "-",
        share(sum(trade.back for trade in stopped), len(stopped)),
        f"{lost:.0f} %, {meant:.0f} %" if stopped else "-",
        f"{share(ends['TRAILING'], n)}, {share(slow, n)}, {share(settled, n)}",
    ]


QUOTE_ROWS = ("round trip: cents, of ask", "admitted by its rule")
TRADE_ROWS = (
    "trades (events)",
    "reached target 1 / 2 / 3",
    "the stop fired",
    "  a cent or more through it",
    "  by: mean, 95th percentile",
    "  above it again when sold",
    "  net then; at the stop",
    "trailing, slow, settled",
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("TRADING_SHARED_DATA"))
    parser.add_argument("--spread", type=Decimal, default=CENT)
    parser.add_argument("--every", type=int, default=6)
    asked = parser.parse_args()
    shared = Path(asked.data or Path(__file__).resolve().parents[2] / "shared" / "data")
    try:
        markets = load(shared / SET)
    except FileNotFoundError as missing:
        sys.exit(f"recorded data not here: {missing.filename}; set TRADING_SHARED_DATA or --data")
    table(markets, asked.spread, asked.every)


def table(markets: Sequence[Series], spread: Decimal, hours: int) -> None:
    """Compute and print everything."""
    setups = [Setup(FeeSchedule(Decimal(rate), Decimal(1), "flat"), hours) for rate in FEES]
    found = [outcome(markets, setup, spread) for setup in setups]
    wide = [outcome_of_quotes(markets, setup, spread + CENT) for setup in setups]
    strict = [outcome(markets, replace(one, deadlines=True), spread, coins=0) for one in setups]
    heading(markets, found[0], hours)
    row("taker fee rate", list(FEES))
    for label, cells in zip(QUOTE_ROWS, zip(*map(of_quotes, found), strict=True), strict=True):
        row(label, cells)
    row(f"  had books {100 * spread + 1:.0f} cents", [of_quotes(one)[1] for one in wide])
    for label, cells in zip(
        TRADE_ROWS, zip(*(of_trades(one.trades) for one in found), strict=True), strict=True
    ):
        row(label, cells)
    row("net per trade, %", [estimate(one.trades) for one in found])
    row("net per event, %", [estimate(one.trades, per_event=True) for one in found])
    row("a side by coin, per trade", [estimate(one.coin) for one in found])
    row("held to the end, per trade", [estimate(one.trades, held=True) for one in found])
    row("no trade", ["0.0"] * len(found))
    row("deadline rules too: trades", [of_trades(one.trades)[0] for one in strict])
    row("  the stop fired; through it", ["; ".join(of_trades(one.trades)[2:4]) for one in strict])
    row("  net per trade, %", [estimate(one.trades) for one in strict])


def outcome_of_quotes(markets: Sequence[Series], setup: Setup, spread: Decimal) -> Outcome:
    """Return the candidate quotes alone."""
    return Outcome([q for series in markets for q in Lane(series, setup, spread).quoted], [], [])


def heading(markets: Sequence[Series], found: Outcome, hours: int) -> None:
    """Say what was read."""
    quoted, points = found.quoted, sum(len(one.times) for one in markets)
    first, last = (from_epoch(pick(pick(one.times) for one in markets)) for pick in (min, max))
    silence = max(b - a for one in markets for a, b in pairwise(one.times)) / 60
    wide = 100 * float(np.mean([quote.spread for quote in quoted]))
    still = share(sum(quote.still for quote in quoted), len(quoted))
    print(
        f"{len(markets)} markets of {len({one.event for one in markets})} events, {points:,} mids,"
        f" {first:%Y-%m-%d} to {last:%Y-%m-%d}, longest silence"
        f" {silence:.0f} min.\n"
        f"{len(quoted):,} quotes, every {hours} h, both tokens, with an ask in the band, of"
        f" {len({quote.event for quote in quoted})} events;\nassumed spread {wide:.1f} cents on"
        f" average; in {still} of the quotes the mid had not moved for 6 h.\n"
    )


def row(label: str, cells: Sequence[str]) -> None:
    """Print one line of the table."""
    print(f"{label:<28}" + "".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
