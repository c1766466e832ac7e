"""The block reader against the live step: the same numbers from the same facts."""

import shutil
from datetime import timedelta

import analyse_world as talk
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from past_world import START, at, fill, follow, history, look, second

from trading_cli.app import analyse
from trading_cli.app.panel import rules_of
from trading_cli.app.settings import Settings
from trading_cli.domain import from_epoch
from trading_cli.research.panel import candidates
from trading_cli.store import Store, listings
from trading_cli.store import history as stored
from trading_cli.store.arrays import quote_matrix
from trading_cli.store.traded import daily_usd

RULES = Settings()


def slow(examples):
    """Return the settings of a test that makes a file for each example."""
    return settings(max_examples=examples, deadline=None, derandomize=True)


def listed_then(look, slot, when):
    """Return the candidates of a slot, chosen as the live step chooses them."""
    members = listings.panel_members(look, as_of=when)
    panel = listings.listing_at(look, as_of=when, venue_ids=list(members))
    quotes = {q.market_id: q for q in stored.latest_quotes(look, slot, as_of=when)}
    by_id = {market.id: market for market in panel}
    return [by_id[name] for name in candidates(panel, quotes, rules_of(RULES), when)]


@slow(5)
@given(seed=st.integers(0, 10_000))
def test_every_indicator_and_candidate_is_what_the_live_step_computes(seed, tmp_path_factory):
    """Whatever came late, was missing or one-sided: value, tier and detail are equal."""
    folder = tmp_path_factory.mktemp("past")
    fill(folder / "a.db", seed, slots=14)
    shutil.copy(folder / "a.db", folder / "b.db")
    compared = 0
    with history(folder / "a.db", 0, 14) as past, Store.open(folder / "b.db", now=START) as store:
        for moment in past.moments():
            with store.reading() as look:
                markets = listed_then(look, moment.slot, moment.decided_at)
            want = analyse.features(
                store, slot=moment.slot, at=moment.decided_at, markets=markets,
                signals=RULES.signals, hype_section=RULES.hype,
            )  # fmt: skip
            found = past.features(moment.slot)
            assert past.candidates(moment.slot) == tuple(market.id for market in markets)
            assert found == want
            assert str(found) == str(want)
            compared += sum(one.value is not None for h in want.values() for one in h.values())
    assert compared


def test_hype_is_what_the_live_step_computes(tmp_path):
    """A loud event with a month of talk: the same components, hour by hour, and over again."""
    path, copy = tmp_path / "a.db", tmp_path / "b.db"
    with Store.open(path, now=START) as store, store.transaction() as tx:
        follow(tx, 1, 2)
        for step in range(44, 54):
            look(tx, step, 1, 2)
        talk.month_of_talk(tx)
        talk.said(tx, "gdelt", talk.NOON, 14)
        talk.said(tx, "bluesky", talk.NOON, 9, likes=3, reposts=1, replies=0)
        begun = talk.NOON - timedelta(hours=30)
        talk.heard_talk(tx, "bluesky", begun, talk.NOON + timedelta(seconds=9))
        for step in range(49, 53):
            talk.heard_talk(tx, "gdelt", at(step - 8), at(step, 20))
            talk.said(tx, "gdelt", at(step), step - 42, seen=at(step, 20))
    shutil.copy(path, copy)
    loud = 0
    with history(path, 44, 54) as past, Store.open(copy, now=START) as store:
        for moment in past.moments():
            with store.reading() as read:
                markets = listed_then(read, moment.slot, moment.decided_at)
            want = analyse.features(
                store, slot=moment.slot, at=moment.decided_at, markets=markets,
                signals=RULES.signals, hype_section=RULES.hype,
            )  # fmt: skip
            assert str(past.features(moment.slot)) == str(want)
            loud += sum(held["hype"].value is not None for held in want.values())
    assert loud


@slow(4)
@given(seed=st.integers(0, 10_000))
def test_a_view_holds_what_the_live_readers_say(seed, tmp_path_factory):
    """Quote, book, mids of a day, warming, listing and rules are those of the live readers."""
    folder = tmp_path_factory.mktemp("past")
    fill(folder / "a.db", seed, slots=6)
    with history(folder / "a.db", 2, 6) as past, Store.reader(folder / "a.db") as store:
        for moment in past.moments():
            when = moment.decided_at
            with store.reading() as look:
                quotes = {
                    q.market_id: q for q in stored.latest_quotes(look, moment.slot, as_of=when)
                }
                members = listings.panel_members(look, as_of=when)
                for view in past.views(moment.slot):
                    name = view.market.id
                    assert view.quote == quotes.get(name)
                    assert view.book == stored.book(look, name, moment.slot, as_of=when)
                    held = quote_matrix(
                        look, [name], since=when - timedelta(days=1), until=when, as_of=when
                    )
                    pairs = zip(held.slots.tolist(), held.mid[0].tolist(), strict=True)
                    assert view.mids == tuple((from_epoch(s), m) for s, m in pairs if m == m)  # noqa: PLR0124  # NaN
                    warming = analyse.warming(look, view.market, when, entered=members.get(name))
                    assert view.warming == warming
                    assert [view.market] == listings.listing_at(look, as_of=when, venue_ids=[name])


@slow(4)
@given(seed=st.integers(0, 10_000), hours=st.integers(1, 60), back=st.integers(0, 40))
def test_what_was_traded_is_the_live_sum(seed, hours, back, tmp_path_factory):
    """The daily USD of any span is what the exits' own reader says of it, first and again."""
    folder = tmp_path_factory.mktemp("past")
    fill(folder / "a.db", seed, slots=4)
    with history(folder / "a.db", 0, 4) as past, Store.reader(folder / "a.db") as store:
        when = past.moments()[-1].decided_at
        until = when - timedelta(hours=back)
        since = until - timedelta(hours=hours)
        with store.reading() as look:
            for number in range(1, 5):
                want = daily_usd(look, f"50{number}", since=since, until=until, as_of=when)
                for _ in range(2):
                    found = past.traded_usd(f"50{number}", since, until, when)
                    assert found == (None if want is None else pytest.approx(want, rel=1e-12))


def test_the_times_written_down_are_the_times_of_the_slot(tmp_path):
    """Without decisions a slot is decided a minute after it began."""
    fill(tmp_path / "a.db", 1, slots=2)
    with history(tmp_path / "a.db", 0, 2) as past:
        for moment in past.moments():
            assert moment.decided_at == from_epoch(moment.slot + 60)
            assert moment.exits_at == moment.decided_at
        assert past.moments()[0].slot == second(0)
        assert at(0) == START
