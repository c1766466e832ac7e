"""Indicators and their inputs in the file: the newer word, the best of the hour, and as-of."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from store_world import NOON, market, post, quote, trade

from trading_cli.domain import Coverage, Feature, Origin, Tier
from trading_cli.store import Store, features, listings, series, talk_hours
from trading_cli.store.talk import PostLink, record_coverage, record_links, record_posts

SLOT = int(NOON.timestamp())
ID = "500001"
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path):
    """Return an open file that knows two markets."""
    with Store.open(tmp_path / "t.db", now=NOON) as opened:
        with opened.transaction() as tx:
            listings.record_markets(tx, [market(1), market(2)])
        yield opened


def put(store, value, *, slot=SLOT, at=NOON, name="rvr", tier=Tier.WEAK, undefined=""):
    """Keep one indicator of the first market."""
    feature = Feature(name, value, undefined, tier, {"usd": 1.5, "from": ["now"]})
    with store.transaction() as tx:
        return features.record_features(tx, slot, {ID: [(feature, "f/1")]}, at)


def about(one, **changes):
    """Return the scorer's word on a post: about the event, not its price, no copy."""
    facts = {
        "source": one.source, "post_id": one.id, "event_id": "e1", "market_id": None,
        "score": 0.9, "scorer": "m1", "about_price": False, "sentiment": None, "lexicon": "v",
        "duplicate_of": None, "observed_at": NOON,
    }  # fmt: skip
    return PostLink(**(facts | changes))


def held(store, slot=SLOT):
    """Return the first market's indicators of *slot*."""
    with store.reading() as look:
        return features.features_of(look, [ID, "500002"], slot).get(ID, {})


def test_an_indicator_comes_back_as_it_was(store):
    """Value, tier, inputs; an undefined one with its sentence and no value."""
    assert put(store, 2.5).new == 1
    put(store, None, name="hype", tier=Tier.NONE, undefined="nobody answered")
    found = held(store)
    assert found["rvr"] == Feature("rvr", 2.5, "", Tier.WEAK, {"usd": 1.5, "from": ["now"]})
    assert found["hype"].undefined == "nobody answered"
    assert held(store, SLOT - 900) == {}


def test_the_same_again_changes_nothing_and_the_newer_word_stands(store):
    """Equal: same. Newer: replaced. Older: what is kept stays."""
    put(store, 2.5)
    assert put(store, 2.5, at=NOON + HOUR).new == 0
    assert put(store, 3.5, at=NOON + timedelta(seconds=1)).new == 1
    assert put(store, 1.5).new == 0
    assert held(store)["rvr"].value == 3.5


def test_a_value_and_its_absence_exclude_each_other(store):
    """The file itself refuses an undefined value, and a missing one without a reason."""
    with pytest.raises(Exception, match="CHECK"):
        put(store, 2.5, undefined="but why")
    with pytest.raises(Exception, match="CHECK"):
        put(store, None)


def test_an_unknown_market_is_named(store):
    """An indicator of nobody is a mistake of ours."""
    feature = Feature("rvr", 1.0, "", Tier.NONE)
    with pytest.raises(KeyError, match="999"), store.transaction() as tx:
        features.record_features(tx, SLOT, {"999": [(feature, "f/1")]}, NOON)


def test_the_best_of_the_hour_is_of_this_slot_and_the_three_before(store):
    """STRONG four slots ago is over; of equal tiers the newest value counts."""
    for back, tier, value in (
        (4, Tier.STRONG, 9.0), (3, Tier.MODERATE, 2.1), (2, Tier.MODERATE, 2.2),
        (1, Tier.WEAK, 1.6), (0, Tier.NONE, 0.3),
    ):  # fmt: skip
        put(store, value, slot=SLOT - back * 900, tier=tier)
    with store.reading() as look:
        now = features.best_of_hour(look, [ID], SLOT, as_of=NOON)
        later = features.best_of_hour(look, [ID], SLOT + 2 * 900, as_of=NOON)
    assert now == {ID: {"rvr": features.Best(Tier.MODERATE, 2.2)}}
    assert later == {ID: {"rvr": features.Best(Tier.WEAK, 1.6)}}


def test_trades_are_seen_when_available_and_observed(store):
    """A backfilled trade counts from the moment it came, though it was knowable before."""
    late = trade(name="past", at=NOON - HOUR, observed_at=NOON, origin=Origin.BACKFILLED)
    with store.transaction() as tx:
        series.record_trades(tx, [late, trade(name="own", at=NOON - HOUR)])
    with store.reading() as look:
        spans = {"since": NOON - 2 * HOUR, "until": NOON}
        early = features.dealt(look, [ID], as_of=NOON - timedelta(seconds=1), **spans)
        then = features.dealt(look, [ID], as_of=NOON, **spans)
    assert [one.usd for one in early[ID]] == [pytest.approx(5.25)]
    assert len(then[ID]) == 2


