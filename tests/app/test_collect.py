"""One slot after another, kept as the exchange has it: whole, once, and with what is missing."""

import multiprocessing
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from homes import AFTER_SLOT_S, NOON, SLOT, Home, MakeHome  # beside this file

from trading_cli.app import collect as steps
from trading_cli.app.runs import only_run
from trading_cli.core.errors import RunLocked, UsageError
from trading_cli.domain import Outcome, from_epoch
from trading_cli.store import Store, history, ledger, listings

NEAR = Decimal("0.02")


def levels(raw: list[dict[str, str]]) -> list[tuple[Decimal, Decimal]]:
    """Return a side of the exchange's book as numbers."""
    return [(Decimal(level["price"]), Decimal(level["size"])) for level in raw]


def truth_of(home: Home, token: str) -> tuple[Decimal, Decimal, float, float]:
    """Return best bid and ask of the exchange's book, and USD within 2 cents of the mid."""
    book = home.exchange.world.book(token, home.clock.now().timestamp())
    assert book is not None
    bids, asks = levels(book["bids"]), levels(book["asks"])
    bid, ask = max(price for price, _ in bids), min(price for price, _ in asks)
    mid = (bid + ask) / 2
    bid_depth = sum(price * size for price, size in bids if price >= mid - NEAR)
    ask_depth = sum(price * size for price, size in asks if price <= mid + NEAR)
    return bid, ask, float(bid_depth), float(ask_depth)


def test_a_slot_is_kept_as_the_exchange_has_it(kit):
    """Every followed market is quoted at the exchange's own best prices and depths."""
    report = kit.collect()
    assert (report.state, report.warnings, report.already) == ("OK", [], None)
    quotes, followed = kit.quotes(report.slot), kit.followed()
    assert len(followed) >= 15
    assert quotes.keys() == {market.id for market in followed}
    for market in followed:
        quote = quotes[market.id]
        bid, ask, bid_depth, ask_depth = truth_of(kit, market.yes_token)
        assert (quote.bid, quote.ask) == (bid, ask)
        assert quote.bid_depth == pytest.approx(bid_depth)
        assert quote.ask_depth == pytest.approx(ask_depth)
        assert quote.pair_gap == 0
    with kit.looking() as look:
        gaps = ledger.gaps(look, since=from_epoch(0), until=kit.clock.now())
    assert {gap.market_id for gap in gaps if gap.received} == quotes.keys()
    assert report.counts["quotes"] == report.sources["polymarket.books"].stored == len(quotes)


def test_the_trades_kept_are_the_exchange_s(kit):
    """Over three slots each trade is kept once, with its price, size and second."""
    for turn in range(3):
        kit.at(turn)
        kit.collect()
    now = kit.clock.now()
    since = NOON + AFTER_SLOT_S - int(steps.FIRST_LOOK.total_seconds())
    for market in kit.followed():
        end = now.timestamp()
        made = kit.exchange.world.trades([market.condition_id], since, end + 1, end)
        expected = sorted(
            (raw["timestamp"], Decimal(str(raw["price"])), Decimal(str(raw["size"])), raw["side"])
            for raw in made
        )
        with kit.looking() as look:
            held = history.trades(
                look, market.id, since=from_epoch(0), until=from_epoch(end + 1), as_of=now
            )
        kept = sorted(
            (int(one.event_time.timestamp()), one.price, one.size, one.side.value) for one in held
        )
        assert kept == expected


def test_a_second_collect_in_the_slot_sends_nothing(kit):
    """A slot collected whole is not asked for again, and the report says when it was."""
    kit.collect()
    sent, kept = kit.exchange.sent(), kit.counts()
    report = kit.collect()
    assert report.already is not None
    assert report.already.startswith("2026-03-02T12:00:07")
    assert kit.exchange.sent() == sent
    assert kit.counts() == kept


