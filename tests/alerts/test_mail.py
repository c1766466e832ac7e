"""E-mail by SMTP: what is sent, and what each refusal means."""

import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from trading_cli.alerts import EmailSection, Message, MessageRefused
from trading_cli.alerts.mail import Mail
from trading_cli.core.errors import SourceDown, SourceRefused

CANARY = "canary-password"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Session(socketserver.StreamRequestHandler):
    """Just enough of a mail server; ``replies`` overrides what a command is answered."""

    def handle(self) -> None:
        """Serve one client."""
        server: Post = self.server  # type: ignore[assignment]
        self.say("220 here")
        while line := self.rfile.readline():
            word = line.split()[0].decode().upper()
            server.heard.append(line.decode().strip())
            if word == "DATA" and "DATA" not in server.replies:
                self.say("354 go")
                server.mails.append(self.body())
                self.say(server.replies.get("END", "250 taken"))
            elif word == "EHLO":
                self.say("250-here\r\n250 AUTH PLAIN")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say(server.replies.get(word, "250 ok"))

    def body(self) -> bytes:
        """Return the mail up to the lone dot."""
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line)
        return b"".join(lines)

    def say(self, text: str) -> None:
        """Answer."""
        self.wfile.write(f"{text}\r\n".encode())


class Post(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it got."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.heard: list[str] = []
        self.mails: list[bytes] = []
        self.replies: dict[str, str] = {}


@pytest.fixture
def post() -> Iterator[Post]:
    """Return a mail server on loopback."""
    with Post() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


def mail_to(post: Post, **more) -> Mail:
    """Return the channel."""
    section = EmailSection(
        enabled=True, host="127.0.0.1", port=post.server_address[1], encryption="none",
        sender="bot@example.org", to="me@example.org", **more,
    )  # fmt: skip
    return Mail(section, password=CANARY, timeout=3)


def message(text: str, *, critical: bool = True) -> Message:
    """Return a message."""
    return Message("kill:1", "kill", "error", critical, text, NOON)


def test_a_mail_says_what_it_is_about(post):
    """Subject, body, key, and an id that is the same when it is sent again."""
    first = mail_to(post).send(message("STOPPED\nlevel 4"))
    again = mail_to(post).send(message("STOPPED\nlevel 4"))
    told = message_from_bytes(post.mails[0], policy=policy.default)
    assert told["Subject"] == "! trading kill: STOPPED level 4"
    assert told.get_content().splitlines() == ["STOPPED", "level 4", "", "[kill:1]"]
    assert first.reference == again.reference == told["Message-ID"]


def test_a_title_cannot_add_a_header(post):
    """Line breaks in a title stay out of the head."""
    mail_to(post).send(message("x\r\nBcc: evil@example.org\r\n\r\nbody"))
    told = message_from_bytes(post.mails[0], policy=policy.default)
    assert told["Bcc"] is None
    assert not [line for line in post.heard if "evil" in line]


@pytest.mark.parametrize(
    ("replies", "more", "kind"),
    [
        ({"RCPT": "550 no such user"}, {}, SourceRefused),
        ({"RCPT": "451 later"}, {}, SourceRefused),
        ({"END": "554 spam"}, {}, MessageRefused),
        ({"END": "452 full"}, {}, SourceDown),
        ({"MAIL": "421 bye"}, {}, SourceDown),
        ({"AUTH": "535 no"}, {"user": "bot"}, SourceRefused),
    ],
)
def test_each_refusal_means_what_to_do(post, replies, more, kind):
    """The password is in none of them."""
    post.replies = replies
    with pytest.raises(SourceDown if kind is SourceDown else SourceRefused) as told:
        mail_to(post, **more).send(message("x"))
    assert type(told.value) is kind
    assert "canary" not in repr(told.value)


def test_nobody_there():
    """A closed port: try again later."""
    section = EmailSection(host="127.0.0.1", port=9, encryption="none", sender="a@b", to="c@d")
    with pytest.raises(SourceDown):
        Mail(section, password=None, timeout=1).send(message("x"))
