"""Hostile text becomes harmless, and long text is cut without losing any of it."""

import re
import unicodedata

import pytest
from hostile import TITLES  # beside this
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.alerts.discord import escaped as for_discord
from trading_cli.alerts.slack import escaped as for_slack
from trading_cli.alerts.text import JOINER, clean, split, units, untappable

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}


def test_there_are_two_hundred_titles():
    """The corpus is as large as it was asked to be."""
    assert len(TITLES) >= 150
    assert len(set(TITLES)) == len(TITLES)


@pytest.mark.parametrize("text", TITLES)
def test_a_hostile_title_keeps_only_what_can_be_seen(text):
    """No control, bidi, zero-width or half character is left."""
    cleaned = clean(text)
    assert not [c for c in cleaned if c != "\n" and unicodedata.category(c) in UNSEEN]
    assert "Will it" in cleaned


@given(st.text(max_size=500))
def test_cleaning_twice_is_cleaning_once(text):
    """Whatever the text."""
    assert clean(clean(text)) == clean(text)


COMMAND = re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}")
MENTION = re.compile(r"(?<![\w/])[@#][A-Za-z0-9_]+")


@given(st.text(max_size=300) | st.text("/@# .(x\n", max_size=60))
def test_nothing_can_be_tapped(text):
    """Whatever the text: no app finds a command, a mention or a tag in it."""
    safe = untappable(clean(text))
    assert not COMMAND.search(safe)
    assert not MENTION.search(safe)


def test_an_address_stays_whole():
    """A link to the rules can still be followed."""
    text = "rules: https://polymarket.com/event/will-it-rain"
    assert untappable(text) == text
    assert JOINER in untappable("tap /kill")


@given(st.text(max_size=400), st.integers(60, 200))
def test_parts_fit_and_nothing_is_lost(text, limit):
    """Whatever the text and limit: each part fits with its foot, and no character is lost."""
    foot = "[key:1]"
    parts = split(text, limit, foot=foot)
    assert all(units(part) <= limit and part.endswith(f"\n{foot}") for part in parts)
    bodies = [part.removesuffix(f"\n{foot}") for part in parts]
    if len(parts) > 1:
        heads = [f"({at}/{len(parts)})\n" for at in range(1, len(parts) + 1)]
        assert all(body.startswith(head) for body, head in zip(bodies, heads, strict=True))
        bodies = [body.removeprefix(head) for body, head in zip(bodies, heads, strict=True)]
    assert "".join(bodies).replace("\n", "") == text.replace("\n", "")


def test_a_text_of_the_limit_is_one_part():
    """4,096 code units are one message, one more are two; a smiley counts two."""
    assert len(split("x" * 4096, 4096)) == 1
    assert len(split("x" * 4097, 4096)) == 2
    assert len(split("😀" * 2048, 4096)) == 1
    assert len(split("😀" * 2049, 4096)) == 2


def test_discord_shows_markup_as_it_was_typed():
    """Each character that could format, mention or link is escaped; a plain address is not."""
    assert for_discord("*b* [a](b) <@1> @here") == r"\*b\* \[a\]\(b\) \<\@1\> \@here"
    assert for_discord("see https://polymarket.com/event/a-b") == (
        "see https://polymarket.com/event/a-b"
    )


def test_slack_sees_no_control_character():
    """The three characters that begin a mention or a link are escaped."""
    assert for_slack("<!channel> & <https://e|x>") == "&lt;!channel&gt; &amp; &lt;https://e|x&gt;"
