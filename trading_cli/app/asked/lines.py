"""The latest lines of the log."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trading_cli.core.home import find_home
from trading_cli.core.log import read_lines


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
    found = read_lines(folder, level=level, component=component, limit=lines)
    return {"folder": folder, "lines": found}
