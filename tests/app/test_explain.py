"""Why, and why not: of every kind of id, from what the decision itself kept."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dealt import DAY, FACTS, NOON, Dealt  # beside this

from trading_cli.app import effective, journal
from trading_cli.app.configure import config_show
from trading_cli.app.explain import explain
from trading_cli.app.facts import settings_hash
from trading_cli.app.meanings import DECIDES, MEANING, settings_of
from trading_cli.app.settings import load
from trading_cli.app.worked import worked
from trading_cli.core.errors import UsageError
from trading_cli.domain import Action, Purpose, Reason
from trading_cli.research.roc import Mid, roc
from trading_cli.store import Store


@pytest.fixture
def dealt(home: Path) -> Dealt:
    """Return a home in which one signal was bought and stopped out, with a note about it."""
    made = Dealt(home)
    made.see(1)
    made.open_account()
    signal = made.decide()
    made.trade(signal, "0.42", at=NOON + timedelta(seconds=5))
    made.trade(signal, "0.36", at=NOON + DAY, sell=Reason.STOP)
    journal.note(made.config, signal.id, "jumped in too early", clock=made.clock)
    made.clock.set(NOON + 2 * DAY)
    return made


def test_every_reason_has_a_meaning_in_words():
    """No reason is shown bare, and no setting is named that does not exist."""
    assert set(MEANING) == set(Reason)
    known = frozenset(row["key"] for row in config_show(None))
    named = {key for keys in DECIDES.values() for key in keys}
    assert named <= known


def test_the_limit_that_bound_is_among_the_settings(home):
    """Whichever rule of the gateway gave the answer, its own key is shown."""
    del home
    known = frozenset(row["key"] for row in config_show(None))
    rules = (
        *("position", "event_group", "theme", "category", "sector", "exposure", "cash"),
        *("trades_per_day", "cool_down", "open_positions", "per_category", "day", "week", "month"),
        *("tier", "kelly", "ask_depth", "bid_depth", "correlation"),
    )
    for rule in rules:
        assert settings_of(Reason.RISK, rule, known), rule
    assert len(settings_of(Reason.RISK, "sector", known)) == 4


def test_a_formula_is_told_with_its_numbers():
    """What the research room keeps of an indicator is enough to check it with a calculator."""
    later, earlier = Mid(Decimal("0.55"), NOON), Mid(Decimal("0.45"), NOON - DAY / 2)
    found = roc(later, earlier, tick=Decimal("0.01"))
    told = worked("roc", found.value, found.inputs)
    assert told == "(logit 0.55 - logit 0.45) / 2 = +0.2007, 00:00 to 12:00 UTC"
    kept = FACTS["features"]["rvr"]
    assert worked("rvr", kept["value"], kept["inputs"]).startswith("(8960 USD / 1) / 2800 = 3.2;")
    parts = {"volume": {"s": 1.0}, "velocity": {"s": 0.5}}
    inputs = {
        "components": parts, "weight": 0.5, "baseline": "FULL", "posts": 12, "authors": 7,
    }  # fmt: skip
    hype = "100 x weighted mean of volume 1, velocity 0.5 = 75; weight 50%, FULL, 12 posts of 7"
    assert worked("hype", 75.0, inputs) == hype
    assert worked("hype", None, {"age_s": 90, "sources": ["x"]}) == "age_s 90"
    heard = {"sources": [], "hour_end": int(NOON.timestamp()), "age_s": 20}
    assert worked("hype", None, heard) == f"hour_end {NOON:%Y-%m-%d} 12:00 UTC, age_s 20"
    assert worked("hype", None, {"sources": [], "hour_end": None, "age_s": None}) == ""
    assert worked("rvr", 2.0, {"usd": "another version"}) == "usd another version"
    assert worked("own", 2.0, {}) == ""


def test_a_decision_is_explained_end_to_end(dealt):
    """Inputs with times, features with numbers, the binding limit, order, fill and outcome."""
    told = explain(dealt.config, "d1", clock=dealt.clock)
    assert told["kind"] == "decision"
    assert told["why"].startswith("Bought. SIGNAL: every condition for an entry was met")
    assert [one["what"] for one in told["inputs"]] == ["quote", "book"]
    assert all(one["observed_at"] <= told["decision"]["decided_at"] for one in told["inputs"])
    rvr, hype = told["features"]
    assert (rvr["value"], rvr["tier"], rvr["best_tier"]) == (3.2, "STRONG", "STRONG")
    assert (hype["value"], hype["undefined"]) == (None, "no talk")
    assert [one["rule"] for one in told["checks"] if one["binding"]] == ["position"]
    assert "risk.position" in {row["key"] for row in told["settings"]}
    assert [one["reason"] for one in told["orders"]] == ["SIGNAL", "STOP"]
    assert [len(one["fills"]) for one in told["orders"]] == [1, 1]
    assert told["position"]["state"] == "CLOSED"
    assert told["outcome"]["net"] == pytest.approx(-0.987)
    assert [one["text"] for one in told["notes"]] == ["jumped in too early"]
    assert told["market"]["question"] == "Will thing 1 happen?"
    assert told["market"]["rules"].endswith("/event/event-1")


def test_what_came_later_is_no_input(dealt):
    """A quote seen after the decision is not among what was known, though it is of the slot."""
    early = dealt.decide(2, at=NOON - timedelta(minutes=5))
    dealt.see(2, at=NOON - timedelta(minutes=1))
    assert explain(dealt.config, early.id, clock=dealt.clock)["inputs"] == []


def test_order_fill_and_position_lead_to_the_same_story(dealt):
    """Whichever id of a trade is asked for, decision, orders and outcome are the same."""
    first = explain(dealt.config, "d1", clock=dealt.clock)
    names = [
        first["position"]["id"],
        first["orders"][1]["id"],
        first["orders"][0]["fills"][0]["id"],
    ]
    for name in names:
        told = explain(dealt.config, name, clock=dealt.clock)
        assert told["id"] == name
        for part in ("decision", "orders", "outcome", "position", "settings"):
            assert told[part] == first[part], part


def test_a_refusal_names_the_veto_or_the_limit(dealt):
    """Why not: the first veto's sentence, else the gateway's, else what the reason means."""
    veto = {"vetoes": [{"reason": "ASK_BAND", "sentence": "ask .91 is above .85"}]}
    dealt.decide(2, action=Action.HOLD, reason=Reason.ASK_BAND, binding="", facts=veto)
    told = explain(dealt.config, "d2", clock=dealt.clock)
    assert told["why"].startswith("No trade. ASK_BAND:")
    assert "ask .91 is above .85" in told["why"]
    assert {row["key"] for row in told["settings"]} == {"signals.min_ask", "signals.max_ask"}
    risk = {"risk": FACTS["risk"]}
    dealt.decide(3, action=Action.HOLD, reason=Reason.RISK, shares=Decimal(0), facts=risk)
    assert "position: 5 % of 10000 USD" in explain(dealt.config, "d3", clock=dealt.clock)["why"]
    dealt.decide(4, action=Action.HOLD, reason=Reason.RVR_LOW, facts={})
    assert "volume is not unusual" in explain(dealt.config, "d4", clock=dealt.clock)["why"]


def test_settings_say_whether_they_decided(dealt):
    """With the settings unchanged these values decided; after a change that is not claimed."""
    now = settings_hash(load(dealt.config).settings)
    dealt.decide(2, settings_hash=now, reason=Reason.ASK_BAND, action=Action.HOLD)
    (row, *_) = explain(dealt.config, "d2", clock=dealt.clock)["settings"]
    assert (row["decided"], row["origin"]) == (True, "default")
    dealt.config.write_text(dealt.config.read_text() + "signals: {min_ask: 0.2}\n")
    changed = explain(dealt.config, "d2", clock=dealt.clock)["settings"][0]
    assert changed["decided"] is False
    assert changed["origin"].startswith("config.yaml:")
    assert changed["then"] is None
    assert explain(dealt.config, "d2", clock=dealt.clock)["settings_changed"] is None


def test_a_setting_changed_since_is_told_with_its_value_then(dealt):
    """Where the settings of then are kept, each says what it was; the rest decided as it is."""
    loaded = load(dealt.config)
    dealt.decide(2, settings_hash=settings_hash(loaded.settings), reason=Reason.ASK_BAND,
                 action=Action.HOLD)  # fmt: skip
    with Store.open(loaded.database, now=NOON) as store, store.transaction() as tx:
        assert effective.keep(tx, loaded, NOON)
        assert not effective.keep(tx, loaded, NOON)
    dealt.config.write_text(dealt.config.read_text() + "signals: {min_ask: 0.2}\n")
    told = explain(dealt.config, "d2", clock=dealt.clock)
    rows = {one["key"]: one for one in told["settings"]}
    least, most = rows["signals.min_ask"], rows["signals.max_ask"]
    assert (least["then"], least["value"], least["decided"]) == ("0.15", 0.2, False)
    assert (most["then"], most["decided"]) == ("0.85", True)
    assert told["settings_changed"] == [{"key": "signals.min_ask", "stored": "0.15", "now": "0.2"}]


def test_no_secret_is_kept_with_the_settings(dealt):
    """Neither a secret, wherever it stands, nor whom alerts go to."""
    place = "https://gdelt.example/wonderful-secret"
    loaded = load(dealt.config, env={
        "TRADING_TELEGRAM_TOKEN": "wonderful-secret",
        "TRADING__DATA_COLLECTION__GDELT__URL": place,
        "TRADING__ALERTS__TELEGRAM__CHAT_ID": "4711",
    })  # fmt: skip
    assert "wonderful-secret" in loaded.secrets.values()
    with Store.open(loaded.database, now=NOON) as store, store.transaction() as tx:
        effective.keep(tx, loaded, NOON)
        ((text,),) = tx.execute("SELECT body FROM settings_kept")
    assert "https://gdelt.example/***" in text
    for told in ("wonderful", "4711", "chat_id"):
        assert told not in text


def test_an_exit_check_that_sold_nothing_leads_to_its_position(dealt):
    """A decision to stay shows the holding it was about, which is not its own."""
    signal = dealt.decide(5)
    held = dealt.trade(signal, "0.42", at=NOON + DAY)
    facts = {"sentence": "no exit: bid 0.41", "position": held.id}
    dealt.decide(
        5, at=NOON + 2 * DAY, id="stay", purpose=Purpose.EXIT, action=Action.HOLD,
        reason=Reason.NO_EXIT, facts=facts,
    )  # fmt: skip
    told = explain(dealt.config, "stay", clock=dealt.clock)
    assert told["position"]["id"] == held.id
    assert told["why"] == "No trade. NO_EXIT: no exit rule fires (no exit: bid 0.41)"


def test_what_is_not_there_or_not_clear_is_named(dealt):
    """An unknown id and a beginning of several are refused with the way out."""
    dealt.decide(1, at=NOON + DAY)
    with pytest.raises(UsageError, match="no decision, order, position or fill"):
        explain(dealt.config, "zzz", clock=dealt.clock)
    with pytest.raises(UsageError, match="several decisions begin"):
        explain(dealt.config, "d1", clock=dealt.clock)
