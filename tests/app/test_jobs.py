"""Jobs: each a row, a process, an answer; and what becomes of them when somebody dies."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_cli.app import jobs
from trading_cli.app.foreman import Foreman, alive, process_of
from trading_cli.app.settings import Loaded, load
from trading_cli.app.upkeep import archive
from trading_cli.app.workflows import WORKFLOWS, argv, check
from trading_cli.core.errors import UsageError
from trading_cli.store import Store, happenings
from trading_cli.store import jobs as rows

NOW = datetime.now(UTC)
PATIENCE_S = 30.0
ENVELOPE = '{"schema": "trading.x/1", "generated_at": "t", "data": {"a": 1}, "warnings": []}'
SECRET = "canary-secret-0123456789-abcdef"  # noqa: S105  # nobody's
ERROR = {"code": "source_down", "message": f"gamma: no answer ({SECRET})", "hint": "later"}
SAYS = f"print({ENVELOPE!r})"
FAILS = f"import sys; sys.stderr.write({json.dumps(ERROR)!r} + '\\n'); sys.exit(5)"
WAITS = "import time; print('', flush=True); time.sleep(120)"


def until(ready: Callable[[], Any]) -> Any:
    """Return what *ready* returns once it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := ready()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return found


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """Return a home of its own, its database made."""
    config = tmp_path / "config.yaml"
    config.write_text("database: {busy_timeout_ms: 300}\n")
    config.chmod(0o600)
    found = load(config, env={"TRADING_TELEGRAM_TOKEN": SECRET})
    Store.open(found.database, now=NOW).close()
    return found


@pytest.fixture
def foreman(loaded: Loaded) -> Iterator[Callable[[str], Foreman]]:
    """Return what makes a foreman whose every job runs a line of Python; all are ended."""
    made: list[Foreman] = []

    def make(code: str) -> Foreman:
        env = {**os.environ, "TRADING_SERVE_TOKEN": "not for jobs"}
        one = Foreman(loaded, env, command=lambda _asked, _config: [sys.executable, "-c", code])
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()
        for child in one._children.values():  # ours to end, and to wait for
            if child is not None:
                child.kill()
                child.wait()
    with Store.reader(loaded.database) as store, store.reading() as look:
        for job in rows.under_way(look):
            if job.process is not None and alive(job.process):
                os.kill(job.process.pid, signal.SIGKILL)


def ended(loaded: Loaded, job: int) -> dict[str, Any]:
    """Return a job once it has ended."""
    return until(lambda: (found := jobs.one(loaded, job))["ended_at"] and found)


@pytest.mark.parametrize("code", [0, 3, 8])
def test_what_a_command_answers_is_the_result(loaded, foreman, code):
    """An envelope is an answer whatever the exit code; its bytes are kept, for the owner alone."""
    boss = foreman(f"{SAYS}; import sys; sys.stderr.write('half way\\n'); sys.exit({code})")
    job = boss.ask("backtest", {"seed": 3}, by="page")
    told = ended(loaded, job["id"])
    assert (told["state"], told["exit_code"], told["error"]) == ("DONE", code, None)
    assert (told["progress"], told["parameters"]) == ("half way", {"seed": 3})
    assert told["result"] == f"/api/v1/workflows/{job['id']}/result"
    assert jobs.result(loaded, job["id"]).decode().strip() == ENVELOPE
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in jobs.folder_of(loaded).iterdir()
    }
    assert modes == {"1.out": 0o600, "1.err": 0o600}
    assert stat.S_IMODE(jobs.folder_of(loaded).stat().st_mode) == 0o700


STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "one = subprocess.Popen([sys.executable, '-c', 'import signal, time;"
    " signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(120)']);"
    "print(one.pid, flush=True); time.sleep(120)"
)


