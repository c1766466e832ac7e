"""What outsiders said reaches the decision of its time, weighed by what they had shown by then."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dealing import NOON, market, quiet  # beside this
from jsonschema import Draft202012Validator
from outside import SECRET, headers, message, opinion, past, secrets, settle  # beside this
from test_parity import recorded

from trading_cli.app.backtests.history import StoreHistory
from trading_cli.app.explain import explain
from trading_cli.app.inbound import receive
from trading_cli.app.inbound_settings import InboundSection
from trading_cli.app.opinions import Ears, midnight, records
from trading_cli.app.upkeep import bundle as bundles
from trading_cli.cli.main import run
from trading_cli.core.clock import FrozenClock
from trading_cli.core.schemas import data_schema
from trading_cli.domain import Action, from_epoch
from trading_cli.research.opinions import Record
from trading_cli.store import Store, Transaction, cut_copies, listings, opinions

AT = from_epoch(NOON) + timedelta(minutes=7)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
WEIGHED = InboundSection(weigh=True)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    """Return a file with two open markets, being written."""
    with Store.open(tmp_path / "t.db", now=AT) as store, store.transaction() as writing:
        listings.record_markets(writing, [market(0), market(1)])
        yield writing


def heard(tx: Transaction, at: Any = AT, section: InboundSection = WEIGHED) -> dict[str, Any]:
    """Return what is said of M0 at *at*, by source."""
    return {one.source: one for one in Ears(tx, section).heard(["M0"], at).get("M0", ())}


def test_nothing_said_after_t_is_seen_at_t(tx: Transaction) -> None:
    """It is there from the second after it came; within its own second nobody could know it."""
    opinions.record(tx, opinion(0, 0.7, AT))
    assert heard(tx, AT) == {}
    assert heard(tx, AT + SECOND * 0.999) == {}
    assert heard(tx, AT + SECOND)["desk"].probability == 0.7
    assert Ears(tx, WEIGHED).heard(["M1"], AT + SECOND) == {}


def test_only_the_newest_word_of_a_source_counts_while_it_holds(tx: Transaction) -> None:
    """What was said before is over, even where the newest has run out."""
    opinions.record(tx, opinion(0, 0.7, AT, valid=10 * HOUR))
    opinions.record(tx, opinion(0, 0.6, AT + HOUR, valid=HOUR))
    opinions.record(tx, opinion(0, 0.2, AT + HOUR, source="other"))
    said = heard(tx, AT + 1.5 * HOUR)
    assert {name: one.probability for name, one in said.items()} == {"desk": 0.6, "other": 0.2}
    assert heard(tx, AT + HOUR)["desk"].probability == 0.7
    assert set(heard(tx, AT + 2.5 * HOUR)) == {"other"}
    assert set(heard(tx, AT + 1.5 * HOUR, InboundSection(valid_hours=0.4))) == set()


def test_an_opinion_is_as_old_as_it_says(tx: Transaction) -> None:
    """Said yesterday, received today: it holds for what is left of it."""
    opinions.record(tx, opinion(0, 0.7, AT, said_at=AT - 23 * HOUR))
    assert heard(tx, AT + 0.9 * HOUR)
    assert not heard(tx, AT + 1.1 * HOUR)


def test_a_source_is_worth_what_was_settled_and_known_at_midnight(tx: Transaction) -> None:
    """Not what is known only today; a restatement later leaves what was believed then as it was."""
    opinions.record(tx, opinion(0, 0.7, AT))
    past(tx, midnight(AT) + 10 * timedelta(days=1) - SECOND, 40)  # settles a second before
    past(tx, midnight(AT) + 10 * timedelta(days=1) + SECOND, 40, first=2000)  # and a second after
    found = heard(tx, AT + SECOND)["desk"]
    assert found.record.events == 40
    assert found.weight == found.record.weight > 0.3
    assert records(tx, midnight(AT) - SECOND)["desk"].events == 40
    assert records(tx, midnight(AT) - 2 * SECOND)["desk"] == Record()
    assert records(tx, midnight(AT) + SECOND)["desk"].events == 80
    tomorrow = AT + timedelta(hours=20)
    opinions.record(tx, opinion(0, 0.7, tomorrow))
    assert heard(tx, tomorrow + SECOND)["desk"].record.events == 80


def test_only_what_is_weighed_is_used(tx: Transaction) -> None:
    """With `inbound.weigh` off all is shown and nothing counts; so it is by default."""
    past(tx, midnight(AT))
    opinions.record(tx, opinion(0, 0.7, AT))
    shown = heard(tx, AT + SECOND, InboundSection())["desk"]
    assert (shown.used, shown.weight) == (False, 0.0)
    assert shown.record.weight > 0.3


def scored(tx: Transaction) -> list[opinions.Scored]:
    """Return what counts of the desk by now."""
    return opinions.scored(tx, "desk", as_of=AT, before=timedelta(hours=24))


def test_one_opinion_an_event_counts_the_last_that_was_early_enough(tx: Transaction) -> None:
    """Twenty words on one event are one; of what came in its last day none counts."""
    end = AT - HOUR
    twin = replace(market(2), event_id="E0")
    listings.record_markets(tx, [twin])
    for number, hours in ((0, 50), (2, 40), (0, 30), (2, 25), (0, 23.9), (2, 1), (0, 0.1)):
        opinions.record(tx, opinion(number, 0.5 + hours / 1000, end - hours * HOUR))
    settle(tx, 0, end, won=True)
    settle(tx, 2, end, won=False)
    (one,) = scored(tx)
    assert (one.event, one.market, one.probability, one.won) == ("E0", "M2", 0.525, False)


def test_what_came_without_a_price_or_after_the_end_proves_nothing(tx: Transaction) -> None:
    """Nor what was said of a market that ended half and half, or has not ended."""
    opinions.record(tx, opinion(0, 0.7, AT - 50 * HOUR, price=None))
    opinions.record(tx, opinion(1, 0.7, AT - 50 * HOUR))
    settle(tx, 0, AT - HOUR, won=True)
    assert scored(tx) == []
    tx.execute("INSERT INTO resolutions (market, event_time, observed_at, available_at, origin,"
               " outcome, payout, uma_status, closed_at, reason) SELECT id, 1, 1, 1, 0, 'half',"
               " 500000, 'resolved', 1, '' FROM markets WHERE venue_id = 'M1'")  # fmt: skip
    assert scored(tx) == []


def test_an_opinion_stays_as_it_was_said(tx: Transaction) -> None:
    """The file itself refuses to change or drop one, and to take a nonce twice."""
    opinions.record(tx, opinion(0, 0.7, AT))
    assert opinions.record(tx, opinion(0, 0.9, AT)) is None
    for change in ("UPDATE opinions SET probability = 0.9", "DELETE FROM opinions"):
        with pytest.raises(Exception, match="stays as it was said"):
            tx.execute(change)
    with pytest.raises(KeyError):
        opinions.record(tx, opinion(99, 0.9, AT))


def spoken(folder: Path, **inbound: Any) -> Any:
    """Return a home that dealt for six slots while the desk, which has a past, and another spoke.

    The desk says .85 of M3, which costs .61, after the first slot, and .3 of M0 after the third.
    """
    strategies = {"strategies": ["eager.py:Eager", "opinions"]}

    def at_first(stage: Any) -> None:
        secrets(stage.home)
        with stage.open_store() as store, store.transaction() as tx:
            past(tx, midnight(stage.clock.now()))
        send(stage, market="M3", probability=0.85, note="sure")
        send(stage, market="M3", probability=0.05, source="nobody")

    def send(stage: Any, **told: Any) -> None:
        body, now = message(**told), stage.clock.now()
        nonce = f"{int(now.timestamp())}-{told['market']}-{told.get('source', 'desk')}-sixteen"
        receive(stage.home / "config.yaml", headers(body, now, nonce), body,
                clock=FrozenClock(now), env={})  # fmt: skip

    meanwhile = {0: at_first, 2: lambda stage: send(stage, market="M0", probability=0.3)}
    return recorded(
        folder, 6, meanwhile=meanwhile, settings={"signals": strategies, "inbound": inbound}
    )


@pytest.fixture(scope="module")
def weighed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return such a home where opinions count."""
    return spoken(tmp_path_factory.mktemp("weighed") / "home", weigh=True)


