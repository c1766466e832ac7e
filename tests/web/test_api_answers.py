"""What the API answers: the same data as the commands, by their schemas; views of its own."""

import json
import sqlite3
from datetime import datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from reading import Api, asking, told  # beside this

from trading_cli.app.correlate import correlate
from trading_cli.core.clock import FrozenClock
from trading_cli.core.schemas import data_schema, schema_of
from trading_cli.web.api import create_app

FORMATS = FormatChecker(())

# address, command line; {decision}, {order} and {market} are of the demo's home
SAME = (
    ("status", "status"),
    ("kill", "kill status"),
    ("markets", "markets"),
    ("markets?q=WILL&sort=question&limit=3", "markets --search WILL --sort question --limit 3"),
    ("signals", "signal"),
    ("signals/{market}", "signal --market {market}"),
    ("decisions/{decision}", "explain {decision}"),
    ("decisions/{order}", "explain {order}"),
    ("positions", "positions"),
    ("journal", "journal list"),
    ("journal?kind=fill&limit=2", "journal list --kind fill --limit 2"),
    ("journal?since=1s", "journal list --since 1s"),
    ("journal/1", "journal show 1"),
    ("journal/{order}", "journal show {order}"),
    ("performance", "journal stats"),
    ("performance?by=tier", "journal stats --by tier"),
    ("risk", "portfolio exposure"),
    ("quality", "quality-check"),
    ("quality?since=2h", "quality-check --since 2h"),
    ("alerts", "alerts list"),
    ("alerts?state=sent&limit=3", "alerts list --state sent --limit 3"),
    ("logs", "logs"),
    ("logs?lines=3&level=info&component=cycle", "logs -n 3 --level info --component cycle"),
    ("calibration", "calibrate"),
    ("trials", "trials"),
    ("trials?kind=backtest", "trials --kind backtest"),
    ("news", "news"),
    ("news?since=6h&limit=2", "news --since 6h --limit 2"),
    ("readiness", "readiness"),
)
OWN = (
    "session", "sparklines", "markets/{market}", "decisions", "ledger", "equity", "runs",
    "correlations", "backtests",
)  # fmt: skip