def test_what_does_not_end_when_told_is_made_to(loaded, foreman, monkeypatch):
    """A job that ignores SIGTERM is killed after the grace, and what it began with it."""
    monkeypatch.setattr("trading_cli.app.foreman.GRACE_S", 0.3)
    boss = foreman(STUBBORN)
    job = boss.ask("backtest", {}, by="page")["id"]
    worker = int(until(lambda: jobs.read(jobs.out_of(loaded, job), 20).strip()))
    _, at_work = boss.cancel(job, by="page")
    assert at_work
    told = ended(loaded, job)
    assert (told["state"], told["exit_code"]) == ("CANCELLED", -9)
    until(lambda: not _works(worker))


def _works(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_wish_to_end_outlives_the_server_that_heard_it(loaded, foreman):
    """It stands in the row: whoever watches the job next ends it."""
    first = foreman(WAITS)
    job = first.ask("backtest", {}, by="page")["id"]
    child = first._children[job]
    first.close()
    assert jobs.cancel(loaded, job, by="page", now=NOW)
    later = foreman(WAITS)
    later._me = rows.Process(first._me.pid, first._me.began)
    later.start()
    child.wait(PATIENCE_S)
    assert ended(loaded, job)["state"] == "CANCELLED"


def test_an_answer_that_was_there_already_is_an_answer(loaded, foreman):
    """Told to end after it had printed all of it, a job is DONE: that is what it is."""
    boss = foreman(f"{SAYS}; import time, sys; sys.stdout.flush(); time.sleep(120)")
    job = boss.ask("backtest", {}, by="page")["id"]
    until(lambda: jobs.read(jobs.out_of(loaded, job), 500))
    boss.cancel(job, by="page")
    told = ended(loaded, job)
    assert (told["state"], told["exit_code"]) == ("DONE", -signal.SIGTERM)
    with pytest.raises(jobs.Over, match="DONE"):
        boss.cancel(job, by="page")
    with pytest.raises(jobs.NoSuchJob):
        boss.cancel(77, by="page")


def test_a_failure_is_told_in_the_commands_own_words(loaded, foreman):
    """Code, message and hint are those it wrote, without any secret; there is no result."""
    job = foreman(FAILS).ask("monte-carlo", {}, by="page")["id"]
    told = ended(loaded, job)
    assert (told["state"], told["exit_code"]) == ("FAILED", 5)
    assert told["error"] == {**ERROR, "message": "gamma: no answer (***)"}
    with pytest.raises(jobs.NoResult, match="FAILED"):
        jobs.result(loaded, job)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("raise SystemExit(0)", "failed"),
        (f"print({ENVELOPE[:40]!r})", "failed"),
        ("print('[' * 100_000)", "failed"),
        ("print('{\"a\": 1}')", "failed"),
        ("import sys; sys.stderr.write('Traceback\\n'); sys.exit(1)", "failed"),
        (f"print('x' * {jobs.LARGEST + 1})", "too_large"),
    ],
)
def test_what_is_no_answer_is_none(loaded, foreman, code, word):
    """Nothing, half an envelope, rubbish or too much is a failure with a reason."""
    told = ended(loaded, foreman(code).ask("analysis", {}, by="page")["id"])
    assert (told["state"], told["error"]["code"]) == ("FAILED", word)
    assert told["result"] is None


def test_a_job_that_is_killed_is_told_as_that(loaded, foreman):
    """Kill -9 of its process: FAILED, and by which signal; then another one may begin."""
    boss = foreman(WAITS)
    job = boss.ask("validation", {}, by="page")["id"]
    with pytest.raises(jobs.JobUnderWay) as refused:
        boss.ask("validation", {}, by="page")
    assert refused.value.job == job
    with pytest.raises(jobs.StillAtWork):
        jobs.result(loaded, job)
    os.kill(pid_of(loaded, job), signal.SIGKILL)
    told = ended(loaded, job)
    assert (told["state"], told["exit_code"]) == ("FAILED", -9)
    assert "signal 9" in told["error"]["message"]
    assert boss.ask("validation", {}, by="page")["id"] == job + 1


