"""What outsiders say of a market, as a decision of an instant may know it, and what they are worth.

A decision knows what came before its own second; a source is worth what was settled and known at
the midnight before, so that all decisions of a day weigh it alike, live and played again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from trading_cli.app.inbound_settings import InboundSection
from trading_cli.research.opinions import Opinion, Record
from trading_cli.research.track_record import LEAST_EVENTS
from trading_cli.store import Transaction, opinions

SECOND = timedelta(seconds=1)
BEFORE_CLOSE = timedelta(hours=24)
"""An opinion is scored only where it came at least so long before the market closed."""
Heard = Mapping[str, tuple[Opinion, ...]]


def midnight(at: datetime) -> datetime:
    """Return the beginning of the UTC day of *at*."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def records(look: Transaction, as_of: datetime) -> dict[str, Record]:
    """Return what each source that ever spoke had shown by *as_of*."""
    from trading_cli.research import opinion_records  # noqa: PLC0415  # it loads scipy

    scored = {
        name: opinions.scored(look, name, as_of=as_of, before=BEFORE_CLOSE)
        for name in opinions.sources(look, as_of=as_of)
    }
    judged = sum(len(rows) >= LEAST_EVENTS for rows in scored.values())
    return {
        name: opinion_records.record(
            [row.probability for row in rows],
            [row.price for row in rows],
            [float(row.won) for row in rows],
            judged=judged,
        )
        for name, rows in scored.items()
    }


class Ears:
    """The opinions of any instant; the records of a day are computed once."""

    def __init__(self, look: Transaction, section: InboundSection) -> None:
        self._look = look
        self._section = section
        self._records: tuple[datetime, Mapping[str, Record]] | None = None

    def heard(self, markets: Sequence[str], at: datetime) -> Heard:
        """Return what each source says of each of *markets* at *at*; one with nothing is not there.

        Only the newest word of a source counts, and only while it is meant to hold.
        """
        since = at - timedelta(hours=self._section.valid_hours)
        found: dict[str, list[Opinion]] = defaultdict(list)
        for one in opinions.standing(self._look, markets, since=since, as_of=at - SECOND):
            found[one.market].append(
                Opinion(
                    one.source,
                    one.probability,
                    one.price,
                    one.said_at,
                    one.observed_at,
                    self._shown(one.source, midnight(at)),
                    used=self._section.weigh,
                )
            )
        return {market: tuple(said) for market, said in found.items()}

    def _shown(self, source: str, as_of: datetime) -> Record:
        if self._records is None or self._records[0] != as_of:
            self._records = as_of, records(self._look, as_of)
        return self._records[1].get(source, Record())
