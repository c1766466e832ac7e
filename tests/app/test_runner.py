"""The runner: due jobs run, one that hangs is ended, and nothing is left when it ends."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger

from trading_cli.app.runner import (
    Job,
    NotRunning,
    Runner,
    argv_of,
    describe,
    end_runner,
    trigger_of,
)

LONG = timedelta(seconds=60)


def soon() -> DateTrigger:
    """Return a trigger that is due at once."""
    return DateTrigger(datetime.now(UTC))


def never() -> CronTrigger:
    """Return a trigger that is due next year at the earliest."""
    return CronTrigger(year=datetime.now(UTC).year + 1, timezone="UTC")


def python(code: str) -> tuple[str, ...]:
    """Return the command line of *code*."""
    return (sys.executable, "-c", code)


def serve(*jobs: Job, until) -> tuple[str, list[str]]:
    """Serve *jobs* until *until* gives a reason; return the reason and what was said."""
    said: list[str] = []
    runner = Runner(jobs, stopped=until, say=said.append, env=dict(os.environ))
    why: list[str] = []
    thread = threading.Thread(target=lambda: why.append(runner.serve()))
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    return why[0], said


def test_a_due_job_runs_as_a_process_of_its_own(tmp_path):
    """The job's process leaves its mark, and its exit code is told."""
    mark = tmp_path / "mark"
    job = Job("collection", soon(), python(f"open({str(mark)!r}, 'w'); raise SystemExit(3)"), LONG)
    why, said = serve(job, until=lambda: "enough" if said_of(mark) else "")
    assert why == "enough"
    assert mark.exists()
    assert any("exit" in line for line in said)


def said_of(mark: Path) -> bool:
    """Return whether the job has been there."""
    return mark.exists()


def test_a_job_that_hangs_is_ended_at_its_deadline(tmp_path):
    """The child is gone after its longest time, also when it will not listen to SIGTERM."""
    pid = tmp_path / "pid"
    code = (
        "import os, time, pathlib\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)"
    )
    job = Job("collection", soon(), python(code), timedelta(seconds=1.5))

    def gone() -> str:
        there = pid.exists() and pid.read_text()
        return "gone" if there and not psutil.pid_exists(int(pid.read_text())) else ""

    why, said = serve(job, until=gone)
    assert why == "gone"
    assert any("deadline" in line for line in said)


def test_ending_ends_the_children_too(tmp_path):
    """A runner that is told to end leaves no process behind."""
    pid = tmp_path / "pid"
    code = (
        "import os, time, pathlib\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)"
    )
    job = Job("collection", never(), python(code), LONG, at_once=True)
    serve(job, until=lambda: "stop" if pid.exists() and pid.read_text() else "")
    assert not psutil.pid_exists(int(pid.read_text()))


def test_a_job_that_is_due_while_it_runs_waits_its_turn(tmp_path):
    """Two of one name never run at once, and the second is not forgotten: its slot would be."""
    folder = tmp_path / "marks"
    folder.mkdir()
    code = (
        "import os, pathlib, time\n"
        f"folder = pathlib.Path({str(folder)!r})\n"
        "began = time.monotonic()\n"
        "(folder / f'{os.getpid()}.begun').write_text(str(began))\n"
        "time.sleep(0.5)\n"
        "(folder / f'{os.getpid()}.ended').write_text(str(time.monotonic()))"
    )
    job = Job("collection", soon(), python(code), LONG, at_once=True)
    serve(job, until=lambda: "both" if len(list(folder.glob("*.ended"))) == 2 else "")
    spans = sorted(
        (float(mark.read_text()), float(mark.with_suffix(".ended").read_text()))
        for mark in folder.glob("*.begun")
    )
    assert len(spans) == 2
    assert spans[0][1] <= spans[1][0]


@pytest.mark.parametrize(
    ("cron", "due"),
    [
        ("22 0 * * 1", "2026-03-09 00:22"),  # Monday
        ("0 3 * * 0", "2026-03-08 03:00"),  # Sunday, also as 7
        ("0 3 * * 7", "2026-03-08 03:00"),
        ("0 3 * * 5-7", "2026-03-06 03:00"),
        ("7 0 * * *", "2026-03-06 00:07"),
    ],
)
def test_week_days_are_counted_as_cron_counts_them(cron, due):
    """From Thursday the 5th, the next time is the one that cron would take."""
    thursday = datetime(2026, 3, 5, 12, tzinfo=UTC)
    found = trigger_of(cron).get_next_fire_time(None, thursday)
    assert f"{found:%Y-%m-%d %H:%M}" == due


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_runner_and_what_it_started(tmp_path, told):
    """SIGTERM and SIGINT leave what kill -9 leaves: no child, and the reason is the signal."""
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    heard = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    program = f"""
import os, sys
from datetime import timedelta
from apscheduler.triggers.cron import CronTrigger
from trading_cli.app.runner import Job, Runner
code = "import os, time, pathlib; "
code += "pathlib.Path({str(pipe)!r}).write_text(str(os.getpid())); time.sleep(600)"
argv = (sys.executable, "-c", code)
job = Job("c", CronTrigger(year=2099), argv, timedelta(minutes=5), at_once=True)
print(Runner([job], stopped=lambda: "", say=lambda _: None, env=dict(os.environ)).serve())
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert select.select([heard], [], [], 60)[0], "it started nothing"
    pid = int(os.read(heard, 20))
    os.close(heard)
    process.send_signal(told)
    out, _ = process.communicate(timeout=60)
    assert out.strip() == told.name
    assert not psutil.pid_exists(pid)


def test_ending_asks_only_the_very_process():
    """A number that belongs to another process by now is not asked to end."""
    with pytest.raises(NotRunning, match="another one"):
        end_runner(os.getpid(), 12.0, wait=time.sleep, patience=1.0)
    child = subprocess.Popen(python("import time; time.sleep(600)"))
    began = psutil.Process(child.pid).create_time()
    assert end_runner(child.pid, began, wait=time.sleep, patience=30.0)
    child.wait()
    with pytest.raises(NotRunning):
        end_runner(child.pid, began, wait=time.sleep, patience=1.0)


def test_a_person_sees_when_each_job_is_due():
    """The next time of each job is told in UTC."""
    at = datetime(2026, 3, 2, 12, 1, tzinfo=UTC)
    trigger = CronTrigger.from_crontab("*/15 * * * *", timezone="UTC")
    job = Job("collection", trigger, argv_of("collection", Path("c.yaml")), LONG)
    assert describe(at, [job]) == ["collection: next at 2026-03-02 12:15 UTC"]
    assert job.argv[-2:] == ("--config", "c.yaml")