def test_hourly_usd_falls_into_its_clock_hour(store):
    """12.5 shares at 42 cents at 11:59:30 are 5.25 USD of the hour from 11."""
    day = SLOT - SLOT % 86_400
    with store.transaction() as tx:
        series.record_trades(tx, [trade()])
    with store.reading() as look:
        found = features.hourly_usd(look, [(ID, day), ("500002", day)], as_of=NOON)
    assert found[ID, day][11] == pytest.approx(5.25)
    assert found[ID, day].sum() == pytest.approx(5.25)
    assert found["500002", day].sum() == 0


def test_mids_are_of_two_sided_quotes_known_by_then(store):
    """.41/.42 is .415; one side missing is no mid; a quote of later is not there."""
    with store.transaction() as tx:
        series.record_quotes(tx, [quote(), quote(2, ask=None)])
    with store.reading() as look:
        found = features.mids_at(look, [ID, "500002"], [SLOT], as_of=NOON)
        before = features.mids_at(look, [ID], [SLOT], as_of=NOON - timedelta(seconds=1))
    assert found == {(ID, SLOT): (830_000, SLOT)}
    assert before == {}


def test_coverage_is_joined_and_truncated_answers_are_not_in_it(store):
    """Two spans that touch are one; a truncated one and one heard later are none."""

    def cover(start, stop, **more):
        return Coverage("gdelt", "e1", NOON + start * HOUR, NOON + stop * HOUR, NOON, **more)

    with store.transaction() as tx:
        record_coverage(
            tx, [cover(-9, -7), cover(-7, -5), cover(-5, -4, complete=False), cover(-3, -1)]
        )
    with store.reading() as look:
        found = features.spans(look, "gdelt", {"e1": NOON - 8 * HOUR}, as_of=NOON)
        before = features.spans(look, "gdelt", {"e1": NOON - 8 * HOUR}, as_of=NOON - HOUR)
    assert found == {"e1": [(SLOT - 9 * 3600, SLOT - 5 * 3600), (SLOT - 3 * 3600, SLOT - 3600)]}
    assert before == {}


def test_a_span_of_a_month_still_covers_its_end(store):
    """After a month's silence one answer covers it all, and is found from its last day."""
    with store.transaction() as tx:
        record_coverage(tx, [Coverage("s", "x", NOON - timedelta(days=28), NOON, NOON)])
    with store.reading() as look:
        found = features.spans(look, "s", {"x": NOON - HOUR}, as_of=NOON)
    assert found["x"][0][1] == SLOT


def test_each_subject_has_its_own_beginning(store):
    """A long answer that ended before what is asked of one subject is still one for the other."""
    long_ago = NOON - timedelta(days=9), NOON - timedelta(days=5)
    with store.transaction() as tx:
        record_coverage(tx, [Coverage("s", one, *long_ago, NOON) for one in ("x", "y", "z")])
    asked = {"x": NOON - HOUR, "y": NOON - timedelta(days=6)}
    with store.reading() as look:
        found = features.spans(look, "s", asked, as_of=NOON)
    assert found == {"y": [tuple(int(at.timestamp()) for at in long_ago)]}


def test_old_answers_are_not_looked_through(store):
    """By the statistics of a young file: 40 answers a subject cost as much as 400 older besides."""

    def cover(first, last):
        spans = [
            Coverage("s", str(one), NOON + n * HOUR / 4, NOON + (n + 1) * HOUR / 4, NOON)
            for one in range(20)
            for n in range(first, last)
        ]
        month = Coverage("s", "0", NOON - timedelta(days=40), NOON - timedelta(days=10), NOON)
        with store.transaction() as tx:
            record_coverage(tx, [*spans, month])

    def steps():
        taken = []
        asked = {str(one): NOON - HOUR for one in range(20)}
        store._connection.set_progress_handler(lambda: taken.append(1), 1)
        with store.reading() as look:
            found = features.spans(look, "s", asked, as_of=NOON)
        store._connection.set_progress_handler(None, 1)
        assert len(found) == 20
        return len(taken)

    cover(-40, 0)
    with store.transaction() as tx:
        tx.execute("ANALYZE")
        tx.execute("UPDATE sqlite_stat1 SET stat = '30 15 4 1 1 1' WHERE idx = 'coverage'")
    store.checkpoint()
    with Store.open(store.path, now=NOON) as again:
        store = again  # sqlite reads the statistics when it opens
        before = steps()
        cover(-1_000, -600)
        assert steps() == before


@settings(max_examples=50, deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(-400, 0), st.integers(1, 100)), max_size=12),
    since=st.integers(-300, -1),
)
@example(spans=[(-1, 1), (-49, 50)], since=-1)
def test_whatever_was_asked_joined_spans_cover_what_the_single_ones_do(
    tmp_path_factory, spans, since
):
    """Every hour after *since* is covered by the joined spans iff by one of those asked."""
    with Store.open(tmp_path_factory.mktemp("s") / "t.db", now=NOON) as store:
        with store.transaction() as tx:
            record_coverage(
                tx,
                [
                    Coverage("s", "x", NOON + a * HOUR, NOON + (a + n) * HOUR, NOON)
                    for a, n in spans
                ],
            )
        with store.reading() as look:
            asked = {"x": NOON + since * HOUR}
            joined = features.spans(look, "s", asked, as_of=NOON).get("x", [])
    for hour in range(since, 100):
        at = SLOT + hour * 3600
        single = any(a <= hour < a + n for a, n in spans)
        assert any(low <= at < high for low, high in joined) == single
    assert all(one[1] < two[0] for one, two in pairwise(joined))


