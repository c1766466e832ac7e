"""The home that is shown: its settings, secrets, clock; loaded once, and when they change."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request

from trading_cli.app.serving import TOKEN, check_reach, check_token
from trading_cli.app.settings import Loaded, load
from trading_cli.core import log
from trading_cli.core.clock import Clock
from trading_cli.core.errors import ConfigError, TradingError
from trading_cli.core.redact import Redactor

_LOOK_EVERY_S = 0.5
_SECRETS = "secrets.env"


class Here:
    """One home. ``loaded`` is never older than half a second; wrong settings keep the last good.

    Settings by which others could read without a token are wrong ones, as at the start: where one
    was needed, one is needed until the end. Raises ConfigError where the settings are wrong at the
    beginning.
    """

    def __init__(self, config: Path | None, env: Mapping[str, str], clock: Clock) -> None:
        self.config = config
        self.env = env
        self.clock = clock
        self._loaded = load(config, env=env)
        self._mask = Redactor(self._loaded.secrets.values())
        self._seen = self._state()
        self._refused = self._seen
        self._looked = time.monotonic()

    @property
    def loaded(self) -> Loaded:
        """Return the settings and secrets."""
        self._look()
        return self._loaded

    @property
    def mask(self) -> Redactor:
        """Return what takes the secrets out of a reply."""
        self._look()
        return self._mask

    def token(self) -> str:
        """Return what a client must show, "" where reading is open."""
        secret = self.loaded.secrets.serve_token
        return "" if secret is None else secret.get_secret_value()

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        state = self._state()
        if state == self._seen:
            return
        try:
            loaded = load(self.config, env=self.env)
            self._check(loaded)
        except TradingError as error:  # the answers say what is wrong; who may ask stays as it was
            if state != self._refused:
                self._refused = state
                log.get_logger("web").warning("settings not taken", why=error.message)
            return
        self._loaded = loaded
        self._mask = Redactor(self._loaded.secrets.values())
        self._seen = state

    def _check(self, loaded: Loaded) -> None:
        """Raise TradingError where *loaded* would let in whom these settings keep out."""
        check_token(loaded.secrets)
        check_reach(loaded, "localhost", 0)
        if self._loaded.secrets.serve_token is not None and loaded.secrets.serve_token is None:
            raise ConfigError(
                f"{TOKEN} was needed and is not set any more: the one before stays.",
                hint="start again to serve without it",
            )

    def _state(self) -> tuple[tuple[int, int] | None, ...]:
        """Return what changes when somebody edits the settings or the secrets."""
        paths = (self._loaded.config, self._loaded.home / _SECRETS)
        return tuple(None if path is None else _stat(path) for path in paths)


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # twice a second
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def here_of(request: Request) -> Here:
    """Return the home that *request* asks about."""
    found: Here = request.app.state.here
    return found
