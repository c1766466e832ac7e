"""Who begins jobs and watches them: one thread, for as long as a server is up.

A job's process is in a session of its own and ends when it ends, not with us; or when somebody
cancels it: its row says so, and whoever watches it ends its processes. What nobody watches any more
(its server is gone) we take over: while it runs we watch on, and where it is gone we note what it
left.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Self

import psutil

from trading_cli.app import jobs
from trading_cli.app.settings import Loaded
from trading_cli.app.steps import PLANS
from trading_cli.app.workflows import Asked, argv, check
from trading_cli.core import log
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import StoreError
from trading_cli.store import jobs as rows
from trading_cli.store.born import is_there

LOOK_S = 0.5
SWEEP_EVERY = 4
GRACE_S = 8.0  # more than a command takes at most, once it is told to end
SAME_S = 0.05  # two looks at when a process began differ by less
ITS_OWN = "TRADING_SERVE_TOKEN"  # the server's secret: no job has a use for it

Command = Callable[[Asked, Path | None], list[str]]


def alive(process: rows.Process | None) -> bool:
    """Return whether that very process is at work: not another of its number, nor its remains."""
    if process is None:
        return False
    try:
        same = abs(_began(process.pid) - process.began) < SAME_S
        return same and psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def end_all(process: rows.Process, number: signal.Signals) -> None:
    """Send a signal to that very process and all that it began; none is no matter."""
    if alive(process):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)  # it leads a session of its own


def process_of(pid: int) -> rows.Process:
    """Return process *pid* as it is told from a later one of its number."""
    return rows.Process(pid, _began(pid))


def _began(pid: int) -> float:
    """Return when process *pid* began: seconds since the boot, which no step of the clock moves.

    Where the system does not tell that (it is not Linux), epoch seconds. Raises ``psutil.Error``.
    """
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(fields.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return float(psutil.Process(pid).create_time())


class Foreman:
    """Begins jobs of one home and notes how they go. ``ask`` may be called from any thread."""

    def __init__(
        self,
        loaded: Loaded,
        env: Mapping[str, str],
        *,
        clock: Clock | None = None,
        command: Command = argv,
    ) -> None:
        self._loaded = loaded
        self._command = command
        self._env = {key: value for key, value in env.items() if key != ITS_OWN}
        self._clock = clock or SystemClock()
        self._me = process_of(os.getpid())
        self._children: dict[int, subprocess.Popen[bytes] | None] = {}
        self._said: dict[int, str] = {}
        self._told: dict[int, float] = {}  # to end, and when
        self._gate, self._asking = threading.Lock(), threading.Lock()
        self._ending, self._wake = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Begin to watch, once; it goes on until ``close``."""
        with self._gate:
            if self._thread is None and not self._ending.is_set():
                self._thread = threading.Thread(target=self._watch, name="foreman", daemon=True)
                self._thread.start()
        return self

    def close(self) -> None:
        """Leave the jobs to themselves: the next foreman watches on."""
        self._ending.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(10)

    def ask(self, workflow: str, parameters: Mapping[str, Any], *, by: str) -> dict[str, Any]:
        """Begin a job and return it.

        Raises ``UsageError`` for what may not be asked for, ``JobUnderWay`` while one of the kind
        is at work, ``StoreError`` where nothing can be kept.
        """
        asked = check(workflow, parameters)
        with self._asking:
            job = self._queued(asked, by)
        self.start()
        self._wake.set()
        log.get_logger("jobs").info("asked for", job=job, workflow=workflow, by=by)
        return jobs.one(self._loaded, job)

    def cancel(self, job: int, *, by: str) -> tuple[dict[str, Any], bool]:
        """Let a job end, and return it and whether it is at work still; again is no matter.

        Raises ``NoSuchJob``, ``Over`` for one that ended in another way, ``StoreError``.
        """
        at_work = jobs.cancel(self._loaded, job, by=by, now=self._clock.now())
        self.start()
        self._wake.set()
        log.get_logger("jobs").info("to be cancelled", job=job, by=by, at_work=at_work)
        return jobs.one(self._loaded, job), at_work

    def _queued(self, asked: Asked, by: str) -> int:
        """Keep the job, start its process, keep that. Return its number."""
        now = self._clock.now()
        job = jobs.queue(self._loaded, asked, by=by, watcher=self._me, now=now)
        try:
            self._children[job] = self._begun(job, self._command(asked, self._loaded.config))
        except OSError as error:
            said = f"it could not be started: {error.strerror or error}"
            end = rows.End("FAILED", None, None, {"code": "failed", "message": said, "hint": ""})
            self._note_end(job, end)
        else:
            self._note_start(job, self._children[job])
        return job

    def _begun(self, job: int, words: list[str]) -> "subprocess.Popen[bytes]":
        """Start the process; what it prints goes into files of ours alone."""
        jobs.folder_of(self._loaded).mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as opened:
            out, err = (
                opened.enter_context(_new(path))
                for path in (jobs.out_of(self._loaded, job), jobs.err_of(self._loaded, job))
            )
            return subprocess.Popen(  # noqa: S603  # words of ours and checked values
                words, env=self._env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip

    def _note_start(self, job: int, child: "subprocess.Popen[bytes] | None") -> None:
        if child is None:
            return
        try:
            process = process_of(child.pid)
        except psutil.Error:  # over already
            process = rows.Process(child.pid, time.time())
        now = self._clock.now()
        with jobs.writing(self._loaded, now) as store, store.transaction() as tx:
            rows.started(tx, job, process, now)

    # --- the thread

    def _watch(self) -> None:
        turn = 0
        while not self._ending.is_set():
            if turn % SWEEP_EVERY == 0:
                self._carefully(self._sweep)
            self._carefully(self._look)
            turn += 1
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def _carefully(self, step: Any) -> None:
        """Take *step*; a database that cannot be used now is asked again the next time."""
        try:
            with self._asking:  # no job is seen half begun
                step()
        except (StoreError, OSError) as error:
            log.get_logger("jobs").warning("the jobs cannot be looked after", why=str(error))

    def _sweep(self) -> None:
        """Take over what nobody watches any more."""
        if not is_there(self._loaded.database):
            return
        with jobs.looking(self._loaded) as look:
            found = rows.under_way(look)
        for one in found:
            mine = one.watcher == self._me
            if one.id in self._children or (not mine and alive(one.watcher)):
                continue
            now = self._clock.now()
            with jobs.writing(self._loaded, now) as store, store.transaction() as tx:
                taken = mine or rows.take_over(tx, one, self._me)
            if taken:
                self._children[one.id] = None
                log.get_logger("jobs").info("taken over", job=one.id, workflow=one.workflow)

    def _look(self) -> None:
        """Note how far each job is, and how those that ended did."""
        watched = dict(self._children)
        if not watched:
            return
        with jobs.looking(self._loaded) as look:
            found = {job: rows.find(look, job) for job in watched}
            far = {job: self._progress(look, one) for job, one in found.items() if one is not None}
        for job, one in found.items():
            if one is None or not one.under_way:
                self._let_go(job)
            else:
                self._one(one, watched[job], far[job])

    def _one(self, job: jobs.Job, child: "subprocess.Popen[bytes] | None", far: str) -> None:
        code = None if child is None else child.poll()
        if code is None and (child is not None or alive(job.process)):
            if job.state == "QUEUED":  # that it began could not be kept when it did
                self._note_start(job.id, child)
            elif job.unwanted:
                self._end(job)
            elif far and far != self._said.get(job.id):
                self._said[job.id] = far
                now = self._clock.now()
                with jobs.writing(self._loaded, now) as store, store.transaction() as tx:
                    rows.progressed(tx, job.id, far, now)
            return
        self._note_end(job.id, jobs.how_it_ended(self._loaded, job, code), far)

    def _end(self, job: jobs.Job) -> None:
        """Tell the processes of *job* to end, as Ctrl-C does; after a while make them."""
        if job.process is None:
            return
        told = self._told.get(job.id)
        if told is None:
            self._told[job.id] = time.monotonic()
            end_all(job.process, signal.SIGTERM)
        elif time.monotonic() - told > GRACE_S:
            end_all(job.process, signal.SIGKILL)

    def _progress(self, look: Any, job: jobs.Job) -> str:
        """Return how far *job* is: the steps of its cycle, or its last word."""
        _, steps = jobs.steps_of(look, job)
        if not steps:
            return jobs.last_word(self._loaded, job.id)
        done, last = len(steps), steps[-1]
        return f"{done} of {len(PLANS[job.workflow].steps)} steps; {last.name}: {last.state}"

    def _note_end(self, job: int, end: rows.End, far: str = "") -> None:
        now = self._clock.now()
        with jobs.writing(self._loaded, now) as store, store.transaction() as tx:
            rows.progressed(tx, job, far, now)
            rows.ended(tx, job, end, now)
        self._let_go(job)
        log.get_logger("jobs").info("ended", job=job, state=end.state, code=end.exit_code)

    def _let_go(self, job: int) -> None:
        self._children.pop(job, None)
        self._said.pop(job, None)
        self._told.pop(job, None)


def _new(path: Path) -> BinaryIO:
    """Open a new file for us alone in the place of whatever is there."""
    with suppress(FileNotFoundError):
        path.unlink()
    return open(path, "xb", opener=partial(os.open, mode=0o600))


__all__ = ["Foreman", "alive", "end_all", "process_of"]
