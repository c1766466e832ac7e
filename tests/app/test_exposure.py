"""What could be lost and what should go, against sums worked by hand."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest
import yaml
from dealt import NOON, SLOT, Dealt  # beside this

from trading_cli.app import portfolio
from trading_cli.app.cycles import Cycle
from trading_cli.app.toolkit import build
from trading_cli.core.errors import UsageError
from trading_cli.store import holdings

COST = 12.5 * 0.42 + 12.5 * 0.04 * 0.42 * 0.58


def _home(folder, count, risk=None, **changes):
    """Return a home with *count* positions of 12.5 YES, bought at 0.42, each of its own event."""
    folder.mkdir(exist_ok=True)
    home = Dealt(folder / "home")
    home.open_account()
    if risk:
        settings = yaml.safe_load(home.config.read_text())
        home.config.write_text(yaml.safe_dump(settings | {"risk": risk}))
    for number in range(1, count + 1):
        home.see(number)
        home.trade(home.decide(number, **changes), "0.42", at=NOON)
    home.clock.set(NOON + SLOT)
    return home


def _limit(told, rule, of=None):
    return next(one for one in told["limits"] if one["rule"] == rule and of in {None, one["of"]})


def test_an_empty_home_has_nothing_to_lose(tmp_path):
    """No database, no error, no file made."""
    home = Dealt(tmp_path / "home")
    for told in (
        portfolio.exposure(home.config),
        portfolio.optimize(home.config),
        portfolio.rebalance(home.config),
    ):
        assert told["warnings"] == ["nothing is held"]
    assert not home.database.exists()


def test_exposure_is_as_worked_by_hand(tmp_path):
    """Three events of one stake: worst is each cost, leaving costs half the spread and the fee."""
    home = _home(tmp_path, 3)
    told = portfolio.exposure(home.config, clock=home.clock)
    assert len(told["groups"]) == 3
    fee = 12.5 * 0.04 * 0.41 * 0.59
    for one in told["groups"]:
        assert one["worst"] == pytest.approx(COST, abs=1e-4)
        assert one["cost_to_leave"] == pytest.approx(12.5 * 0.005 + fee, abs=1e-4)
    totals = told["totals"]
    assert totals["worst"] == totals["exposure"] == pytest.approx(3 * COST, abs=3e-4)
    assert totals["equity"] == pytest.approx(10_000 - 3 * COST + 3 * (12.5 * 0.41 - fee), abs=1e-3)
    assert _limit(told, "exposure")["used"] == pytest.approx(3 * COST, abs=3e-4)
    assert _limit(told, "exposure")["limit"] == pytest.approx(0.25 * totals["base"])
    assert _limit(told, "category", "Politics")["share"] == pytest.approx(
        3 * COST / (0.10 * totals["base"]), rel=1e-3
    )
    assert (_limit(told, "per_category")["used"], _limit(told, "per_category")["limit"]) == (3, 3)
    assert not any(one["broken"] for one in told["limits"])


def test_the_tail_is_exact(tmp_path):
    """Three fair-priced binaries at .415: the chance that all lose is .585 cubed."""
    home = _home(tmp_path, 3)
    found = portfolio.exposure(home.config, clock=home.clock)["risk"]
    assert found["exact"]
    assert found["outcomes"] == 4
    assert found["worst"] == pytest.approx(3 * COST, abs=3e-4)
    assert found["mean"] == pytest.approx(3 * (12.5 * 0.415 - COST), abs=3e-4)
    assert found["tails"][0]["var"] == pytest.approx(3 * COST, abs=3e-4)  # .2 of the time
    assert found["hhi"] == pytest.approx(1 / 3, rel=1e-6)
    assert found["effective_events"] == pytest.approx(3, rel=1e-6)


def test_within_the_limits_nothing_has_to_go(tmp_path):
    """No trims, no sales, and why nothing larger is advised."""
    home = _home(tmp_path, 2)
    told = portfolio.optimize(home.config, clock=home.clock)
    assert (told["trims"], told["broken"]) == ([], [])
    assert "no strategy has passed its gate" in told["growth"]
    told = portfolio.rebalance(home.config, clock=home.clock)
    assert (told["sales"], told["buys"], told["left"]) == ([], [], [])
    assert [one["value"] is not None for one in told["weights"]] == [True, True]


def test_trims_make_every_limit_hold(tmp_path):
    """A category of 3 USD a head: each is cut to the same share, down to whole hundredths."""
    home = _home(tmp_path, 3, {"category": 0.001})
    told = portfolio.optimize(home.config, clock=home.clock)
    assert {one["rule"] for one in told["broken"]} == {"category"}
    assert len(told["trims"]) == 3
    for one in told["trims"]:
        stays = one["held"] - one["shares"]
        assert one["why"] == "category Politics"
        assert one["side"] == "SELL"
        assert one["brings"] == pytest.approx(
            one["shares"] * 0.41 - one["shares"] * 0.04 * 0.41 * 0.59, abs=1e-3
        )
        assert stays == 0 or stays >= 5  # the venue's least
    left = sum((one["held"] - one["shares"]) / one["held"] * COST for one in told["trims"])
    assert left <= 0.001 * 10_000 + 1e-6


def test_a_rest_below_the_minimum_goes_too(tmp_path):
    """What could not be sold later is sold now."""
    home = _home(tmp_path, 1, {"position": 0.0001})
    (one,) = portfolio.optimize(home.config, clock=home.clock)["trims"]
    assert one["shares"] == one["held"] == 12.5


def test_the_event_is_cut_to_its_worst_outcome(tmp_path):
    """Two markets of one event: the event's limit, by the share that stays."""
    home = _home(tmp_path, 2, {"event_group": 0.0008}, event_id="same")
    told = portfolio.optimize(home.config, clock=home.clock)
    assert [one["rule"] for one in told["broken"]] == ["event_group"]
    stays = sum((one["held"] - one["shares"]) / one["held"] * COST for one in told["trims"])
    assert 0 < stays <= 8.0
    assert stays == pytest.approx(8.0, abs=0.02)


