"""The pretend world is the same whoever asks, adds up, and knows nothing of the future."""

import itertools
import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.simulator.cast import DAY, Kind
from trading_cli.simulator.chatter import said
from trading_cli.simulator.memory import Days
from trading_cli.simulator.prices import path, payouts
from trading_cli.simulator.shocks import shocks
from trading_cli.simulator.world import World

START = 1_770_000_000 // DAY * DAY
END = START + 43 * DAY
NOW = END - DAY / 2


@cache
def world() -> World:
    """Return one small world that several tests only read."""
    return World(7, 60, START, END)


def _open(w: World, now: float) -> list[dict]:
    """Return the open markets that trade."""
    return [m for m in w.listing(now) if not m["closed"] and m.get("volume24hr", 0) > 0]


def test_same_bytes_whatever_the_order_of_questions() -> None:
    """Two instances asked in opposite orders answer byte for byte the same."""
    one, two = World(3, 40, START, END), World(3, 40, START, END)
    times = [NOW, START + 5 * DAY, NOW - 1000]

    def answers(w: World, order: list[float]) -> dict[float, str]:
        out = {}
        for now in order:
            markets = w.listing(now)
            ids = [m["conditionId"] for m in markets]
            tokens = [json.loads(m["clobTokenIds"])[0] for m in markets]
            out[now] = json.dumps(
                [
                    markets,
                    w.trades(ids, now - 3600, now, now),
                    [w.book(t, now) for t in tokens],
                    w.history(tokens[0], now - DAY, now, 600, now),
                    w.posts("x", markets[0]["question"], now - DAY, now, now),
                ]
            )
        return out

    assert answers(one, times) == answers(two, times[::-1])


def test_other_seeds_are_other_worlds() -> None:
    """Another seed gives other markets."""
    first = {m["id"] for m in world().listing(NOW)}
    assert not first & {m["id"] for m in World(8, 60, START, END).listing(NOW)}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3 * DAY), min_size=0, max_size=6))
def test_windows_of_trades_add_up(cuts: list[int]) -> None:
    """However a span is cut, its windows hold every trade once."""
    w = world()
    ids = [m["conditionId"] for m in _open(w, NOW)][:4]
    edges = [NOW - 3 * DAY, *sorted(NOW - c for c in cuts), NOW]
    parts = [w.trades(ids, a, b, NOW) for a, b in itertools.pairwise(edges)]
    whole = w.trades(ids, edges[0], NOW, NOW)
    key = [json.dumps(r) for r in whole]
    assert sorted(key) == sorted(json.dumps(r) for part in parts for r in part)
    assert [r["timestamp"] for r in whole] == sorted((r["timestamp"] for r in whole), reverse=True)


def test_volume_of_the_listing_is_the_sum_of_its_trades() -> None:
    """volume24hr is the USD of the last day's rows."""
    w = world()
    for m in _open(w, NOW)[:8]:
        rows = w.trades([m["conditionId"]], NOW - DAY + 1, NOW + 1, NOW)
        assert np.isclose(sum(r["size"] * r["price"] for r in rows), m["volume24hr"])


