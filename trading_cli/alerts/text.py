"""Hostile text made harmless, and long text cut: titles are written by strangers.

Nothing here is markup: every channel sends plain text, or escapes all of it.
"""

import re
import unicodedata
from collections.abc import Callable

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANKS = re.compile(r"[^\S\n]+")
_MANY_LINES = re.compile(r"\n{3,}")
_TAPPABLE = re.compile(r"((?<![\w/<>])/|(?<![\w/])[@#])(?=\w)")  # as Telegram finds them
JOINER = "\u2060"  # shows nothing; keeps an app from making a command or a mention of what follows
LONGEST = 40_000


def clean(text: str) -> str:
    """Return *text* with visible characters and line ends only; blanks and gaps are narrowed.

    Control, bidi, zero-width, private and unassigned characters and half surrogates go, and at
    most ``LONGEST`` characters stay.
    """
    whole = text[:LONGEST].replace("\r\n", "\n").replace("\t", " ")
    whole = unicodedata.normalize("NFC", whole)
    seen = "".join(_visible(char) for char in whole)
    lines = (_BLANKS.sub(" ", line).strip() for line in seen.split("\n"))
    return _MANY_LINES.sub("\n\n", "\n".join(lines)).strip()


def _visible(char: str) -> str:
    if char == "\n" or (char.isascii() and char.isprintable()):
        return char
    category = unicodedata.category(char)
    return (" " if category in {"Zl", "Zp"} else "") if category in _UNSEEN else char


def untappable(text: str) -> str:
    """Return *text* in which no "/word", "@word" or "#word" can be tapped."""
    return _TAPPABLE.sub(rf"\1{JOINER}", text)


def units(text: str) -> int:
    """Return the length of *text* in UTF-16 code units, as Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def split(
    text: str, limit: int, *, foot: str = "", size: Callable[[str], int] = units
) -> list[str]:
    """Return *text* in parts of at most *limit* by *size*, each ended by *foot*, cut at line ends.

    Several parts are numbered "(1/3)". A line that is too long is cut between characters.
    """
    tail = f"\n{foot}" if foot else ""
    if size(text + tail) <= limit:
        return [text + tail]
    room = limit - size(tail) - len("(999/999)\n")
    if room < 1:
        raise ValueError("the foot leaves no room for the text")
    parts: list[str] = []
    held = ""
    for piece in (bit for line in text.split("\n") for bit in _bits(line, room, size)):
        joined = f"{held}\n{piece}" if held else piece
        if size(joined) > room:
            parts.append(held)
            joined = piece
        held = joined
    parts += [held] if held else []
    return [f"({at}/{len(parts)})\n{part}{tail}" for at, part in enumerate(parts, 1)]


def _bits(line: str, room: int, size: Callable[[str], int]) -> list[str]:
    """Return *line* cut into bits of at most *room*."""
    if size(line) <= room:
        return [line]
    bits: list[str] = []
    held: list[str] = []
    used = 0
    for char in line:
        width = size(char)
        if used + width > room:
            bits.append("".join(held))
            held, used = [], 0
        held.append(char)
        used += width
    return [*bits, "".join(held)]
