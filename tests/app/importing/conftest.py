"""Somebody with an empty home."""

from pathlib import Path

import pytest
from brought import Person, person  # beside this


@pytest.fixture
def me(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Return a person whose home is empty, apart from this machine's own settings."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("TRADING_HOME", raising=False)
    return person(tmp_path / "home")