def pid_of(loaded: Loaded, job: int) -> int:
    """Return the number of a job's process."""
    with Store.reader(loaded.database) as store, store.reading() as look:
        found = rows.find(look, job)
    assert found is not None
    assert found.process is not None
    return found.process.pid


def test_a_job_is_in_a_session_of_its_own_and_hears_nothing(loaded, foreman):
    """What ends the server's group does not end it; it reads nothing and knows no token of ours."""
    code = (
        "import os, sys, json; print(json.dumps({'schema': '', 'generated_at': '', 'warnings': [],"
        " 'data': [os.getsid(0) == os.getpid(), sys.stdin.read(),"
        " 'TRADING_SERVE_TOKEN' in os.environ]}))"
    )
    job = foreman(code).ask("backtest", {}, by="page")["id"]
    assert ended(loaded, job)["state"] == "DONE"
    assert json.loads(jobs.result(loaded, job))["data"] == [True, "", False]


def test_what_cannot_be_started_failed(loaded):
    """A command that is not there is a failed job, and nothing is left under way."""
    boss = Foreman(loaded, {}, command=lambda _asked, _config: ["/no/such/command"])
    with closing(boss):
        told = boss.ask("backtest", {}, by="page")
    assert told["state"] == "FAILED"
    assert "No such file" in told["error"]["message"]


def test_a_closed_database_delays_the_end_of_a_job_and_loses_nothing(loaded, foreman):
    """While somebody else writes, the end cannot be kept; it is, as soon as it can be."""
    job = foreman(SAYS).ask("backtest", {}, by="page")["id"]
    with Store.open(loaded.database, now=NOW) as other, other.transaction():
        time.sleep(1.0)  # longer than the foreman may wait
    assert ended(loaded, job)["state"] == "DONE"


BOSS = """
import os, sys, time
from pathlib import Path
from trading_cli.app import jobs
from trading_cli.app.foreman import Foreman
from trading_cli.app.settings import load
loaded = load(Path(sys.argv[1]), env={})
boss = Foreman(loaded, os.environ, command=lambda *_: [sys.executable, "-c", sys.argv[2]])
try:
    print(boss.ask("analysis", {}, by="page")["id"], flush=True)
except jobs.JobUnderWay as error:
    print(f"under way: {error.job}", flush=True)
boss.start()
sys.stdin.read()
"""


def another(loaded: Loaded, code: str) -> "subprocess.Popen[str]":
    """Start another server's foreman, which asks for an analysis that runs *code*."""
    words = [sys.executable, "-c", BOSS, str(loaded.config), code]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_job_outlives_its_server_and_is_watched_on(loaded, foreman, tmp_path):
    """The server is killed, the job goes on; the next server sees it end."""
    go = tmp_path / "go"
    code = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)\n{SAYS}"
    with another(loaded, code) as server:
        assert server.stdout.readline() == "1\n"
        server.kill()
    job = pid_of(loaded, 1)
    assert psutil.pid_exists(job)
    boss = foreman(SAYS).start()
    me = process_of(os.getpid())
    until(lambda: _watcher(loaded) == me)
    with pytest.raises(jobs.JobUnderWay):
        boss.ask("analysis", {}, by="page")
    go.touch()
    told = ended(loaded, 1)
    assert (told["state"], told["exit_code"]) == ("DONE", None)
    assert jobs.result(loaded, 1).decode().strip() == ENVELOPE


def _watcher(loaded: Loaded) -> rows.Process:
    with Store.reader(loaded.database) as store, store.reading() as look:
        found = rows.find(look, 1)
    assert found is not None
    return found.watcher


