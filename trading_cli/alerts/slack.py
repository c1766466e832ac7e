"""A Slack incoming webhook: plain text, nobody mentioned, nothing unfolded."""

from trading_cli.alerts import Delivered, Message
from trading_cli.alerts.posting import Post, as_json, posted
from trading_cli.alerts.text import clean, split
from trading_cli.core.foreign import clean_text

NAME = "slack"
LONGEST = 3000


class Slack:
    """One webhook. *post* sends the bytes to it."""

    name = NAME

    def __init__(self, post: Post) -> None:
        self._post = post

    def send(self, message: Message) -> Delivered:
        """Send *message* in as many parts as it takes."""
        foot = escaped(f"[{clean_text(message.key, 120)}]")
        parts = split(escaped(clean(message.text)), LONGEST, foot=foot)
        for part in parts:
            told = {
                "text": part,
                "mrkdwn": False,
                "parse": "none",
                "link_names": False,
                "unfurl_links": False,
                "unfurl_media": False,
            }
            posted(NAME, self._post, as_json(told), {})
        return Delivered(message.key, len(parts))

    def close(self) -> None:
        """Nothing is held open."""


def escaped(text: str) -> str:
    """Return *text* with the three characters that Slack reads as control escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
