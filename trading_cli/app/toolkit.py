"""The one composition root: the sources, the store, the limits and the log of one home.

Secrets are unwrapped here and nowhere else. Providers are imported inside functions, so that a
command pays only for what it uses.
"""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from trading_cli.app.settings import Loaded, load
from trading_cli.core import log
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.http_client import HttpClient
from trading_cli.core.ratelimit import Limiter, Rate, default_limits_path
from trading_cli.sources import Source
from trading_cli.store import Store

UNLIMITED = Rate(1e9, 1.0, burst=1_000_000)


class Toolkit:
    """What a use case needs, built from the settings of one home; a context manager."""

    def __init__(
        self, loaded: Loaded, *, clock: Clock | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.loaded = loaded
        self.settings = loaded.settings
        self.home = loaded.home
        self.clock: Clock = clock or SystemClock()
        limits = loaded.limits or default_limits_path(env)
        self.limiter = Limiter(limits, clock=self.clock)
        self._clients: dict[str, HttpClient] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def open_store(self) -> Store:
        """Open the database for writing, making or migrating it first."""
        section = self.settings.database
        return Store.open(
            self.loaded.database,
            now=self.clock.now(),
            busy_timeout_ms=section.busy_timeout_ms,
            backups=section.backup_keep,
        )

    def client(
        self,
        source: str,
        url: str,
        rates: Mapping[str, Rate],
        headers: Mapping[str, str] | None = None,
    ) -> HttpClient:
        """Return the one pooled client of *source*."""
        if source not in self._clients:
            self._clients[source] = HttpClient(
                source,
                url,
                limiter=self.limiter,
                rates=rates,
                clock=self.clock,
                workers=self.settings.data_collection.workers,
                headers=headers or {},
                secrets=self.loaded.secrets.values(),
            )
        return self._clients[source]


def build(config: Path | None = None, *, verbose: int = 0, clock: Clock | None = None) -> Toolkit:
    """Read the settings, open the log and return the toolkit of a home.

    Raises ``ConfigError`` where a file, a variable or a folder is not as it must be.
    """
    loaded = load(config)
    section = loaded.settings.logging
    log.configure(
        loaded.logs,
        level="DEBUG" if verbose > 1 else section.level,
        max_mb=section.max_mb,
        keep=section.keep,
        secrets=loaded.secrets.values(),
    )
    return Toolkit(loaded, clock=clock)
