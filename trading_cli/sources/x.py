"""X API v2 recent search: opt-in, with a key, and every post read costs money.

The day's spend cap is checked before each request against the worst that request could cost;
what came back is then what counts. The bearer token is the HTTP client's business, not ours.
"""

from datetime import datetime, timedelta
from typing import Any

from trading_cli.core.clock import Clock
from trading_cli.core.errors import (
    CircuitOpen,
    SourceDown,
    SourceError,
    SourceGarbled,
    SourceThrottled,
)
from trading_cli.core.foreign import MAX_LINE, clean_text, count_of, instant_of, mapping_of
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Post, Refusal, Topic, Wanted
from trading_cli.sources import Heard, Http, Listener

NAME = "x"
PATH = ENDPOINT = "/2/tweets/search/recent"
USD_PER_POST, USD_PER_USER = 0.005, 0.010
LEAST, MOST = 10, 100
MAX_QUERY = 512
MOST_WORDS = 8
REACH = timedelta(days=7, minutes=-5)
FRESHEST = timedelta(seconds=15)
ONLY = "-is:retweet"


class SpendCapReached(SourceThrottled):
    """The next request could cost more than is left for today."""

    code = "spend_cap_reached"


def query_of(words: str) -> str:
    """Return *words* as X takes them: all must occur, and no bare retweets."""
    kept = "".join(c if c.isalnum() or c in "'$.&-" else " " for c in words).split()
    plain = [word.lstrip("-$") for word in kept[:MOST_WORDS]]
    query = " ".join(word for word in plain if word not in {"", "OR", "AND"})
    return f"{query[: MAX_QUERY - len(ONLY) - 1]} {ONLY}" if query else ""


class X(Listener):
    """Posts from X with their engagement and their authors' followers.

    *spent* and *cap* are USD of this UTC day; ``spent`` grows as requests are answered. *prices*
    are USD per post and per user read.
    """

    name = NAME

    def __init__(
        self,
        http: Http,
        *,
        clock: Clock,
        spent: float,
        cap: float,
        max_results: int = LEAST,
        prices: tuple[float, float] = (USD_PER_POST, USD_PER_USER),
    ) -> None:
        super().__init__(http, clock=clock)
        self.spent = spent
        self.cap = cap
        self._max = min(max(max_results, LEAST), MOST)
        self._per_post, self._per_user = prices

    @property
    def worst(self) -> float:
        """Return the most one request can cost, in USD: every post by another author."""
        return self._max * (self._per_post + self._per_user)

    def _ask(self, topic: Topic, wanted: Wanted) -> Heard:
        query = query_of(topic.query)
        now = self._clock.now()
        since, until = max(wanted.since, now - REACH), min(wanted.until, now - FRESHEST)
        if not query or since >= until:
            raise SourceGarbled(NAME, "nothing to ask: no word, or a span X does not search")
        if self.spent + self.worst > self.cap:
            raise SpendCapReached(
                NAME,
                f"spend cap reached: {self.spent:.3f} of {self.cap:.2f} USD spent today and the "
                f"next request could cost {self.worst:.3f}",
            )
        reply = self._paid(query, since, until, wanted.deadline)
        items, users, more = _found(reply)
        self.spent += len(items) * self._per_post + len(users) * self._per_user - self.worst
        read = [self._read(item, users, topic, reply.observed_at) for item in items]
        return Heard(read, reply.observed_at, not more, (since, until))

    def _paid(self, query: str, since: datetime, until: datetime, deadline: float | None) -> Reply:
        """Return the reply, with the worst case charged until it has been read.

        A request that surely was not answered (refused, throttled, not sent) is given back.
        """
        params = {
            "query": query,
            "max_results": str(self._max),
            "start_time": f"{since:%Y-%m-%dT%H:%M:%SZ}",
            "end_time": f"{until:%Y-%m-%dT%H:%M:%SZ}",
            "tweet.fields": "created_at,public_metrics,lang,author_id",
            "expansions": "author_id",
            "user.fields": "public_metrics,username",
        }
        self.spent += self.worst
        try:
            return self._http.get(PATH, params, endpoint=ENDPOINT, deadline=deadline)
        except SourceError as error:
            down = isinstance(error, SourceDown)
            sent = down and not isinstance(error, CircuitOpen | SourceThrottled)
            if not sent and not isinstance(error, SourceGarbled):
                self.spent -= self.worst
            raise

    def _read(
        self, item: Any, users: dict[str, dict[str, Any]], topic: Topic, observed_at: datetime
    ) -> Post | Refusal:
        """Return one result as a post, or why it is none. Quotes count as reposts."""
        fields = mapping_of(item)
        key = clean_text(fields.get("id"), 40)
        text = clean_text(fields.get("text"), markup=True)
        at = instant_of(fields.get("created_at"))
        if not key or not text or at is None:
            lacks = "id" if not key else "text" if not text else "created_at"
            return self._incomplete("post", topic, lacks, item, observed_at)
        author_id = clean_text(fields.get("author_id"), 40)
        user = users.get(author_id, {})
        author = clean_text(user.get("username"), MAX_LINE) or author_id
        metrics = mapping_of(fields.get("public_metrics"))
        shares = [count_of(metrics.get(name)) for name in ("retweet_count", "quote_count")]
        known = [share for share in shares if share is not None]
        return Post(
            NAME,
            key,
            text,
            author,
            f"https://x.com/i/status/{key}",
            at,
            observed_at,
            topic.event_id,
            clean_text(fields.get("lang"), 10).lower() or None,
            count_of(metrics.get("like_count")),
            sum(known) if known else None,
            count_of(metrics.get("reply_count")),
            count_of(mapping_of(user.get("public_metrics")).get("followers_count")),
        )


def _found(reply: Reply) -> tuple[list[Any], dict[str, dict[str, Any]], bool]:
    """Return the posts, their authors by id, and whether more were left behind."""
    found = reply.json()
    if not isinstance(found, dict) or not ("data" in found or "meta" in found):
        raise SourceGarbled(NAME, "the reply has neither data nor meta")
    items = found.get("data", [])
    if not isinstance(items, list):
        raise SourceGarbled(NAME, "the reply has no list of posts")
    listed = mapping_of(found.get("includes")).get("users")
    users = [mapping_of(user) for user in listed] if isinstance(listed, list) else []
    by_id = {clean_text(user.get("id"), 40): user for user in users}
    return items, by_id, bool(mapping_of(found.get("meta")).get("next_token"))
