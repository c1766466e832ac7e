"""`trading backtest` as a person runs it: the page, the refusals, Ctrl-C, and the ledger first."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from telling import tell  # beside this

SIZE = ("--days", "1", "--cycles", "3", "--markets", "8")
WIDTH = 80


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """Return the settings of a home in which a few slots were recorded."""
    folder = tmp_path_factory.mktemp("backtest") / "home"
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_STATE_HOME", str(folder.parent / "state"))
    patch.delenv("TRADING_HOME", raising=False)
    assert tell("demo", *SIZE, "--keep", str(folder)).exit_code == 0
    patch.undo()
    return folder / "config.yaml"


def ledger(config: Path) -> list[dict[str, object]]:
    """Return the trials, oldest first."""
    told = tell("trials", "--json", "--config", str(config))
    assert told.exit_code == 0, told.err
    rows: list[dict[str, object]] = json.loads(told.out)["data"]["trials"]
    return rows[::-1]


def begin(config: Path, *words: str, fault: str = "") -> subprocess.Popen[str]:
    """Begin `trading backtest WORDS` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "trading_cli", "backtest", "--config", str(config), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TRADING_FAULT": fault},
    )


@pytest.mark.usefixtures("no_home")
def test_a_person_reads_it_at_eighty_columns(demo, monkeypatch):
    """A terminal of 80 columns shows the verdict, an equity line and every part, none cut."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setenv("TERM", "xterm")
    told = tell("backtest", "--config", str(demo), screen=True)
    assert told.exit_code == 0, told.err
    lines = re.sub(r"\x1b\[[0-9;]*m", "", told.out).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "…" not in told.out
    for word in ("UNPROVEN", "INSUFFICIENT", "equity", "bias checks", "PBO", "DSR", "no trade",
                 "the favourite", "random entries", "unresolved", "fills by grade"):  # fmt: skip
        assert word in " ".join(" ".join(lines).split()), word
    assert "validat" not in told.out.lower()


@pytest.mark.usefixtures("no_home")
def test_piped_it_is_data_and_talk_apart(demo, tmp_path):
    """The answer is on stdout, progress on stderr, -q silences it; the page is written whole."""
    html = tmp_path / "r.html"
    told = tell("backtest", "--config", str(demo), "--html", str(html))
    assert "benchmarks and capacity" in told.err
    assert f"written to {html}" in told.err
    assert html.read_text().endswith("</html>\n")
    hushed = tell("backtest", "--config", str(demo), "-q")
    assert hushed.err == ""
    whole = tell("backtest", "--config", str(demo), "--json")
    assert whole.err == ""
    data = json.loads(whole.out)["data"]
    assert data["sentence"] in hushed.out


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--strategy", "nonsense"), "nonsense"),
        (("--since", "2026-03-02", "--until", "2026-03-01"), "empty"),
        (("--since", "1d", "--until", "2d"), "empty"),
        (("--until", "2020-01-01", "--since", "2019-01-01"), "no price"),
        (("--since", "yesterdayish"), "not a time"),
        (("--fees", "flat:much"), "flat:much"),
        (("--engine", "magic"), "magic"),
        (("--grid", "exits.stop="), "0 cells"),
        (("--grid", "risk.trades_per_day=" + ",".join(map(str, range(1000))),
          "--grid", "risk.open_positions=" + ",".join(map(str, range(1000)))), "1,000,000 cells"),
        (("--grid", "nonsense=1"), "no such setting"),
        (("--walk-forward",), "needs 90 days"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(demo, words, said):
    """Exit 2, one sentence that names it, a way out, and no trial."""
    before = len(ledger(demo))
    told = tell("backtest", "--config", str(demo), "--json", *words)
    assert told.exit_code == 2, told.err
    error = json.loads(told.err)
    assert said in error["message"]
    assert error["hint"]
    assert len(ledger(demo)) == before


def test_a_home_without_data_says_what_to_do(home):
    """Nothing collected: exit 6 and the command that begins."""
    del home
    told = tell("backtest", "--json")
    assert told.exit_code == 6
    assert "collect" in json.loads(told.err)["hint"]


@pytest.mark.usefixtures("no_home")
def test_the_trial_is_in_the_ledger_before_it_runs(demo):
    """Killed right after the plan: the row is there, and counts as tried."""
    before = ledger(demo)
    with begin(demo, "--strategy", "momentum_sentiment", fault="backtest.planned") as child:
        child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL
    (new,) = ledger(demo)[len(before) :]
    assert new["strategy"] == "momentum_sentiment"
    assert new["state"] == "PLANNED"


@pytest.mark.usefixtures("no_home")
def test_killed_between_two_cells_the_first_is_kept(demo):
    """Killed after the first cell was kept: it is DONE, and the same sweep goes on from it."""
    grid = ("--strategy", "momentum_sentiment", "--grid", "exits.stop=.31,.32")
    with begin(demo, *grid, fault="backtest.kept") as child:
        child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL
    cells = [one for one in ledger(demo) if one["kind"] == "cell"]
    assert [one["state"] for one in cells[-2:]] == ["DONE", "PLANNED"]
    with begin(demo, "--json", *grid) as again:
        out, _ = again.communicate(timeout=120)
    found = json.loads(out)["data"]["grid"]["cells"]
    assert [one["reused"] for one in found] == [True, False]


@pytest.mark.usefixtures("no_home")
def test_ctrl_c_keeps_the_finished_cells(demo):
    """SIGINT once two of many cells are done: exit 130, both kept, the others planned."""
    values = ",".join(f".{number}" for number in range(100, 190))
    before = len(ledger(demo))
    with begin(demo, "--strategy", "early", "--grid", f"exits.stop={values}") as child:
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith("cell 2 of 90"):
                child.send_signal(signal.SIGINT)
                break
        said = child.stderr.read()
        child.wait(timeout=120)
    assert child.returncode == 130, said
    assert "cells are kept: the same command goes on from there" in said
    told = tell("trials", "--json", "--limit", "200", "--config", str(demo))
    rows = json.loads(told.out)["data"]["trials"][::-1][before:]
    states = [one["state"] for one in rows if one["kind"] == "cell"]
    done = states.count("DONE")
    assert 2 <= done < 90
    assert states == ["DONE"] * done + ["PLANNED"] * (90 - done)
