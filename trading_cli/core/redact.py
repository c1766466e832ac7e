"""Takes secrets out of anything that is about to be written or shown.

A secret is found as it is, URL-encoded, escaped as Python or JSON would, and base64-encoded at
any of the three alignments; a ``bot<token>`` in an address goes whatever the token. Secrets of
fewer than four characters are not looked for: they would black out ordinary words.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 4
_BOT = re.compile(r"(?<![A-Za-z0-9])bot\d{3,}(?::|%3A)[A-Za-z0-9_-]{3,}", re.IGNORECASE)
_BOT_IN_JSON = re.compile(r"bot[\d\\]")  # a digit of another script begins with a backslash


class Redactor:
    """Masks *secrets* in texts and in values made of them."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) >= SHORTEST:
                forms.update(_forms(secret))
        ordered = sorted(forms, key=len, reverse=True)
        self._in_json = tuple(json.dumps(form)[1:-1] for form in ordered)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """Return *text* with every secret replaced by ``***``."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        return _BOT.sub(f"bot{MASK}", text) if "bot" in text.lower() else text

    def may_be_in(self, told: str) -> bool:
        """Return whether anything in the JSON *told* (ASCII) may have to be masked; quick.

        Of False it is certain: JSON writes a text letter by letter, whatever stands around it.
        """
        low = told.lower()
        if "bot" in low and _BOT_IN_JSON.search(low):
            return True
        return any(one in told for one in self._in_json)

    def value(self, value: Any) -> Any:
        """Return *value* with every text inside it redacted; keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes | bytearray):
            return self.text(bytes(value).decode("utf-8", "replace"))
        if isinstance(value, Mapping):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item) for item in value]
        return value


def _forms(secret: str) -> set[str]:
    """Return every spelling of *secret* that is looked for."""
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    lowered = {re.sub("%[0-9A-F]{2}", lambda m: m.group().lower(), form) for form in quoted}
    escaped = {repr(secret)[1:-1], json.dumps(secret)[1:-1], repr(secret.encode())[2:-1]}
    forms = {secret} | quoted | lowered | escaped | _base64_forms(secret.encode())
    return {form for form in forms if len(form) >= SHORTEST}


def _base64_forms(raw: bytes) -> set[str]:
    """Return the part of the base64 text that depends on *raw* alone, at each alignment."""
    forms = set()
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + raw).decode().rstrip("=")
        whole = (shift + len(raw)) * 8 // 6  # characters all of whose bits are known
        core = encoded[-(-shift * 8 // 6) : whole]
        if len(core) >= SHORTEST:
            forms |= {core, core.replace("+", "-").replace("/", "_")}
    return forms
