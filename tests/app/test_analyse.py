"""From the file to the indicators of every candidate, and back into the file."""

from datetime import timedelta

import analyse_world as w
import pytest
from analyse_world import AT, HOUR, NOON, SLOT

from trading_cli.app import analyse
from trading_cli.app.hype_settings import HypeSection, HypeWeights
from trading_cli.domain import Origin, Point, Tier
from trading_cli.research import hype
from trading_cli.store import Store, series
from trading_cli.store import features as kept
from trading_cli.trading import SignalsSection

DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path):
    """Return an open file with one followed market."""
    with Store.open(tmp_path / "t.db", now=NOON) as opened:
        with opened.transaction() as tx:
            w.follow(tx, w.market())
        yield opened


def features(store, *markets, slot=SLOT, at=AT, signals=None):
    """Return the indicators of the market, or of *markets*."""
    return analyse.features(
        store,
        slot=slot,
        at=at,
        markets=markets or [w.market()],
        signals=signals or SignalsSection(),
        hype_section=HypeSection(),
    )


def whole_day(store):
    """Fill in the worksheet: 6,000 USD after 1,000 an hour, .40 to .46, 9 posts after 4."""
    with store.transaction() as tx:
        w.busy_day(tx)
        w.heard_trades(tx, AT - 27 * HOUR, AT)
        w.quoted(tx, NOON - 12 * HOUR, "0.40")
        w.quoted(tx, NOON, "0.46")
        w.month_of_talk(tx)
        w.said(tx, "gdelt", NOON, 9)


def test_the_worksheet_of_one_market(store):
    """RVR 6000/1000 = 6; ROC ½ (logit .46 - logit .40) = .12256; hype 92.42 of news alone."""
    whole_day(store)
    found = features(store)["501"]
    assert found["rvr"].value == pytest.approx(6.0)
    assert found["rvr"].tier is Tier.STRONG
    assert found["rvr"].inputs["wallets"] == 5
    assert found["rvr"].inputs["form"] == "seasonal"
    assert found["roc"].value == pytest.approx(0.122561, abs=1e-6)
    assert found["roc"].tier is Tier.MODERATE
    assert found["hype"].value == pytest.approx(92.4196, abs=1e-4)
    assert found["hype"].inputs["sources"] == ["gdelt"]
    assert found["hype"].inputs["baseline"] == "FULL"


def test_an_empty_file_says_why_of_each(store):
    """Nothing known is undefined three times, each with its sentence; nothing is 0."""
    found = features(store)["501"]
    assert [one.value for one in found.values()] == [None] * 3
    assert found["rvr"].undefined == "the trades of the last hour were not heard completely"
    assert found["roc"].undefined == "no price now and 12 hours ago"
    assert found["hype"].undefined == hype.UNHEARD
    assert found["hype"].inputs == {"sources": [], "hour_end": None, "age_s": None}


def test_talk_of_half_an_hour_is_no_hour_of_talk(store):
    """What was heard just now is not called unheard: the hour is not whole yet."""
    with store.transaction() as tx:
        w.heard_talk(tx, "gdelt", NOON - HOUR / 2, NOON + timedelta(seconds=10))
    found = features(store)["501"]["hype"]
    assert found.undefined == "the last hour of talk was not heard whole"
    assert found.inputs == {"sources": ["gdelt"], "hour_end": SLOT, "age_s": 20}
    with store.transaction() as tx:
        w.heard_talk(tx, "gdelt", NOON - 2 * HOUR, NOON - HOUR / 2)
    assert features(store)["501"]["hype"].undefined.startswith("0 posts from 0 authors")


def test_what_is_computed_again_is_the_same(store):
    """The same slot from the same facts: equal values, and not one row changes."""
    whole_day(store)
    first = features(store)
    with store.reading() as look:
        before = look.execute("SELECT * FROM features ORDER BY market, name").fetchall()
        hours = look.execute("SELECT count(*) FROM talk_hours").fetchone()[0]
    assert features(store) == first
    with store.reading() as look:
        assert look.execute("SELECT * FROM features ORDER BY market, name").fetchall() == before
        assert look.execute("SELECT count(*) FROM talk_hours").fetchone()[0] == hours == 114
        assert kept.features_of(look, ["501"], SLOT) == first


def test_the_newer_word_stands(store):
    """A late trade changes the slot's row; an older computation does not change it back."""
    whole_day(store)
    old = features(store)["501"]["rvr"]
    later = AT + timedelta(seconds=30)
    with store.transaction() as tx:
        series.record_trades(tx, [w.trade("late", AT - HOUR / 2, 3000, wallet="f", seen=later)])
        w.heard_trades(tx, AT - HOUR, later)
    assert features(store, at=later)["501"]["rvr"].value == pytest.approx(9.0)
    assert features(store)["501"]["rvr"] == old
    with store.reading() as look:
        assert kept.features_of(look, ["501"], SLOT)["501"]["rvr"].value == pytest.approx(9.0)


