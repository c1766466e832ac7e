"""What was judged, computed or filled twice is readable as it stood at any instant."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_world import NOON, market

from trading_cli.domain import Feature, Finding, Severity, Tier
from trading_cli.store import Store, features, glance, ledger, listings

SLOT = int(NOON.timestamp())
ID = "500001"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(tmp_path):
    """Return an open file that knows two markets."""
    with Store.open(tmp_path / "t.db", now=NOON) as opened:
        with opened.transaction() as tx:
            listings.record_markets(tx, [market(1), market(2)])
        yield opened


def judge(store, value, at, slot=SLOT, name=ID):
    """Keep a score of one market."""
    with store.transaction() as tx:
        return ledger.record_scores(tx, slot, [ledger.Score(name, value, {"validity": value})], at)


def scores(store, at):
    """Return the scores as of then."""
    with store.reading() as look:
        return glance.scores(look, as_of=at)


def test_a_score_given_again_leaves_the_old_one_readable(store):
    """.9 at noon, .4 ten minutes later: at five past it was .9; before noon there was none."""
    judge(store, 0.9, NOON)
    judge(store, 0.9, NOON + MINUTE)
    assert judge(store, 0.4, NOON + 10 * MINUTE).new == 1
    seen = [scores(store, NOON + after * MINUTE) for after in (-1, 0, 5, 10, 60)]
    assert seen == [{}, {ID: 0.9}, {ID: 0.9}, {ID: 0.4}, {ID: 0.4}]


def test_the_newest_scored_slot_is_the_newest_by_then(store):
    """A later slot's scores are not those of an earlier instant, whatever was replaced in it."""
    later = SLOT + 900
    judge(store, 0.9, NOON)
    judge(store, 0.8, NOON + 15 * MINUTE, slot=later)
    judge(store, 0.7, NOON + 16 * MINUTE, slot=later, name="500002")
    judge(store, 0.6, NOON + 20 * MINUTE, slot=later)
    assert scores(store, NOON + 15 * MINUTE - SECOND) == {ID: 0.9}
    assert scores(store, NOON + 15 * MINUTE) == {ID: 0.8}
    assert scores(store, NOON + 17 * MINUTE) == {ID: 0.8, "500002": 0.7}
    assert scores(store, NOON + 20 * MINUTE) == {ID: 0.6, "500002": 0.7}


def test_a_slot_is_judged_from_the_moment_it_was(store):
    """Also where every score of it was given again since."""
    judge(store, 0.9, NOON + MINUTE)
    judge(store, 0.4, NOON + 9 * MINUTE)
    with store.reading() as look:
        seen = [glance.judged(look, SLOT, as_of=NOON + after * MINUTE) for after in (0, 1, 9)]
        assert not glance.judged(look, SLOT + 900, as_of=NOON + 9 * MINUTE)
    assert seen == [False, True, True]


def test_what_closes_the_gate_is_what_was_found_by_then(store):
    """An error found later did not close the gate of the decision before it."""
    with store.transaction() as tx:
        odd = Finding("freshness", Severity.ERROR, "", "old")
        ledger.record_findings(tx, SLOT, [odd], NOON + 5 * MINUTE)
    with store.reading() as look:
        before = glance.closing(look, SLOT, since=NOON, as_of=NOON + 4 * MINUTE)
        after = glance.closing(look, SLOT, since=NOON, as_of=NOON + 5 * MINUTE)
    assert (before, after) == ([], ["freshness: old"])


def test_an_indicator_computed_again_leaves_the_old_one_readable(store):
    """STRONG at noon, NONE at 12:10 (a trial of a person): the decision of 12:02 saw STRONG."""
    for value, tier, at in (
        (9.0, Tier.STRONG, NOON), (0.2, Tier.NONE, NOON + 10 * MINUTE),
    ):  # fmt: skip
        with store.transaction() as tx:
            one = Feature("rvr", value, "", tier, {"usd": value})
            features.record_features(tx, SLOT, {ID: [(one, "f/1")]}, at)
    with store.reading() as look:
        seen = [
            features.best_of_hour(look, [ID], SLOT, as_of=NOON + after * MINUTE)
            for after in (-1, 2, 10)
        ]
        kept = [
            features.features_of(look, [ID], SLOT, as_of=NOON + after * MINUTE)
            for after in (-1, 2, 10)
        ]
    strong, none = features.Best(Tier.STRONG, 9.0), features.Best(Tier.NONE, 0.2)
    assert seen == [{}, {ID: {"rvr": strong}}, {ID: {"rvr": none}}]
    assert [one.get(ID, {}).get("rvr") for one in kept] == [
        None,
        Feature("rvr", 9.0, "", Tier.STRONG, {"usd": 9.0}),
        Feature("rvr", 0.2, "", Tier.NONE, {"usd": 0.2}),
    ]


def test_a_gap_filled_later_was_a_gap_until_then(store):
    """A decision in between waited, and said so."""
    for received, cause, after in ((False, "TIMEOUT", 0), (True, "", 7)):
        with store.transaction() as tx:
            gap = ledger.Gap(SLOT, ID, received=received, cause=cause)
            ledger.record_gaps(tx, [gap], NOON + after * MINUTE)
    span = {"since": NOON, "until": NOON + MINUTE}
    with store.reading() as look:
        seen = [
            [(gap.received, gap.cause) for gap in ledger.gaps(look, **span, as_of=at)]
            for at in (NOON - SECOND, NOON + 6 * MINUTE, NOON + 7 * MINUTE, None)
        ]
    assert seen == [[], [(False, "TIMEOUT")], [(True, "")], [(True, "")]]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    words=st.lists(st.tuples(st.integers(0, 1200), st.sampled_from([0.1, 0.5, 0.9])), min_size=1)
)
def test_whatever_is_said_again_every_instant_reads_as_it_read_then(words, tmp_path_factory):
    """Reading as of each instant afterwards is what reading at that instant gave."""
    words = sorted(words, key=lambda one: one[0])
    with Store.open(tmp_path_factory.mktemp("w") / "t.db", now=NOON) as store:
        then = {}
        for after, value in words:
            at = NOON + after * SECOND
            judge(store, value, at)
            then[at] = scores(store, at)
        assert {at: scores(store, at) for at in then} == then
