"""Recorded mids of settled markets as series, and the book that is assumed around each of them."""

import csv
import gzip
import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from trading_cli.domain import SLOT_SECONDS, Book, Level, Market, Token, from_epoch
from trading_cli.research.deadline import Deadline, deadline_of

CENT, TENTH = Decimal("0.01"), Decimal("0.001")
DEEP, LEAST = Decimal(1_000_000), Decimal(5)
NOW_POINT_S, STILL_S = 300, 6 * 3600

# The set carries no event: what a slug shares with its siblings stands in for it.
_EVENTS = (
    r"^(.*-20\d\d-\d\d-\d\d)-",  # one match and all that is asked about it
    r"(highest-temperature-in-[a-z-]*?)-(?:be|on)-",
    r"(elon-musk-of-tweets-[a-z]+-\d+-[a-z]+-\d+)",
    r"(costa-rican-legislative-assembly)",
    r"(us-strike)-\d-countries",
    r"us-(?:next-strike|strikes)-(iran)",
    r"(epstein-related-files)",
)


@dataclass(frozen=True)
class Series:
    """One market's recorded mids of YES, oldest first, without the "now" points of its windows."""

    market: Market
    event: str
    payout: Decimal
    times: tuple[int, ...]
    mids: tuple[Decimal, ...]
    dropped: int = 0
    made: dict[Decimal, dict[Token, tuple[Book, ...]]] = field(default_factory=dict, compare=False)

    def books(self, spread: Decimal) -> dict[Token, tuple[Book, ...]]:
        """Return the assumed books of every point, of both tokens; made once for each spread."""
        if spread not in self.made:
            tick, found = CENT, []
            for at, mid in zip(self.times, self.mids, strict=True):
                if mid % (CENT / 2) or not 4 * CENT <= mid <= 1 - 4 * CENT:
                    tick = TENTH
                found.append(book_around(mid, at, tick, spread))
            mirrored = tuple(book.mirrored("no") for book in found)
            self.made[spread] = {Token.YES: tuple(found), Token.NO: mirrored}
        return self.made[spread]

    @cached_property
    def firsts(self) -> tuple[int, ...]:
        """Return the index of every slot's first point: what a cycle sees."""
        slots = [at // SLOT_SECONDS for at in self.times]
        return tuple(i for i, slot in enumerate(slots) if i == 0 or slots[i - 1] != slot)

    @cached_property
    def deadline(self) -> Deadline:
        """Return what question and slug say of the end."""
        return deadline_of(self.market)

    def stood_still(self, i: int) -> bool:
        """Return whether the mid was the same at every point of the 6 h before point *i*."""
        since = bisect_left(self.times, self.times[i] - STILL_S)
        return since > 0 and len(set(self.mids[since : i + 1])) == 1


def load(folder: Path) -> list[Series]:
    """Return the recorded series; raises FileNotFoundError where the set is not there."""
    points: dict[str, list[tuple[int, Decimal]]] = {}
    with gzip.open(folder / "prices.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            points.setdefault(row["market_slug"], []).append((int(row["t"]), Decimal(row["p"])))
    with gzip.open(folder / "markets.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [
        series_of(
            row["market_slug"], row["question"], row["outcome_yes"], points[row["market_slug"]]
        )
        for row in rows
    ]


def series_of(
    slug: str, question: str, outcome: str, points: Iterable[tuple[int, Decimal]]
) -> Series:
    """Return one series: sorted, one point per instant, no point right behind another ("now")."""
    kept: list[tuple[int, Decimal]] = []
    given = sorted(points)
    for at, mid in given:
        if not 0 < mid < 1:
            raise ValueError(f"{slug}: {mid} at {at} is no price")
        if not kept or at - kept[-1][0] >= NOW_POINT_S:
            kept.append((at, mid))
    first = from_epoch(kept[0][0])
    event = next((hit[1] for one in _EVENTS if (hit := re.search(one, slug))), slug)
    market = Market(
        slug, slug, question, slug, "yes", "no", "Yes", "No", first,
        event_id=event, event_slug=event, created_at=first,
    )  # fmt: skip
    times, mids = zip(*kept, strict=True)
    return Series(market, event, Decimal(outcome), times, mids, len(given) - len(kept))


def book_around(mid: Decimal, at: int, tick: Decimal, spread: Decimal) -> Book:
    """Return the narrowest book on the grid of *tick*, at least *spread* wide, around *mid*.

    Near 0 and 1 it is narrower rather than one-sided; within a tick of them one side is gone.
    """
    half = spread / 2
    half += (mid - half) % tick
    half = min(half, *(room - tick if room > tick else room for room in (mid, 1 - mid)))
    bid, ask = mid - half, mid + half
    seen = from_epoch(at)
    bids = (Level(bid, DEEP),) if bid > 0 else ()
    asks = (Level(ask, DEEP),) if ask < 1 else ()
    return Book("yes", "", bids, asks, seen, seen, tick=tick, min_size=LEAST)
