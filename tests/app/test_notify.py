"""What is queued is told: in order, critical first, never late, never too much, never lost."""

import itertools
import json
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from postbox import MINUTE, NOON, Office, control, in_order  # beside this
from pytest_httpserver import HTTPServer

from trading_cli.alerts import TelegramSection
from trading_cli.app import notify
from trading_cli.domain import Notice, Severity
from trading_cli.simulator import running
from trading_cli.simulator.bot_api import CHAT, TOKEN
from trading_cli.simulator.world import World
from trading_cli.store import deliveries, outbox


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return where the pretend Telegram is."""
    with running.start(World(7, 2), limits=False, now=NOON.timestamp()) as server:
        yield server.url


@pytest.fixture
def office(tmp_path, url) -> Iterator[Office]:
    """Return an empty queue with one chat."""
    made = Office(tmp_path, url)
    yield made
    made.store.close()


@pytest.fixture
def two(tmp_path, url, httpserver: HTTPServer) -> Iterator[Office]:
    """Return an empty queue with a chat, and a webhook for when it fails."""
    made = Office(tmp_path, url, hook=httpserver.url_for("/hook"))
    httpserver.expect_request("/hook", method="POST").respond_with_data("")
    yield made
    made.store.close()


def hooked(server: HTTPServer) -> list[str]:
    """Return the keys the webhook received."""
    return [json.loads(request.data)["key"] for request, _ in server.log]


def test_critical_ones_go_first_and_each_kind_keeps_its_order(office):
    """Whatever the order of queueing, the critical are told first; the rest oldest first."""
    for key in ("a", "b"):
        office.put(key)
    office.put("k1", "kill", critical=True)
    office.put("c")
    office.put("k2", "risk", critical=True)
    report = office.tell()
    assert office.told() == ["k1", "k2", "a", "b", "c"]
    assert (report.sent, report.waiting) == (5, 0)
    assert set(office.states().values()) == {"SENT"}


def test_nothing_is_told_twice(office):
    """A second go finds nothing to do."""
    office.put("a")
    office.tell()
    assert office.tell().sent == 0
    assert office.told() == ["a"]


def test_one_message_a_second_and_twenty_a_minute(office):
    """Neither in a second nor in a minute does a chat get more than it may."""
    for at in range(30):
        office.put(f"k{at}", f"kind{at}", critical=True)
    office.tell_until(NOON + 3 * MINUTE)
    with office.store.reading() as look:
        times = [one.at.timestamp() for one in deliveries.sent(look, NOON)]
    assert len(times) == 30
    assert all(b - a >= 1 for a, b in itertools.pairwise(times))
    assert all(b - a >= 59 for a, b in zip(times, times[20:], strict=False))
    assert len(office.clock.slept) > 20


def test_limits_hold_across_processes(office):
    """What another process sent a moment ago counts."""
    office.put("a", critical=True)
    office.tell()
    office.put("b", critical=True)
    office.tell()
    assert sum(office.clock.slept) >= 1


@pytest.mark.parametrize("critical", [True, False])
def test_many_of_a_kind_become_one_message(office, critical):
    """More than five of a kind are one message that names each; five are five."""
    for at in range(7):
        office.put(f"f{at}", "position", critical=critical)
    for at in range(5):
        office.put(f"r{at}", "risk", critical=True)
    office.tell()
    (one,) = [text for text in office.texts() if "7 x position" in text]
    assert all(f"[f{at}]" in one for at in range(7))
    assert len(office.texts()) == 6


def test_six_a_day_and_the_rest_in_the_digest(office):
    """The seventh message that is not critical waits for tomorrow's digest."""
    for at in range(8):
        office.put(f"n{at}", f"kind{at}" if at else "risk", text=f"news {at}")
    office.section = office.section.model_copy(
        update={"kinds": (*office.section.kinds, *(f"kind{at}" for at in range(8)))}
    )
    report = office.tell()
    assert (report.sent, report.digest) == (6, 2)
    office.put("crit", "risk", critical=True)
    assert office.tell().sent == 1
    office.clock.at = NOON + timedelta(hours=20, minutes=1)  # 08:01 the next day
    office.put("fresh", "risk")
    office.tell()
    digest = office.texts()[-1]
    assert "news 6" in digest
    assert "news 7" in digest
    assert office.states()["n7"] == "DIGESTED"
    assert in_order(["fresh", "digest:2026-03-03"], office.told())


def test_quiet_hours_let_only_the_critical_pass(office):
    """At night the rest waits, and is told in the morning."""
    office.clock.at = NOON.replace(hour=23, minute=30)
    office.put("late")
    office.put("fire", "kill", critical=True)
    report = office.tell()
    assert (office.told(), report.held) == (["fire"], 1)
    office.clock.at = NOON + timedelta(hours=20)
    office.tell()
    assert office.told() == ["fire", "late"]


