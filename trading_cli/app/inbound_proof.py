"""Who sent a message, and what it says: proof first, then the strictest reading of the words.

The sender signs with the secret both know:

    X-Trading-Timestamp   whole seconds since 1970, within 300 s of our clock
    X-Trading-Nonce       16 to 128 letters, digits, "-" and "_", never used before
    X-Trading-Signature   sha256=HEX, HMAC-SHA256 of "TIMESTAMP.NONCE." and the body's very bytes

Nothing of the body is read before the signature is right.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from trading_cli.app.inbound_settings import NAME
from trading_cli.core.errors import TradingError
from trading_cli.core.foreign import clean_text, instant_of
from trading_cli.domain import Token, from_epoch

MOST_BYTES = 16_384
WINDOW_S = 300
LEAST_SECRET = 16
MOST_NOTE = 500
STAMP, NONCE, SIGNATURE = "x-trading-timestamp", "x-trading-nonce", "x-trading-signature"
HOW = (
    "sign TIMESTAMP.NONCE.BODY with HMAC-SHA256; headers X-Trading-Timestamp, X-Trading-Nonce,"
    " X-Trading-Signature: sha256=HEX"
)
_STAMP = re.compile(r"[0-9]{1,11}")
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,128}")
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")
_SAID = 3


class Refused(TradingError):
    """A message from outside that was not taken; ``status`` is the HTTP status that says so."""

    status: ClassVar[int] = 400
    code = "inbound_refused"


class Absent(Refused):
    """No messages are taken: there is no secret to know their sender by."""

    status = 503
    code = "inbound_absent"


class Forged(Refused):
    """The signature is missing or not ours."""

    status = 401
    code = "inbound_signature"


class Late(Refused):
    """It was signed too long ago, or in the future."""

    status = 401
    code = "inbound_timestamp"


class TooLarge(Refused):
    """The body has too many bytes."""

    status = 413
    code = "inbound_too_large"


class Unreadable(Refused):
    """The body is signed, and not what it must be."""

    status = 422
    code = "inbound_unreadable"


class Opinion(BaseModel):
    """The body: what *source* gives as the probability that *token* of *market* pays.

    market        the venue's id, the condition id, or the slug
    said_at       ISO 8601 with its zone; the signature's time where left out
    valid_hours   how long it is meant to hold; as set where left out, never longer
    note          for people; kept as plain text
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    source: str = Field(pattern=NAME)
    market: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,299}$")
    probability: float = Field(gt=0, lt=1)
    token: Literal["YES", "NO"] = "YES"  # noqa: S105  # a market's
    said_at: str | None = Field(None, max_length=40)
    valid_hours: float | None = Field(None, gt=0, le=720)
    note: str = Field("", max_length=4000)

    @property
    def of_yes(self) -> float:
        """Return the probability of YES."""
        yes = self.probability if self.token == Token.YES.value else 1 - self.probability
        return min(max(yes, 1e-9), 1 - 1e-9)

    @property
    def words(self) -> str:
        """Return the note without what cannot be seen."""
        return clean_text(self.note, MOST_NOTE)


class Proven(BaseModel):
    """A message whose sender is known: its nonce, when it was signed and said, and the body."""

    model_config = ConfigDict(frozen=True)

    nonce: str
    signed_at: datetime
    said_at: datetime
    told: Opinion
    digest: bytes


def signature(secret: str, stamp: str, nonce: str, body: bytes) -> str:
    """Return what the signature header must say of *body*."""
    signed = f"{stamp}.{nonce}.".encode() + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def prove(
    secret: SecretStr | None, headers: Mapping[str, str], body: bytes, now: datetime
) -> Proven:
    """Return what *body* says and that its sender holds the *secret*. Raises a ``Refused``."""
    key = _secret(secret)
    if len(body) > MOST_BYTES:
        raise TooLarge(f"the body has {len(body)} bytes; {MOST_BYTES} are taken.")
    given = {name.lower(): value for name, value in headers.items()}
    stamp, nonce = given.get(STAMP, ""), given.get(NONCE, "")
    said = given.get(SIGNATURE, "")
    shaped = _STAMP.fullmatch(stamp) and _NONCE.fullmatch(nonce) and _SIGNATURE.fullmatch(said)
    if not shaped or not hmac.compare_digest(signature(key, stamp, nonce, body), said):
        raise Forged("the signature is missing or wrong.", hint=HOW)
    signed_at = from_epoch(int(stamp))
    if abs(now - signed_at) > timedelta(seconds=WINDOW_S):
        raise Late(
            f"it was signed at {signed_at:%Y-%m-%d %H:%M:%S} UTC, here it is {now:%H:%M:%S}:"
            f" more than {WINDOW_S} s apart.",
            hint="set the sender's clock, and sign anew for every attempt",
        )
    told = _read(body)
    digest = hashlib.sha256(body).digest()
    at = _said_at(told, signed_at, now)
    return Proven(nonce=nonce, signed_at=signed_at, said_at=at, told=told, digest=digest)


def _secret(secret: SecretStr | None) -> str:
    key = "" if secret is None else secret.get_secret_value()
    if len(key) < LEAST_SECRET:
        what = "is not set" if not key else f"is shorter than {LEAST_SECRET} characters"
        raise Absent(
            f"no opinions are taken: TRADING_INBOUND_SECRET {what}.",
            hint="put one into secrets.env (mode 0600), or into the environment and restart",
        )
    return key


def _said_at(told: Opinion, signed_at: datetime, now: datetime) -> datetime:
    """Return when it was said, at most *now*. Raises Unreadable for what is no time, or to come."""
    at = signed_at if told.said_at is None else instant_of(told.said_at)
    if at is None:
        raise Unreadable("said_at is no ISO 8601 time with its zone, as 2026-03-01T12:00:00Z.")
    if at > now + timedelta(seconds=WINDOW_S):
        raise Unreadable(f"said_at lies in the future: here it is {now:%Y-%m-%d %H:%M:%S} UTC.")
    return min(at, now)


def _read(body: bytes) -> Opinion:
    """Return the body as what it must be. Raises Unreadable with every part that is not."""
    try:
        told = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is no JSON that can be taken: {_line(error)}.") from None
    try:
        return Opinion.model_validate(told)
    except ValidationError as error:
        wrong = [
            f"{'.'.join(str(part)[:40] for part in one['loc']) or 'the body'}: {one['msg']}"
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        more = f"; {len(wrong) - _SAID} more" if len(wrong) > _SAID else ""
        raise Unreadable(clean_text("; ".join(wrong[:_SAID]) + more, 400)) from None


def _line(error: Exception) -> str:
    return clean_text(str(error), 120) or "nested too deep"


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object, each name once: of two, nobody could say which was meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")
