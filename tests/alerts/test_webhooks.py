"""The channels that post: what they send, how it is signed, and where they may go."""

import hashlib
import hmac
import ipaddress
import json
import socket
from datetime import UTC, datetime

import pytest
from hostile import TITLES  # beside this
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from trading_cli.alerts import Message, MessageRefused
from trading_cli.alerts.discord import Discord
from trading_cli.alerts.slack import Slack
from trading_cli.alerts.webhook import Webhook
from trading_cli.core.errors import SourceDown, SourceError, SourceRefused, SourceThrottled
from trading_cli.core.outbound import Address, public
from trading_cli.domain import Notice, Severity

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIGNING = "canary-signing-secret"
PATH = "/services/T0/CANARY-path"


def message(text: str = "Bought 5 YES") -> Message:
    """Return a message of one notice."""
    notice = Notice("fill:1", "position", Severity.INFO, text, NOON, facts={"order": "o1"})
    return Message(
        "fill:1", "position", "info", critical=False, text=text, at=NOON, notices=(notice,)
    )


def address(server: HTTPServer, name: str = "webhook", timeout: float = 3.0) -> Address:
    """Return the server's address, allowed though it is on this machine."""
    return Address(name, server.url_for(PATH), allow_private=True, timeout=timeout)


def bodies(server: HTTPServer) -> list[dict]:
    """Return what was posted."""
    return [json.loads(request.get_data()) for request, _ in server.log]


def test_a_webhook_is_signed(httpserver: HTTPServer):
    """Whoever knows the secret can check that it is ours and when it was sent."""
    seen: list[Request] = []

    def take(request: Request) -> Response:
        seen.append(request)
        stamp = request.headers["X-Trading-Timestamp"]
        raw = stamp.encode() + b"." + request.get_data()
        good = hmac.new(SIGNING.encode(), raw, hashlib.sha256).hexdigest()
        return Response(
            status=200 if request.headers["X-Trading-Signature"] == f"sha256={good}" else 403
        )

    httpserver.expect_request(PATH, method="POST").respond_with_handler(take)
    Webhook(address(httpserver).post, secret=SIGNING, now=lambda: NOON).send(message())
    assert seen[0].headers["X-Trading-Timestamp"] == str(int(NOON.timestamp()))
    assert seen[0].headers["X-Trading-Key"] == "fill:1"
    with pytest.raises(SourceRefused):
        Webhook(address(httpserver).post, secret=SIGNING[1:], now=lambda: NOON).send(message())


def test_a_webhook_tells_each_notice(httpserver: HTTPServer):
    """Programs get what people get, with the facts."""
    httpserver.expect_request(PATH).respond_with_data("")
    Webhook(address(httpserver).post, secret=None, now=lambda: NOON).send(message())
    (told,) = bodies(httpserver)
    assert told["schema"] == "trading.alert/1"
    assert told["notices"][0]["facts"] == {"order": "o1"}
    assert told["notices"][0]["created_at"] == NOON.isoformat()


def test_discord_mentions_nobody_and_splits_at_2000(httpserver: HTTPServer):
    """Every hostile title goes through, in parts that fit, with all mentions off."""
    httpserver.expect_request(PATH).respond_with_data("", 204)
    channel = Discord(address(httpserver, "discord").post)
    for title in (*TITLES[::20], "*" * 5000):
        channel.send(message(title))
    told = bodies(httpserver)
    assert all(one["allowed_mentions"] == {"parse": []} for one in told)
    assert all(len(one["content"]) <= 2000 for one in told)
    assert len(told) > len(TITLES[::20]) + 4


def test_slack_has_no_markup(httpserver: HTTPServer):
    """No mention, no link, no preview."""
    httpserver.expect_request(PATH).respond_with_data("ok")
    Slack(address(httpserver, "slack").post).send(message("<!channel> *b* <http://e|x>"))
    (told,) = bodies(httpserver)
    assert told["text"].startswith("&lt;!channel&gt; *b* &lt;http://e|x&gt;")
    assert told["mrkdwn"] is False
    assert told["unfurl_links"] is False


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, SourceRefused), (302, SourceRefused), (400, MessageRefused), (401, SourceRefused),
        (403, SourceRefused), (404, SourceRefused), (408, SourceDown), (413, MessageRefused),
        (422, MessageRefused), (425, SourceDown), (429, SourceThrottled), (500, SourceDown),
        (503, SourceDown),
    ],
)  # fmt: skip
def test_each_answer_means_what_to_do(httpserver: HTTPServer, status, kind):
    """And no error holds the address, which is a secret."""
    headers = {"Retry-After": "17", "Location": httpserver.url_for("/elsewhere")}
    httpserver.expect_request(PATH).respond_with_data("no <b>way</b>", status, headers)
    for made in (Slack, Discord):
        with pytest.raises(SourceError) as told:
            made(address(httpserver, "slack").post).send(message())
        assert type(told.value) is kind
        assert "CANARY" not in f"{told.value!r} {told.value.hint}"
        if kind is SourceThrottled:
            assert told.value.retry_after == 17
    assert {request.path for request, _ in httpserver.log} == {PATH}