def test_force_asks_again_and_keeps_nothing_twice(kit):
    """``--force`` sends requests, and rows that are there already stay as they are."""
    kit.collect()
    sent, kept = kit.exchange.sent(), kit.counts()
    report = kit.collect(force=True)
    assert (report.already, report.state) == (None, "OK")
    assert kit.exchange.sent() != sent
    after = kit.counts()
    unchanged = ("quotes", "books", "trades", "gaps", "conflicts")
    assert {name: after[name] for name in unchanged} == {name: kept[name] for name in unchanged}
    assert after["runs"] == 2


def test_the_next_slot_adds_its_own_rows(kit):
    """A run in the next slot quotes every followed market again, under the new slot."""
    first = kit.collect()
    kit.at(1)
    second = kit.collect()
    assert second.slot == first.slot + SLOT
    assert kit.quotes(first.slot).keys() == kit.quotes(second.slot).keys()
    assert not second.warnings


def test_slots_nobody_ran_in_are_rows(kit):
    """Slots between two runs are gaps with the cause NOT_RUN, and the report says how many."""
    kit.collect()
    kit.at(4)
    report = kit.collect()
    missed = kit.rows("SELECT slot, received FROM gaps WHERE market = '' AND cause = 'NOT_RUN'")
    assert missed == [(NOON + turn * SLOT, 0) for turn in (1, 2, 3)]
    assert "3 slots before this one were not run" in report.warnings


def hold(folder, ready, done) -> None:
    """Hold the lock of a collection until told to let go."""
    with only_run(folder, steps.LOCK, from_epoch(NOON)):
        ready.set()
        done.wait(60)


def test_of_two_collects_at_once_one_says_who_holds_the_lock(kit):
    """While another process collects, ours is refused with its pid, exit code 6, and no request."""
    kit.collect()
    spawn = multiprocessing.get_context("spawn")
    ready, done = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold, args=(kit.database.parent, ready, done))
    other.start()
    try:
        assert ready.wait(60)
        kit.at(1)
        sent = kit.exchange.sent()
        with pytest.raises(RunLocked, match=rf"another `collection`.* process {other.pid},") as no:
            kit.collect()
        assert no.value.exit_code == 6
        assert "trading status" in no.value.hint
        assert kit.exchange.sent() == sent
    finally:
        done.set()
        other.join(60)
    assert kit.collect().state == "OK"


