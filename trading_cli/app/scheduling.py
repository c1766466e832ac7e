"""The schedule of one home: its settings put into the words of cron and systemd."""

from pathlib import Path
from typing import Any

from trading_cli.app import schedule
from trading_cli.app.settings import Loaded, load


def place_of(loaded: Loaded) -> schedule.Place:
    """Return what the lines of a home need."""
    return schedule.Place(schedule.program(), loaded.home, loaded.config, loaded.logs)


def shown(config: Path | None, *, systemd: bool) -> dict[str, Any]:
    """Return the lines or units, each with its name."""
    loaded = load(config)
    times, place = loaded.settings.schedule.model_dump(), place_of(loaded)
    if systemd:
        texts = schedule.units(times, place)
        parts = [{"name": name, "text": f"# {name}\n{text}"} for name, text in texts.items()]
    else:
        lines = schedule.cron_lines(times, place)
        parts = [{"name": n, "text": t} for n, t in zip(times, lines, strict=True)]
    return {"kind": "systemd" if systemd else "cron", "parts": parts}


def installed(config: Path | None) -> dict[str, Any]:
    """Write the lines into the person's crontab and say what was done."""
    loaded = load(config)
    done = schedule.install(loaded.settings.schedule.model_dump(), place_of(loaded))
    return {"done": done}