def test_factors_stay_once_known(store):
    """Not known, then known; what is known of a day does not change."""
    day = SLOT - SLOT % 86_400
    one, two = np.full(168, 1.0), np.full(168, 2.0)
    with store.transaction() as tx:
        assert features.record_hour_factors(tx, day, None, 3, NOON)
        assert features.record_hour_factors(tx, day, one, 400, NOON + HOUR)
        assert not features.record_hour_factors(tx, day, two, 400, NOON + 2 * HOUR)
    with store.reading() as look:
        assert features.hour_factors(look, day, as_of=NOON) is None
        found = features.hour_factors(look, day, as_of=NOON + HOUR)
    assert found is not None
    assert found[0].tolist() == one.tolist()
    assert found[1] == NOON + HOUR


def test_days_and_ladders_come_back(store):
    """24 numbers of a whole day, first word stands; a ladder's newest."""
    day = SLOT - SLOT % 86_400
    hours, rungs = np.arange(24.0), np.linspace(0, 5, 21)
    with store.transaction() as tx:
        features.record_traded_days(tx, {(ID, day): hours}, NOON)
        features.record_traded_days(tx, {(ID, day): hours * 2}, NOON)
        features.record_ladders(tx, day, {ID: rungs * 2}, NOON)
        features.record_ladders(tx, day, {ID: rungs}, NOON)
    with store.reading() as look:
        span = {"since_day": day, "until_day": day + 86_400}
        found = features.traded_days(look, [ID], as_of=NOON, **span)
        assert found[ID, day].tolist() == hours.tolist()
        assert features.traded_days(look, [ID], as_of=NOON - HOUR, **span) == {}
        assert features.ladders(look, [ID], day, as_of=NOON)[ID].tolist() == rungs.tolist()


def test_an_hour_of_talk_is_counted_once(store):
    """The first count stays, for its own set of sources only, from when it was counted."""
    key = talk_hours.key_of(["gdelt", "bluesky"])
    assert key == "bluesky,gdelt"
    with store.transaction() as tx:
        assert talk_hours.record_hours(tx, {("e1", key): {SLOT: (9, 6, 10, None, None)}}, NOON) == 1
        assert talk_hours.record_hours(tx, {("e1", key): {SLOT: (1, 1, 0, 0, 0)}}, NOON) == 0
    with store.reading() as look:
        found = talk_hours.kept_hours(look, "e1", key, [SLOT, SLOT - 3600], as_of=NOON)
        assert found == {SLOT: (9, 6, 10, None, None)}
        assert talk_hours.kept_hours(look, "e1", "gdelt", [SLOT], as_of=NOON) == {}
        assert talk_hours.kept_hours(look, "e1", key, [SLOT], as_of=NOON - HOUR) == {}


def test_a_deaf_hour_is_looked_for_again_after_a_day(store):
    """Looked for and not heard: remembered for a day, then forgotten, and counted when heard."""
    day = timedelta(days=1)

    def kept(at):
        with store.reading() as look:
            return talk_hours.kept_hours(look, "e1", "gdelt", [SLOT], as_of=at)

    with store.transaction() as tx:
        talk_hours.record_hours(tx, {("e1", "gdelt"): {SLOT: None}}, NOON)
    assert kept(NOON + HOUR) == {SLOT: None}
    assert kept(NOON + day) == {}
    with store.transaction() as tx:
        talk_hours.record_hours(tx, {("e1", "gdelt"): {SLOT: (2, 1, 0, None, None)}}, NOON + day)
    assert kept(NOON + day) == {SLOT: (2, 1, 0, None, None)}


def test_engagement_is_of_the_last_look_at_an_equal_age(store):
    """3 likes after a minute, 7 after 50, 90 after two hours: 7; unseen by then: None."""
    looks = [post(age_s=60, likes=3), post(age_s=3000, likes=7), post(age_s=7200, likes=90)]
    late = post("p2", age_s=7200, likes=50)
    with store.transaction() as tx:
        record_posts(tx, [*looks, late])
        record_links(
            tx,
            [about(one) for one in (looks[0], late)],
        )
    with store.reading() as look:
        found = talk_hours.posts_of_spans(
            look,
            [("e1", SLOT, SLOT + 1), ("e2", SLOT, SLOT + 1)],
            as_of=NOON + 3 * HOUR,
            least_score=0.55,
            age_s=3600,
        )
    assert {one.id: one.likes for one in found["e1"]} == {"p1": 7, "p2": None}
    assert set(found) == {"e1"}
