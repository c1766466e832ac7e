"""Everything that was recorded of the real venue comes into a database, over HTTP on loopback."""

import csv
import gzip
import json
import os
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from trading_cli.app.collect import collect
from trading_cli.app.replayed import take_in
from trading_cli.app.settings import load
from trading_cli.app.simulate import make_home
from trading_cli.app.toolkit import build
from trading_cli.core.errors import UsageError
from trading_cli.simulator import running
from trading_cli.simulator.replay import Replay
from trading_cli.store import Store

DAILY = (
    "gamma_markets_raw_2026-03-11/*.json.gz",
    "gamma_markets_raw_2026-02_wom/*.json.gz",
    "wire_samples_2026-02/*.json.gz",
    "ws_market_channel_mlb_2025-06/*_books.jsonl.gz",
    "clob_history_12h_elections/*.gz",
)
WHOLE = (*DAILY, "btc_daily_range_1min/*.gz", "mixed_resolved_10min_2026-01/*.gz")
GAME = "ws_market_channel_mlb_2025-06/*kc-tex*_books.jsonl.gz"
SIMULATE = (sys.executable, "-m", "trading_cli", "simulate")
Rows = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def recording(shared_data, tmp_path_factory) -> Path:
    """Return a folder with all recordings but the two large sets of series."""
    return _linked(shared_data, DAILY, tmp_path_factory.mktemp("recording"))


@pytest.fixture(scope="module")
def told(recording, tmp_path_factory) -> dict[str, Any]:
    """Return what was said when that recording was taken in."""
    home = tmp_path_factory.mktemp("home") / "taken"
    return take_in(recording, home, progress=lambda _text: None)


@pytest.fixture(scope="module")
def rows(told) -> Iterator[Rows]:
    """Return what asks the database that it was taken into."""
    yield from _asking(Path(told["home"]))


def test_every_recorded_market_is_stored_or_refused_by_name(rows, told, recording):
    """1,783 objects of 1,781 ids: each a market under its own id and tokens; none refused."""
    raws = _gamma_objects(recording)
    assert len(raws) == 1783
    stored = {row[0]: row[1:] for row in rows("SELECT venue_id, yes_token, no_token FROM markets")}
    refused = {json.loads(raw)["id"] for (raw,) in rows("SELECT raw FROM refusals")}
    tally = Counter("stored" if raw["id"] in stored else "refused" for raw in raws)
    assert tally == {"stored": 1783}
    assert not refused
    for raw in raws:
        assert list(stored[raw["id"]]) == json.loads(raw["clobTokenIds"])
    assert len({raw["id"] for raw in raws}) == 1781
    assert all(row["recorded"] == row["store"] for row in told["sums"])
    assert len(stored) == told["markets"]


def test_what_has_no_listing_got_one_that_says_so(rows, told):
    """Every listing that is none of the recorded ones is marked in question and tags."""
    found = [
        json.loads(zlib.decompress(body)) for (body,) in rows("SELECT body FROM listing_versions")
    ]
    made = [one for one in found if "synthetic" in one.get("tags", ())]
    assert {one["id"] for one in made} == {
        one["id"] for one in found if one["question"].startswith("[synthetic listing]")
    }
    assert len({one["condition_id"] for one in made}) == len(made) == told["markets"] - 1801


