"""Where a program's time goes: its stacks, looked at every few milliseconds.

A sampler costs the program next to nothing and needs no change in it. What it sees is a share of
the looks, not a measurement of each call: with n looks a share s is good to about sqrt(s(1-s)/n).
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

INTERVAL_S = 0.003
_DEEPEST = 400
_HERE = Path(__file__).parent.parent.parent


class Sampler:
    """Looks at the stack of one thread until it is stopped."""

    def __init__(self, thread: int, interval_s: float = INTERVAL_S) -> None:
        self.own: Counter[str] = Counter()
        self.under: Counter[str] = Counter()
        self.looks = 0
        self._thread = thread
        self._interval_s = interval_s
        self._over = threading.Event()
        self._worker = threading.Thread(target=self._work, daemon=True, name="sampler")

    def start(self) -> None:
        """Begin to look."""
        self._worker.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._worker.join()

    def _work(self) -> None:
        while not self._over.wait(self._interval_s):
            frame = sys._current_frames().get(self._thread)  # noqa: SLF001  # the documented way
            if frame is not None:
                self._count(frame)

    def _count(self, frame: FrameType | None) -> None:
        self.looks += 1
        seen: set[str] = set()
        while frame is not None and len(seen) < _DEEPEST:
            name = _name(frame)
            if not seen:
                self.own[name] += 1
            seen.add(name)
            frame = frame.f_back
        self.under.update(seen)


def _name(frame: FrameType) -> str:
    """Return "module.function" of ours, of others the file's package too."""
    module = str(frame.f_globals.get("__name__", "?"))
    return f"{module}.{frame.f_code.co_qualname}"


def sampled(out: Path, work: Callable[[], object]) -> int:
    """Do *work* under a sampler, write what was seen to *out* as JSON, and return its exit code.

    {code, wall_s, cpu_s, looks, own, under}: names to looks.
    """
    sampler = Sampler(threading.get_ident())
    began, spent = time.monotonic(), time.process_time()
    sampler.start()
    code: object = 0
    try:
        work()
    except SystemExit as left:
        code = left.code
    finally:
        sampler.stop()
        told: dict[str, Any] = {
            "code": code if isinstance(code, int) else int(code is not None),
            "wall_s": time.monotonic() - began,
            "cpu_s": time.process_time() - spent,
            "looks": sampler.looks,
            "own": dict(sampler.own),
            "under": dict(sampler.under),
        }
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(told, file)
    return int(told["code"])