def of(home: Any, name: str, strategy: str = "opinions") -> list[tuple[Any, ...]]:
    """Return (id, action, reason) of a strategy's decisions to enter a market, by slot."""
    return list(home.sql(
        "SELECT id, action, reason FROM decisions WHERE market = ? AND strategy = ?"
        " AND purpose = 'entry' ORDER BY slot", name, strategy,
    ))  # fmt: skip


def test_a_weighed_opinion_decides_and_explain_says_how(
    weighed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before it came: INSUFFICIENT. Then the price moved by its weight pays, and it is bought."""
    first, then, *_ = of(weighed, "M3")
    assert first[1:] == ("HOLD", "INSUFFICIENT")
    assert then[1] == Action.BUY.value
    told = explain(weighed.config, then[0], clock=FrozenClock(AT + 6 * HOUR))
    assert list(Draft202012Validator(data_schema("explain")).iter_errors(told)) == []
    part = told["opinions"]
    desk, nobody = part["said"]
    assert (desk["source"], desk["probability"], desk["events"]) == ("desk", 0.85, 60)
    assert 0.3 < desk["weight"] < 1
    assert desk["added_low"] == desk["weight"]
    assert desk["skill_low"] > 0
    assert (nobody["weight"], nobody["events"], nobody["skill"]) == (0.0, 0, None)
    assert part["moved_from"] == pytest.approx(0.605)
    assert 0.65 < part["moved_to"] < 0.85
    assert part["moved_to"] == told["signal"]["probability"]
    assert part["sentence"].startswith("They moved the probability of YES from 0.605 to 0.")
    assert any(check["rule"] == "kelly" for check in told["checks"])
    run(["explain", then[0], "--config", str(weighed.config)])
    shown = capsys.readouterr().out
    assert "desk says 0.85 against the price 0.605; weight 0." in shown
    assert f"opinions  {part['sentence']}" in shown


def test_a_strategy_without_a_probability_is_not_touched(weighed: Any) -> None:
    """Its strength, size and ceiling are what they were; explain says why."""
    rows = [one for one in of(weighed, "M0", "eager") if one[1] == "BUY"]
    told = explain(weighed.config, rows[0][0], clock=FrozenClock(AT + 6 * HOUR))
    assert told["opinions"] is None
    after = of(weighed, "M0", "eager")[3]
    told = explain(weighed.config, after[0], clock=FrozenClock(AT + 6 * HOUR))
    assert told["opinions"]["moved_from"] is told["opinions"]["moved_to"] is None
    assert told["opinions"]["sentence"] == (
        "They changed nothing: the strategy states no probability."
    )


def test_parity_holds_with_opinions(weighed: Any, tmp_path: Path) -> None:
    """The stored past serves each decision the very opinions, records and weights it had."""
    home = weighed.copied(tmp_path / "home")
    found = home.parity()
    assert (found["identical"], found["cause"]) == (True, None), found["sentence"]
    assert found["decisions"]["same"] == found["decisions"]["stored"] > 40
    assert found["warnings"] == []


def test_an_opinion_that_was_changed_is_noticed(weighed: Any, tmp_path: Path) -> None:
    """Whoever changes it in the file breaks parity, which names the source."""
    home = weighed.copied(tmp_path / "home")
    home.sql("DROP TRIGGER opinions_as_said")
    home.sql("UPDATE opinions SET probability = 0.2 WHERE probability = 0.85")
    cause = home.parity()["cause"]
    assert (cause["cause"], cause["field"]) == ("INPUT", "opinions.desk.probability")
    assert "was 0.85, and is 0.2" in cause["sentence"]


def test_a_run_with_opinions_is_replayed_from_its_rows(weighed: Any) -> None:
    """Replay computes the same decisions again."""
    ((run,),) = weighed.sql(
        "SELECT id FROM runs WHERE cycle = 'collection' ORDER BY id LIMIT 1 OFFSET 3"
    )
    assert weighed.replayed(str(run))["identical"] is True


def test_a_bundle_of_a_run_holds_what_its_sources_had_shown(weighed: Any, tmp_path: Path) -> None:
    """Every opinion by then, and how those markets ended: the weights come out the same."""
    file, at = tmp_path / "run.db", weighed.stage.clock.now()
    bundles.bundle(weighed.config, "@last", file, quiet, clock=FrozenClock(at))
    bundles.opened(file)
    found = []
    for path in (weighed.stage.loaded.database, file):
        with Store.reader(path) as store, store.reading() as look:
            found.append((records(look, midnight(at)), Ears(look, WEIGHED).heard(["M0", "M3"], at)))
    assert found[0] == found[1]
    assert found[0][0]["desk"].events == 60
    assert set(found[0][1]) == {"M0", "M3"}


def test_a_past_cut_at_an_instant_hears_the_same(weighed: Any, tmp_path: Path) -> None:
    """What came later is truly not in the file, and every view until then is as it was."""
    settings, begin = weighed.stage.settings, from_epoch(NOON)
    at = begin + timedelta(minutes=31)  # slot 2 is decided; M0 is spoken of four minutes later
    cut = tmp_path / "cut.db"
    cut_copies.write(cut, weighed.stage.loaded.database, since=begin, at=at)
    found = []
    for path in (weighed.stage.loaded.database, cut):
        with (
            Store.reader(path) as store,
            StoreHistory.open(store, settings, since=begin, until=at) as past_,
        ):
            found.append([
                [(one.market.id, one.opinions) for one in past_.views(moment.slot)]
                for moment in past_.moments()
            ])  # fmt: skip
    assert found[0] == found[1]
    assert [len(dict(slot)["M3"]) for slot in found[0]] == [0, 2, 2]
    assert not any(dict(slot)["M0"] for slot in found[0])


def test_an_opinion_is_told_to_the_page(weighed: Any) -> None:
    """Each that is kept is an event, in the transaction that keeps it."""
    kinds = weighed.sql("SELECT subject FROM events WHERE kind = 'opinion' ORDER BY id")
    assert len(kinds) == 63
    assert kinds[-1] == ("desk:63",)


def test_unweighed_opinions_change_no_decision(tmp_path: Path) -> None:
    """They are shown, and the strategy that lives of them holds still; parity holds too."""
    home = spoken(tmp_path / "home")
    assert {row[1:] for row in of(home, "M3")} == {("HOLD", "INSUFFICIENT")}
    last = of(home, "M3")[-1]
    part = explain(home.config, last[0], clock=FrozenClock(AT + 6 * HOUR))["opinions"]
    assert part["sentence"] == "They changed nothing: inbound.weigh is off."
    assert [one["used"] for one in part["said"]] == [False, False]
    assert home.parity()["identical"] is True


def test_the_secret_stays_out_of_the_file(weighed: Any) -> None:
    """It signs and is never kept."""
    held = (weighed.stage.home / "data" / "trading.db").read_bytes()
    assert SECRET.encode() not in held