def test_what_outgrew_its_limit_is_sold_down(tmp_path):
    """Worth 5 % more than the limit and then some: sold to the limit; within the band: left."""
    home = _home(tmp_path, 1, {"position": 0.00053})
    home.see(1, at=NOON + SLOT, bid="0.80")
    home.clock.set(NOON + 2 * SLOT)
    told = portfolio.rebalance(home.config, clock=home.clock)
    (sale,) = told["sales"]
    value = told["weights"][0]["value"]
    assert value == pytest.approx(12.5 * 0.80 - 12.5 * 0.04 * 0.8 * 0.2, abs=1e-3)
    ceiling = 0.00053 * 10_000
    assert sale["held"] - sale["shares"] == pytest.approx(12.5 * ceiling / value, abs=0.01)
    near = _home(tmp_path / "near", 1, {"position": 0.00049})
    assert portfolio.rebalance(near.config, clock=near.clock)["sales"] == []


def test_without_a_price_nothing_is_sold(tmp_path):
    """It is left, and said; the tail is unknown too."""
    home = Dealt(tmp_path / "home")
    home.open_account()
    home.see(1)
    home.trade(home.decide(1), "0.42", at=NOON)
    with home.store() as store, store.transaction() as tx:
        tx.execute("DELETE FROM books")
    told = portfolio.rebalance(home.config, clock=home.clock)
    assert told["left"][0]["why"] == "no price is known"
    assert portfolio.exposure(home.config, clock=home.clock)["risk"] is None


def test_what_a_person_holds_is_never_advised_away(tmp_path):
    """It fills the limits; only ours are trimmed."""
    home = _home(tmp_path, 2, {"exposure": 0.0005})
    with home.store() as store, store.transaction() as tx:
        first = holdings.positions(tx)[0]
        holdings.save_position(tx, replace(first, id="theirs", by="person"))
    told = portfolio.optimize(home.config, clock=home.clock)
    assert "theirs" not in {one["position"] for one in told["trims"]}
    assert _limit(portfolio.exposure(home.config, clock=home.clock), "exposure")["broken"]
    assert Decimal(str(told["broken"][0]["limit"])) > 0


def test_applying_is_not_built(tmp_path):
    """A sentence, and the way out."""
    home = Dealt(tmp_path / "home")
    for advise in (portfolio.optimize, portfolio.rebalance):
        with pytest.raises(UsageError, match="not built"):
            advise(home.config, apply=True)


def test_the_daily_step_names_what_is_over_its_limit(tmp_path):
    """The numbers of the exposure, and the broken rule in words."""
    home = _home(tmp_path, 2, {"category": 0.001})
    with build(home.config, clock=home.clock) as toolkit, home.store() as store:
        slot = SimpleNamespace(slot=0)
        done = portfolio.portfolio_step(Cycle(toolkit, store, slot, NOON, print, 0.0))
    assert done.why == "over its limit: category Politics"
    assert done.numbers["worst"] == pytest.approx(2 * COST, abs=2e-4)
    assert done.numbers["broken"] == ["category Politics"]
