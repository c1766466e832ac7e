"""Whatever form a secret takes, it does not get through."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.core.redact import Redactor

SECRETS = st.text(st.characters(codec="utf-8"), min_size=6, max_size=40)
AROUND = st.text(st.characters(codec="ascii"), max_size=20)


@given(SECRETS, AROUND, AROUND)
def test_a_secret_never_comes_through(secret, before, after):
    """Raw, URL-encoded, quoted by Python: whatever stands around it, it is gone."""
    redact = Redactor([secret]).text
    for form in (secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]):
        shown = redact(before + form + after)
        assert form not in shown or form in before + "***" + after
        assert "***" in shown


@given(SECRETS, st.binary(max_size=8), st.binary(max_size=8))
def test_base64_hides_nothing(secret, before, after):
    """At whichever of the three alignments, most of the encoded secret is masked."""
    raw = secret.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(before + raw + after).decode()
        first = -(-len(before) * 8 // 6)
        last = (len(before) + len(raw)) * 8 // 6
        shown = Redactor([secret]).text(encoded)
        assert encoded[first:last] not in shown
        assert "***" in shown


@pytest.mark.parametrize(
    "text",
    [
        "https://api.telegram.org/bot123456:AAH-abc_def/sendMessage",
        "bot123456%3AAAH-abc_def",
        "/BOT123456:AAH-abc_def",
    ],
)
def test_a_bot_token_goes_whatever_it_is(text):
    """An address with a bot's token loses it, though nobody named it a secret."""
    assert "AAH" not in Redactor().text(text)


@given(AROUND)
def test_other_words_stay(text):
    """Without a secret nothing changes."""
    if "bot" not in text.lower():
        assert Redactor(["canary-secret"]).text(text) == text


def test_values_are_redacted_inside():
    """Keys, lists and bytes inside a value lose it, too."""
    got = Redactor(["canary"]).value({"canary": [b"a canary", ("canary", 1)]})
    assert got == {"***": ["a ***", ["***", 1]]}


@given(SECRETS, AROUND, AROUND, st.sampled_from(["", "bot123:abc", "BOT٣٣٣:abc", "\nbot999%3aabc"]))
def test_what_needs_a_mask_is_seen_in_the_json_of_it(secret, before, after, token):
    """Whatever a mask would change, as text or as key, is seen before it is read again."""
    redact = Redactor([secret])
    forms = (secret, quote(secret, safe=""), repr(secret)[1:-1], json.dumps(secret)[1:-1])
    for text in (*(before + form + after for form in forms), f"{before}{token}{after}"):
        for value in (text, {text: 1}, [[text]]):
            if redact.value(value) != value:
                assert redact.may_be_in(json.dumps(value))


def test_what_needs_no_mask_is_not_read_again():
    """Ordinary words and numbers are not looked at twice."""
    told = json.dumps({"question": "Will both bottoms hold? A robot asks", "price": 0.25})
    assert not Redactor(["canary-secret"]).may_be_in(told)
    assert not Redactor().may_be_in(told)