def test_an_expired_signal_is_never_told(office):
    """Not a moment before its end either, since sending takes its time."""
    office.put("old", "signal", expires_at=NOON)
    office.put("soon", "signal", expires_at=NOON + timedelta(seconds=19))
    office.put("good", "signal", expires_at=NOON + 5 * MINUTE)
    report = office.tell()
    assert office.told() == ["good"]
    assert report.expired == 2
    assert office.states() == {"old": "EXPIRED", "soon": "EXPIRED", "good": "SENT"}


def test_a_signal_that_expires_while_the_channel_fails_is_not_told_after_it(office):
    """An outage longer than the signal's life: the signal is gone, what lasts is told."""
    office.put("sig", "signal", expires_at=NOON + 5 * MINUTE)
    office.put("fill")
    office.faults({"code": 500, "times": 10_000})
    office.tell_until(NOON + 10 * MINUTE)
    office.faults()
    office.tell_until(NOON + 20 * MINUTE)
    assert in_order(["fill"], office.told())
    assert "sig" not in office.told()
    assert office.states()["sig"] == "EXPIRED"


def test_an_expired_signal_is_not_in_the_digest_either(office):
    """What waits for the digest and expires there is dropped from it."""
    office.section = office.section.model_copy(update={"max_per_day": 0})
    office.put("sig", "signal", expires_at=NOON + 30 * MINUTE)
    office.put("fill")
    office.tell()
    assert set(office.states().values()) == {"DIGEST"}
    office.clock.at = NOON + timedelta(hours=21)
    office.tell()
    assert "said fill" in office.texts()[-1]
    assert "said sig" not in office.texts()[-1]
    assert office.states()["sig"] == "EXPIRED"


def test_retry_after_is_kept_to_and_the_order_too(office):
    """429 with retry_after: nothing is sent before, then all in order."""
    office.faults({"code": 429, "retry_after": 35})
    for key in ("a", "b", "c"):
        office.put(key)
    office.tell()
    assert office.told() == []
    office.clock.sleep(10)
    office.tell()
    assert office.told() == []
    office.clock.sleep(30)
    office.tell()
    assert office.told() == ["a", "b", "c"]
    assert [one.tries for one in office.delivery("a")] == [2]


@pytest.mark.parametrize("code", [401, 403, 404, 409, 500, 502])
def test_a_channel_that_refuses_loses_nothing(office, code):
    """Whatever the API answers, the notices wait, and are told in order when it is mended."""
    office.faults({"code": code, "times": 1000})
    for key in ("a", "b"):
        office.put(key)
    report = office.tell()
    assert report.failed >= 1
    assert report.problems
    assert set(office.states().values()) <= {"PENDING"}
    office.faults()
    office.tell_until(office.clock.at + 12 * MINUTE)
    assert in_order(["a", "b"], office.told())
    assert office.told().count("a") == office.told().count("b") == 1


def test_a_message_that_is_refused_does_not_hold_up_the_others(office):
    """400 is about one message: it is dead, and the next one goes."""
    office.faults({"code": 400})
    for key in ("a", "b"):
        office.put(key)
    report = office.tell()
    assert office.told() == ["b"]
    assert (office.states()["a"], report.dead) == ("DEAD", 1)
    with office.store.transaction() as tx:
        assert outbox.revive(tx) == 1
    office.tell()
    assert office.told() == ["b", "a"]


def test_ten_minutes_of_outage_lose_nothing_and_keep_the_order(office):
    """Queued before and during, told after: critical first, each once, oldest first."""
    office.faults({"code": 502, "times": 100_000})
    for at in range(4):
        office.put(f"n{at}", "position" if at % 2 else "risk")
    office.tell_until(NOON + 5 * MINUTE)
    office.put("fire", "kill", critical=True)
    office.tell_until(NOON + 10 * MINUTE)
    assert office.told() == []
    office.faults()
    office.tell_until(NOON + 20 * MINUTE)
    keys = office.told()
    assert keys[0] == "fire"
    assert in_order([f"n{at}" for at in range(4)], keys)
    assert len(keys) == len(set(keys))
    assert (NOON + 20 * MINUTE - office.clock.at) < MINUTE


def test_what_waits_for_one_channel_holds_up_nothing_else(two, httpserver):
    """A critical message only the webhook takes, and it is down: the chat goes on."""
    two.faults({"code": 400})
    httpserver.clear()
    httpserver.expect_request("/hook").respond_with_data("", 503)
    two.put("odd", "risk", critical=True)
    two.tell()
    two.clock.sleep(5)
    two.put("fill")
    two.tell(patience=0)
    assert "fill" in two.told()
    assert two.states()["odd"] == "PENDING"


def test_after_three_failures_the_second_channel_is_used(two, httpserver):
    """The same go: three failures, then the webhook; the chat is asked again later."""
    two.faults({"code": 500, "times": 1000})
    two.put("fire", "kill", critical=True)
    report = two.tell()
    assert hooked(httpserver)[0] == "fire"
    assert (report.failed, report.told) == (3, 2)
    assert httpserver.log[0][0].headers["X-Trading-Signature"].startswith("sha256=")
    two.put("next", "kill", critical=True)
    two.tell()
    assert "next" in hooked(httpserver)
    assert two.told() == []
    two.faults()
    two.clock.sleep(600)
    two.put("well", "kill", critical=True)
    two.tell()
    assert two.told()[0] == "well"