def test_nothing_that_came_after_counts(store):
    """Trades, quotes, posts and coverage observed after t change nothing."""
    whole_day(store)
    before = features(store)
    after = AT + timedelta(seconds=1)
    with store.transaction() as tx:
        series.record_trades(
            tx,
            [
                w.trade("x1", AT - HOUR / 2, 9e5, seen=after),
                w.trade("x2", AT - 3 * HOUR, 9e5, seen=after, origin=Origin.BACKFILLED),
            ],
        )
        w.quoted(tx, NOON + timedelta(minutes=15), "0.90")
        w.said(tx, "gdelt", NOON - timedelta(seconds=1), 50, seen=after)
        w.heard_talk(tx, "bluesky", NOON - 30 * DAY, NOON + HOUR, seen=after)
    assert features(store) == before


def test_what_was_fetched_from_the_past_counts_once_it_came(store):
    """Backfilled trades and history mids observed before t are as good as our own."""
    with store.transaction() as tx:
        rows = [
            w.trade(f"b{n}", AT - n * HOUR - HOUR / 2, 500, seen=AT, origin=Origin.BACKFILLED)
            for n in range(1, 25)
        ]
        rows.append(w.trade("now", AT - HOUR / 2, 1000, seen=AT, origin=Origin.BACKFILLED))
        series.record_trades(tx, rows)
        w.heard_trades(tx, AT - 28 * DAY, AT, seen=AT)
        series.record_points(
            tx, [Point("711", 0.40, NOON - 12 * HOUR, AT), Point("711", 0.44, NOON - HOUR / 6, AT)]
        )
    found = features(store)["501"]
    assert found["rvr"].value == pytest.approx(2.0)
    assert found["roc"].inputs["from_history"] == ["now", "12h"]
    assert found["roc"].value == pytest.approx(0.082152, abs=1e-6)


def test_a_history_mid_older_than_fifteen_minutes_is_no_price(store):
    """16 minutes before the instant is too old; a one-sided quote is no price either."""
    with store.transaction() as tx:
        w.quoted(tx, NOON, "0.46")
        series.record_points(tx, [Point("711", 0.4, AT - 12 * HOUR - timedelta(minutes=16), AT)])
    assert features(store)["501"]["roc"].undefined == "no price 12 hours ago"


def test_trades_of_both_tokens_count_and_no_mirrors_yes(store):
    """The same day of the NO token, at mirrored prices: RVR equal, ROC with the other sign."""
    whole_day(store)
    other = w.market(2)
    with store.transaction() as tx:
        w.follow(tx, other)
        w.busy_day(tx, number=2, no=True)
        w.heard_trades(tx, AT - 27 * HOUR, AT, number=2)
        w.quoted(tx, NOON - 12 * HOUR, "0.60", number=2)
        w.quoted(tx, NOON, "0.54", number=2)
    yes, no = (features(store, w.market(), other)[name] for name in ("501", "502"))
    assert no["rvr"] == yes["rvr"]
    assert no["roc"].value == pytest.approx(-yes["roc"].value)
    assert (no["roc"].tier, no["roc"].inputs["token"]) == (yes["roc"].tier, "NO")
    assert no["hype"] == yes["hype"]


def test_talk_of_the_price_and_copies_are_left_out(store):
    """Of nine posts one talks of the odds, one is a copy, one is about something else: six."""
    whole_day(store)
    spoiled = ("about_price = 1", "duplicate_of = 'x'", "score = .54")
    with store.transaction() as tx:
        for n, change in enumerate(spoiled):
            tx.execute(
                f"UPDATE post_links SET {change} WHERE post ="  # noqa: S608  # ours
                " (SELECT id FROM posts WHERE post_id = ?)",
                (f"gdelt-{NOON:%d%H%M}-{n}",),
            )
    assert features(store)["501"]["hype"].inputs["posts"] == 6


def test_a_source_without_a_past_does_not_spoil_the_others(store):
    """Bluesky answers for the first time: its posts wait, the set is GDELT's alone."""
    whole_day(store)
    with store.transaction() as tx:
        w.heard_talk(tx, "bluesky", NOON - 3 * HOUR, NOON + timedelta(seconds=10))
        w.said(tx, "bluesky", NOON, 30, likes=5)
    found = features(store)["501"]["hype"]
    assert found.inputs["sources"] == ["gdelt"]
    assert found.inputs["posts"] == 9
    assert found.value == pytest.approx(92.4196, abs=1e-4)


