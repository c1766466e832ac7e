"""The latest lines of the log."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trading_cli.core.home import find_home
from trading_cli.core.log import read_lines

LEVELS = ("debug", "info", "warning", "error")


def logs(
    config: Path | None,
    env: Mapping[str, str],
    *,
    lines: int = 50,
    level: str = "debug",
    component: str = "",
) -> dict[str, Any]:
    """Return {folder, lines}: the latest *lines* of at least *level*, oldest first.

    Of components whose name begins with *component*. A level nobody knows counts as the worst.
    """
    folder = find_home(config, env).home / "logs"
    found = [
        line
        for line in read_lines(folder)
        if _severity(line) >= LEVELS.index(level)
        and (not component or str(line.get("component", "")).startswith(component))
    ]
    return {"folder": folder, "lines": found[-lines:]}


def _severity(line: Mapping[str, Any]) -> int:
    """Return the rank of *line*'s level; an unknown one counts as the worst, to be seen."""
    word = str(line.get("level", "")).lower()
    return LEVELS.index(word) if word in LEVELS else len(LEVELS)
