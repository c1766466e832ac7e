"""What `calibrate` is asked: how long before what, which price counts, and of which markets.

The default is what a decision could have used: the last mid that was known then, looking back from
the close. The other conventions are those in which published numbers about recorded data are often
given; they look ahead a little, so they describe and can never be traded:

* ``before``: the horizon counts back from the market's ``close``, from the ``end`` its listing
  announced, or from its ``last`` price.
* ``take``: the price ``known`` then; the one ``nearest`` in time; the first one ``after``.
* ``within``: how far from that instant the price may be; by default a quarter of the horizon, at
  least an hour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from trading_cli.core.errors import UsageError
from trading_cli.domain import Market, from_epoch
from trading_cli.store import Transaction, archived, imports, listings, settled, thawed

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HORIZONS: Mapping[str, timedelta] = {
    "1 h": HOUR, "6 h": 6 * HOUR, "1 d": DAY, "3 d": 3 * DAY, "7 d": 7 * DAY, "14 d": 14 * DAY,
    "30 d": 30 * DAY,
}  # fmt: skip
BEFORE = ("close", "end", "last")
TAKE = ("known", "nearest", "after")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. ``source`` and ``label`` "" ask for all; ``within`` ``None`` is by horizon."""

    horizons: Mapping[str, timedelta]
    before: str = "close"
    take: str = "known"
    within: timedelta | None = None
    source: str = ""
    label: str = ""

    @property
    def base(self) -> str:
        """Return the horizon at which all markets are judged together: a day, else the first."""
        return "1 d" if "1 d" in self.horizons else next(iter(self.horizons))

    @property
    def hindsight(self) -> bool:
        """Say whether a price counts that was perhaps not known then."""
        return self.take != "known"

    @property
    def told(self) -> dict[str, Any]:
        """Return the question as the report shows it."""
        return {
            "horizons": list(self.horizons),
            "before": self.before,
            "take": self.take,
            "within_s": None if self.within is None else int(self.within.total_seconds()),
            "source": self.source,
            "label": self.label,
        }


USUAL = Question(HORIZONS)
FAR = datetime(2200, 1, 1, tzinfo=UTC)
"""After every price there is."""


def asked(
    horizons: Mapping[str, timedelta],
    *,
    before: str = "close",
    take: str = "known",
    within: timedelta | None = None,
    source: str = "",
    label: str = "",
) -> Question:
    """Return the question. Raises UsageError for a word that is none of ours."""
    for option, word, words in (("--before", before, BEFORE), ("--take", take, TAKE)):
        if word not in words:
            raise UsageError(
                f"{option} {word!r} is none of ours.", hint=f"one of {', '.join(words)}"
            )
    return Question(horizons or HORIZONS, before, take, within, source, label)


def members(look: Transaction, question: Question) -> frozenset[str] | None:
    """Return the markets of the source, ``None`` for all. Raises UsageError for an unknown one."""
    if not question.source:
        return None
    found = imports.members(look, question.source)
    if not found:
        there = ", ".join(imports.sources(look)) or "none yet: trading import FILE"
        raise UsageError(f"nothing was imported as {question.source!r}.", hint=f"there is {there}")
    return found


def is_asked(question: Question, among: frozenset[str] | None, market: Market | None) -> bool:
    """Say whether a settled market is one of those asked for."""
    if question.label and (
        market is None or market.yes_label.casefold() != question.label.casefold()
    ):
        return False
    return among is None or (market is not None and market.id in among)


def counted_from(
    look: Transaction, question: Question, one: settled.Settled, market: Market | None
) -> datetime | None:
    """Return the instant the horizons count back from, ``None`` where the market has none."""
    if question.before == "last":
        return settled.last_mid_at(look, one.market)
    if question.before == "end":
        return None if market is None else market.end_at
    return one.closed_at


def thaw(look: Transaction, spans: Mapping[str, tuple[datetime, datetime]]) -> None:
    """Bring the mids of the markets from the archive, each of its own span, both ends in it."""
    numbers = listings.market_ids(look, spans)
    ends = {
        numbers[market]: (int(since.timestamp()), int(until.timestamp()) + 1)
        for market, (since, until) in spans.items()
    }
    thawed.thaw_of(look, ends, (thawed.QUOTES, thawed.POINTS))


def thaw_asked(
    look: Transaction,
    question: Question,
    every: Sequence[settled.Settled],
    listed: Mapping[str, Market],
) -> None:
    """Bring from the archive all that is read of the settled markets *every*."""
    if not archived.has_archive(look):
        return
    longest = max(question.horizons.values())
    reach = max(question.within or longest / 4, HOUR)
    first = settled.decided_since(look)
    spans = {}
    for one in every:
        market = listed.get(one.market)
        end = one.closed_at
        if question.before == "end" and market is not None and market.end_at is not None:
            end = market.end_at
        begin = min(end, one.closed_at) - longest - reach
        if question.before == "last":  # it may be anywhere
            begin, end = from_epoch(0), FAR
        if one.market in first:
            begin = min(begin, from_epoch(first[one.market]))
        spans[one.market] = begin, max(end, one.closed_at) + reach
    thaw(look, spans)


def mids(
    look: Transaction, question: Question, market: str, end: datetime
) -> list[settled.Mid | None]:
    """Return the mid of each horizon before *end*, ``None`` where none is near enough."""
    reach = [question.within or max(ahead / 4, HOUR) for ahead in question.horizons.values()]
    at = [end - ahead for ahead in question.horizons.values()]
    if not question.hindsight:
        spans = [(one - far, one) for one, far in zip(at, reach, strict=True)]
        return settled.mids_before(look, market, spans)
    return [
        settled.mid_beside(
            look, market, one, int(far.total_seconds()), only_after=question.take == "after"
        )
        for one, far in zip(at, reach, strict=True)
    ]