@pytest.mark.parametrize(
    ("code", "state"),
    [(WAITS, "LOST"), (f"{SAYS}; {WAITS}", "DONE"), (f"{FAILS}", "FAILED")],
)
def test_what_ended_while_nobody_watched(loaded, foreman, code, state):
    """Of a job whose server and process are gone, what it left is told; LOST: nothing."""
    with another(loaded, code) as server:
        assert server.stdout.readline() == "1\n"
        if code != WAITS:
            until(
                lambda: (
                    jobs.out_of(loaded, 1).stat().st_size or jobs.err_of(loaded, 1).stat().st_size
                )
            )
        server.kill()
    with Store.reader(loaded.database) as store, store.reading() as look:
        found = rows.find(look, 1)
    if alive(found.process):
        os.kill(found.process.pid, signal.SIGKILL)
    foreman(SAYS).start()
    assert ended(loaded, 1)["state"] == state


def test_two_servers_on_one_home_agree(loaded, foreman):
    """The second is told of the first one's job, and does not take it from a living server."""
    boss = foreman(WAITS).start()
    with another(loaded, WAITS) as server:
        assert server.stdout.readline() == "1\n"
        with pytest.raises(jobs.JobUnderWay) as refused:
            boss.ask("analysis", {}, by="page")
        assert refused.value.job == 1
        first = process_of(server.pid)
        for _ in range(5):
            boss._sweep()  # a sweep now, not in two seconds
        assert _watcher(loaded) == first
        boss.ask("backtest", {}, by="page")
        server.kill()
    me = process_of(os.getpid())
    until(lambda: _watcher(loaded) == me)


def test_a_process_is_told_from_a_later_one_of_its_number():
    """A number alone proves nothing."""
    mine = process_of(os.getpid())
    assert alive(mine)
    assert not alive(rows.Process(mine.pid, mine.began - 60))
    assert not alive(None)


def test_a_step_of_the_clock_makes_nobody_another(monkeypatch):
    """What says when a process began does not hang on what time it is taken to be now."""
    mine = process_of(os.getpid())
    for module in (psutil, psutil._pslinux):
        monkeypatch.setattr(module, "boot_time", lambda: 1.0)
    assert alive(mine)


def test_what_cannot_begin_leaves_nothing_open(loaded, foreman, monkeypatch, tmp_path):
    """The first of its two files is closed where the second cannot be made."""
    monkeypatch.setattr(jobs, "err_of", lambda _loaded, _job: tmp_path / "nowhere" / "1.err")
    job = foreman(SAYS).ask("collection", {}, by="token")
    assert job["state"] == "FAILED"
    held = [one.readlink() for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    assert jobs.out_of(loaded, job["id"]) not in held


def test_old_jobs_go_with_what_they_printed(loaded, foreman):
    """Ended jobs older than asked go, but for the newest; its files stay."""
    boss = foreman(SAYS)
    for workflow in ("backtest", "monte-carlo"):
        ended(loaded, boss.ask(workflow, {}, by="page")["id"])
    later = datetime.now(UTC) + timedelta(days=40)
    assert jobs.forget(loaded, later - timedelta(days=30), later) == 1
    assert {path.name for path in jobs.folder_of(loaded).iterdir()} == {"2.out", "2.err"}
    assert [one["id"] for one in jobs.listed(loaded)["jobs"]] == [2]
    with pytest.raises(jobs.NoSuchJob):
        jobs.one(loaded, 1)


def test_the_list_comes_in_pages(loaded, foreman):
    """The newest first, every job once."""
    boss = foreman(SAYS)
    for _ in range(3):
        ended(loaded, boss.ask("backtest", {}, by="page")["id"])
    first = jobs.listed(loaded, limit=2)
    rest = jobs.listed(loaded, limit=2, before=first["next"])
    assert [one["id"] for one in first["jobs"] + rest["jobs"]] == [3, 2, 1]
    assert rest["next"] is None


# --- what may be asked for

BAD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("demo", {}),
    ("kill reset", {}),
    ("collection", {"force": True}),
    ("backtest", {"html": "/etc/cron.d/x"}),
    ("backtest", {"cluster": "tcp://192.0.2.1:8786"}),
    ("backtest", {"since": "2026-01-01"}),
    ("backtest", {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}),
    ("backtest", {"strategies": ["--help"]}),
    ("backtest", {"strategies": "price_only"}),
    ("backtest", {"grid": [{"key": "exits.stop", "values": ["1,2 --html=x"]}]}),
    ("backtest", {"grid": [{"key": "--html", "values": [1]}]}),
    ("backtest", {"grid": [{"key": "exits.stop", "values": []}]}),
    ("backtest", {"fees": "flat:-1"}),
    ("backtest", {"seed": True}),
    ("backtest", {"seed": 1.5}),
    ("backtest", {"workers": 999}),
    ("monte-carlo", {"runs": 10**9}),
    ("monte-carlo", {"run": "../../etc/passwd"}),
    ("monte-carlo", {"engine": "iid; rm -rf /"}),
)


