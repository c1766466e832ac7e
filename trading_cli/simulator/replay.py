"""A recorded world: real replies from files, served again as they were received."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trading_cli.core.errors import UsageError
from trading_cli.simulator.recordings import Recordings, Series
from trading_cli.simulator.shelf import Item, names_of


class Replay:
    """Every recording under *directory*, as a backend.

    Raises ``UsageError`` where the directory holds nothing that can be served.
    """

    seed = 0

    def __init__(self, directory: Path) -> None:
        found = Recordings(Path(directory))
        if not found.markets and not found.books:
            raise UsageError(f"{directory}: no recorded replies", hint="see --replay in the help")
        self._found = found
        self._books, self._series, self._trades = found.books, found.series, found.trades
        self._tokens = set(found.owners)
        self._listing = list(found.markets.values())

    def recording_time(self) -> float:
        """Return when the listing was recorded, else the last instant recorded at all."""
        last = [snapshots[-1][0] / 1000 for snapshots in self._books.values()]
        last += [points[-1][0] for points in self._series.values()]
        return max(self._found.instants or last or [0.0])

    def book_times(self) -> list[float]:
        """Return every instant at which a recorded book changes, in epoch seconds."""
        return sorted({ms / 1000 for books in self._books.values() for ms, _ in books})

    def book_changes(self) -> dict[float, list[str]]:
        """Return which tokens' books change at each recorded instant, in order of time."""
        found: dict[float, list[str]] = {at: [] for at in self.book_times()}
        for token, snapshots in self._books.items():
            for at in {ms / 1000 for ms, _ in snapshots}:
                found[at].append(token)
        return found

    def spans(self) -> dict[str, tuple[int, int]]:
        """Return when each token's series, and each condition's trades, begin and end: [a, b)."""
        found = {token: (min(p)[0], max(p)[0] + 1) for token, p in self._series.items() if p}
        for row in self._trades:
            at = int(row["timestamp"])
            first, after = found.get(row["conditionId"], (at, at + 1))
            found[row["conditionId"]] = (min(first, at), max(after, at + 1))
        return found

    def recorded(self) -> dict[str, int]:
        """Return what a collection can find here in all: rows by kind, each once.

        ``books``: pairs of market and instant; ``points``: distinct times of the first outcome's
        series, which is the one that is collected.
        """
        firsts = [names_of(market, "clobTokenIds")[0] for market in self._listing]
        return {
            "listings": len(self._listing),
            "books": sum(len({at for at, _ in self._books.get(token, ())}) for token in firsts),
            "points": sum(len({at for at, _ in self._series.get(token, ())}) for token in firsts),
            "trades": len(self._trades),
        }

    def counts(self) -> dict[str, int]:
        """Return what was recorded, for adding up.

        ``gamma_objects`` objects of listings were read, ``gamma_repeated`` of them again under a
        known id; ``wire_objects`` come from samples of single replies; ``synthetic`` were made up
        for what was recorded without a listing. ``books_distinct``: pairs of token and timestamp;
        ``books_mirrored`` more were made of the other token's.
        """
        found = self._found
        kept = len(found.markets) - found.synthetic
        return {
            "gamma_objects": found.gamma_objects,
            "gamma_repeated": found.gamma_objects + found.wire_objects - kept,
            "wire_objects": found.wire_objects,
            "recorded_markets": kept,
            "synthetic": found.synthetic,
            "synthetic_markets": found.synthetic,
            "book_snapshots": sum(map(len, self._books.values())) - found.mirrored,
            "books_distinct": sum(len({at for at, _ in pairs}) for pairs in self._books.values())
            - found.mirrored,
            "books_mirrored": found.mirrored,
            "book_tokens": len(self._books),
            "series": len(self._series),
            "points": sum(map(len, self._series.values())),
            "recorded_trades": len(self._trades),
        }

    def listing(self, now: float) -> Sequence[Item]:  # noqa: ARG002  # recorded once
        """Return all listings, whatever the clock says."""
        return self._listing

    def event(self, event_id: str) -> Item | None:
        """Return the recorded event."""
        events = (one for market in self._listing for one in market.get("events") or [])
        return next((one for one in events if str(one["id"]) == event_id), None)

    def book(self, token: str, now: float) -> Item | None:
        """Return the last snapshot at or before *now*, with its own timestamp."""
        snapshots = self._books.get(token, [])
        place = bisect_right(snapshots, round(now * 1000), key=lambda pair: pair[0])
        return snapshots[place - 1][1] if place else None

    def history(
        self,
        token: str,
        start: float,
        end: float,
        step_s: int,  # noqa: ARG002  # the recorded steps are served
        now: float,
    ) -> Series | None:
        """Return the recorded points as they are: jitter, duplicates and all."""
        points = self._series.get(token)
        if points is None:
            return [] if token in self._tokens else None
        first = bisect_left(points, start, key=lambda point: point[0])
        return points[first : bisect_right(points, min(end, now), key=lambda point: point[0])]

    def trades(
        self, condition_ids: Sequence[str], start: float, end: float, now: float
    ) -> list[Item]:
        """Return these markets' recorded trades with start <= timestamp < end, not after *now*."""
        wanted = set(condition_ids)
        return [
            row
            for row in self._trades
            if row["conditionId"] in wanted
            and start <= row["timestamp"] < end
            and row["timestamp"] <= now
        ]

    def posts(self, *_asked: object) -> list[Item]:
        """Return nothing: no talk was recorded in a form that can be served."""
        return []

    def truth(self) -> dict[str, Any]:
        """Return nothing planted: this happened."""
        return {"replay": True, **self.counts()}
