"""Every part's ping, and the way out of each finding."""

import sqlite3
import threading

import pytest

from trading_cli.app.health import doctor
from trading_cli.app.pings import ping_all
from trading_cli.app.toolkit import Voice

HOSTS = {"gamma", "clob", "data", "gdelt", "google_news", "bluesky", "hacker_news"}
BAD = {"warn", "fail"}


def _examined(home, *, offline=False, env=None):
    """Return the findings about *home* by part; none may be there twice."""
    parts = doctor(home.config, offline=offline, env=env or {}, clock=home.clock)
    names = [part["part"] for part in parts]
    assert len(names) == len(set(names))
    return {part["part"]: part for part in parts}


def test_a_broken_config_is_a_finding_and_the_rest_is_examined(home):
    """Wrong settings do not stop the examination."""
    (home / "config.yaml").write_text("nonsense: 1\n")
    (home / "config.yaml").chmod(0o600)
    parts = {part["part"]: part for part in doctor(None, offline=True)}
    assert parts["config"]["state"] == "fail"
    assert {"disk", "database", "limits", "schedule"} <= set(parts)


def test_every_host_that_is_on_is_asked_once_and_answers(kit):
    """Each has its latency, one request went to each, and X, which is off, was not asked."""
    kit.exchange.control("ledger", method="DELETE")
    parts = _examined(kit)
    pings = {name.removeprefix("ping "): part for name, part in parts.items() if "ping" in name}
    assert set(pings) == {*HOSTS, "x"}
    assert {name for name, part in pings.items() if part["state"] == "ok"} == HOSTS
    assert all(pings[name]["latency_s"] > 0 for name in HOSTS)
    assert pings["x"]["state"] == "off"
    assert parts["clock"]["state"] == "ok"
    assert parts["geoblock"]["evidence"] == "trading is allowed from CH"
    assert _asked(kit) == dict.fromkeys({*HOSTS, "site"}, 1)


def _asked(home):
    """Return how many requests each host got since the ledger was cleared."""
    return {
        name.split(" /")[0]: count["total"]
        for name, count in home.exchange.sent().items()
        if " /" in name and count["total"]
    }


@pytest.mark.parametrize(
    ("fault", "args", "fix"),
    [
        ("server_error", {"status": 503}, "look at the network, then at data_collection.{}."),
        ("server_error", {"status": 403}, "look at data_collection.{}."),
        ("html_page", {}, "look at data_collection.{}."),
        ("storm_429", {"retry_after": 60}, "wait, or lower data_collection.{}.requests_per"),
    ],
)
@pytest.mark.parametrize(
    ("host", "section"), [("gdelt", "gdelt"), ("gamma", "polymarket"), ("data", "polymarket")]
)
def test_a_host_that_fails_is_a_finding_with_its_setting(kit, fault, args, fix, host, section):
    """One host's failure is its own; its fix names the setting that mends it."""
    kit.exchange.faults({"fault": fault, "match": f"/{host}/", "args": args})
    parts = _examined(kit)
    ailing = {name for name, part in parts.items() if "ping" in name and part["state"] in BAD}
    assert ailing == {f"ping {host}"}
    found = parts[f"ping {host}"]
    assert found["evidence"]
    assert found["latency_s"] is None
    assert found["fix"].startswith(fix.format(section))


def test_a_venue_that_is_gone_leaves_the_clock_unknown(make_home):
    """No answer is no comparison, and nobody claims that the clock is right."""
    home = make_home(
        polymarket={
            f"{name}_url": "http://127.0.0.1:9" for name in ("gamma", "clob", "data", "site")
        }
    )
    parts = _examined(home)
    assert parts["clock"]["state"] == "warn"
    assert {parts[f"ping {name}"]["state"] for name in ("gamma", "clob", "data")} == {"fail"}
    assert parts["ping gdelt"]["state"] == "ok"
    assert parts["geoblock"]["state"] == "warn"
    assert "not known" in parts["geoblock"]["evidence"]


