"""GDELT DOC 2.0: the world's news, keyless, every quarter of an hour.

Its errors are plain text or HTML with status 200; ``{}`` means that nothing was found. ``seendate``
is rounded to the quarter of an hour in which GDELT saw the article.
"""

from datetime import datetime
from typing import Any

from trading_cli.core.clock import Clock
from trading_cli.core.errors import SourceGarbled
from trading_cli.core.foreign import MAX_LINE, clean_text, clean_url, instant_of, mapping_of
from trading_cli.core.http_reply import Reply
from trading_cli.domain import Post, Refusal, Topic, Wanted
from trading_cli.sources import Heard, Http, Listener

NAME = "gdelt"
PATH = ENDPOINT = "/api/v2/doc/doc"
MAX_RECORDS = 250
SHORTEST_WORD = 3
MOST_WORDS = 5
ASKED = "%Y%m%d%H%M%S"
SEEN = "%Y%m%dT%H%M%SZ"
LANGUAGES = {"english": "en", "spanish": "es", "french": "fr", "german": "de", "portuguese": "pt"}


def query_of(words: str) -> str:
    """Return *words* as GDELT takes them: all must occur; words under three letters are refused."""
    kept = [word.strip("-'") for word in words.replace('"', " ").split()]
    plain = [word for word in kept if len(word) >= SHORTEST_WORD][:MOST_WORDS]
    return " ".join(word if word.isalnum() else f'"{word}"' for word in plain)


class Gdelt(Listener):
    """News articles from GDELT; the domain is the author. No engagement is known here."""

    name = NAME

    def __init__(self, http: Http, *, clock: Clock, max_records: int = MAX_RECORDS) -> None:
        super().__init__(http, clock=clock)
        self._max = min(max_records, MAX_RECORDS)

    def _ask(self, topic: Topic, wanted: Wanted) -> Heard:
        query = query_of(topic.query)
        if not query:
            raise SourceGarbled(NAME, "the topic has no word of three letters to ask with")
        params = {
            "query": query,
            "mode": "ArtList",
            "format": "json",
            "startdatetime": wanted.since.strftime(ASKED),
            "enddatetime": wanted.until.strftime(ASKED),
            "maxrecords": str(self._max),
            "sort": "DateDesc",
        }
        reply = self._http.get(PATH, params, endpoint=ENDPOINT, deadline=wanted.deadline)
        items = [self._read(one, topic, reply.observed_at) for one in _articles(reply)]
        return Heard(items, reply.observed_at, len(items) < self._max)

    def _read(self, article: Any, topic: Topic, observed_at: datetime) -> Post | Refusal:
        """Return one article as a post, or why it is none."""
        fields = mapping_of(article)
        url = clean_url(fields.get("url"))
        text = clean_text(fields.get("title"), markup=True)
        at = instant_of(fields.get("seendate"), SEEN)
        if not url or not text or at is None:
            lacks = "url" if not url else "title" if not text else "seendate"
            return self._incomplete("article", topic, lacks, article, observed_at)
        language = clean_text(fields.get("language"), 40).lower()
        return Post(
            NAME,
            url,
            text,
            clean_text(fields.get("domain"), MAX_LINE),
            url,
            at,
            observed_at,
            topic.event_id,
            LANGUAGES.get(language, language) or None,
        )


def _articles(reply: Reply) -> list[Any]:
    """Return the reply's articles. Raises ``SourceGarbled``, quoting what came instead."""
    try:
        found = reply.json()
    except SourceGarbled as error:
        said = clean_text(reply.text(), 120, markup=True)
        raise SourceGarbled(NAME, f"no JSON came but: {said or 'nothing'}") from error
    articles = found.get("articles", []) if isinstance(found, dict) else None
    if not isinstance(articles, list):
        raise SourceGarbled(NAME, "the reply has no list of articles")
    return articles
