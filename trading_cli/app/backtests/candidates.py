"""Which markets may be decided on in a slot: the panel's, or in mid-only history all there were."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from trading_cli.app.backtests.listed import Listed
from trading_cli.app.backtests.pricing import STALE_S, Prices
from trading_cli.app.backtests.universe import Universe
from trading_cli.domain import Market, Quote
from trading_cli.research.panel import PanelRules, candidates


@dataclass(frozen=True, slots=True)
class Candidate:
    """A market that may be decided on, as listed then, and its quote where one was recorded."""

    row: int
    market: Market
    quote: Quote | None = None


class Candidates:
    """The candidates of each slot."""

    def __init__(
        self, universe: Universe, listed: Listed, prices: Prices, rules: PanelRules
    ) -> None:
        self._of = universe
        self._listed = listed
        self._prices = prices
        self._rules = rules

    def live(self, slot: int, at: datetime, members: Iterable[int]) -> list[Candidate]:
        """Return those of the panel's *members* that `panel.candidates` lets pass, busiest first.

        Only the busiest are described, as many at a time as there may be candidates.
        """
        now, most = int(at.timestamp()), self._rules.max_candidates
        busy = self._listed.busiest(list(members), now, self._rules)
        found: list[Candidate] = []
        for begin in range(0, len(busy), max(most, 1)):
            some = busy[begin : begin + most]
            held = self._listed.markets(some, now)
            quotes = self._prices.quotes(slot, some, now, live=True)
            by_id = {market.id: row for row, market in held.items()}
            named = {quote.market_id: quote for quote in quotes.values()}
            for name in candidates(list(held.values()), named, self._rules, at):
                row = by_id[name]
                found.append(Candidate(row, held[row], quotes.get(row)))
            if len(found) >= most:
                break
        return found[:most]

    def bare(self, slot: int, at: datetime) -> list[Candidate]:
        """Return the markets listed at *at* with a price of the last quarter-hour.

        Open, taking orders as far as is known, not past their end. No volume is known of them: the
        busiest by what is, then by their id, and no more than the settings allow.
        """
        now, most = int(at.timestamp()), self._rules.max_candidates
        found: list[Candidate] = []
        priced = [
            row
            for row, (first, last) in self._of.spans.items()
            if first <= now
            and now - STALE_S <= last
            and self._prices.mid(row, slot, now, now, live=False) is not None
        ]
        order = self._listed.by_volume(priced, now)
        for begin in range(0, len(order), max(most, 1)):
            held = self._described(order[begin : begin + most], now)
            quotes = self._prices.quotes(slot, list(held), now, live=False)
            found += [
                Candidate(row, market, quotes.get(row))
                for row, market in held.items()
                if _open(market, at)
            ]
            if len(found) >= most:
                break
        return found[:most]

    def _described(self, rows: list[int], now: int) -> Mapping[int, Market]:
        """Return the rows' markets in this order: as listed, else as first described later."""
        held = self._listed.markets(rows, now)
        found = {}
        for row in rows:
            if row in held:
                found[row] = held[row]
            elif (market := self._listed.blind(row, now)) is not None:
                found[row] = market
        return found


def _open(market: Market, at: datetime) -> bool:
    """Return whether the market was dealt in at *at*, as far as anybody knew."""
    ended = market.end_at is not None and market.end_at <= at
    return not (market.closed or market.active is False or ended)
