"""From the file to the verdicts and back: what was known then, written down before it ran."""

import json
from datetime import UTC, datetime, timedelta

import analyse_world as w
import numpy as np
import pytest
import talk_and_prices as world
from talk_and_prices import START

from trading_cli.app import correlate, hourly_series
from trading_cli.app.cycles import Cycle
from trading_cli.app.settings import load
from trading_cli.app.toolkit import Toolkit
from trading_cli.core.clock import FrozenClock
from trading_cli.core.errors import UsageError
from trading_cli.domain import Tier
from trading_cli.research import labels
from trading_cli.research.hype import HypeRules
from trading_cli.store import Store, correlations, runs, trials

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Return a home with 80 days of three markets; it is only looked at or added to."""
    home = tmp_path_factory.mktemp("home")
    (home / "config.yaml").write_text("mode: paper\n")
    (home / "data").mkdir()
    world.fill(home / "data" / "trading.db", days=80, markets=3)
    return home


def kit(home, at):
    """Return the toolkit of *home* whose clock stands at *at*."""
    return Toolkit(load(home / "config.yaml"), clock=FrozenClock(at))


def ran(home, at, kind=correlate.COMMAND, **more):
    """Run the family at *at* and return what is told."""
    with kit(home, at) as toolkit, toolkit.open_store() as store:
        return correlate.run(toolkit, store, kind, **more)


def gathered(store, *, until, as_of, days=3):
    """Return the series of *days* to *until*."""
    with store.reading() as look:
        return hourly_series.gather(
            look, since=until - days * DAY, until=until, as_of=as_of, rules=HypeRules()
        )


def test_a_planted_lead_is_found_in_the_file(filled):
    """Talk two hours before the price, of one market of three: found, ranked first, explained."""
    found = ran(filled, START + 78 * DAY)
    first, *others = found["markets"]
    assert (first["market"], first["verdict"]) == ("501", "talk leads")
    assert first["forward"]["lag"] == 2
    assert first["forward"]["b"] > 0
    assert first["sentence"].startswith("talk leads by 2 h (predictive, not cause)")
    assert first["net_cents"] == pytest.approx(first["gross_cents"] - 1, abs=0.2) or (
        first["net_cents"] is None
    )
    assert [one["verdict"] for one in others].count("talk leads") == 0
    assert found["pooled"][0]["insufficient"] == "3 of 20 events with enough hours"
    assert found["counts"]["talk leads"] == 1


def test_a_run_is_a_row_before_and_after(filled):
    """What was tried, on what, how it ended; the same family again has the same hashes."""
    at = START + 60 * DAY
    one, two = ran(filled, at), ran(filled, at)
    assert two["run"] == one["run"] + 1
    assert two["family"] == one["family"]
    assert two["looks"]["command"] == one["looks"]["command"] + 1
    assert two["markets"] == one["markets"]
    with Store.reader(filled / "data" / "trading.db") as store, store.reading() as look:
        kept = correlations.last_run(look, as_of=at)
        assert kept.id == two["run"]
        assert kept.planned.family["markets"] == ["501", "502", "503"]
        assert [row.market for row in correlations.markets_of(look, kept.id)] == [
            "501", "502", "503",
        ]  # fmt: skip
        assert len(correlations.pooled_of(look, kept.id)) == len(two["pooled"])
        assert correlations.last_run(look, as_of=START) is None
        before = correlations.looks(look, as_of=START)
        newest = trials.trials(look, kind="correlation", limit=1)[0]
    assert before == {}
    assert (newest.state, newest.tests) == ("DONE", 6)
    assert newest.summary == two["counts"]


def test_what_came_later_is_not_seen(filled):
    """Truncate: the series as of t are those of a file that ends at t."""
    until = START + 50 * DAY
    with Store.reader(filled / "data" / "trading.db") as store:
        then = gathered(store, until=until, as_of=until + timedelta(minutes=2))
        later = gathered(store, until=until, as_of=START + 79 * DAY)
        early = gathered(store, until=until, as_of=until - DAY)
    for one, two in zip(then.markets, later.markets, strict=True):
        assert np.array_equal(one.hype, two.hype, equal_nan=True)
        assert np.array_equal(one.level, two.level, equal_nan=True)
    assert np.isfinite(then.markets[0].level[:-1]).all()
    assert np.isnan(early.markets[0].level[-24:]).all()
    assert np.isnan(early.markets[0].hype[-24:]).all()


def test_the_price_of_an_hour_is_not_older_than_its_end(filled):
    """What hype at t could have foreseen begins at t: the quote of slot t, seen just after."""
    until = START + 40 * DAY
    with Store.reader(filled / "data" / "trading.db") as store:
        held = gathered(store, until=until, as_of=START + 79 * DAY, days=1)
        with store.reading() as look:
            row = look.execute(
                "SELECT q.bid, q.ask, q.observed_at FROM quotes q JOIN markets m ON m.id = q.market"
                " WHERE m.venue_id = '501' AND q.slot = ?",
                (int(until.timestamp()),),
            ).fetchone()
    assert held.ends[-1] == until.timestamp() < row[2]
    assert 1 / (1 + np.exp(-held.markets[0].level[-1])) == pytest.approx((row[0] + row[1]) / 2e6)


def test_a_label_changes_after_three_weeks_of_later_data(tmp_path):
    """Detected, too few later hours for a week, then confirmed three times; dated, never before."""
    (tmp_path / "config.yaml").write_text("mode: paper\n")
    (tmp_path / "data").mkdir()
    world.fill(tmp_path / "data" / "trading.db", days=80, markets=2)
    weeks = [START + (42 + 7 * n) * DAY + timedelta(minutes=22) for n in range(6)]
    seen = []
    for at in weeks[:5]:
        found = ran(tmp_path, at, correlate.CONFIRMATORY)
        (label,) = (one["label"] for one in found["markets"] if one["market"] == "501")
        seen.append((label["leads"], label["confirmed"]))
    assert seen == [(False, 0), (False, 0), (False, 1), (False, 2), (True, None)]
    with Store.reader(tmp_path / "data" / "trading.db") as store, store.reading() as look:
        before = correlations.labels(look, as_of=weeks[4] - timedelta(seconds=1))
        after = correlations.labels(look, as_of=weeks[4])
    assert not before["501"].leads
    assert (after["501"].leads, after["501"].lag) == (True, 2)
    assert "502" not in after or not after["502"].leads


def test_monitoring_changes_no_label(filled):
    """A daily run is a look and nothing more."""
    at = START + 70 * DAY
    found = ran(filled, at, correlate.MONITORING)
    assert found["looks"]["monitoring"] == 1
    assert found["markets"][0]["label"] == {
        "leads": False, "tier": "NONE", "since": None, "confirmed": None,
    }  # fmt: skip


def test_nothing_at_all_is_an_answer(tmp_path):
    """An empty home: no market, everything insufficient, and valid JSON without NaN."""
    (tmp_path / "config.yaml").write_text("mode: paper\n")
    found = ran(tmp_path, datetime(2026, 3, 2, tzinfo=UTC))
    assert found["markets"] == []
    assert found["pooled"][0]["insufficient"] == "0 of 20 events with enough hours"
    json.dumps(found, allow_nan=False)


def test_a_span_begins_so_long_ago_or_at_an_instant():
    """Both end at the last full hour; an instant begins at the full hour it lies in."""
    now, until = START + timedelta(minutes=40), START
    assert hourly_series.span_of(now, 2 * DAY) == (until - 2 * DAY, until)
    at = START - 2 * DAY + timedelta(minutes=20)
    assert hourly_series.span_of(now, at) == (START - 2 * DAY, until)


def test_what_makes_no_sense_is_refused(filled):
    """A span of an hour, a lag of none, a market nobody follows: a sentence each."""
    config = filled / "config.yaml"
    clock = FrozenClock(START + 30 * DAY)
    tomorrow = {"since": START + 31 * DAY}
    for facts in ({"since": timedelta(hours=1)}, tomorrow, {"max_lag": 0}, {"market": "nobody"}):
        with pytest.raises(UsageError):
            correlate.correlate(config, clock=clock, **facts)


def test_a_claim_ends_where_later_data_say_otherwise():
    """Advance: detected, confirmed, contradicted; a label that stands needs three to fall."""
    lead = labels.Claim(leads=True, tier=Tier.WEAK, lag=2, b=0.1, since=100)
    none = labels.Claim(leads=False, tier=Tier.NONE, lag=0, b=0.0, since=200)
    label = labels.advance(labels.Label(), lead, confirmed=None)
    assert label.claim == lead
    assert labels.advance(label, lead, confirmed=None) == label
    assert labels.advance(label, none, confirmed=False) == labels.Label()
    for _ in range(3):
        label = labels.advance(label, lead, confirmed=True)
    assert label == labels.Label(leads=True, tier=Tier.WEAK, lag=2, b=0.1)
    assert labels.advance(label, lead, confirmed=None) == label
    assert labels.advance(label, None, confirmed=None) == label
    for turn in range(4):
        assert label.leads
        label = labels.advance(label, none, confirmed=True if turn else None)
    assert not label.leads


def test_a_pooled_lead_is_read_by_category_and_hours(tmp_path):
    """Subjects of pooled labels come back as (category, hours), also with a colon in the name."""
    with Store.open(tmp_path / "t.db", now=START) as store:
        with store.transaction() as tx:
            run = correlations.plan_run(
                tx, correlations.Planned("confirmatory", START, START, START, "s", "d", "c", {})
            )
            subject = correlations.pooled_subject("a:b", 6)
            row = correlations.LabelRow(
                subject, START, run, leads=True, tier=Tier.NONE, lag=6, b=0.2, pending={}
            )
            correlations.record_labels(tx, [row])
            assert correlations.pooled_labels(tx, as_of=START) == {}  # its run is not over
            correlations.finish_run(tx, run, at=START, markets=(), pooled=(), summary={})
        with store.reading() as look:
            assert correlations.pooled_labels(look, as_of=START) == {("a:b", 6): row}
            assert correlations.pooled_labels(look, as_of=START - DAY) == {}


def test_hours_nobody_counted_are_counted_from_the_posts(tmp_path):
    """An hour is (t - 1 h, t]; who did not answer it is unknown, not silent; counts are kept."""
    noon = w.NOON
    with Store.open(tmp_path / "t.db", now=START) as store:
        with store.transaction() as tx:
            w.follow(tx, w.market())
            w.heard_talk(tx, "gdelt", noon - 3 * w.HOUR, noon + timedelta(seconds=10))
            w.said(tx, "gdelt", noon, 9)
            w.said(tx, "gdelt", noon - w.HOUR, 4)
            w.said(tx, "gdelt", noon - 5 * w.HOUR, 7)  # found by the way: not heard whole
        with store.reading() as look:
            held = hourly_series.gather(
                look, since=noon - 6 * w.HOUR, until=noon, as_of=w.AT, rules=HypeRules()
            )
        counted = held.counted["e1", "gdelt"]
        assert [counted[int(noon.timestamp()) - n * 3600][0] for n in (0, 1, 2)] == [9, 4, 0]
        assert len(counted) == 3
        assert np.isnan(held.markets[0].hype).all()


def test_the_step_of_a_cycle(filled):
    """Daily it monitors, weekly it confirms; where nothing can be told it says so and is OK."""
    for name, kind in (("analysis", "monitoring"), ("validation", "confirmatory")):
        at = START + 44 * DAY
        with kit(filled, at) as toolkit, toolkit.open_store() as store:
            ticket = runs.Ticket(1, name, int(at.timestamp()), 1, at)
            cycle = Cycle(toolkit, store, ticket, at, str, 0.0)
            done = correlate.correlate_step(cycle)
            with store.reading() as look:
                assert correlations.last_run(look, as_of=at).planned.kind == kind
        assert (done.state, done.why) == ("OK", "")
        assert done.numbers["talk leads"] == 1


def test_a_young_home_is_told_to_wait_for_a_full_hour(tmp_path):
    """Followed since the last full hour: the span ends before it, and nothing is said of them."""
    from trading_cli.cli.answer import Facts
    from trading_cli.cli.correlate import _blocks

    config = tmp_path / "config.yaml"
    config.write_text("mode: paper\n")
    at = w.NOON + timedelta(minutes=40)
    with kit(tmp_path, at) as toolkit, toolkit.open_store() as store:
        empty = correlate.run(toolkit, store, correlate.COMMAND)
        with store.transaction() as tx:
            w.follow(tx, w.market(), since=w.NOON + timedelta(minutes=5))
        young = correlate.run(toolkit, store, correlate.COMMAND)
    assert (empty["followed"], young["followed"], young["markets"]) == (0, 1, [])
    assert _blocks(empty, one=False)[-1] == "no market is followed: trading collect"
    told = _blocks(young, one=False)
    assert "wait for the first full hour" in told[-1]
    facts = next(one for one in told if isinstance(one, Facts))
    assert [name for name, _ in facts.pairs] == ["span", "run", "looks"]
    with pytest.raises(UsageError) as refused:
        correlate.correlate(config, market="501", clock=FrozenClock(at))
    assert refused.value.hint == "wait for the first full hour"


@pytest.mark.parametrize("hours", [1, 25, 205, 230])
def test_a_month_asked_of_a_home_of_days(tmp_path, hours):
    """The default span over what there is: an answer, INSUFFICIENT where there is too little."""
    (tmp_path / "config.yaml").write_text("mode: paper\n")
    (tmp_path / "data").mkdir()
    world.fill(tmp_path / "data" / "trading.db", days=18, markets=2)
    found = ran(tmp_path, START + timedelta(hours=8 * 24 + hours, minutes=3))
    assert len(found["markets"]) == 2
    if hours < 200:
        assert {one["verdict"] for one in found["markets"]} == {"INSUFFICIENT"}


def test_a_person_reads_it(filled):
    """The blocks of the command: pooled first, then the path, the ranking, one market whole."""
    from trading_cli.cli.answer import Facts, Table
    from trading_cli.cli.correlate import _blocks

    found = ran(filled, START + 76 * DAY)
    row = found["pooled"][0] | {"insufficient": "", "b": 0.1, "q": 0.01, "reverse": 0.5}
    step = {"hours": 1, "mean": 0.5, "error": 0.1, "p": 0.01, "size": 1.2, "bursts": 40}
    study = {"bursts": 40, "events": 25, "insufficient": "", "path": [step]}
    told = _blocks(found | {"pooled": [row], "event_study": study}, one=False)
    titles = [one.title for one in told if isinstance(one, Table)]
    assert titles == [
        "all markets together", "around 40 bursts of talk in 25 events", "markets (3)",
    ]  # fmt: skip
    ranking = told[3]
    assert ranking.rows[0][1] == "talk leads"
    whole = _blocks(found | {"markets": found["markets"][:1]}, one=True)
    assert [one.title for one in whole if isinstance(one, Table)] == [
        "talk to price, each lag alone", "price to talk, each lag alone",
    ]  # fmt: skip
    assert ("lag", 2) in next(
        one.pairs for one in whole if isinstance(one, Facts) and one.title == "talk to price"
    )
