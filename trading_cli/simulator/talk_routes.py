"""News and social talk: GDELT, Google News, Bluesky, Hacker News and X, each in its own shape."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from trading_cli.simulator.backend import Backend
from trading_cli.simulator.shelf import Item
from trading_cli.simulator.wire import instant, iso, now_of, reply, whole

DAY_S = 86_400.0
QUARTER_S = 900
GDELT_MAX = 250
GDELT_DAYS = 92
RSS_MAX = 100
PAGE_MAX = 100
HN_HITS_MAX = 1_000
X_MIN = 10
X_DAYS = 7
X_QUERY_MAX = 512
SHORT_WORD = 3
SPAN = re.compile(r"(\d+)\s*(min|m|h|d|w)[a-z]*")
UNITS = {"min": 60.0, "m": 60.0, "h": 3600.0, "d": DAY_S, "w": 7 * DAY_S}
WHEN = re.compile(r"\bwhen:(\d+)([hd])")
BEFORE_AFTER = re.compile(r"\b(before|after):(\S+)")
FILTER = re.compile(r"created_at_i\s*(>=|<=|>|<|=)\s*(\d+)")


def routes(backend: Backend) -> dict[str, list[Route]]:
    """Return the routes of the five talk hosts, by host."""
    talk = Talk(backend)
    return {
        "gdelt": [Route("/api/v2/doc/doc", talk.gdelt)],
        "google_news": [Route("/rss/search", talk.google_news)],
        "bluesky": [Route("/xrpc/app.bsky.feed.searchPosts", talk.bluesky)],
        "hacker_news": [
            Route("/api/v1/search_by_date", talk.hacker_news),
            Route("/api/v1/search", talk.hacker_news),
        ],
        "x": [Route("/2/tweets/search/recent", talk.x)],
    }


class Talk:
    """Formats the backend's neutral posts as each provider would."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def gdelt(self, request: Request) -> Response:  # noqa: PLR0911  # one per refusal
        """Answer articles or volume by quarter-hour; errors are plain text with status 200."""
        query = request.query_params.get("query", "").strip()
        if not query:
            return _plain("The specified query was empty.")
        bare = re.sub(r"\w+:\S+|[()\"]", " ", query)
        words = [word for word in bare.split() if word != "OR"]
        if any(len(word) < SHORT_WORD for word in words):
            return _plain("The specified phrase is too short.")
        now = now_of(request)
        try:
            start, end = _gdelt_span(request, now)
        except ValueError:
            return _plain("Invalid query start date.")
        posts = self._backend.posts("gdelt", query, start, end, now)
        mode = request.query_params.get("mode", "ArtList").lower()
        if request.query_params.get("format", "html").lower() != "json":
            return Response("<html><body>GDELT</body></html>", media_type="text/html")
        if mode == "artlist":
            count = min(whole(request, "maxrecords", 75), GDELT_MAX)
            return reply({"articles": [_article(post) for post in posts[:count]]} if posts else {})
        if mode == "timelinevolraw":
            return reply(_timeline(posts, start, end))
        return _plain("Invalid mode.")

    async def google_news(self, request: Request) -> Response:
        """Answer RSS 2.0 with at most 100 items."""
        query, now = request.query_params.get("q", ""), now_of(request)
        start, end = now - 30 * DAY_S, now
        when = WHEN.search(query)
        if when:
            start = now - int(when.group(1)) * UNITS[when.group(2)]
        for name, day in BEFORE_AFTER.findall(query):
            start, end = (instant(day), end) if name == "after" else (start, instant(day))
        bare = BEFORE_AFTER.sub("", WHEN.sub("", query)).strip()
        posts = self._backend.posts("google_news", bare, start, min(end, now), now)[:RSS_MAX]
        items = "".join(_rss_item(post) for post in posts)
        body = (
            '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><rss version="2.0" '
            'xmlns:media="http://search.yahoo.com/mrss/"><channel><generator>NFE/5.0</generator>'
            f"<title>{escape(query)} - Google News</title><language>en-US</language>"
            f"<lastBuildDate>{_rfc822(now)}</lastBuildDate>{items}</channel></rss>"
        )
        return Response(body, media_type="application/xml; charset=utf-8")

    async def bluesky(self, request: Request) -> Response:
        """Answer a page of posts; ``cursor`` is absent on the last one."""
        query = request.query_params.get("q", "")
        if not query:
            return _xrpc("Error: Params must have the property q")
        limit = whole(request, "limit", 25)
        if not 1 <= limit <= PAGE_MAX:
            return _xrpc("Error: limit can not be greater than 100")
        now, offset = now_of(request), whole(request, "cursor", 0)
        try:
            start = _given(request, "since", 0.0)
            end = _given(request, "until", now)
        except ValueError:
            return _xrpc("Error: since and until must be valid datetimes")
        posts = self._backend.posts("bluesky", query, start, min(end, now), now)
        page = posts[offset : offset + limit]
        body: Item = {"posts": [_skeet(post) for post in page], "hitsTotal": len(posts)}
        if offset + limit < len(posts):
            body["cursor"] = str(offset + limit)
        return reply(body)

    async def hacker_news(self, request: Request) -> Response:
        """Answer a page of stories, 1,000 reachable in all."""
        now, start, end = now_of(request), 0.0, now_of(request)
        for sign, text in FILTER.findall(request.query_params.get("numericFilters", "")):
            if ">" in sign or sign == "=":
                start = max(start, int(text) + (sign == ">"))
            if "<" in sign or sign == "=":
                end = min(end, int(text) - (sign == "<"))
        size = min(whole(request, "hitsPerPage", 20), HN_HITS_MAX)
        page = whole(request, "page", 0)
        query = request.query_params.get("query", "")
        posts = self._backend.posts("hacker_news", query, start, end, now)
        reachable = posts[:HN_HITS_MAX]
        hits = [_hit(post) for post in reachable[page * size : (page + 1) * size]]
        return reply(
            {
                "hits": hits,
                "nbHits": len(posts),
                "page": page,
                "nbPages": -(-len(reachable) // size) if size else 0,
                "hitsPerPage": size,
                "exhaustiveNbHits": True,
                "query": query,
                "params": request.url.query,
            }
        )

    async def x(self, request: Request) -> Response:  # noqa: PLR0911  # one per refusal
        """Answer recent posts; needs a Bearer token, reaches back seven days."""
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return reply({"title": "Unauthorized", "status": 401, "detail": "Unauthorized"}, 401)
        query = request.query_params.get("query", "")
        size = whole(request, "max_results", 10)
        now, offset = now_of(request), whole(request, "next_token", 0)
        try:
            start, end = (
                _given(request, "start_time", now - X_DAYS * DAY_S),
                _given(request, "end_time", now),
            )
        except ValueError:
            return _x_invalid("start_time and end_time must be RFC 3339")
        if not query or len(query) > X_QUERY_MAX:
            return _x_invalid("query must be 1 to 512 characters")
        if not X_MIN <= size <= PAGE_MAX:
            return _x_invalid("max_results must be between 10 and 100")
        if start < now - X_DAYS * DAY_S - 60 or end > now + 1:
            return _x_invalid("start_time must be within the last 7 days")
        posts = self._backend.posts("x", query, start, end, now)
        page = posts[offset : offset + size]
        meta: Item = {"result_count": len(page)}
        if not page:
            return reply({"meta": meta})
        meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
        if offset + size < len(posts):
            meta["next_token"] = str(offset + size)
        users = {post["author"]: post for post in page}
        return reply(
            {
                "data": [_tweet(post) for post in page],
                "includes": {"users": [_user(post) for post in users.values()]},
                "meta": meta,
            }
        )


def _plain(text: str) -> Response:
    return Response(text + "\n", media_type="text/html")


def _xrpc(message: str) -> Response:
    return reply({"error": "InvalidRequest", "message": message}, 400)


def _x_invalid(message: str) -> Response:
    body = {"errors": [{"message": message}], "title": "Invalid Request", "detail": message}
    return reply(body, 400)


def _given(request: Request, name: str, default: float) -> float:
    """Return a time parameter in epoch seconds; ``ValueError`` when unreadable."""
    text = request.query_params.get(name)
    return instant(text) if text else default


def _gdelt_span(request: Request, now: float) -> tuple[float, float]:
    """Return start and end from ``startdatetime``/``enddatetime`` or ``timespan``."""
    params = request.query_params
    oldest = now - GDELT_DAYS * DAY_S
    first, last = params.get("startdatetime"), params.get("enddatetime")
    if first:
        return max(oldest, _stamp(first)), min(now, _stamp(last)) if last else now
    span = SPAN.fullmatch(params.get("timespan", "3d").lower())
    if span is None:
        raise ValueError("timespan")
    return max(oldest, now - int(span.group(1)) * UNITS[span.group(2)]), now


def _stamp(text: str) -> float:
    """Return YYYYMMDDHHMMSS as epoch seconds."""
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()


def _gdelt_date(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%dT%H%M%SZ")


def _article(post: Item) -> Item:
    return {
        "url": post["url"],
        "url_mobile": "",
        "title": post["text"],
        "seendate": _gdelt_date(post["created"] // QUARTER_S * QUARTER_S),
        "socialimage": "",
        "domain": _domain(post),
        "language": post.get("language") or "English",
        "sourcecountry": "United States",
    }


def _timeline(posts: list[Item], start: float, end: float) -> Item:
    """Return counts by quarter-hour, the empty ones too."""
    if not posts:
        return {}
    first, last = int(start) // QUARTER_S * QUARTER_S, int(end)
    counts = dict.fromkeys(range(first, last + 1, QUARTER_S), 0)
    for post in posts:
        slot = int(post["created"]) // QUARTER_S * QUARTER_S
        counts[slot] = counts.get(slot, 0) + 1
    data = [
        {"date": _gdelt_date(at), "value": value, "norm": 20_000} for at, value in counts.items()
    ]
    return {"timeline": [{"series": "Article Count", "data": data}]}


def _domain(post: Item) -> str:
    return post.get("domain") or urlsplit(post["url"]).netloc


def _rfc822(epoch: float) -> str:
    return format_datetime(datetime.fromtimestamp(int(epoch), UTC), usegmt=True)


def _rss_item(post: Item) -> str:
    source = post.get("author") or _domain(post)
    link = f"https://news.google.com/rss/articles/{post['id']}?oc=5"
    return (
        f"<item><title>{escape(post['text'])} - {escape(source)}</title><link>{link}</link>"
        f'<guid isPermaLink="false">{escape(str(post["id"]))}</guid>'
        f"<pubDate>{_rfc822(post['created'])}</pubDate>"
        f'<source url="https://{escape(_domain(post))}">{escape(source)}</source></item>'
    )


def _skeet(post: Item) -> Item:
    handle = post["author"]
    return {
        "uri": f"at://did:plc:{handle}/app.bsky.feed.post/{post['id']}",
        "cid": f"bafy{post['id']}",
        "author": {"did": f"did:plc:{handle}", "handle": handle, "displayName": handle},
        "record": {
            "$type": "app.bsky.feed.post",
            "createdAt": iso(post["created"]),
            "langs": [post.get("language") or "en"],
            "text": post["text"],
        },
        "replyCount": post.get("replies") or 0,
        "repostCount": post.get("reposts") or 0,
        "likeCount": post.get("likes") or 0,
        "quoteCount": 0,
        "indexedAt": iso(post["created"]),
        "labels": [],
    }


def _hit(post: Item) -> Item:
    return {
        "objectID": str(post["id"]),
        "title": post["text"],
        "url": post["url"],
        "author": post["author"],
        "points": post.get("likes"),
        "num_comments": post.get("replies"),
        "created_at": iso(post["created"], 0),
        "created_at_i": int(post["created"]),
        "story_text": None,
        "_tags": ["story", f"author_{post['author']}", f"story_{post['id']}"],
    }


def _tweet(post: Item) -> Item:
    likes = post.get("likes") or 0
    return {
        "id": str(post["id"]),
        "text": post["text"],
        "created_at": iso(post["created"]),
        "author_id": post["author"],
        "lang": post.get("language") or "en",
        "public_metrics": {
            "retweet_count": post.get("reposts") or 0,
            "reply_count": post.get("replies") or 0,
            "like_count": likes,
            "quote_count": 0,
            "impression_count": likes * 40,
        },
    }


def _user(post: Item) -> Item:
    followers = {"followers_count": post.get("followers") or 0}
    return {"id": post["author"], "username": post["author"], "public_metrics": followers}
