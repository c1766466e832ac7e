"""A Discord channel's webhook: all markup escaped, nobody mentioned, nothing unfolded."""

import re

from trading_cli.alerts import Delivered, Message
from trading_cli.alerts.posting import Post, as_json, posted
from trading_cli.alerts.text import clean, split
from trading_cli.core.foreign import clean_text

NAME = "discord"
LONGEST = 2000
NO_EMBEDS = 4
_MARKUP = re.compile(r"([\\*_~`|>#\-\[\]()<:@])")


class Discord:
    """One webhook. *post* sends the bytes to it."""

    name = NAME

    def __init__(self, post: Post) -> None:
        self._post = post

    def send(self, message: Message) -> Delivered:
        """Send *message* in as many parts as it takes."""
        foot = escaped(f"[{clean_text(message.key, 120)}]")
        parts = split(escaped(clean(message.text)), LONGEST, foot=foot)
        for part in parts:
            told = {"content": part, "allowed_mentions": {"parse": []}, "flags": NO_EMBEDS}
            posted(NAME, self._post, as_json(told), {})
        return Delivered(message.key, len(parts))

    def close(self) -> None:
        """Nothing is held open."""


def escaped(text: str) -> str:
    """Return *text* so that Discord shows it as it is; an address stays one."""
    return " ".join(
        word if re.fullmatch(r"https://[\w./?=&%~+-]+", word) else _MARKUP.sub(r"\\\1", word)
        for word in text.split(" ")
    )
