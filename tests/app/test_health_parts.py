"""Each finding of the machine and the file: its evidence, its fix, and when it is said."""

import os
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from dealt import NOON, Dealt  # beside this
from prometheus_client.parser import text_string_to_metric_families

from trading_cli.app.health import health, network
from trading_cli.app.health.parts import Patient
from trading_cli.app.health.prometheus import text
from trading_cli.app.heartbeat import beat
from trading_cli.app.runs import held_by, only_run
from trading_cli.app.settings import load
from trading_cli.app.stop import find_place, trip
from trading_cli.app.upkeep.backup import backup
from trading_cli.domain import Notice as Told
from trading_cli.domain import Severity, slot_of
from trading_cli.simulator import running
from trading_cli.simulator.bot_api import CHAT, TOKEN
from trading_cli.simulator.world import World
from trading_cli.store import Store, outbox, pauses, runs

SLOT = timedelta(minutes=15)


@pytest.fixture
def dealt(home: Path) -> Dealt:
    """Return a home with a market seen at noon, and the clock five minutes later."""
    made = Dealt(home)
    made.see(1)
    made.clock.set(NOON + timedelta(minutes=5))
    return made


def parts(dealt: Dealt, **env: str):
    """Return the findings about this machine by part."""
    found = health(dealt.config, env=env, clock=dealt.clock)
    assert len({one["part"] for one in found}) == len(found)
    return {one["part"]: one for one in found}


def collected(store: Store, slots: list[int], state: str = "OK") -> None:
    """Write down that each of *slots* (quarter-hours after noon) was collected."""
    for number in slots:
        at = NOON + number * SLOT
        with store.transaction() as tx:
            start = runs.Start("collection", slot_of(at), at, os.getpid())
            ticket = runs.begin(tx, start, lease=SLOT)
            runs.finish(tx, ticket, state, "", {}, at)


def test_coverage_counts_the_slots_since_the_first(dealt):
    """Of 200 slots two apart are missing: 99 %, fine; three in a row are not."""
    with dealt.store() as store:
        collected(store, [n for n in range(200) if n not in {50, 90}])
    dealt.clock.set(NOON + 200 * SLOT)
    found = parts(dealt)["coverage"]
    assert found["state"] == "ok"
    assert "198 of 200 slots" in found["evidence"]
    assert "longest gap 1 slots" in found["evidence"]
    dealt.clock.set(NOON + 203 * SLOT)
    found = parts(dealt)["coverage"]
    assert (found["state"], found["fix"][:16]) == ("warn", "trading schedule")
    assert "198 of 203" in found["evidence"]


def test_a_failed_and_a_running_cycle_are_told(dealt):
    """FAILED fails with the log as its fix; RUNNING says since when and who."""
    with dealt.store() as store:
        collected(store, [0], "FAILED")
    assert parts(dealt)["cycle collection"]["state"] == "fail"
    with dealt.store() as store, store.transaction() as tx:
        start = runs.Start("collection", slot_of(NOON + SLOT), NOON, 4711)
        runs.begin(tx, start, lease=SLOT)
    assert "since 5 min, process 4711" in parts(dealt)["cycle collection"]["evidence"]
    assert parts(dealt)["cycle analysis"]["state"] == "off"


def test_the_kill_switch_has_its_line(dealt):
    """ARMED is ok; triggered fails with its reason and the way on."""
    assert parts(dealt)["kill switch"]["state"] == "ok"
    place = find_place(dealt.config, {})
    trip(place, level=4, reason="a test", actor="person", now=NOON)
    found = parts(dealt)["kill switch"]
    assert found["state"] == "fail"
    assert "level 4: a test" in found["evidence"]
    assert found["fix"] == "trading kill status"


def test_a_backup_is_missed_then_fresh_then_old(dealt):
    """None: warn; one of today: ok; one of nine days ago: warn."""
    assert parts(dealt)["backup"]["state"] == "warn"
    backup(dealt.config, progress=lambda _text: None)
    dealt.clock.set(datetime.now(UTC))
    assert parts(dealt)["backup"]["state"] == "ok"
    dealt.clock.set(datetime.now(UTC) + timedelta(days=9))
    found = parts(dealt)["backup"]
    assert (found["state"], found["fix"]) == ("warn", "trading db backup")


def test_what_waits_to_be_told_for_long_is_a_warning(dealt):
    """A notice of now is no finding, one of 40 minutes ago is."""
    notice = Told("k", "health", Severity.INFO, "text", NOON)
    with dealt.store() as store, store.transaction() as tx:
        outbox.put(tx, notice)
    assert parts(dealt)["outbox"]["state"] == "ok"
    dealt.clock.set(NOON + timedelta(minutes=40))
    assert parts(dealt)["outbox"]["state"] == "warn"
    assert "40 min" in parts(dealt)["outbox"]["evidence"]


def test_a_pause_of_the_owner_names_the_way_to_lift_it(dealt):
    """Pauses are warnings; only the owner's own has a fix."""
    assert parts(dealt)["pauses"]["state"] == "ok"
    with dealt.store() as store, store.transaction() as tx:
        pauses.pause(tx, "owner", since=NOON, until=None, reason="holiday", actor="owner")
    found = parts(dealt)["pauses"]
    assert (found["state"], found["fix"]) == ("warn", "trading resume")


def test_who_holds_a_lock_is_seen_without_taking_it(dealt):
    """While the collection holds its lock it is named; the look takes nothing from anybody."""
    folder = dealt.database.parent
    assert held_by(folder, "collection") == ""
    with only_run(folder, "collection", NOON):
        assert f"process {os.getpid()}" in held_by(folder, "collection")
        assert "collection: process" in parts(dealt)["locks"]["evidence"]
    assert held_by(folder, "collection") == ""
    with only_run(folder, "collection", NOON):
        pass


