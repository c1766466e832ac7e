"""The pretend Telegram is as strict as the real one, and remembers what it was told."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from trading_cli.simulator import running
from trading_cli.simulator.bot_api import BURST, CHAT, GROUP_A_MINUTE, TOKEN, Flood
from trading_cli.simulator.world import World

GROUP = -1004242


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return a running exchange, Telegram's limits in force."""
    with running.start(World(7, 2)) as server:
        yield server.url


@pytest.fixture(autouse=True)
def empty(url) -> None:
    """Begin each test anew."""
    control(url, method="DELETE")


def ask(where: str, body: bytes | None = None, kind: str = "application/json", method=None):
    """Return (status, answer)."""
    request = urllib.request.Request(where, body, {"Content-Type": kind}, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def control(url: str, told=None, method=None):
    """Tell or ask the control route."""
    body = None if told is None else json.dumps(told).encode()
    return ask(f"{url}/_control/telegram", body, method=method)


def send(url: str, token: str = TOKEN, **fields):
    """Send a message as JSON."""
    given = {"chat_id": CHAT, "text": "hi"} | fields
    return ask(f"{url}/telegram/bot{token}/sendMessage", json.dumps(given).encode())


def test_a_message_is_taken_as_json_or_as_a_form(url):
    """The answer is the message, with its number; both are remembered."""
    status, told = send(url)
    assert (status, told["ok"], told["result"]["text"]) == (200, True, "hi")
    form = f"chat_id={CHAT}&text=a%20b&disable_notification=true".encode()
    kind = "application/x-www-form-urlencoded"
    status, told = ask(f"{url}/telegram/bot{TOKEN}/sendMessage", form, kind)
    assert told["result"]["message_id"] == 2
    kept = control(url)[1]["sent"]
    assert [(one["text"], one["silent"]) for one in kept] == [("hi", False), ("a b", True)]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"chat_id": 99}, 400, "chat not found"),
        ({"chat_id": ""}, 400, "chat_id is empty"),
        ({"text": " "}, 400, "text is empty"),
        ({"text": "x" * 4097}, 400, "too long"),
        ({"text": "😀" * 2049}, 400, "too long"),
        ({"text": "a_b", "parse_mode": "MarkdownV2"}, 400, "can't parse entities"),
        ({"token": "nonsense"}, 404, "Not Found"),
    ],
)
def test_what_telegram_refuses_is_refused(url, fields, status, words):
    """With its own words, and nothing is kept."""
    got, told = send(url, **fields)
    assert (got, told["ok"], told["error_code"]) == (status, False, status)
    assert words in told["description"]
    assert control(url)[1]["sent"] == []


def test_a_longest_message_is_taken(url):
    """4,096 code units, markup as plain text, any method's case."""
    assert send(url, text="x" * 4096)[0] == 200
    assert send(url, text="<b>*_`[")[0] == 200
    assert ask(f"{url}/telegram/bot{TOKEN}/getme")[1]["result"]["is_bot"]
    assert ask(f"{url}/telegram/bot{TOKEN}/deleteEverything")[0] == 404


def test_a_token_may_be_wrong(url):
    """401, as for a token that @BotFather took back."""
    control(url, {"tokens": ["1:other"]})
    assert send(url) == (
        401,
        {"ok": False, "error_code": 401, "description": "Unauthorized"},
    )


def test_faults_come_when_and_as_often_as_told(url):
    """Also the cruel one: the message is taken, and the answer is an error."""
    control(url, {"faults": [{"code": 429, "retry_after": 7, "skip": 1}]})
    assert send(url)[0] == 200
    status, told = send(url)
    assert (status, told["parameters"]) == (429, {"retry_after": 7})
    control(url, {"faults": [{"code": 500, "taken": True}]})
    assert send(url, text="ghost")[0] == 500
    assert control(url)[1]["sent"][-1]["text"] == "ghost"
    assert control(url, {"faults": [{"nonsense": 1}]})[0] == 422


def test_a_group_gets_twenty_a_minute(url):
    """The twenty-first is told how long to wait."""
    control(url, {"chats": [GROUP]})
    answers = [send(url, chat_id=GROUP)[0] for _ in range(GROUP_A_MINUTE + 1)]
    assert answers == [200] * GROUP_A_MINUTE + [429]


def test_a_burst_is_allowed_and_then_one_a_second():
    """As documented: short bursts pass, a flood does not."""
    flood = Flood()
    waits = [flood.wait(100.0, group=False) for _ in range(BURST + 2)]
    assert waits == [0] * BURST + [1, 1]
    assert flood.wait(101.0, group=False) == 0
    assert flood.wait(101.5, group=False) == 1


def test_updates_wait_until_they_are_confirmed(url):
    """An offset forgets what was before it; numbers may be chosen, to replay one."""
    control(url, {"updates": [{"chat": CHAT, "text": "/a"}, {"chat": 7, "text": "/b"}]})
    polls = f"{url}/telegram/bot{TOKEN}/getUpdates"
    first = ask(polls)[1]["result"]
    assert [one["message"]["text"] for one in first] == ["/a", "/b"]
    assert ask(polls)[1]["result"] == first
    assert ask(f"{polls}?offset={first[1]['update_id']}")[1]["result"] == first[1:]
    assert ask(f"{polls}?offset={first[1]['update_id'] + 1}")[1]["result"] == []
    control(url, {"updates": [{"chat": CHAT, "text": "/a", "update_id": 5}]})
    assert ask(polls)[1]["result"][0]["update_id"] == 5