def test_an_answer_that_never_ends_is_left(httpserver: HTTPServer):
    """A megabyte of answer is cut at 64 KB; one that does not come is given up in time."""
    httpserver.expect_request(PATH).respond_with_data("x" * 1_000_000, 500)
    with pytest.raises(SourceDown):
        Slack(address(httpserver).post).send(message())
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        post = Address("slack", url, allow_private=True, timeout=0.2).post
        with pytest.raises(SourceDown, match="no answer in time"):
            Slack(post).send(message())
    with pytest.raises(SourceDown, match="could not connect"):
        Slack(post).send(message())


def test_plain_tls_to_a_server_without_it_fails_as_such(httpserver: HTTPServer):
    """Https where http is spoken: said as TLS, not as a bug."""
    url = httpserver.url_for(PATH).replace("http://", "https://")
    with pytest.raises(SourceDown, match="TLS failed"):
        Address("slack", url, allow_private=True, timeout=2).post(b"{}", {})


PRIVATE = (
    "127.0.0.1", "127.1.2.3", "0.0.0.1", "10.0.0.1", "172.16.5.4", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "198.18.0.1", "192.0.2.5",
    "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1",
    "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2001:db8::1",
    "2001:0:7f00:1::", "fec0::1",
)  # fmt: skip
PUBLIC = ("1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808",
    "::ffff:8.8.8.8", "2002:808:808::",
)  # fmt: skip


@pytest.mark.parametrize("number", PRIVATE)
def test_a_private_number_is_never_connected_to(number):
    """Loopback, private, link-local, shared, multicast, and any of them dressed up as another."""
    assert not public(ipaddress.ip_address(number))


@pytest.mark.parametrize("number", PUBLIC)
def test_a_public_number_is_allowed(number):
    """The open Internet is what a webhook is for."""
    assert public(ipaddress.ip_address(number))


TRICKS = (
    "http://hooks.example.com/x", "ftp://x/y", "file:///etc/passwd", "gopher://x", "//host/x", "",
    "https://", "https:///x", "https://user:pw@host/x", "https://user@host/x",
    "javascript:alert(1)",
    "https://127.0.0.1/x", "https://127.1/x", "https://2130706433/x", "https://0x7f000001/x",
    "https://0177.0.0.1/x", "https://0/x", "https://[::1]/x", "https://[::ffff:127.0.0.1]/x",
    "https://localhost/x", "https://[::]/x", "https://127.0.0.1:99999/x", "https://a b/x",
    "https://ho\u200bst/x", "https://h\u00f6st/x", "https://host/\r\nX: y", "https://host\\@x/",
    "https://%31%32%37.0.0.1/x", "https://[::1%25lo]/x", "https://127.0.0.1.:443/x",
)  # fmt: skip


@pytest.mark.parametrize("url", TRICKS)
def test_a_tricky_address_is_refused(url, monkeypatch):
    """Before a byte is sent, however the system's resolver reads it: as this machine, mostly."""
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _h, *r, **o: real("127.0.0.1", *r, **o))
    with pytest.raises(SourceRefused) as told:
        Address("webhook", url, allow_private=False, timeout=1).post(b"{}", {})
    assert len(url) < 10 or url not in f"{told.value} {told.value.hint}"


def test_only_https_leaves_this_network():
    """Said as such, so that a person knows what to correct."""
    with pytest.raises(SourceRefused, match="must begin with https://"):
        Address("webhook", "http://93.184.216.34/x", allow_private=False)


def test_a_name_that_changes_its_mind_gains_nothing(httpserver: HTTPServer, monkeypatch):
    """The number that was checked is the one connected to: the name is looked up once."""
    httpserver.expect_request(PATH).respond_with_data("")
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host, *rest, **options):
        asked.append(str(host))
        return real("127.0.0.1" if len(asked) == 1 else "::1", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = f"http://rebinding.invalid:{httpserver.port}{PATH}"
    answer = Address("webhook", url, allow_private=True, timeout=2).post(b"{}", {})
    assert answer.status == 200
    assert [name for name in asked if name == "rebinding.invalid"] == ["rebinding.invalid"]


def test_a_name_of_which_one_number_is_private_is_refused(monkeypatch):
    """A mixture of public and private numbers is a trick, too."""
    both = ("1.1.1.1", "10.0.0.1")
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in both]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: found)
    with pytest.raises(SourceRefused, match="private network"):
        Address("webhook", "https://mixed.invalid/x", allow_private=False).post(b"{}", {})
