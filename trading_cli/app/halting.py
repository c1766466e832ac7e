"""The stop as whoever asks for it hears of it: the same words for a terminal and for a page."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from trading_cli.app import stop
from trading_cli.app.release import proof_told
from trading_cli.core.errors import TradingError

DEFAULT_LEVEL = stop.DEFAULT_LEVEL


class NotStopped(TradingError):
    """Nothing could be written: trading goes on."""

    code: ClassVar[str] = "not_stopped"


def halt(  # who stops what, why and when
    config: Path | None,
    env: Mapping[str, str],
    *,
    level: int,
    reason: str,
    actor: str,
    now: datetime,
) -> tuple[dict[str, Any], Sequence[str]]:
    """Stop a home at *level* at least. Return what was done, and what could not be.

    Raises ``NotStopped`` where neither the file nor the database could be written, ``ConfigError``
    where there is no such home.
    """
    place = stop.find_place(config, env)
    done = stop.trip(place, level=level, reason=reason, actor=actor, now=now)
    if not done.latched:
        raise NotStopped(
            "NOT STOPPED: neither the file nor the database could be written. "
            + "; ".join(done.troubles),
            hint=f"make anything named {place.folder / 'KILL'}, or end every trading process",
        )
    data = {
        "home": str(done.place.home),
        "state": "TRIGGERED",
        "level": done.level,
        "file": str(done.place.folder / "KILL"),
        "file_written": not done.file_error,
        "row": done.seq,
        "seconds": done.seconds,
        "latched_at": datetime.fromtimestamp(done.at, UTC).isoformat(),
        "proof": None if done.proof is None else proof_told(done.proof),
    }
    return data, done.troubles
