"""A command run in this process, and homes that collect from a pretend exchange."""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ENDPOINTS = ("markets", "events", "books", "book", "prices_history", "clob_market", "time", "data")
VOICES = ("gdelt", "google_news", "bluesky", "hacker_news")


class Told(NamedTuple):
    """What one command left behind."""

    exit_code: int
    out: str
    err: str


class Screen(StringIO):
    """A terminal, as far as a program can tell."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


def tell(*words: str, screen: bool = False) -> Told:
    """Run `trading WORDS` in this process, its stdout a pipe or, with *screen*, a terminal."""
    from trading_cli.cli.main import run

    out, err = Screen() if screen else StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(list(words))
    return Told(code, out.getvalue(), err.getvalue())


def settings_for(url: str) -> dict[str, Any]:
    """Return settings that name *url* for everything, with budgets of their own, lifted."""
    talk = {name: {"url": f"{url}/{name}", "requests_per_minute": None} for name in VOICES}
    venue = {f"{name}_url": f"{url}/{name}" for name in ("gamma", "clob", "data", "site")}
    venue |= {"requests_per_10s": dict.fromkeys(ENDPOINTS)}
    own = {"limits_path": "limits.db", "backfill_seconds": 0, "polymarket": venue}
    return {"data_collection": {**own, **talk}}


def make_home(folder: Path, url: str) -> Path:
    """Make a home that collects from *url*, and return its settings file."""
    folder.mkdir(mode=0o700)
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(settings_for(url)))
    config.chmod(0o600)
    return config
