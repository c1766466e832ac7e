"""A day of one quiet market in a real file: trades, quotes, coverage and talk, as told."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trading_cli.domain import Coverage, Market, Origin, Post, Quote, Side, Trade
from trading_cli.research.matching import SCORER
from trading_cli.store import listings, series
from trading_cli.store.talk import PostLink, record_coverage, record_links, record_posts

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
AT = NOON + timedelta(seconds=20)
SLOT = int(NOON.timestamp())
HOUR = timedelta(hours=1)
PEOPLE = ("a", "b", "c", "d", "e")


def market(number=1, **changes):
    """Return a listed market of event e1."""
    facts = {
        "id": f"50{number}", "condition_id": f"0xc{number}", "question": "Will it?",
        "slug": f"it-{number}", "yes_token": f"7{number}1", "no_token": f"7{number}2",
        "yes_label": "Yes", "no_label": "No", "observed_at": NOON - timedelta(days=40),
        "event_id": "e1", "tick": Decimal("0.01"),
    }  # fmt: skip
    return Market(**(facts | changes))


def follow(tx, *markets, since=NOON - timedelta(days=30)):
    """List the markets and put them on the panel."""
    listings.record_markets(tx, markets)
    for one in markets:
        listings.panel_enter(tx, one.id, since, since + timedelta(days=7))


def trade(name, at, usd, *, number=1, wallet="a", no=False, seen=None, origin=Origin.RECORDED):
    """Return a trade of *usd* at 50 cents; *no*: of the NO token."""
    return Trade(
        name, f"0xc{number}", f"7{number}{2 if no else 1}", int(no), Side.BUY, Decimal("0.5"),
        Decimal(usd) * 2, wallet, at, seen or at + timedelta(seconds=30), origin,
    )  # fmt: skip


def busy_day(tx, *, number=1, usual=1000, now=6000, hours=24, no=False):
    """Trade *usual* USD in each of the hours before, *now* in the last one by five wallets."""
    last = AT - timedelta(minutes=30)
    rows = [
        trade(f"{number}n{who}", last, Decimal(now) / 5, number=number, wallet=who, no=no)
        for who in PEOPLE
    ]
    rows += [
        trade(f"{number}b{back}", last - back * HOUR, usual, number=number, no=no)
        for back in range(1, hours + 1)
    ]
    series.record_trades(tx, rows)


def heard_trades(tx, since, until, *, number=1, seen=None):
    """Say that the venue answered completely for the span."""
    record_coverage(
        tx, [Coverage("polymarket.trades", f"0xc{number}", since, until, seen or until)]
    )


def quoted(tx, at, mid, *, number=1):
    """Quote the market one cent around *mid* at *at*."""
    half = Decimal("0.005")
    slot = int(at.timestamp()) // 900 * 900
    seen = at + timedelta(seconds=5)
    bid, ask = Decimal(mid) - half, Decimal(mid) + half
    quote = Quote(f"50{number}", slot, bid, ask, 100.0, 100.0, seen, seen, Decimal(0))
    series.record_quotes(tx, [quote])


def said(tx, source, end, count, *, seen=None, event="e1", **more):
    """Let *count* people each say one thing in the hour to *end*, seen just after it."""
    posts = []
    for n in range(count):
        name = f"{source}-{end:%d%H%M}-{n}"
        words = f"statement {end:%d%H%M} {n} {hash((source, n)) % 9973} about topic {n * 31}"
        at = end - timedelta(minutes=5 + 50 * n / max(count, 1))
        posts.append(
            Post(
                source, name, words, f"author {n}", f"https://{source}.test/{name}",
                at.replace(microsecond=0), seen or end + timedelta(seconds=10), event, **more,
            )
        )  # fmt: skip
    record_posts(tx, posts)
    record_links(tx, [link(post) for post in posts])


def link(post, **changes):
    """Return what the scorer made of *post*: about the event, not about the price, no copy."""
    facts = {
        "source": post.source, "post_id": post.id, "event_id": post.event_id, "market_id": None,
        "score": 0.9, "scorer": SCORER, "about_price": False, "sentiment": 0.1, "lexicon": "v",
        "duplicate_of": None, "observed_at": post.observed_at,
    }  # fmt: skip
    return PostLink(**(facts | changes))


def heard_talk(tx, source, since, until, *, event="e1", seen=None):
    """Say that *source* answered completely about the event for the span."""
    record_coverage(tx, [Coverage(source, event, since, until, seen or until)])


def month_of_talk(tx, source="gdelt", *, days=28, usual=4, **more):
    """Let *usual* people speak in every hour of the past days that hype looks at."""
    heard_talk(tx, source, NOON - timedelta(days=days, hours=5), NOON + timedelta(seconds=10))
    for back in range(1, days + 1):
        for shift in (-2, -1, 0, 1):
            said(tx, source, NOON - timedelta(days=back) + shift * HOUR, usual, **more)
    said(tx, source, NOON - HOUR, usual, **more)
