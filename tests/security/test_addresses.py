"""No address a person or a stranger gave leads into this network, however it is spelt."""

import _socket
import ipaddress
import re
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trading_cli.app import agenda_files, heartbeat
from trading_cli.app.settings import load
from trading_cli.core.errors import SourceError, SourceRefused
from trading_cli.core.outbound import Address, public
from trading_cli.store import Store

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LOOPBACK = (
    "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.0.0.1",
    "0x7f.1", "017700000001", "0177.0.0.1", "0177.1", "00000177.0.0.1", "0", "[::1]",
    "0.0.0.0",  # noqa: S104  # nothing is bound to it
    "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
    "[2001:0:7f00:1::]", "[2606:4700::5efe:7f00:1]",
)  # fmt: skip
INSIDE = (
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518",
    "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
    "[fd00:ec2::254]", "[fe80::1]", "100.64.0.1", "100.100.100.200", "168.63.129.16", "10.0.0.1",
    "012.0.0.1", "172.16.0.1", "192.168.0.1", "192.168.257", "198.18.0.1", "192.0.0.192",
    "224.0.0.1", "255.255.255.255", "240.0.0.1", "[fc00::1]", "[fec0::1]", "[ff02::1]",
    "[3fff::1]", "[5f00::1]", "[2001:db8::1]",
)  # fmt: skip
NAMES = (
    "localhost", "LOCALHOST", "LocalHost.", "localhost.localdomain", "metadata.google.internal",
    "Metadata.Google.Internal.", "rebind.invalid",
)  # fmt: skip
SPELT = (
    "http://93.184.216.34/x", "HTTP://93.184.216.34/x", "ftp://93.184.216.34/x", "file:///etc/passwd",
    "gopher://127.0.0.1/x", "dict://127.0.0.1/x", "//127.0.0.1/x", "https:127.0.0.1/x", "https://",
    "https://u@93.184.216.34/x", "https://u:p@93.184.216.34/x", "https://93.184.216.34@127.0.0.1/x",
    "https://93.184.216.34\\@127.0.0.1/x", "https://93.184.216.34:99999/x",
    "https://93.184.216.34:x/", "https://\uff11\uff12\uff17.0.0.1/x", "https://\u2460\u2461\u2466.0.0.1/",
    "https://loc\u00e4lhost/x", "https://127\u30020.0.1/x", "https://[::1/x", "https://[::1%25lo]/x",
    "https://%31%32%37.0.0.1/x", "https://127.0.0.1%00.example.org/x", "https://a b/x",
    "https://host/\r\nHost: y", "https://host\t/x", "https://ho\u200bst/x", "https://\u202ehost/x",
)  # fmt: skip
TRICKS = (*(f"https://{host}:{{port}}/x" for host in (*LOOPBACK, *INSIDE, *NAMES)), *SPELT)
REFUSED = re.compile("the address (is not|must begin|leads)")
PLACES = ("webhook", "heartbeat", "calendar")


class Door:
    """A server on this machine that counts who knocks, and never answers."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()
        self.port = self._socket.getsockname()[1]
        self.knocks = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                self._socket.accept()[0].close()
            except OSError:
                return
            self.knocks += 1

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return what was connected to; names are read as the system reads numbers, else as inside."""
    seen: list[object] = []
    real = socket.socket.connect

    def connect(self, place):
        seen.append(place)
        return real(self, place)

    def look_up(host, port, *_rest, **options):
        kind = options.get("type", socket.SOCK_STREAM)
        try:
            return _socket.getaddrinfo(host, port, type=kind, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            return [(socket.AF_INET, kind, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return seen


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    """Return a server that must never be knocked at."""
    opened = Door()
    yield opened
    opened.close()


def _send(place: str, url: str, home: Path) -> str:
    """Use *url* as *place* does, and return what was said of it."""
    if place == "heartbeat":
        loaded = load(home / "config.yaml", env={"TRADING_HEARTBEAT_URL": url})
        with Store.open(loaded.database, now=NOW) as store:
            return heartbeat.beat(loaded, store, int(NOW.timestamp()), "OK", NOW)
    try:
        if place == "calendar":
            agenda_files.read(url, "s")
        else:
            Address("webhook", url, allow_private=False, timeout=1).post(b"{}", {})
    except SourceRefused as refused:
        repeated = place == "webhook" and len(url) > 9 and url in f"{refused} {refused.hint}"
        return "the address was repeated" if repeated else refused.message
    return ""


def test_there_are_more_than_sixty_tricks():
    """The corpus is as large as it was asked to be."""
    assert len(set(TRICKS)) >= 60


@pytest.mark.parametrize("place", PLACES)
def test_no_trick_connects_anywhere(place, tried, door, tmp_path):
    """Refused with a sentence, and not one socket is opened: webhook, heartbeat, calendar feed."""
    (tmp_path / "config.yaml").write_text("")
    (tmp_path / "config.yaml").chmod(0o600)
    urls = [url.format(port=door.port) for url in TRICKS]
    urls = [url for url in urls if place != "calendar" or "://" in url]  # else it is a file's name
    let_by = [url for url in urls if not REFUSED.search(_send(place, url, tmp_path))]
    assert let_by == []
    assert tried == []
    assert door.knocks == 0


@pytest.mark.parametrize("host", [*LOOPBACK, *INSIDE])
def test_the_number_behind_the_name_is_what_is_judged(host):
    """Each spelling that the system's own resolver takes is a number that is not public."""
    try:
        found = _socket.getaddrinfo(
            host.strip("[]"), 443, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    except socket.gaierror:
        return
    assert not any(public(ipaddress.ip_address(one[4][0])) for one in found)


def test_a_redirect_into_this_network_is_not_followed(httpserver, door):
    """A server outside may answer 302 to the metadata service: it is an answer, not a way."""
    inside = f"http://127.0.0.1:{door.port}/latest/meta-data"
    for status in (301, 302, 303, 307, 308):
        httpserver.expect_oneshot_request("/x").respond_with_data("", status, {"Location": inside})
        address = Address("webhook", httpserver.url_for("/x"), allow_private=True)
        assert address.post(b"{}", {}).status == status
    assert door.knocks == 0


def test_a_second_look_up_is_never_made(monkeypatch, tried, door):
    """A name that says 'public' first and 'inside' next is asked once, and held to that."""
    asked: list[str] = []

    def rebinding(host, port, *_rest, **_options):
        asked.append(host)
        number = "203.0.114.9" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port))]

    def connect(_self, place):
        tried.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(socket.socket, "connect", connect)
    address = Address("webhook", f"https://rebind.invalid:{door.port}/x", allow_private=False)
    with pytest.raises(SourceError, match="could not connect"):
        address.post(b"{}", {})
    assert (asked, tried) == (["rebind.invalid"], [("203.0.114.9", door.port)])
    with pytest.raises(SourceRefused, match="private network"):
        address.post(b"{}", {})
    assert len(tried) == 1
