"""Work over processes and over a real dask cluster on this machine: the same, and never hung on."""

import math
import os
import signal
import socket
import sys
from functools import partial

import pytest

from trading_cli.app.workers import Crew, WorkerLost
from trading_cli.core.errors import SourceDown, UsageError

pytestmark = pytest.mark.filterwarnings("ignore:.*:ResourceWarning")
ROOTS = [math.sqrt(one) for one in range(7)]


@pytest.fixture(scope="module")
def cluster():
    """Return the address of a dask cluster of two processes on the loopback."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1",
        dashboard_address="127.0.0.1:0", silence_logs=50,
    ) as made:  # fmt: skip
        yield made.scheduler_address


@pytest.mark.parametrize("crew", [Crew(), Crew(2)])
def test_results_come_in_the_order_they_were_given(crew):
    """Whoever works, and however many."""
    assert list(crew.each(math.sqrt, range(7))) == ROOTS
    assert list(crew.each(math.sqrt, [])) == []


@pytest.mark.parametrize("crew", [Crew(), Crew(2)])
def test_each_comes_as_it_ends_with_its_place(crew):
    """The places say what belongs to what."""
    found = dict(crew.as_they_end(math.sqrt, range(7)))
    assert [found[place] for place in range(7)] == ROOTS


def test_what_is_done_first_comes_first(tmp_path):
    """A slow piece holds nothing back: it waits for the file that is made when another came."""
    read = []
    for place, _ in Crew(2).as_they_end(partial(_until, tmp_path / "go"), ["wait", "go"]):
        read.append(place)
        (tmp_path / "go").touch()
    assert read == [1, 0]


def _until(path, word):
    """Wait for *path* where that is the *word*."""
    while word == "wait" and not path.exists():
        os.sched_yield()
    return word


@pytest.mark.parametrize("crew", [Crew(), Crew(2)])
def test_what_the_work_raises_is_raised(crew):
    """Its own error, as if it had been done here."""
    with pytest.raises(ValueError, match="math domain error"):
        list(crew.each(math.sqrt, [4.0, -1.0]))


def test_a_worker_that_dies_is_named():
    """Killed as by a lack of memory: the signal and how much had come back are said."""
    with pytest.raises(WorkerLost, match=r"a worker process died \(SIGKILL\(-9\)\); . of 2 pieces"):
        list(Crew(2).each(_killed, ["live", "die"]))
    assert list(Crew(2).each(math.sqrt, range(7))) == ROOTS, "the next work finds new workers"


def _killed(word):
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return word


def test_nobody_is_no_crew():
    """Less than one worker cannot be."""
    with pytest.raises(ValueError, match="by 0 workers"):
        Crew(0)


def test_without_the_extra_it_is_said(monkeypatch):
    """Exit 2, and what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "trading_cli.app.cluster", raising=False)
    import trading_cli.app

    monkeypatch.delattr(trading_cli.app, "cluster", raising=False)
    with pytest.raises(UsageError, match="a cluster needs the extra `dask`") as told:
        Crew(cluster="tcp://127.0.0.1:8786").ready()
    assert told.value.exit_code == 2
    assert "dask" in told.value.hint


def test_an_address_where_nobody_answers_is_left_in_seconds():
    """Exit 5 with a sentence; what is no address at all is exit 2."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(SourceDown, match=f"cluster {address}: no answer within 5 s") as told:
            Crew(cluster=address).ready()
    assert told.value.exit_code == 5
    for wrong in ("nonsense://x:1", "hello"):
        with pytest.raises(UsageError, match=f"--cluster {wrong}: "):
            Crew(cluster=wrong).ready()


def test_a_cluster_does_the_same(cluster):
    """Results, their order, errors, one by one; and it runs this very version."""
    crew = Crew(cluster=cluster)
    crew.ready()
    assert list(crew.each(math.sqrt, range(7))) == ROOTS
    found = dict(crew.as_they_end(math.sqrt, range(7)))
    assert [found[place] for place in range(7)] == ROOTS
    with pytest.raises(ValueError, match="math domain error"):
        list(crew.each(math.sqrt, [4.0, -1.0]))


def test_a_cluster_that_is_not_like_us_is_refused(cluster):
    """Another answer of any worker: it is named, exit 2."""
    with pytest.raises(UsageError, match=r"the worker tcp://127\.0\.0\.1:\d+ .* has another pid"):
        Crew(cluster=cluster).agree(os.getpid, "another pid")
    assert Crew().agree(os.getpid, "no question") is None


def test_a_worker_of_a_cluster_that_dies_is_named(cluster):
    """A piece that no worker survives ends with the last one's address; the others live on."""
    with pytest.raises(WorkerLost, match=r"the worker tcp://127\.0\.0\.1:\d+ died"):
        list(Crew(cluster=cluster).each(_killed, ["live", "die"]))
    assert list(Crew(cluster=cluster).each(math.sqrt, range(7))) == ROOTS