@settings(max_examples=25, deadline=None)
@given(st.floats(START - 20 * DAY, END))
def test_book_listing_and_history_agree_at_any_instant(now: float) -> None:
    """Best prices, the mid of the history and both books tell the same, whatever the time."""
    w = world()
    for m in _open(w, now)[:6]:
        yes, no = json.loads(m["clobTokenIds"])
        one, two = w.book(yes, now), w.book(no, now)
        assert one is not None
        assert two is not None
        assert int(one["timestamp"]) <= now * 1000
        unit = round(1 / m["orderPriceMinTickSize"])
        flipped = [(unit - round(float(x["price"]) * unit), x["size"]) for x in two["asks"]]
        assert flipped == [(round(float(x["price"]) * unit), x["size"]) for x in one["bids"]]
        if not one["bids"] or not one["asks"]:
            continue
        bid, ask = float(one["bids"][-1]["price"]), float(one["asks"][-1]["price"])
        assert bid < ask
        assert (m["bestBid"], m["bestAsk"]) == (bid, ask)
        assert [float(x["price"]) for x in one["bids"]] == sorted(
            float(x["price"]) for x in one["bids"]
        )
        assert abs(float(json.loads(m["outcomePrices"])[0]) - (bid + ask) / 2) < 1e-6
        points = w.history(yes, now // 300 * 300, now, 1, now)
        assert points is not None
        if points:
            assert abs(points[-1][1] - (bid + ask) / 2) < 1e-6


@settings(max_examples=25, deadline=None)
@given(st.floats(START - 30 * DAY, END), st.floats(0, 5 * DAY))
def test_nothing_later_than_now_leaks(now: float, ahead: float) -> None:
    """Asked for the future, a world tells only the past, and tells it the same later."""
    w = world()
    later = now + ahead
    for m in _open(w, now)[:3]:
        yes = json.loads(m["clobTokenIds"])[0]
        cid, start = m["conditionId"], now - 3 * 3600
        early = w.trades([cid], start, later + DAY, now)
        assert all(r["timestamp"] <= now for r in early)
        late = w.trades([cid], start, np.floor(now) + 1, later)
        assert early == late
        seen = w.history(yes, start, later + DAY, 60, now) or []
        assert all(t <= now for t, _ in seen)
        assert seen == w.history(yes, start, now, 60, later)
        said = w.posts("x", m["events"][0]["title"], start, later + DAY, now)
        assert all(p["created"] <= now for p in said)
        then = {p["id"]: p for p in w.posts("x", m["events"][0]["title"], start, now + 1, later)}
        assert all(p["likes"] <= then[p["id"]]["likes"] for p in said)
    for m in w.listing(now):
        event = w.events[m["events"][0]["id"]]
        assert m["closed"] == (now >= event.closes)
        assert m["closed"] or '"1"' not in m["outcomePrices"] or now >= event.decided
        assert "closedTime" not in m or m["closed"]


def test_groups_add_to_one_and_pay_one() -> None:
    """Exclusive members' mids add to about one and exactly one of them pays."""
    w = World(5, 80, START, END, scenes=False)
    groups = [e for e in w.events.values() if e.form.value == "group"]
    assert groups
    for event in groups:
        quotes = path(w.seed, event)
        assert sum(quotes.payouts) == 1
        unit = np.array([[m.ticks] for m in event.markets])
        middle = ((quotes.bid / unit + quotes.ask / unit) / 2)[:, :-400]
        assert np.abs(middle.sum(axis=0) - 1).max() < 0.3
        assert np.abs(np.median(middle.sum(axis=0)) - 1) < 0.12


@cache
def _fair() -> dict[str, list[tuple[float, float, float]]]:
    """Return by form (mid at a third, at two thirds, payout) of one member of each null event."""
    out: dict[str, list[tuple[float, float, float]]] = {"single": [], "group": [], "ladder": []}
    for seed in range(6):
        w = World(seed, 150, START, END, scenes=False, liquid_share=1.0)
        for place, event in enumerate(w.events.values()):
            if event.kind is not Kind.NULL:
                continue
            quotes, row = path(seed, event), place % len(event.markets)
            steps = int(event.decided // 300) - quotes.first
            middle = (quotes.bid[row].astype(float) + quotes.ask[row]) / 2
            middle /= event.markets[row].ticks
            found = (middle[steps // 3], middle[2 * steps // 3], quotes.payouts[row])
            out[event.form.value].append(found)
    return out


@pytest.mark.parametrize("form", ["single", "group", "ladder"])
def test_prices_are_calibrated_and_earn_nothing(form: str) -> None:
    """Mean payout equals mean price in every band, and the mean move between instants is zero."""
    rows = np.array(_fair()[form])
    assert len(rows) > 80
    for lo, hi in ((0, 0.35), (0.35, 0.65), (0.65, 1.01)):
        band = rows[(rows[:, 0] >= lo) & (rows[:, 0] < hi)]
        error = band[:, 2] - band[:, 0]
        assert abs(error.mean()) < 4.5 * max(error.std(), 0.1) / np.sqrt(len(band)) + 0.005
    move = rows[:, 1] - rows[:, 0]
    assert abs(move.mean()) < 4.5 * move.std() / np.sqrt(len(move)) + 0.005


def test_an_outcome_is_the_same_with_and_without_its_path() -> None:
    """What the listing pays without walking the path is what the path ends at."""
    for event in world().events.values():
        quotes = path(7, event)
        assert quotes.payouts == payouts(7, event)
        if not event.zombie and not event.half and event.disputed is None and not event.knots:
            ends = [
                float(q) / m.ticks for q, m in zip(quotes.ask[:, -1], event.markets, strict=True)
            ]
            assert all(abs(e - paid) < 0.1 for e, paid in zip(ends, quotes.payouts, strict=True))


@pytest.mark.parametrize("markets", [40, 300])
def test_most_events_carry_no_signal(markets: int) -> None:
    """At least seven events in ten that are not scenes are null, and the truth says how many."""
    for seed in range(4):
        truth = World(seed, markets, START, END, liquid_share=1.0).truth()
        assert truth["null_share"] >= 0.7
        kinds = [event["kind"] for event in truth["events"].values()]
        assert truth["null_share_with_scenes"] == kinds.count("null") / len(kinds)


def test_no_scene_answers_for_another() -> None:
    """A scene's title finds posts about that scene only."""
    w = world()
    scenes = [w.events[s["event_id"]] for s in w.truth()["scenes"].values()]
    for event in scenes:
        found = w.posts("gdelt", event.title, END - 2 * DAY, END, END)
        ours = {p.id for day in (-2, -1, 0) for p in said(7, event, "gdelt", int(END // DAY) + day)}
        assert found
        assert {p["id"] for p in found} <= ours


def test_talk_about_news_has_its_sign() -> None:
    """Where talk leads, the mood at the news is the sign of the push to come."""
    w = World(4, 200, START, END, liquid_share=1.0, scenes=False)
    moods: dict[int, list[int]] = {1: [], -1: []}
    for event in [e for e in w.events.values() if e.kind is Kind.TALK_LEADS]:
        for shock in shocks(4, event)[:6]:
            if shock.talk_at is None:
                continue
            for post in said(4, event, "x", int(shock.talk_at // DAY)):
                if 0 <= post.created - shock.talk_at < 3600:
                    good, bad = "surges leads strong win great", "falls trouble weak lose terrible"
                    tone = len(post.words & set(good.split())) - len(post.words & set(bad.split()))
                    moods[shock.sign].append(tone)
    assert np.mean(moods[1]) > 0.1
    assert np.mean(moods[-1]) < -0.1


def test_any_past_time_is_answerable() -> None:
    """Before its first event and long after its end, a world still answers."""
    w = world()
    for now in (0.0, START - 200 * DAY, END + 900 * DAY):
        for m in w.listing(now)[:5]:
            w.book(json.loads(m["clobTokenIds"])[0], now)
            w.trades([m["conditionId"]], now - DAY, now, now)
    assert w.book("1", NOW) is None
    assert w.history("1", 0, NOW, 60, NOW) is None


def test_fields_are_missing_as_often_as_in_reality() -> None:
    """Absent volume, deadline and last price are about as common as in the recorded listing."""
    w = World(2, 600, START, END)
    markets = [m for m in w.listing(NOW) if not m["closed"]]
    share = {
        k: np.mean([k in m for m in markets])
        for k in (
            "volume24hr",
            "endDate",
            "bestBid",
            "gameStartTime",
            "lastTradePrice",
            "resolutionSource",
        )
    }
    assert 0.3 < share["volume24hr"] < 0.5
    assert 0.96 < share["endDate"] < 1
    assert 0.9 < share["bestBid"] < 0.98
    assert 0.4 < share["gameStartTime"] < 0.58
    closed = [m["outcomePrices"] for m in w.listing(NOW) if m["closed"]]
    assert 0 < np.mean([prices == '["0", "0"]' for prices in closed]) < 0.1
    assert 0.4 < share["lastTradePrice"] < 0.65
    assert 0.7 < share["resolutionSource"] < 0.9
    assert 0.2 < np.mean([m.get("volume24hr", 0) >= 5000 for m in markets]) < 0.5
    assert all(m["active"] for m in w.listing(NOW))


def test_the_scenes_are_where_the_truth_says() -> None:
    """Each scripted market is listed and reaches its scripted end."""
    w = world()
    scenes = w.truth()["scenes"]
    by_id = {m["id"]: m for m in w.listing(END + 60 * DAY)}
    assert by_id[scenes["settles_at_0"]["market_id"]]["outcomePrices"] == '["0", "1"]'
    assert by_id[scenes["settles_at_half"]["market_id"]]["outcomePrices"] == '["0.5", "0.5"]'
    locked = {m["id"]: m for m in w.listing(END)}[scenes["dispute_lock"]["market_id"]]
    assert locked["umaResolutionStatus"] == "disputed"
    assert not locked["closed"]
    win = by_id[scenes["win"]["market_id"]]
    points = w.history(json.loads(win["clobTokenIds"])[0], END - DAY, END, 900, END)
    assert points is not None
    assert points[-1][1] - points[0][1] > 0.2


def test_talk_matches_by_words_and_is_planted_where_it_says() -> None:
    """A title finds its event's posts; nonsense finds none; talk swells at planted news."""
    w = world()
    win = w.truth()["scenes"]["win"]
    event = w.events[win["event_id"]]
    burst = event.talk_at[0]
    during = w.posts("x", event.title, burst, burst + 3 * 3600, NOW + DAY)
    before = w.posts("x", event.title, burst - DAY, burst - DAY + 3 * 3600, NOW + DAY)
    assert len(during) > len(before)
    assert w.posts("gdelt", "zzz qqq www", START, NOW, NOW) == []
    assert w.posts("gdelt", "", START, NOW, NOW) == []


def test_days_that_are_over_are_forgotten_and_made_again_alike() -> None:
    """A hundred days of one name: three are kept, however many there is room for."""
    days: Days[int] = Days(1_000)
    made: list[int] = []

    def make(day: int) -> int:
        made.append(day)
        return 10 * day

    for day in range(100):
        assert days.get("name", day, lambda day=day: make(day)) == 10 * day
    for day in (99, 98, 97, 96):
        assert days.get("name", day, lambda day=day: make(day)) == 10 * day
    assert made == [*range(100), 96]