@pytest.mark.parametrize(("workflow", "parameters"), BAD)
def test_what_is_not_on_the_list_is_never_begun(loaded, foreman, workflow, parameters):
    """No row, no process, no file: one sentence that names what is wrong."""
    boss = foreman(SAYS)
    with pytest.raises(UsageError):
        boss.ask(workflow, parameters, by="page")
    assert jobs.listed(loaded) == {"jobs": [], "next": None}
    assert not jobs.folder_of(loaded).exists()


def test_parameters_become_words_of_ours():
    """What is asked is written as one word each, and kept as it was asked."""
    asked = check(
        "backtest",
        {
            "since": "2026-01-01T00:00:00Z", "strategies": ["price_only"], "walk_forward": True,
            "grid": [{"key": "exits.stop", "values": [0.1, 2, True, "fast"]}], "fees": "flat:0.02",
        },
    )  # fmt: skip
    assert asked.words == (
        "backtest", "--strategy=price_only", "--grid=exits.stop=0.1,2,true,fast", "--walk-forward",
        "--since=2026-01-01T00:00:00+00:00", "--fees=flat:0.02", "--engine=full", "--seed=1",
        "--workers=1",
    )  # fmt: skip
    line = argv(asked, Path("/home/x/config.yaml"))
    assert line[-3:] == ["--json", "-v", "--config=/home/x/config.yaml"]
    assert set(asked.parameters) == {"since", "strategies", "walk_forward", "grid", "fees"}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = (
    "since", "until", "strategies", "walk_forward", "grid", "fees", "engine", "seed", "workers",
    "runs", "run", "html", "cluster",
)  # fmt: skip
WORD = re.compile(r"[a-z-]+|--[a-z-]+(=[A-Za-z0-9_.:,+=@-]*)?")


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([*WORKFLOWS, "x"]),
    st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=4),
)
def test_whatever_is_asked_no_strange_word_reaches_a_command_line(workflow, parameters):
    """Either it is refused in a sentence, or every word is of the few letters ours are."""
    try:
        asked = check(workflow, parameters)
    except UsageError:
        return
    assert all(WORD.fullmatch(word) for word in asked.words)


def test_what_a_page_was_told_goes_by_the_settings(loaded, foreman):
    """Events after a week, ended jobs with their answers after thirty days, but for the newest."""
    boss = foreman(SAYS)
    for workflow in ("backtest", "monte-carlo"):
        ended(loaded, boss.ask(workflow, {}, by="page")["id"])
    with Store.reader(loaded.database) as store, store.reading() as look:
        before = happenings.kept(look)
    now = datetime.now(UTC)
    assert archive.forget_news(loaded, now) == {"events": 0, "jobs": 0}
    assert archive.forget_news(loaded, now + timedelta(days=8))["jobs"] == 0
    assert archive.forget_news(loaded, now + timedelta(days=31))["jobs"] == 1
    with Store.reader(loaded.database) as store, store.reading() as look:
        assert happenings.kept(look) == happenings.Kept(before.newest, before.newest)