@pytest.fixture(scope="module")
def ids(demo_home: Path) -> dict[str, str]:
    """Return an id of each kind there is in the demo's home."""
    with sqlite3.connect(demo_home.parent / "data" / "trading.db") as file:
        (order,) = file.execute("SELECT id FROM orders ORDER BY placed_at LIMIT 1").fetchone()
        decision, market = file.execute(
            "SELECT id, market FROM decisions WHERE purpose = 'entry' ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    file.close()
    return {"order": order, "decision": decision, "market": market}


def _checked(envelope: dict, name: str) -> None:
    Draft202012Validator(schema_of(name), format_checker=FORMATS).validate(envelope)


@pytest.mark.parametrize(("path", "words"), SAME)
def test_an_address_answers_what_its_command_prints(api, demo_home, ids, path, words):
    """The same data, the same warnings, under the same name."""
    reply = api.get(path.format(**ids))
    assert reply.status_code == 200, reply.text
    printed = told(*words.format(**ids).split(), "--config", str(demo_home))
    envelope = reply.json()
    assert envelope["data"] == printed["data"]
    assert envelope["warnings"] == printed["warnings"]
    assert envelope["schema"] == printed["schema"]
    _checked(envelope, envelope["schema"].removeprefix("trading.").removesuffix("/1"))


def test_health_examines_the_same_parts(api, demo_home):
    """Free memory moves between two looks; which part is how does not."""
    printed = told("health", "--config", str(demo_home))["data"]["parts"]
    seen = api.data("health")["parts"]
    assert [(one["part"], one["state"]) for one in seen] == [
        (one["part"], one["state"]) for one in printed
    ]


@pytest.mark.parametrize("path", OWN)
def test_a_view_of_the_api_alone_is_what_its_schema_says(api, ids, path):
    """Each has its own schema; not a field more or less."""
    envelope = api.get(path.format(**ids)).json()
    name = envelope["schema"].removeprefix("trading.").removesuffix("/1")
    assert name.startswith("api.")
    _checked(envelope, name)
    only_data = Draft202012Validator(data_schema(name))
    assert not only_data.is_valid(envelope["data"] | {"more": 1})
    assert not only_data.is_valid(dict(list(envelope["data"].items())[1:]))


def test_one_market_agrees_with_the_commands(api, demo_home, ids):
    """Its rules, its quote and what moved are the commands' own; its series end in this slot."""
    seen = api.data(f"markets/{ids['market']}?hours=3")
    listed = told("markets", "--config", str(demo_home))["data"]["markets"]
    row = next(one for one in listed if one["id"] == ids["market"])
    assert {name: seen[name] for name in ("bid", "ask", "mid", "age_s", "score", "panel")} == {
        name: row[name] for name in ("bid", "ask", "mid", "age_s", "score", "panel")
    }
    rules = told("markets", "--rules", ids["market"], "--config", str(demo_home))
    assert seen["rules"] == rules["data"]["rules"]
    assert len(seen["quotes"]) <= 12
    assert seen["quotes"][-1]["mid"] == seen["mid"]
    assert seen["now"]["rvr"] == seen["indicators"]["rvr"][-1]
    assert seen["book"]["bids"][0]["price"] == seen["bid"]
    assert seen["decisions"][0]["id"] == ids["decision"]


def test_a_market_is_found_by_its_condition_too(api, ids, demo_home):
    """Whoever holds the chain's id need not know the venue's."""
    with sqlite3.connect(demo_home.parent / "data" / "trading.db") as file:
        (condition,) = file.execute(
            "SELECT condition_id FROM markets WHERE venue_id = ?", (ids["market"],)
        ).fetchone()
    file.close()
    assert api.data(f"markets/{condition}")["id"] == ids["market"]


def test_sparklines_are_a_day_of_slots_of_the_markets_asked_for(api, ids):
    """96 numbers each, the newest last and as quoted; unknown ids are left out."""
    told_of = api.data(f"sparklines?ids={ids['market']},nonsense,{ids['market']}")["markets"]
    assert [one["id"] for one in told_of] == [ids["market"]]
    assert len(told_of[0]["mids"]) == 96
    quoted = api.data(f"markets/{ids['market']}")
    assert told_of[0]["mids"][-1] == pytest.approx(quoted["mid"])
    assert told_of[0]["now"] == quoted["now"]
    assert len(api.data("sparklines")["markets"]) > 3


def test_the_strip_says_what_came_of_each_slot(api, demo_home):
    """One cell a slot, the present one last; before the first run there is nothing to miss."""
    strip = api.data("runs?slots=40")
    assert len(strip["slots"]) == 40
    assert {one["state"] for one in strip["slots"][:20]} == {"NONE"}
    states = [one["state"] for one in strip["slots"] if one["run"] is not None]
    with sqlite3.connect(demo_home.parent / "data" / "trading.db") as file:
        (slots,) = file.execute("SELECT count(DISTINCT slot) FROM runs").fetchone()
    file.close()
    assert len(states) == slots
    assert set(states) <= {"OK", "PARTIAL"}
    assert strip["slots"][-1]["coverage"] == pytest.approx(1, abs=0.5)
    assert strip["newest"]["steps"]


def test_the_ledger_adds_up(api):
    """Its lines sum to zero in each transfer, and to the balances by account."""
    lines = api.data("ledger?limit=500")["lines"]
    held = api.data("ledger")["balances"]
    transfers: dict[str, float] = {}
    accounts: dict[str, float] = {}
    for one in lines:
        transfers[one["transfer"]] = transfers.get(one["transfer"], 0) + one["amount"]
        accounts[one["account"]] = accounts.get(one["account"], 0) + one["amount"]
    assert all(abs(total) < 1e-6 for total in transfers.values())
    for name, total in accounts.items():
        assert held[name] == pytest.approx(total, abs=1e-6)
    for name in accounts:
        told = api.data(f"ledger?limit=500&account={name}")
        assert told["total"] == len(told["lines"]) == sum(x["account"] == name for x in lines)
    cash = api.data("positions")["totals"]["cash"]
    assert held["cash"] == pytest.approx(cash)


def test_equity_ends_where_status_is(api):
    """The last mark is the account's, however few points are asked for."""
    account = api.data("status")["account"]
    for points in (2, 3, 500):
        seen = api.data(f"equity?points={points}")
        assert len(seen["marks"]) <= points
        assert seen["marks"][-1]["equity"] == pytest.approx(account["equity"])
    last = seen["marks"][-1]
    assert seen["result"] == pytest.approx(last["equity"] - seen["opening"] - last["flows"])
    later = api.data("equity?since=2100-01-01")
    assert (later["marks"], later["result"]) == ([], seen["result"])


def test_decisions_can_be_narrowed(api):
    """By what was done and why: all that are there have it."""
    bought = api.data("decisions?action=BUY&limit=500")["decisions"]
    assert bought
    assert {one["action"] for one in bought} == {"BUY"}
    reason = api.data("decisions?limit=1")["decisions"][0]["reason"]
    some = api.data(f"decisions?reason={reason}")["decisions"]
    assert {one["reason"] for one in some} == {reason}


def test_kept_correlations_are_what_the_command_answered(own_home, moment):
    """The newest family is told again word for word, and asking for it is no look at the data."""
    found = correlate(own_home, clock=FrozenClock(moment))
    with asking(create_app(own_home, {})) as api:
        for _ in range(2):
            seen = api.data("correlations")["family"]
            assert seen["looks"] == found["looks"]
    from trading_cli.core.envelope import plain

    assert seen == plain(found)
    family = data_schema("api.correlations")["properties"]["family"]
    alone = data_schema("correlate")
    assert family["properties"] == alone["properties"]
    assert family["required"] == alone["required"]


def test_a_kept_backtest_is_what_the_command_answered(own_home):
    """The list has it in a few words, its own address has all of it."""
    printed = told("backtest", "--fees", "zero", "--config", str(own_home))["data"]
    with asking(create_app(own_home, {})) as api:
        (row,) = api.data("backtests")["backtests"]
        assert row["id"] == printed["run"]
        assert row["sentence"] == printed["sentence"]
        assert api.data(f"backtests/{row['id']}") == json.loads(json.dumps(printed))
        assert api.get("backtests/999").status_code == 404


def test_a_home_without_a_database_answers_too(tmp_path: Path, standing_still: datetime):
    """What can be said is said with a warning; what cannot is a refusal with the way out."""
    del standing_still
    (tmp_path / "config.yaml").write_text("{}\n")
    (tmp_path / "config.yaml").chmod(0o600)
    with asking(create_app(tmp_path / "config.yaml", {})) as api:
        for path in (*OWN, *(path for path, _ in SAME)):
            if "{" in path:
                continue
            reply = api.get(path)
            assert reply.status_code in {200, 404, 503}, path
            if reply.status_code == 503:
                assert reply.headers["retry-after"]
                assert reply.json()["hint"]
            elif reply.status_code == 200:
                name = reply.json()["schema"].removeprefix("trading.").removesuffix("/1")
                _checked(reply.json(), name)
        assert api.get("markets/1").status_code == 404
    assert not (tmp_path / "data").exists()


def test_nothing_of_statistics_is_loaded_for_the_first_page(api: Api):
    """What the page asks first needs neither pandas nor statsmodels."""
    import subprocess
    import sys

    del api
    seen = "sys.modules.keys() & {'pandas', 'statsmodels', 'arch', 'telegram'}"
    code = (
        "import sys, trading_cli.web.api;"
        "from trading_cli.app.asked import market, pictures, rows, strip;"
        "from trading_cli.app import overview, positions, alerting, portfolio, release;"
        f"print(sorted({seen}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_what_the_api_repeats_of_a_command_has_the_command_s_schema():
    """Who changes what a command answers changes it here as well."""
    market = data_schema("api.market")["properties"]
    positions = data_schema("positions")["properties"]["positions"]["items"]
    assert market["positions"]["items"] == positions
    moved = data_schema("news")["properties"]["markets"]["items"]
    assert market["moved"]["properties"] == moved["properties"]
    rules = data_schema("markets")["properties"]["rules"]
    assert market["rules"]["properties"] == rules["properties"]
    signal = data_schema("signal")["properties"]["decisions"]["items"]["properties"]
    for told_of in (market["decisions"], market["signals"],
                    data_schema("api.decisions")["properties"]["decisions"]):  # fmt: skip
        assert signal.items() <= told_of["items"]["properties"].items()
    assert market["settlement"] == data_schema("explain")["properties"]["settlement"]