def test_two_sources_with_a_past_are_one_set(store):
    """With Bluesky's month there too, both count, and engagement is a component."""
    whole_day(store)
    with store.transaction() as tx:
        w.month_of_talk(tx, "bluesky", usual=1, likes=5)
        w.said(tx, "bluesky", NOON, 6, likes=5)
    found = features(store)["501"]["hype"]
    assert found.inputs["sources"] == ["bluesky", "gdelt"]
    assert found.inputs["posts"] == 15
    assert found.inputs["set"] == ["engagement", "velocity", "volume"]


def test_a_source_that_fell_silent_leaves_the_set(store):
    """When Bluesky did not answer for two hours, hype goes on with GDELT's own baseline."""
    whole_day(store)
    with store.transaction() as tx:
        w.heard_talk(tx, "bluesky", NOON - 30 * DAY, NOON - 2 * HOUR)
    assert features(store)["501"]["hype"].inputs["sources"] == ["gdelt"]


def test_the_best_tier_of_the_last_hour(store):
    """Four slots: strong three slots ago counts, four slots ago no more."""
    whole_day(store)
    features(store)
    with store.reading() as look:
        at = {
            back: analyse.best_tiers(look, ["501"], SLOT + back * 900, as_of=AT + HOUR)
            for back in range(5)
        }
        rocs = analyse.best_rocs(look, ["501"], SLOT, as_of=AT)
        assert rocs["501"] == pytest.approx(0.122561, abs=1e-6)
    assert (
        at[0] == at[3] == {"501": {"rvr": Tier.STRONG, "roc": Tier.MODERATE, "hype": Tier.STRONG}}
    )
    assert at[4] == {}


def test_a_new_market_says_what_it_still_lacks(store):
    """Followed for an hour without its past: WARMING_UP names it; with its past, or old: ""."""
    new = w.market(2)
    with store.transaction() as tx:
        w.follow(tx, new, since=NOON - HOUR)
    with store.reading() as look:
        assert analyse.warming(look, w.market(), AT) == ""
        assert analyse.warming(look, new, AT) == (
            "followed since 2026-03-02 11:00 UTC, still without trades of 0 of the 24 hours before"
            " (20 needed) and a price now and a price of 12 hours ago"
        )
    with store.transaction() as tx:
        w.heard_trades(tx, AT - 27 * HOUR, AT, number=2)
        w.quoted(tx, NOON, "0.5", number=2)
        series.record_points(tx, [Point("721", 0.4, NOON - 12 * HOUR, NOON)])
    with store.reading() as look:
        assert analyse.warming(look, new, AT) == ""


def panel_of_twelve(store, *, days=28):
    """Give twelve markets a month in which noon to one is thrice as busy as any other hour."""
    many = [w.market(n) for n in range(1, 13)]
    midnight = NOON - HOUR * 12
    with store.transaction() as tx:
        w.follow(tx, *many)
        for one in many:
            number = int(one.id[2:])
            w.heard_trades(tx, midnight - days * DAY, AT, number=number)
            series.record_trades(
                tx,
                [
                    w.trade(f"{number}h{back}", at, 30 if at.hour == 11 else 10, number=number)
                    for back in range(1, days * 24 + 13)
                    if (at := NOON - (back - 0.5) * HOUR)
                ],
            )
    return many


def test_the_hour_of_the_week_is_divided_out_once_it_is_known(store):
    """11 to 12 is always thrice as busy: 30 USD then are as usual seasonally, not plainly."""
    many = panel_of_twelve(store)
    at = NOON + timedelta(minutes=5, seconds=20)
    with store.transaction() as tx:
        for n in range(1, 13):
            w.heard_trades(tx, at - HOUR, at, number=n)
    seasonal = features(store, *many, at=at)["501"]["rvr"]
    plain = features(store, *many, at=at, signals=SignalsSection(rvr_form="plain"))["501"]["rvr"]
    assert plain.value == pytest.approx(30 / ((30 + 23 * 10) / 24))
    assert seasonal.value == pytest.approx(1.0)
    assert seasonal.inputs["factor"] == pytest.approx(3 / (26 / 24))
    assert seasonal.inputs["factor_known"]
    assert seasonal.inputs["percentile"] is not None


def test_the_factors_of_a_day_are_computed_once(store):
    """What comes later that day leaves the day's factors as they are; whole days are kept."""
    many = panel_of_twelve(store)
    features(store, *many)
    with store.reading() as look:
        before = look.execute("SELECT * FROM hour_factors").fetchall()
        assert look.execute("SELECT count(*) FROM traded_days").fetchone()[0] == 12 * 28
    with store.transaction() as tx:
        series.record_trades(tx, [w.trade("later", NOON - 3 * DAY, 10**6, seen=AT)])
    features(store, *many, at=AT + 2 * HOUR, slot=SLOT + 7200)
    with store.reading() as look:
        assert look.execute("SELECT * FROM hour_factors").fetchall() == before


