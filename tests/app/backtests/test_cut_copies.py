"""A past cut at an instant: nothing later is in the file, and what was known then is seen alike."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from past_world import START, at, fill, history, look, point, resolved, second

from trading_cli.app.backtests import bias_checks
from trading_cli.app.backtests.cells import Cell
from trading_cli.app.backtests.stored import Stored
from trading_cli.app.settings import Settings
from trading_cli.domain import Origin
from trading_cli.store import Store, cut_copies, listings, past, series
from trading_cli.store.cut_copies import KNOWN, LEFT
from trading_cli.store.ledger import Score, record_scores
from trading_cli.trading.backtest import bias

FAR = START + timedelta(days=900)
SLOTS = 40
INPUTS = {"available_at", "observed_at"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a past by chance; a quarter of an hour after each slot its scores were judged anew."""
    path = tmp_path_factory.mktemp("past") / "trading.db"
    fill(path, 3)
    with Store.open(path, now=START) as store, store.transaction() as tx:
        look(tx, SLOTS + 1, 1, 2, 3, 4)
        for step in (*range(SLOTS), SLOTS + 1):
            anew = [Score(f"50{n}", 0.5, {}) for n in range(1, 5)]
            record_scores(tx, second(step), anew, at(step + 1, 100))
        listings.record_resolutions(tx, [resolved(n, at(SLOTS)) for n in range(1, 5)])
    return path


@pytest.fixture
def cut(filled: Path, tmp_path: Path) -> Callable[[int], Path]:
    """Return what makes a copy as of the decision of a slot."""

    def made(slot: int) -> Path:
        path = tmp_path / f"{slot}.db"
        cut_copies.write(path, filled, since=at(0), at=at(slot, 60))
        return path

    return made


def test_every_table_is_either_copied_or_left_on_purpose(filled):
    """A table that is made tomorrow has to be put on one of the two lists."""
    with closing(sqlite3.connect(filled)) as file:
        rows = file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        there = {name for (name,) in rows if not name.startswith("sqlite_")}
    assert there == set(KNOWN) | LEFT
    assert not set(KNOWN) & LEFT


def test_nothing_later_is_in_the_copy(filled, cut):
    """Of no table a row that was not known then; and before, there were some of most series."""
    seen, gone = int(at(20, 60).timestamp()), set()
    with closing(sqlite3.connect(cut(20))) as file, closing(sqlite3.connect(filled)) as whole:
        for name, known in KNOWN.items():
            question = f"SELECT count(*) FROM {name} WHERE {known} > ?"  # noqa: S608  # our own names
            (later,) = file.execute(question, (seen,)).fetchone()
            assert later == 0, name
            if whole.execute(question, (seen,)).fetchone()[0]:
                gone.add(name)
        packed = file.execute("SELECT sum(quotes) FROM quote_packs").fetchone()
        quotes = file.execute("SELECT count(*) FROM quotes").fetchone()
        assert packed == quotes
    assert {"quotes", "quote_packs", "trades", "points", "scores", "listing_seen"} <= gone


@pytest.mark.parametrize("slot", [3, 11, 20, 33])
def test_what_was_known_is_seen_alike(filled, cut, slot):
    """Every view of every slot until then is the same as in the whole past, field by field."""
    with history(filled, 0, SLOTS) as whole, history(cut(slot), 0, slot + 1) as ended:
        moments = ended.moments()
        assert moments == [one for one in whole.moments() if one.slot <= second(slot)]
        for moment in moments:
            ours, theirs = whole.views(moment.slot), ended.views(moment.slot)
            assert [one.market.id for one in ours] == [one.market.id for one in theirs]
            for one, other in zip(ours, theirs, strict=True):
                for field in fields(one):
                    assert getattr(one, field.name) == getattr(other, field.name), field.name
        assert bias.seen_alike(whole, ended).passed


def cell(path: Path) -> Cell:
    """Return a run over the whole past."""
    names = ("roc_only",)
    text = Settings().model_dump_json()
    return Cell(Stored(path), text, path.parent, names, at(0), at(SLOTS), "zero")


def checked(path: Path) -> dict[str, object]:
    """Return what the bias checks say of it."""
    one = cell(path)
    with one.source.opened(one.whole, one.since, one.until, one.fees) as opened:
        return bias_checks.checked(one, opened, seed=1)


