"""Who somebody is: the page's session with its CSRF token, the owner's token, failed attempts."""

import hmac
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import cookie_parser

COOKIE = "trading_session"
CSRF = "x-csrf-token"
LASTS_S = 12 * 3600
ATTEMPTS = 5
WITHIN_S = 60.0
_CLIENTS = 1_000
_ENDED = 10_000


@dataclass(frozen=True, slots=True)
class Session:
    """One browser's: its id, and the mark of the token its owner has shown, "" for none."""

    id: str
    mark: str = ""


class Door:
    """Signs sessions with a key of this process alone, and counts failed tokens by client."""

    def __init__(self) -> None:
        key = secrets.token_bytes(32)
        self._signer = URLSafeTimedSerializer(key, salt="session")
        self._key = key
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def session_of(self, headers: Mapping[str, str]) -> Session | None:
        """Return the session whose cookie a request carries; ``None`` where it is not one of ours.

        One that was ended, or is older than twelve hours, is none.
        """
        try:
            found = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
            name, mark = self._signer.loads(found, max_age=LASTS_S)
        except (BadData, ValueError, TypeError):
            return None
        return None if name in self._ended else Session(name, mark)

    def begin(self, token: str = "") -> Session:
        """Return a new session, of one who has shown *token*."""
        return Session(secrets.token_urlsafe(16), self._mark(token))

    def knows(self, session: Session | None, token: str) -> bool:
        """Return whether the owner of *session* has shown *token*, which is needed now."""
        return session is not None and bool(token) and same(session.mark, self._mark(token))

    def _mark(self, token: str) -> str:
        """Return what a session keeps of a token: nobody without our key can try others on it."""
        told = f"token:{token}".encode()
        return hmac.new(self._key, told, sha256).hexdigest() if token else ""

    def end(self, session: Session) -> None:
        """Make *session* worth nothing from now on."""
        self._ended[session.id] = None
        while len(self._ended) > _ENDED:
            self._ended.popitem(last=False)

    def cookie_of(self, session: Session, *, secure: bool) -> str:
        """Return the header Set-Cookie that gives a browser *session*."""
        value = self._text(session)
        kept = f"{COOKIE}={value}; Path=/; Max-Age={LASTS_S}; HttpOnly; SameSite=Strict"
        return f"{kept}; Secure" if secure else kept

    def _text(self, session: Session) -> str:
        text = self._signer.dumps((session.id, session.mark))
        return text if isinstance(text, str) else text.decode()

    def csrf_of(self, session: Session) -> str:
        """Return what a write of this session must carry in X-CSRF-Token."""
        told = f"csrf:{session.id}:{session.mark}".encode()
        return hmac.new(self._key, told, sha256).hexdigest()

    def is_csrf(self, session: Session, given: str) -> bool:
        """Return whether *given* is the session's token, in constant time."""
        return same(given, self.csrf_of(session))

    def barred_s(self, client: str, most: int = ATTEMPTS) -> int:
        """Return for how many seconds no token of *client* is looked at: 0, it may try.

        *most* wrong ones within a minute are too many.
        """
        times = self._failed.get(client)
        if times is None:
            return 0
        now = time.monotonic()
        while times and now - times[0] >= WITHIN_S:
            times.popleft()
        return int(times[0] + WITHIN_S - now) + 1 if len(times) >= most else 0

    def failed(self, client: str, most: int = ATTEMPTS) -> None:
        """Count a wrong token of *client*, of which *most* are too many."""
        self._failed.setdefault(client, deque(maxlen=most)).append(time.monotonic())
        self._failed.move_to_end(client)
        while len(self._failed) > _CLIENTS:
            self._failed.popitem(last=False)


def same(given: str, wanted: str) -> bool:
    """Return whether two secrets are equal, in a time that tells nothing of either."""
    left, right = (sha256(text.encode("utf-8", "replace")).digest() for text in (given, wanted))
    return hmac.compare_digest(left, right)
