"""A process that runs beside the clockwork for as long as that does: begun again when it dies.

It is in the same process group, so what ends the group ends it; and it ends by itself once we are
not its parent any more, so a clockwork that was killed leaves none behind.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from trading_cli.app.gather import Progress
from trading_cli.core import log

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
HEALTHY_S = 60.0
SAY_END_S = 10.0


def argv_of(config: Path | None) -> tuple[str, ...]:
    """Return the command line that serves the page of a home as our child."""
    where = () if config is None else (f"--config={config}",)
    return (sys.executable, "-m", "trading_cli", "serve", f"--child-of={os.getpid()}", *where)


class Beside:
    """Keeps one process up. ``start`` returns at once; ``end`` when it has ended."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        say: Progress,
        env: Mapping[str, str],
        first_s: float = FIRST_WAIT_S,
    ) -> None:
        self._argv, self._say, self._env = tuple(argv), say, dict(env)
        self._first_s = first_s
        self._ending = threading.Event()
        self._gate = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="beside", daemon=True)
        self.begun = 0

    def start(self) -> None:
        """Begin it."""
        self._thread.start()

    def end(self) -> None:
        """End it: asked first, then made to."""
        with self._gate:
            self._ending.set()
            child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
            try:
                child.wait(SAY_END_S)
            except subprocess.TimeoutExpired:
                child.kill()
        if self._thread.is_alive():
            self._thread.join(SAY_END_S)

    def _keep(self) -> None:
        wait, before = self._first_s, None
        while not self._ending.is_set():
            code, lasted = self._once()
            if self._ending.is_set():
                return
            wait = self._first_s if lasted >= HEALTHY_S else wait
            log.get_logger("beside").warning("the page ended", code=code, seconds=round(lasted, 1))
            if code != before:
                self._say(f"serve: ended with exit code {code}; it is begun again")
            before = code
            self._ending.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _once(self) -> tuple[int | None, float]:
        """Run it to its end. Return its exit code, and how many seconds it was up."""
        began = time.monotonic()
        with self._gate:
            if self._ending.is_set():
                return None, 0.0
            try:
                self._child = subprocess.Popen(  # noqa: S603  # our own command line
                    self._argv, env=self._env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
                )
            except OSError as error:
                log.get_logger("beside").error("the page cannot be started", why=str(error))
                return None, 0.0
            self.begun += 1
            child = self._child
        return child.wait(), time.monotonic() - began
