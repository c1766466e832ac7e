"""The seam between what is pretended and how it is served.

A backend knows a world (invented or recorded) and answers for any instant of it; the server knows
the wire. A backend has no clock: every question says which ``now`` it is asked at, in epoch
seconds, and no answer may hold anything later than that.
"""

from collections.abc import Sequence
from typing import Any, Protocol


class Backend(Protocol):
    """A world that can be asked about any instant. ``None`` means: there is no such thing."""

    seed: int

    def listing(self, now: float) -> Sequence[dict[str, Any]]:
        """Return every Gamma market object known at *now*, open and closed, in wire shape.

        Lists are JSON inside strings, optional fields are missing, ``events`` is embedded. The
        private key ``_tags`` ([{"id", "label", "slug"}]) is stripped by the server.
        """
        ...

    def event(self, event_id: str) -> dict[str, Any] | None:
        """Return one event without its markets; not served by itself."""
        ...

    def book(self, token: str, now: float) -> dict[str, Any] | None:
        """Return the CLOB wire book of *token*, worst first; ``None`` becomes 404."""
        ...

    def history(
        self, token: str, start: float, end: float, step_s: int, now: float
    ) -> list[tuple[int, float]] | None:
        """Return (epoch, mid) ascending within [start, end], never later than *now*."""
        ...

    def trades(
        self, condition_ids: Sequence[str], start: float, end: float, now: float
    ) -> list[dict[str, Any]]:
        """Return Data API rows with start <= timestamp < end and not after *now*, newest first."""
        ...

    def posts(
        self, source: str, query: str, start: float, end: float, now: float
    ) -> list[dict[str, Any]]:
        """Return neutral posts matching *query*, newest first, engagement as it stands at *now*.

        *source* is gdelt, google_news, bluesky, hacker_news or x. A post has id, text, author,
        url, domain, created (int epoch), likes, reposts, replies, followers, language.
        """
        ...

    def truth(self) -> dict[str, Any]:
        """Return what was planted, for demo and tests only."""
        ...