def test_two_collects_in_two_threads_keep_one_slot(make_home: MakeHome):
    """Started together on one home, each ends well, finds it done, or is told; rows are single."""
    homes = [make_home("shared"), make_home("shared")]
    ends: list[str] = []

    def run(home: Home) -> None:
        try:
            report = home.collect()
            ends.append("already" if report.already else report.state)
        except RunLocked:  # it may have come between the lock and the holder's note
            ends.append("locked")

    threads = [threading.Thread(target=run, args=(home,)) for home in homes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends.count("OK") == 1
    assert set(ends) <= {"OK", "already", "locked"}
    assert homes[0].counts()["quotes"] == len(homes[0].followed())


def test_an_unknown_source_is_named(kit):
    """A misspelt ``--source`` is a usage error with the nearest name, and nothing is sent."""
    sent = kit.exchange.sent()
    with pytest.raises(UsageError, match=r"'gdlet'; did you mean gdelt\?") as no:
        kit.collect(sources=("gdlet",))
    assert no.value.exit_code == 2
    assert "polymarket" in no.value.hint
    assert kit.exchange.sent() == sent


def test_one_source_of_talk_alone(kit):
    """``--source gdelt`` asks GDELT and nobody else, about the events followed before."""
    kit.collect()
    before = kit.exchange.sent()
    report = kit.collect(sources=("gdelt",))
    assert list(report.sources) == ["gdelt"]
    after = kit.exchange.sent()
    moved = {name for name in after if after[name] != before.get(name)}
    assert moved == {"gdelt /api"}
    assert kit.counts()["posts"] == report.sources["gdelt"].stored > 0
    assert kit.counts()["runs"] == 2


def test_talk_is_kept_with_what_it_is_about(kit):
    """Posts of every voice are linked to events we follow; X is off, and says why."""
    report = kit.collect(talk=True)
    events = {market.event_id or market.id for market in kit.followed()}
    linked = {event for (event,) in kit.rows("SELECT DISTINCT event_id FROM post_links")}
    assert linked
    assert linked <= events
    voices = {name for (name,) in kit.rows("SELECT DISTINCT source FROM posts")}
    assert voices <= {"gdelt", "google_news", "bluesky", "hacker_news"}
    assert report.sources["x"].state == "off"
    assert "enabled" in report.sources["x"].message


def test_a_story_told_again_in_a_later_look_is_a_copy(kit, monkeypatch):
    """The copy names the post kept an hour before, though its own date is the earlier one."""
    story = "Canada slides into recession as tariffs bite"
    told = [("41", story, NOON - 600), ("42", f"{story} - The Star", NOON - 900)]
    heard: list[tuple[str, str, int]] = []

    def posts(_source: str, _query: str, start: float, end: float, _now: float):
        found = [one for one in heard if start <= one[2] < end]
        return [
            {"id": name, "text": text, "author": "ann", "url": f"https://a.example/{name}"}
            | {"domain": "a.example", "created": at, "likes": 1, "reposts": 0, "replies": 0}
            | {"followers": None, "language": "en"}
            for name, text, at in found
        ]

    kit.collect()
    monkeypatch.setattr(kit.exchange.world, "posts", posts)
    heard.append(told[0])
    kit.collect(sources=("hacker_news",), talk=True)
    heard.append(told[1])
    kit.at(4)
    kit.collect(sources=("hacker_news",), talk=True)
    kept = kit.rows(
        "SELECT DISTINCT post_id, duplicate_of FROM post_links JOIN posts ON posts.id = post"
    )
    assert sorted(kept) == [("41", None), ("42", "41")]


def test_a_backfill_without_time_is_resumed(make_home: MakeHome):
    """With no seconds for the past every window stays planned; a later run does them all."""
    poor = make_home("past")
    first = poor.collect()
    planned = first.counts["windows_left"]
    assert planned == poor.rows("SELECT count(*) FROM backfill_windows")[0][0] > 0
    rich = make_home("past", backfill_seconds=300, read_timeout_s=10.0)
    rich.at(1)
    second = rich.collect()
    assert second.counts["windows_left"] == 0
    states = dict(rich.rows("SELECT state, count(*) FROM backfill_windows GROUP BY 1"))
    assert states.keys() <= {"done", "empty"}
    assert sum(states.values()) == planned
    assert rich.counts()["points"] == second.counts["points"] > 0
    fetched = rich.exchange.sent()["clob /prices-history"]["total"]
    rich.at(2)
    third = rich.collect()
    assert third.counts["windows_left"] == 0
    assert rich.exchange.sent()["clob /prices-history"]["total"] == fetched


def test_an_asked_for_past_is_fetched_whole(make_home: MakeHome):
    """``--backfill 2d`` fetches two days of every followed market whatever the ordinary budget."""
    home = make_home(read_timeout_s=10.0)
    report = home.collect(backfill=timedelta(days=2))
    assert report.state == "OK"
    newest = home.rows("SELECT min(event_time) FROM trades")[0][0]
    assert newest < NOON - 86_400
    assert home.rows("SELECT count(*) FROM trades WHERE origin = 1")[0][0] > 0


def settling(home: Home) -> tuple[str, int]:
    """Return a followed market that the exchange closes within the day, and the turn after it."""
    names = {market.id for market in home.followed()}
    for turn in range(1, 96):
        listing = home.exchange.world.listing(NOON + turn * SLOT)
        closed = {raw["id"] for raw in listing if raw.get("closed")} & names
        if closed:
            return min(closed), turn + 2
    pytest.skip("this world settles none of the followed markets today")


def test_of_all_markets_the_closed_have_no_book_to_miss(kit):
    """Everything listed is kept, closed ones too; their books are not asked for, nor missed."""
    report = kit.collect(all_markets=True)
    now = kit.clock.now()
    with kit.looking() as look:
        listed = listings.listing_at(look, as_of=now)
        gaps = ledger.gaps(look, since=from_epoch(report.slot), until=now)
    closed = {market.id for market in listed if market.closed}
    assert closed
    assert report.counts["markets"] == len(listed)
    books = report.sources["polymarket.books"]
    assert (books.state, books.failed) == ("ok", 0)
    assert books.fetched == 2 * (len(listed) - len(closed))
    assert not {gap.market_id for gap in gaps} & closed


def test_a_market_that_leaves_the_listing_is_looked_up(kit):
    """A followed market that closes is asked for by name; its settlement is kept as a row."""
    kit.collect()
    name, turn = settling(kit)
    kit.at(turn)
    report = kit.collect()
    assert report.state == "OK"
    now = kit.clock.now()
    with kit.looking() as look:
        (market,) = listings.listing_at(look, as_of=now, venue_ids=[name])
        members = listings.panel_members(look, as_of=now)
        seen = listings.resolution_at(look, name, as_of=now)
    assert market.closed
    assert name not in members
    assert seen is not None
    raw = next(r for r in kit.exchange.world.listing(now.timestamp()) if r["id"] == name)
    said = {'["1", "0"]': Outcome.YES, '["0", "1"]': Outcome.NO, '["0.5", "0.5"]': Outcome.HALF}
    if raw.get("umaResolutionStatus") == "resolved":
        assert seen.outcome == said[raw["outcomePrices"]]
    else:
        assert seen.outcome is Outcome.OPEN
    rows = kit.rows(
        "SELECT count(*) FROM resolutions r JOIN markets m ON m.id = r.market WHERE m.venue_id = ?",
        (name,),
    )
    assert rows[0][0] >= 2


def test_a_market_the_venue_no_longer_knows_is_a_finding(kit, monkeypatch):
    """A followed market in no listing is named, in a run that is OK: it is no failure to ask."""
    kit.collect()
    world, gone = kit.exchange.world, kit.followed()[0]
    listed = world.listing
    monkeypatch.setattr(
        world, "listing", lambda now: [raw for raw in listed(now) if raw["id"] != gone.id]
    )
    slot = kit.at(93)
    report = kit.collect()
    tally = report.sources["polymarket.listing"]
    assert (tally.state, tally.failed) == ("ok", 0)
    assert any(f"no longer listed, first: {gone.id}" in said for said in report.warnings)
    named = kit.rows(
        "SELECT severity, subject FROM findings WHERE slot = ? AND check_name = 'vanished'", (slot,)
    )
    assert named == [("warn", gone.id)]
    assert not kit.rows("SELECT 1 FROM failures WHERE reason = 'not_listed'")


def test_a_member_stays_on_the_panel(make_home: MakeHome):
    """Raising the bars does not drop who was followed: members stay for their week."""
    low = make_home("sticky")
    low.collect()
    before = {market.id for market in low.followed()}
    bars = {"panel": {"min_volume_24h": 5e8, "min_liquidity": 5e8}}
    high = make_home("sticky", **bars)
    high.at(1)
    report = high.collect()
    open_now = {
        raw["id"]
        for raw in high.exchange.world.listing(high.clock.now().timestamp())
        if not raw.get("closed")
    }
    assert {market.id for market in high.followed()} == before & open_now
    assert high.quotes(report.slot).keys() == before & open_now


def test_the_store_is_sound_afterwards(kit):
    """After slots, talk and a forced run SQLite finds nothing wrong, and nothing contradicts."""
    for turn in (0, 1, 3):
        kit.at(turn)
        kit.collect(talk=turn == 1)
    kit.collect(force=True)
    with Store.open(kit.database, now=kit.clock.now()) as store:
        assert store.quick_check() == []
    assert kit.counts()["conflicts"] == 0
