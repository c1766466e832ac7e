"""The pretend exchange in the foreground: its own world, or recorded replies of a folder."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from trading_cli.core.errors import UsageError
from trading_cli.simulator.replay import Replay
from trading_cli.simulator.running import serve_forever
from trading_cli.simulator.world import World

VOICES = ("gdelt", "google_news", "bluesky", "hacker_news")
ENDPOINTS = ("markets", "events", "books", "book", "prices_history", "clob_market", "time", "data")


def serve(  # one argument for each option of the command
    replay: Path | None,
    seed: int,
    markets: int,
    port: int,
    latency_ms: int,
    on_ready: Callable[[str], None],
    *,
    at: datetime | None = None,
    limits: bool = True,
) -> None:
    """Serve until interrupted; *on_ready* is told the address once it answers.

    Without *limits* it answers as fast as it is asked, as a home with its budgets lifted asks.

    *at* is where the clock stands. Without it a world's clock goes as the system's, and a
    recording's stands where its listing was recorded, when all else had been. Raises
    ``UsageError`` for a folder that holds nothing recorded, and for a port that is taken.
    """
    with _port_told(port):
        _serve(replay, seed, markets, port, latency_ms, on_ready, at=at, limits=limits)


@contextmanager
def _port_told(port: int) -> Iterator[None]:
    """Raise ``UsageError`` where *port* cannot be had."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise UsageError(
            f"port {port} cannot be had: {os.strerror(error.errno)}.", hint="--port 0: any free one"
        ) from error


def _serve(
    replay: Path | None,
    seed: int,
    markets: int,
    port: int,
    latency_ms: int,
    on_ready: Callable[[str], None],
    *,
    at: datetime | None,
    limits: bool,
) -> None:
    latency_s = latency_ms / 1000
    now = None if at is None else at.timestamp()
    if replay is None:
        world = World(seed, markets)
        serve_forever(
            world, port=port, latency_s=latency_s, limits=limits, now=now, on_ready=on_ready
        )
        return
    recorded = recording(replay)
    serve_forever(
        recorded,
        port=port,
        latency_s=latency_s,
        limits=limits,
        now=recorded.recording_time() if now is None else now,
        on_ready=on_ready,
    )


def recording(directory: Path) -> Replay:
    """Return the recording in *directory*; raises ``UsageError`` where there is none."""
    if not directory.is_dir():
        raise UsageError(
            f"there is no folder {directory}", hint="give a folder of recorded replies"
        )
    return Replay(directory)


def new_home(home: Path) -> None:
    """Make a folder for a home, or take an empty one; raises ``UsageError`` for any other."""
    try:
        if home.exists() and (not home.is_dir() or any(home.iterdir())):
            raise UsageError(f"{home} is not empty.", hint="give a new folder")
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            f"{home} cannot be made: {error.strerror}.", hint="give a new folder that is yours"
        ) from error


def make_home(home: Path, url: str) -> Path:
    """Write settings into a new home that asks *url* for everything; return their path.

    Budgets are lifted, which loopback alone allows, and kept apart from those of other homes.
    """
    new_home(home)
    section: dict[str, Any] = {
        "limits_path": "limits.db",
        "polymarket": {
            "gamma_url": f"{url}/gamma",
            "clob_url": f"{url}/clob",
            "data_url": f"{url}/data",
            "site_url": f"{url}/site",
            "requests_per_10s": dict.fromkeys(ENDPOINTS),
        },
    }
    for name in VOICES:
        section[name] = {"url": f"{url}/{name}", "requests_per_minute": None}
    path = home / "config.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump({"data_collection": section}))
    path.chmod(0o600)
    return path