def test_a_host_whose_circuit_is_open_is_not_asked_and_says_so(make_home):
    """What was not sent is a warning: the host may be well again."""
    home = make_home(gdelt={"url": "http://127.0.0.1:9", "requests_per_minute": None})
    for _ in range(3):
        found = _examined(home)["ping gdelt"]
    assert found["state"] == "warn"
    assert "failed repeatedly" in found["evidence"]
    assert found["fix"] == "wait a minute, then `trading doctor` again"


class _Stuck:
    """A source that never answers, whatever the deadline says."""

    name = "stuck"

    def __init__(self) -> None:
        self.released = threading.Event()

    def collect(self, wanted):
        """Wait."""
        del wanted
        self.released.wait()
        return iter(())


def test_what_hangs_is_left_behind(kit):
    """Below HTTP no deadline reaches; the others' answers are there all the same."""
    stuck = _Stuck()
    voices = {"stuck": Voice(stuck, kit.toolkit.venue().gamma, 1)}
    found = ping_all(kit.toolkit, voices, patience=0.5)
    assert found["stuck"][1].code == "source_down"
    assert not found["clob"][1].code
    stuck.released.set()


def test_offline_asks_nobody(kit):
    """With --offline not one request leaves."""
    kit.exchange.control("ledger", method="DELETE")
    parts = _examined(kit, offline=True)
    assert parts["hosts"]["state"] == "off"
    assert not any("ping" in name for name in parts)
    assert not _asked(kit)


def test_x_is_not_asked_because_reading_costs(make_home):
    """An examination spends no money."""
    home = make_home(x={"enabled": True, "url": "http://127.0.0.1:9"}, env={"TRADING_X_TOKEN": "k"})
    part = _examined(home, env={"TRADING_X_TOKEN": "k"})["ping x"]
    assert part["state"] == "off"
    assert "costs money" in part["evidence"]


@pytest.mark.parametrize("which", ["database", "limits"])
@pytest.mark.parametrize("text", [b"", b"no database at all" * 400])
def test_a_damaged_file_is_a_finding(kit, which, text):
    """Whatever lies where a file should be, the examination ends and names it."""
    kit.collect()
    kit.toolkit.limiter.close()
    path = kit.database if which == "database" else kit.toolkit.loaded.limits
    path.write_bytes(text)
    parts = _examined(kit, offline=True)
    assert {"config", "disk", "schedule"} <= set(parts)
    if which == "database":
        assert parts["database"]["state"] == "fail"
        assert parts["database"]["fix"]


@pytest.mark.parametrize("table", ["runs", "quote_packs", "source_states", "gaps"])
def test_a_database_that_lacks_a_table_is_a_finding(kit, table):
    """What sqlite says about it becomes the finding's sentence."""
    kit.collect()
    with sqlite3.connect(kit.database) as db:
        db.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    db.close()
    found = _examined(kit, offline=True)["database"]
    assert found["state"] == "fail"
    assert table in found["evidence"]


def test_rows_that_cannot_be_read_are_a_finding(kit):
    """A value that is no JSON any more is named, not raised."""
    kit.collect()
    with sqlite3.connect(kit.database) as db:
        db.execute("UPDATE runs SET numbers = '{broken'")
    db.close()
    assert _examined(kit, offline=True)["database"]["state"] == "fail"


def test_a_database_that_is_gone_is_a_finding(kit):
    """It fails, with the way out, and the examination makes no new one."""
    kit.collect()
    for path in kit.database.parent.glob("trading.db*"):
        path.unlink()
    found = _examined(kit, offline=True)["database"]
    assert found["state"] == "fail"
    assert "it is gone" in found["evidence"]
    assert "put back a copy" in found["fix"]
    assert not kit.database.exists()


def test_a_damaged_database_has_a_way_out_that_is_no_circle(kit):
    """The examination does not send the person to itself."""
    kit.collect()
    kit.database.write_bytes(b"no database at all" * 400)
    found = _examined(kit, offline=True)["database"]
    assert "restore a copy" in found["fix"]
    assert "trading doctor" not in found["fix"] + found["evidence"]


def test_without_a_schedule_a_command_is_named(kit):
    """The fix is a command of ours, not a line that a shell would misread."""
    found = _examined(kit, offline=True)["schedule"]
    assert found["state"] == "ok" or found["fix"].startswith("trading schedule ")
