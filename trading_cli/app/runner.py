"""`trading run`: APScheduler around the same cycles that cron calls.

Each cycle is a process of its own, as under cron: what it leaks it takes with it, and one that
hangs is ended at its deadline while the next slot still comes. The clockwork runs in UTC.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Protocol

from apscheduler.events import EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from trading_cli.app.gather import Progress
from trading_cli.core import log
from trading_cli.core.errors import TradingError

GRACE = timedelta(minutes=10)
LOOK_EVERY_S = 0.25
SAY_END_S = 10.0
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Stopped(Protocol):
    """Whether nothing more may be begun, and why: "" while all is well."""

    def __call__(self) -> str:
        """Return the reason to end, "" for none. Quick: it is asked four times a second."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One cycle and when it is due; ``argv`` starts it, ``longest`` is its deadline."""

    name: str
    trigger: BaseTrigger
    argv: tuple[str, ...]
    longest: timedelta
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Chore:
    """A small thing done in this process every few seconds, never twice at once."""

    name: str
    every: timedelta
    call: Callable[[], object]


def trigger_of(cron: str) -> CronTrigger:
    """Return when *cron* (five fields, UTC) is due. Raises ``ValueError`` for what is none.

    The clockwork counts week days from Monday, cron from Sunday: they are handed over by name.
    """
    *others, week_day = cron.split()
    return CronTrigger.from_crontab(" ".join((*others, _named(week_day))), timezone="UTC")


def _named(week_day: str) -> str:
    if week_day == "*":
        return week_day
    days: list[str] = []
    for part in week_day.split(","):
        first, _, last = part.partition("-")
        numbers = range(int(first), int(last or first) + 1)
        days += [_DAYS[number % 7] for number in numbers]
    return ",".join(dict.fromkeys(days))


def argv_of(cycle: str, config: Path | None) -> tuple[str, ...]:
    """Return the command line that runs *cycle* once, as cron would."""
    where = () if config is None else ("--config", str(config))
    return (sys.executable, "-m", "trading_cli", "cycle", cycle, "--by", "run", "-q", *where)


class Runner:
    """Runs jobs until told to end; every child is ended with it.

    ``serve`` blocks. It returns the reason it ended for; SIGTERM and SIGINT are such reasons.
    ``signal`` is the name of the signal that came, at whatever moment, "" for none.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        stopped: Stopped,
        say: Progress,
        env: Mapping[str, str],
        chores: Sequence[Chore] = (),
    ) -> None:
        self._jobs = tuple(jobs)
        self._chores = tuple(chores)
        self._stopped = stopped
        self._say = say
        self._env = dict(env)
        self._ending = threading.Event()
        self._why = ""
        self.signal = ""
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._gate = threading.Lock()
        self._turn = {job.name: threading.Lock() for job in self._jobs}

    def serve(self) -> str:
        """Run until a reason to end comes up, end the children, and return the reason."""
        scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(len(self._jobs) + len(self._chores))},
        )
        scheduler.add_listener(self._missed, EVENT_JOB_MISSED)
        for job in self._jobs:
            scheduler.add_job(
                self._run,
                job.trigger,
                args=(job,),
                id=job.name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=int(GRACE.total_seconds()),
            )
            if job.at_once:
                scheduler.add_job(self._run, args=(job,), id=f"{job.name} at once")
        for chore in self._chores:
            scheduler.add_job(
                chore.call,
                "interval",
                seconds=chore.every.total_seconds(),
                id=chore.name,
                coalesce=True,
                max_instances=1,
            )
        with self._told_to_end():
            scheduler.start()
            try:
                self._wait()
            finally:
                self._ending.set()
                self._end_children()
                scheduler.shutdown(wait=True)
        return self._why

    def end(self, why: str) -> None:
        """Make ``serve`` end for *why*; the first reason given stands."""
        self._why = self._why or why
        self._ending.set()

    def _wait(self) -> None:
        while not self._ending.wait(LOOK_EVERY_S):
            if why := self._stopped():
                self.end(why)

    @contextlib.contextmanager
    def _told_to_end(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def told(number: int, _frame: FrameType | None) -> None:
            self.signal = signal.Signals(number).name
            self.end(self.signal)

        before = {one: signal.signal(one, told) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _run(self, job: Job) -> None:
        """Run *job* to its end or its deadline; one that is due while it runs waits its turn."""
        with self._turn[job.name]:
            self._one(job)

    def _one(self, job: Job) -> None:
        with self._gate:
            if self._ending.is_set():
                return
            child = subprocess.Popen(  # noqa: S603  # our own command line
                job.argv, env=self._env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
            self._children[job.name] = child
        said = log.get_logger("runner")
        said.info(f"{job.name} begun", child=child.pid)
        try:
            code = child.wait(job.longest.total_seconds())
        except subprocess.TimeoutExpired:
            said.error(f"{job.name} hung", child=child.pid, longest_s=job.longest.total_seconds())
            self._say(f"{job.name}: ended at its deadline")
            _end(child)
            code = child.returncode
        finally:
            with self._gate:
                self._children.pop(job.name, None)
        said.info(f"{job.name} ended", child=child.pid, code=code)
        self._say(f"{job.name}: exit {code}")

    def _end_children(self) -> None:
        with self._gate:
            children = list(self._children.values())
        for child in children:
            _end(child)

    def _missed(self, event: JobExecutionEvent) -> None:
        """Say that the clockwork came too late: the next run writes the slot down as missed."""
        log.get_logger("runner").warning(
            "missed", job=event.job_id, due=event.scheduled_run_time.isoformat()
        )
        self._say(f"{event.job_id}: missed at {event.scheduled_run_time:%H:%M}")


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End *child*: asked first, then made to."""
    child.terminate()
    try:
        child.wait(SAY_END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class NotRunning(TradingError):
    """There is no runner to end."""

    code = "not_running"


def end_runner(pid: int, began: float, *, wait: Callable[[float], None], patience: float) -> bool:
    """Ask the process *pid* that began at *began* to end. Return whether it has within *patience*.

    Raises ``NotRunning`` where no such process is: another one may have its number by now.
    """
    import psutil  # noqa: PLC0415  # paid for when used

    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - began) > 1.0:
            raise NotRunning(f"process {pid} is another one by now", hint="trading run")
        process.terminate()
    except psutil.NoSuchProcess:
        raise NotRunning("nothing is running", hint="trading run") from None
    left = patience
    while left > 0 and process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        wait(0.1)
        left -= 0.1
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def describe(at: datetime, jobs: Sequence[Job]) -> list[str]:
    """Return, for people, when each job is next due."""
    due = ((job.name, job.trigger.get_next_fire_time(None, at)) for job in jobs)
    return [f"{name}: next at {when:%Y-%m-%d %H:%M} UTC" for name, when in due if when]


def environment() -> dict[str, str]:
    """Return what a child is given: our own environment."""
    return dict(os.environ)