def test_unknown_factors_are_tried_again_after_an_hour(store):
    """Thirteen days are too few; when the past has been fetched an hour later, they are known."""
    many = panel_of_twelve(store, days=13)
    assert not features(store, *many)["501"]["rvr"].inputs["factor_known"]
    with store.transaction() as tx:
        for n in range(1, 13):
            w.heard_trades(tx, NOON - 29 * DAY, NOON - 12 * DAY, number=n, seen=AT)
    soon, later = AT + HOUR / 2, AT + HOUR
    assert not features(store, *many, at=soon)["501"]["rvr"].inputs["factor_known"]
    assert features(store, *many, at=later)["501"]["rvr"].inputs["factor_known"]


def test_settings_of_hype_must_fit():
    """Days must nest and the two needed components must weigh something."""
    assert HypeSection().weights.engagement == 0.30
    with pytest.raises(ValueError, match="provisional_days <= full_days <= baseline_days"):
        HypeSection(full_days=40)
    with pytest.raises(ValueError, match="volume and velocity"):
        HypeWeights(volume=0, velocity=0)


def test_a_market_without_an_event_is_its_own(store):
    """Its talk is looked up by its own id."""
    alone = w.market(3, event_id=None)
    with store.transaction() as tx:
        w.follow(tx, alone)
        w.heard_talk(tx, "gdelt", NOON - 3 * HOUR, NOON + timedelta(seconds=10), event="503")
        w.said(tx, "gdelt", NOON, 3, event="503")
    found = features(store, alone)["503"]["hype"]
    assert found.undefined == "3 posts from 3 authors, needs 5 from 3"


def test_an_unscored_post_is_not_counted(store):
    """Post and coverage without the scorer's word: not about the event as far as we know."""
    with store.transaction() as tx:
        w.heard_talk(tx, "gdelt", NOON - 3 * HOUR, NOON + timedelta(seconds=10))
        w.said(tx, "gdelt", NOON, 6)
        tx.execute("DELETE FROM post_links")
    assert features(store)["501"]["hype"].inputs["posts"] == 0


def test_hours_nobody_heard_are_not_sought_every_time(store):
    """Of a past with holes the second look reads no coverage but the last hours'; same answer."""
    whole_day(store)
    with store.transaction() as tx:
        tx.execute("DELETE FROM coverage WHERE source = 'gdelt'")
        for back in range(28):
            if back % 4 != 2:
                day = NOON - back * DAY
                w.heard_talk(tx, "gdelt", day - 5 * HOUR, day + 2 * HOUR * bool(back), seen=AT)
        w.heard_talk(tx, "gdelt", NOON - HOUR, NOON + timedelta(seconds=10))
    asked = []
    first = features(store)["501"]["hype"]
    store._connection.set_trace_callback(asked.append)
    assert features(store)["501"]["hype"] == first
    store._connection.set_trace_callback(None)
    assert first.value == pytest.approx(92.4196, abs=1e-4)
    assert first.inputs["baseline_days"] == 20
    assert sum("JOIN coverage" in one and "gdelt" in one and "e1" in one for one in asked) == 1


def test_no_reader_scans_a_table(store):
    """Whatever is read for a decision is found by an index: a year in the file costs nothing."""
    many = panel_of_twelve(store)
    whole = [w.market(n) for n in range(1, 13)]
    with store.transaction() as tx:
        w.month_of_talk(tx)
        w.said(tx, "gdelt", NOON, 9)
    asked = []
    store._connection.set_trace_callback(asked.append)
    features(store, *many)
    with store.reading() as look:
        analyse.best_tiers(look, [one.id for one in whole], SLOT, as_of=NOON)
    store._connection.set_trace_callback(None)
    with store.reading() as look:
        plans = [
            row[3]
            for question in asked
            if question.startswith("SELECT")
            for row in look.execute(f"EXPLAIN QUERY PLAN {question}")
        ]
    scans = {plan for plan in plans if plan.startswith("SCAN") and "VIRTUAL TABLE" not in plan}
    # the panel is small
    assert scans <= {"SCAN p"}
    assert any("trades_by_market" in plan for plan in plans)


def test_no_candidates_are_no_indicators(store):
    """An empty day computes nothing and fails nothing."""
    found = analyse.features(
        store, slot=SLOT, at=AT, markets=[], signals=SignalsSection(), hype_section=HypeSection()
    )
    assert found == {}