def test_every_recorded_book_is_in_the_database(rows, recording):
    """All 1,641, level by level: a YES book itself, a NO book as the mirror of the YES book."""
    pairs = dict(rows("SELECT yes_token, no_token FROM markets"))
    yes_of = {no: yes for yes, no in pairs.items()}
    kept = {}
    for yes, at, packed in rows(
        "SELECT m.yes_token, b.event_time, b.levels FROM books b JOIN markets m ON m.id = b.market"
    ):
        book = json.loads(zlib.decompress(packed))
        kept.setdefault((yes, at), []).append((_levels(book["bids"]), _levels(book["asks"])))
    tally = Counter()
    for path in sorted(recording.rglob("*_books.jsonl.gz")):
        for row in _lines(path):
            sides = [
                _levels((one["price"], one["size"]) for one in row[s]) for s in ("bids", "asks")
            ]
            token = row["asset_id"]
            if token in yes_of:
                sides = [{1 - price: size for price, size in side.items()} for side in sides[::-1]]
            else:
                assert token in pairs
            place = (yes_of.get(token, token), int(row["timestamp"]) // 1000)
            assert tuple(sides) in kept[place], (row["market_slug"], row["hash"])
            tally["no" if token in yes_of else "yes"] += 1
            tally["one_sided" if not all(sides) else "two_sided"] += 1
    assert tally == {"yes": 820, "no": 821, "one_sided": 108, "two_sided": 1533}


def test_no_stored_quote_is_crossed_and_each_has_its_book(rows):
    """830 instants and the last book of 11 markets once more; one quote and one book of each."""
    assert rows("SELECT count(*) FROM books") == rows("SELECT count(*) FROM quotes") == [(841,)]
    assert rows("SELECT count(*) FROM quotes WHERE bid >= ask") == [(0,)]
    one_sided = rows("SELECT count(*) FROM quotes WHERE bid IS NULL OR ask IS NULL")[0][0]
    two_sided = rows("SELECT count(*) FROM quotes WHERE bid < ask")[0][0]
    assert one_sided + two_sided == 841
    assert one_sided >= 54
    off = "SELECT count(*) FROM quotes WHERE pair_gap IS NULL OR pair_gap <> 0"
    sided = f"{off} AND bid IS NOT NULL AND ask IS NOT NULL"
    assert rows(sided) == [(0,)]


def test_recorded_replies_of_prices_are_loaded_once_each_without_now(rows, recording):
    """Each series' distinct times and prices, jitter and all, less the point stamped "now"."""
    counts = {}
    for path in sorted(recording.rglob("clob_prices-history*.json.gz")):
        raw = [(point["t"], point["p"]) for point in _load(path)["history"]]
        name = path.name.removesuffix(".json.gz").replace("=", "-")
        body = f"[synthetic listing] {name}"
        stored = _series(rows, _token_of(rows, body))
        assert stored == sorted(set(raw[:-1])), name
        counts[name.removeprefix("clob_prices-history_")] = (len(raw), len(stored))
    assert counts == {
        "interval-1h": (62, 61),
        "interval-1d": (1440, 1439),
        "interval-1w_fidelity-5": (2013, 2012),
        "interval-1m_fidelity-10": (4456, 4455),
    }


def test_recorded_series_of_resolved_and_open_markets_are_loaded(rows, recording):
    """The 12-hour series of the first outcome of 73 markets, as recorded; open ones less now."""
    firsts = {token for (token,) in rows("SELECT yes_token FROM markets")}
    seen, without_now = 0, 0
    for path in recording.rglob("prices_by_tag.jsonl.gz"):
        for row in _lines(path):
            if row["token_id"] not in firsts:
                continue
            raw = sorted({(point["t"], point["p"]) for point in row["history"]})
            asked = datetime.fromisoformat(row["fetched_at"]).timestamp()
            points = [pair for pair in raw if pair[0] < asked - 300]
            assert _series(rows, row["token_id"]) == points
            seen += 1
            without_now += len(points) < len(raw)
    assert seen == 73
    assert 0 < without_now < 73


def test_recorded_trades_are_loaded(rows, recording):
    """The 100 trades of the sample, once each, of the markets that it names."""
    raw = [row for path in recording.rglob("data-api_trades*.json.gz") for row in _load(path)]
    stored = rows(
        "SELECT m.condition_id, t.outcome, t.price, t.event_time FROM trades t"
        " JOIN markets m ON m.id = t.market"
    )
    expected = Counter(
        (r["conditionId"], r["outcomeIndex"], round(r["price"] * 1_000_000), r["timestamp"])
        for r in raw
    )
    assert Counter(stored) == expected
    assert len(stored) == 100


@pytest.mark.nightly
def test_the_whole_recording_comes_in(shared_data, tmp_path):
    """With the 502 series of one and of ten minutes: every point of every series, to the digit."""
    told = take_in(shared_data, tmp_path / "home", progress=lambda _text: None)
    sums = {row["what"]: (row["recorded"], row["store"]) for row in told["sums"]}
    assert all(one == other for one, other in sums.values()), sums
    for ask in _asking(tmp_path / "home"):
        seen = 0
        for folder in ("btc_daily_range_1min", "mixed_resolved_10min_2026-01"):
            for token, points in _recorded_series(ask, shared_data / folder).items():
                assert _series(ask, token) == sorted(set(points))
                seen += len(points)
        assert seen == 568_440 + 217_083


def test_one_ordinary_collection_sees_every_listing_and_the_last_books(recording, tmp_path):
    """With this machine's own clock, as a person does it: all markets, 11 books of 22 tokens."""
    replay = Replay(recording)
    with running.start(replay, limits=False, now=replay.recording_time()) as server:
        config = make_home(tmp_path / "home", server.url)
        with build(config) as toolkit:
            report = collect(toolkit, progress=lambda _text: None, all_markets=True, talk=False)
    assert report.counts["listed"] == report.counts["markets"] == len(replay.listing(0.0))
    assert report.sources["polymarket.listing"].refused == 0
    assert (report.sources["polymarket.books"].fetched, report.counts["quotes"]) == (22, 11)


def test_the_command_brings_a_recording_in(shared_data, tmp_path):
    """`simulate --replay --into` ends 0 and shows sums that agree, for one game's 14 books."""
    folder = _linked(shared_data, (GAME,), tmp_path / "recorded")
    asked = ["--json", "--replay", str(folder), "--into", str(tmp_path / "home")]
    done = subprocess.run(
        [*SIMULATE, *asked], cwd=tmp_path, env=_apart(tmp_path), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert {row["what"]: row["store"] for row in data["sums"]} == {
        "listings, stored or refused": 1,
        "books by market and instant": 7,
        "points": 0,
        "trades": 0,
    }
    assert data["home"] == str(tmp_path / "home")


def test_the_command_makes_a_home_and_stops_its_clock(shared_data, tmp_path):
    """`--home` writes settings that ask the very server; `--at` is the time that it tells."""
    folder = _linked(shared_data, (GAME,), tmp_path / "recorded")
    asked = ["--replay", str(folder), "--port", "0", "--home", str(tmp_path / "home")]
    with subprocess.Popen(
        [*SIMULATE, *asked, "--at", "2025-06-19T12:00Z"],
        cwd=tmp_path,
        env=_apart(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        url = child.stdout.readline().strip()
        with urlopen(f"{url}/_control/clock", timeout=10) as reply:  # noqa: S310  # ours
            told = json.load(reply)
        child.terminate()
    assert told == {"now": datetime(2025, 6, 19, 12, tzinfo=UTC).timestamp()}
    written = load(tmp_path / "home" / "config.yaml", env={})
    assert written.settings.data_collection.polymarket.gamma_url == f"{url}/gamma"


def test_a_home_in_use_is_not_taken(tmp_path):
    """A folder that holds anything is refused before a byte is written."""
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        make_home(tmp_path, "http://127.0.0.1:1")


def _linked(source: Path, patterns: tuple[str, ...], to: Path) -> Path:
    """Return *to* with links to the files of *source* that match."""
    for pattern in patterns:
        for path in sorted(source.glob(pattern)):
            there = to / path.parent.name
            there.mkdir(parents=True, exist_ok=True)
            (there / path.name).symlink_to(path)
    return to


def _apart(folder: Path) -> dict[str, str]:
    """Return an environment whose state is kept in *folder*."""
    return {**os.environ, "XDG_STATE_HOME": str(folder / "state")}


def _asking(home: Path) -> Iterator[Rows]:
    with Store.reader(home / "data" / "trading.db") as store, store.reading() as look:
        yield lambda question, *values: list(look.execute(question, values))


def _gamma_objects(folder: Path) -> list[Any]:
    pages = [_load(path)["markets"] for path in sorted(folder.rglob("markets_page_*.json.gz"))]
    arrays = [_load(path) for path in sorted(folder.rglob("gamma_markets.json.gz"))]
    return [raw for batch in (*pages, *arrays) for raw in batch]


def _levels(pairs: Any) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(size) for price, size in pairs}


def _series(rows: Rows, token: str) -> list[tuple[int, float]]:
    return rows(
        "SELECT p.event_time, p.price FROM points p JOIN markets m ON m.id = p.market"
        " WHERE m.yes_token = ? AND p.outcome = 0 ORDER BY 1",
        token,
    )


def _token_of(rows: Rows, question: str) -> str:
    """Return the YES token of the market with *question*."""
    for token, body in rows(
        "SELECT m.yes_token, v.body FROM markets m JOIN listing_versions v ON v.market = m.id"
    ):
        if json.loads(zlib.decompress(body))["question"] == question:
            return str(token)
    raise LookupError(question)


def _recorded_series(rows: Rows, folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the raw points of *folder* by YES token."""
    slugs = {
        json.loads(zlib.decompress(body))["slug"]: token
        for token, body in rows(
            "SELECT m.yes_token, v.body FROM markets m JOIN listing_versions v ON v.market = m.id"
        )
    }
    listed = {
        row.get("market_id") or row["market_slug"]: row for row in _table(folder / "markets.csv.gz")
    }
    found: dict[str, list[tuple[int, float]]] = {}
    for point in _table(folder / "prices.csv.gz"):
        row = listed[point.get("market_id") or point["market_slug"]]
        token = row.get("yes_token_id") or slugs[row["market_slug"]]
        found.setdefault(token, []).append((int(float(point["t"])), float(point["p"])))
    return found


def _load(path: Path) -> Any:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return json.load(file)


def _lines(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _table(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