CHECK = """
def good(home, database):
    yield {"part": "pool", "state": "warn", "evidence": f"{home.name} is warm", "fix": "open it"}
def bad(home, database):
    raise RuntimeError("no pump")
def odd(home, database):
    yield "nonsense"
"""
POINTS = ("[trading_cli.checks]", "a_good = own_checks:good", "b_bad = own_checks:bad",
          "c_odd = own_checks:odd")  # fmt: skip


def test_checks_of_others_are_asked_and_can_break_nothing(dealt, tmp_path, monkeypatch):
    """An installed package adds findings; one that raises or talks nonsense is a finding itself."""
    packages = tmp_path / "packages"
    info = packages / "own_checks-1.dist-info"
    info.mkdir(parents=True)
    (packages / "own_checks.py").write_text(CHECK)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-checks\nVersion: 1\n")
    (info / "entry_points.txt").write_text("\n".join(POINTS))
    monkeypatch.setattr(sys, "path", [str(packages), *sys.path])
    found = parts(dealt)
    assert found["a_good: pool"]["state"] == "warn"
    assert found["a_good: pool"]["fix"] == "open it"
    assert "no pump" in found["check b_bad"]["evidence"]
    assert "nonsense" in found["check c_odd"]["evidence"]
    assert {found["check b_bad"]["state"], found["check c_odd"]["state"]} == {"fail"}


def test_the_metrics_are_what_prometheus_reads(dealt):
    """Every part has one state that is 1; the numbers are those of the status."""
    found = list(text_string_to_metric_families(text(dealt.config, clock=dealt.clock)))
    by_name = {family.name: family for family in found}
    states = by_name["trading_part_state"].samples
    one = [sample for sample in states if sample.labels["part"] == "kill switch" and sample.value]
    assert [sample.labels["state"] for sample in one] == ["ok"]
    assert by_name["trading_kill_level"].samples[0].value == 0
    assert by_name["trading_newest_quote_age_seconds"].samples[0].value == 302


class Hook(BaseHTTPRequestHandler):
    """Takes a sign of life, or answers as the path says; as the venue's site it lets nobody in."""

    def do_GET(self) -> None:
        """Say that nobody may trade from here."""
        body = b'{"blocked": true, "ip": "127.0.0.1", "country": "DE", "region": "BE"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Keep what came."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(body)  # type: ignore[attr-defined]
        self.send_response(int(self.path.strip("/") or 200))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """Return a service that hears heartbeats on loopback."""
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        server.heard = []  # type: ignore[attr-defined]
        worker = threading.Thread(target=server.serve_forever)
        worker.start()
        yield server
        server.shutdown()
        worker.join()


@pytest.mark.parametrize(
    ("path", "private", "wrong"),
    [("200", True, ""), ("503", True, "answered 503"), ("200", False, "https://")],
)
def test_a_heartbeat_is_sent_and_what_came_of_it_kept(dealt, hook, path, private, wrong):
    """Taken, refused and not allowed: each is a finding; the address is in none of them."""
    dealt.config.write_text(f"alerts: {{allow_private: {str(private).lower()}}}\n")
    url = f"http://127.0.0.1:{hook.server_port}/{path}"
    env = {"TRADING_HEARTBEAT_URL": url}
    assert parts(dealt, **env)["heartbeat"]["state"] == "warn"
    with dealt.store() as store:
        said = beat(load(dealt.config, env=env), store, slot_of(NOON), "OK", dealt.clock.now())
    assert wrong in said
    found = parts(dealt, **env)["heartbeat"]
    assert found["state"] == ("fail" if wrong else "ok")
    assert str(hook.server_port) not in found["evidence"] + said
    assert len(hook.heard) == (0 if not private else 1)
    assert parts(dealt)["heartbeat"]["state"] == "off"


def test_where_the_venue_allows_no_trading_there_is_a_way_to_go_on(dealt, hook):
    """A warning with its fix, like every other: paper needs no permission."""
    dealt.config.write_text(
        "data_collection: {limits_path: limits.db,"
        f" polymarket: {{site_url: 'http://127.0.0.1:{hook.server_port}'}}}}\n"
    )
    patient = Patient(load(dealt.config, env={}), {}, dealt.clock, offline=False)
    (one,) = network.trading_allowed(patient)
    assert (one["state"], one["fix"]) == ("warn", "nothing to mend: stay with `mode: paper`")
    assert "no trading from DE" in one["evidence"]


def test_the_telegram_canary_asks_who_we_are_and_sends_nothing(dealt):
    """A good token answers; a wrong one fails without being shown; offline nobody is asked."""
    world = World(7, 4, start=int(NOON.timestamp()) - 86_400, end=int(NOON.timestamp()) + 86_400)
    with running.start(world, limits=False) as server:
        dealt.config.write_text(
            f"alerts: {{telegram: {{enabled: true, api_url: '{server.url}/telegram',"
            f" chat_id: {CHAT}}}}}\n"
        )
        for token, offline, state in (
            (TOKEN, False, "ok"), ("1:wrong", False, "fail"), (TOKEN, True, "off"),
        ):  # fmt: skip
            env = {"TRADING_TELEGRAM_TOKEN": token}
            patient = Patient(load(dealt.config, env=env), env, dealt.clock, offline)
            (one,) = network.telegram(patient)
            assert one["state"] == state
            assert token not in str(one)
