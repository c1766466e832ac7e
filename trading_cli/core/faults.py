"""Named points at which a test may kill the process: nothing happens there otherwise.

``TRADING_FAULT=name`` kills the process, as kill -9 would, the first time it comes by; ``name:3``
the third time; ``name@TERM`` asks it to end, as systemd would. The names are listed in ``POINTS``,
so that a test can visit every one.
"""

import os
import signal
from collections import Counter

POINTS: tuple[str, ...] = (
    "cycle.begun",
    "cycle.collect.done",
    "cycle.quality.done",
    "cycle.features.done",
    "cycle.exits.done",
    "cycle.signals.done",
    "cycle.notify.done",
    "cycle.talk.done",
    "trade.intent.inside",
    "trade.intent.committed",
    "trade.sent",
    "trade.outcome.inside",
    "trade.outcome.committed",
    "settle.inside",
    "settle.committed",
    "notify.claimed",
    "notify.sent",
    "kill.file",
    "kill.row",
    "kill.done",
    "backtest.planned",
    "backtest.kept",
)


class _Armed:
    """The one fault asked for by the environment, and how often each point was passed."""

    def __init__(self, asked: str) -> None:
        point, _, word = asked.partition("@")
        name, _, times = point.partition(":")
        self.name, self.times = name, int(times or 1)
        self.signal = signal.SIGTERM if word == "TERM" else signal.SIGKILL
        self.passed: Counter[str] = Counter()


_armed = _Armed(os.environ.get("TRADING_FAULT", ""))


def fault(point: str) -> None:
    """Die here if the environment asks for it. *point* is one of ``POINTS``."""
    if not _armed.name:
        return
    _armed.passed[point] += 1
    if point == _armed.name and _armed.passed[point] == _armed.times:
        os.kill(os.getpid(), _armed.signal)