def test_our_own_readers_are_clean(filled):
    """Every check passes, the one on the cut copy among them, and decisions were compared."""
    found = checked(filled)
    assert found["state"] == "CLEAN", found
    assert found["checks"][-1]["name"] == "cut"
    assert found["checks"][-1]["compared"] > 20


@dataclass(frozen=True)
class Leak:
    """A reader of the store that forgets to ask when something was known."""

    module: object
    name: str
    make: Callable[[Callable], Callable]


def newest_score(_real: Callable) -> Callable:
    """Read the scores as they stand now."""

    def scores_at(look, venues, at):  # noqa: ARG001  # that is the leak
        wanted = set(venues)
        rows = look.execute("SELECT market, score FROM scores ORDER BY slot")
        return {market: score for market, score in rows if market in wanted}

    return scores_at


def known_end(real: Callable) -> Callable:
    """Ask how it ended, whenever that was told."""
    return lambda look, name, *, as_of: real(look, name, as_of=max(as_of, FAR))


def next_prices(real: Callable) -> Callable:
    """Give each slot the quotes of the slot after it."""

    def packs(look, since, until):
        found = list(real(look, since, until + 900))
        for place, (slot, rows) in enumerate(found):
            if slot < until:
                yield slot, found[min(place + 1, len(found) - 1)][1] if place + 1 else rows

    return packs


def all_trades(real: Callable) -> Callable:
    """Take every trade for known as soon as it is made."""

    def trades(*asked):
        rows = real(*asked)
        for name in INPUTS:
            rows[name] = 0
        return rows

    return trades


LEAKS = {
    "scores": Leak(past, "scores_at", newest_score),
    "how it ended": Leak(listings, "resolution_at", known_end),
    "prices": Leak(past, "packs", next_prices),
    "trades": Leak(past, "trades", all_trades),
}


@pytest.mark.parametrize("what", LEAKS)
def test_a_reader_that_ignores_when_something_was_known_is_exposed(filled, monkeypatch, what):
    """It gives every strategy the same too much, so only a past that really ends can show it."""
    leak = LEAKS[what]
    monkeypatch.setattr(leak.module, leak.name, leak.make(getattr(leak.module, leak.name)))
    found = checked(filled)
    assert found["state"] == "EXPOSED"
    wrong = next(one for one in found["checks"] if not one["clean"] and one["name"] == "cut")
    assert "used what came later" in wrong["sentence"]


def test_a_market_of_backfilled_prices_keeps_the_first_words_it_ever_had(tmp_path):
    """It was described long after: its words stay, for there are no others; what moved does not."""
    path, copy = tmp_path / "trading.db", tmp_path / "cut.db"
    with Store.open(path, now=START) as store, store.transaction() as tx:
        look(tx, 400, 1)
        look(tx, 401, 1, closed=True)
        prices = [point(1, at(step, 600), 0.4, origin=Origin.BACKFILLED) for step in range(40)]
        series.record_points(tx, prices)
    cut_copies.write(copy, path, since=at(0), at=at(20, 90))
    with closing(sqlite3.connect(copy)) as file:
        assert file.execute("SELECT count(*) FROM listing_versions").fetchone() == (1,)
        assert file.execute("SELECT max(closed) FROM listing_versions").fetchone() == (0,)
        assert file.execute("SELECT count(*) FROM listing_seen").fetchone() == (0,)
    with history(path, 0, 40) as whole, history(copy, 0, 21) as ended:
        assert bias.seen_alike(whole, ended).compared > 2
        assert bias.seen_alike(whole, ended).passed


def test_where_there_is_a_gap_it_is_cut_elsewhere(tmp_path):
    """Two thirds of the way no price is stored of half a day: one third will do."""
    path = tmp_path / "trading.db"
    with Store.open(path, now=START) as store, store.transaction() as tx:
        look(tx, 900, 1)
        steps = (*range(70), *range(190, 200))
        series.record_points(tx, [point(1, at(step, 600), 0.4) for step in steps])
    one = replace(cell(path), until=at(200))
    with one.source.opened(one.whole, one.since, one.until, one.fees) as opened:
        found = bias_checks.checked(one, opened, seed=1)
    assert found["state"] == "CLEAN"
    (cut,) = [each for each in found["checks"] if each["name"] == "cut"]
    assert cut["compared"] > 0
    assert cut["until"] < at(80).isoformat()