def test_a_channel_that_is_set_up_wrong_is_passed_by_at_once(two, httpserver):
    """A wrong token stays wrong: one failure is enough."""
    two.faults({"code": 401, "times": 1000})
    two.put("fire", "kill", critical=True)
    report = two.tell()
    assert hooked(httpserver)[0] == "fire"
    assert report.failed == 1


def test_a_failing_channel_is_told_through_the_other(two, httpserver):
    """The owner hears once that Telegram refuses, and what to do."""
    two.faults({"code": 403, "times": 1000})
    for at in range(3):
        two.put(f"n{at}")
        two.tell()
        two.clock.sleep(60)
    told = [json.loads(request.data) for request, _ in httpserver.log]
    about = [one for one in told if one["key"].startswith("channel:telegram")]
    assert len(about) == 1
    assert "403" in about[0]["text"]
    assert "/start" in about[0]["text"]


def test_a_critical_one_does_not_wait_out_a_long_retry_after(two, httpserver):
    """Told to wait ten minutes, a critical message takes the other way; the rest waits."""
    two.faults({"code": 429, "retry_after": 600})
    two.put("a", "position")
    two.put("fire", "kill", critical=True)
    two.tell()
    assert hooked(httpserver) == ["fire"]
    two.clock.sleep(700)
    two.tell()
    assert two.told() == ["a"]


def test_nothing_listens_at_all(tmp_path, url):
    """A port nobody listens on is an outage like any other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    telegram = TelegramSection(enabled=True, api_url=f"http://127.0.0.1:{port}", chat_id=CHAT)
    office = Office(tmp_path, url, telegram=telegram)
    office.put("a")
    report = office.tell()
    assert report.problems == ["telegram: could not connect"]
    assert office.states()["a"] == "PENDING"
    office.store.close()


def test_no_channel_keeps_the_queue_and_ages_it(tmp_path, url):
    """Without a channel nothing is lost or sent; what is old waits for the digest."""
    office = Office(tmp_path, url, telegram=TelegramSection())
    office.put("old", at=NOON - timedelta(hours=30))
    office.put("new")
    office.put("crit", critical=True, at=NOON - timedelta(hours=30))
    report = office.tell()
    assert (report.sent, report.on) == (0, ())
    assert office.states() == {"old": "DIGEST", "new": "PENDING", "crit": "PENDING"}
    office.store.close()


def test_a_kind_that_is_not_wanted_is_only_kept(tmp_path, url):
    """Unless it is critical."""
    office = Office(tmp_path, url, kinds=("risk",))
    office.put("a", "position")
    office.put("b", "position", critical=True)
    office.tell()
    assert office.told() == ["b"]
    assert office.states()["a"] == "MUTED"
    office.store.close()


def test_a_flood_of_a_thousand(office):
    """A thousand in a minute become a few messages, and none is lost."""
    with office.store.transaction() as tx:
        for at in range(1000):
            kind = ("position", "risk", "health", "signal")[at % 4]
            outbox.put(tx, Notice(f"n{at}", kind, Severity.INFO, "x", NOON, critical=at % 100 == 0))
    office.tell_until(NOON + 2 * MINUTE)
    assert len(office.texts()) <= 20
    assert set(office.states().values()) == {"SENT"}
    assert "10 x position" in office.texts()[0]


def test_a_condition_is_told_once_when_it_begins_and_once_when_it_ends(office):
    """What flickers is one notice; it is over only after four good looks in a row."""
    looks = [True, False, True, True, True, False, True, False, False, False, False, True, True]
    with office.store.transaction() as tx:
        for at, bad in enumerate(looks):
            now = NOON + at * MINUTE
            notify.watch(tx, "disk", bad=bad, text="the disk is full", now=now)
    with office.store.reading() as look:
        told = [one.notice for one in reversed(outbox.rows(look))]
    assert [one.key.split(":")[1] for one in told] == ["begins", "ends", "begins"]
    assert told[1].text == "Over: the disk is full"


def test_a_hostile_title_is_text_and_no_command_of_ours(office):
    """Markup stays as it was typed, and nothing in it can be tapped as /kill."""
    title = "<b>/kill</b> *x* _y_ `z` [a](http://e) @everyone \u202eevil\u0007"
    office.put("a", text=f"Bought (/kill)\n{title}")
    office.tell()
    (text,) = office.texts()
    assert "<b>/kill</b> *x* _y_ `z` [a](http://e) @\u2060everyone evil" in text
    assert "parse_mode" not in json.dumps(control(office.url))


def test_a_secret_in_a_text_does_not_leave(office):
    """Should a token ever get into a notice, it is masked on its way out."""
    office.put("a", text=f"failed at https://api.telegram.org/bot{TOKEN}/sendMessage")
    office.tell()
    assert TOKEN.split(":")[1] not in office.texts()[0]
