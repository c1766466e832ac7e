"""Stops under load, by real processes; and a stop's state damaged in every way there is."""

import os
import random
import shutil
from contextlib import closing, suppress
from pathlib import Path
from sqlite3 import Error, connect

import pytest
import stopping  # beside this
import submitting  # beside this
from stopping import NOW, file_of

from trading_cli.app import latch, stop
from trading_cli.domain import Purpose
from trading_cli.store import Store
from trading_cli.trading.killswitch import State


def _stops_under_load(count: int, folder: Path) -> dict[str, float]:
    """Trip *count* homes while three processes send; return what was measured, in seconds."""
    dice = random.Random(count)  # noqa: S311  # no secret
    late, in_flight, sent_after, sent, slowest = 0.0, 0, 0, 0, 0.0
    with submitting.processes(4) as (tripper, *senders):
        for number in range(count):
            level = 1 + number % 4
            place = stopping.make(folder / str(number))
            for seed, pipe in enumerate(senders):
                pipe.send(("submit", str(place.home), seed + number))
            tripper.send(("trip", str(place.home), (level, dice.uniform(0.0, 0.05))))
            latched, at, seconds = tripper.recv()
            assert latched
            slowest = max(slowest, seconds)
            found = [one for pipe in senders for one in pipe.recv()]
            sent += len(found)
            for asked, reached, purpose in found:
                if purpose == "exit" and level < 4:
                    sent_after += reached > at
                    continue
                assert asked <= at, f"asked {asked - at:.6f} s after the latch of level {level}"
                in_flight += reached > at
                late = max(late, reached - at)
            shutil.rmtree(place.home)
    assert sent_after, "exits go on at levels 1 to 3"
    assert late <= 1.0
    return {"sent": sent, "in_flight": in_flight, "latest_s": late, "slowest_latch_s": slowest}


def test_no_order_that_is_forbidden_goes_after_the_latch(tmp_path, record_property):
    """Fifty random stops while three processes send without a pause."""
    record_property("measured", _stops_under_load(50, tmp_path))


@pytest.mark.nightly
def test_no_order_that_is_forbidden_goes_after_a_thousand_latches(tmp_path, capsys):
    """A thousand."""
    told = _stops_under_load(1000, tmp_path)
    with capsys.disabled():
        print(f"\n1,000 stops under load: {told}")  # noqa: T201  # a campaign reports


# --- damage

BOTH, FILE, ROW = "both", "file", "row"


def _latched(place: stop.Place, how: str, level: int) -> None:
    """Stop *place* by file and row, by the file alone, or by the row alone."""
    if how == FILE:
        latch.latch(place.folder, level, "because")
        return
    if how == ROW:
        with Store.open(place.database, now=NOW) as store:
            with store.transaction() as tx:
                stop.record_trigger(tx, place, level, reason="x", actor="y", now=NOW)
            store.checkpoint()
        return
    stop.trip(place, level=level, reason="because", actor="person", now=NOW)


def _bytes(dice: random.Random, path: Path) -> None:
    """Truncate, flip, overwrite or append at a random place."""
    whole = bytearray(path.read_bytes())
    kind = dice.choice(("truncate", "flip", "flips", "zero", "noise", "append", "empty"))
    spot = dice.randrange(len(whole)) if whole else 0
    if kind == "truncate":
        del whole[spot:]
    elif kind in {"flip", "flips"} and whole:
        for _ in range(1 if kind == "flip" else 200):
            whole[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
    elif kind == "zero":
        whole[spot : spot + 4096] = bytes(len(whole[spot : spot + 4096]))
    elif kind == "noise":
        whole[spot : spot + 512] = dice.randbytes(len(whole[spot : spot + 512]))
    elif kind == "append":
        whole += dice.randbytes(100)
    else:
        whole.clear()
    path.write_bytes(whole)


def _kind(dice: random.Random, path: Path) -> None:
    """Put something else in its place."""
    path.unlink()
    kind = dice.choice(("folder", "link", "dangling", "pipe", "empty", "noise"))
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind in {"link", "dangling"}:
        path.symlink_to("/etc/hostname" if kind == "link" else "nowhere")
    else:
        path.write_bytes(b"" if kind == "empty" else dice.randbytes(5000))


def _sql(dice: random.Random, path: Path) -> None:
    """Change what the rows say, with the rules of the tables switched off."""
    statements = (
        "DELETE FROM kill_state",
        "DELETE FROM kill_state WHERE seq = (SELECT max(seq) FROM kill_state)",
        "DELETE FROM kill_state WHERE state = 'TRIGGERED'",
        "DELETE FROM meta",
        "DELETE FROM meta WHERE name LIKE 'kill%'",
        "DROP TABLE kill_state",
        "DROP TABLE meta",
        "ALTER TABLE kill_state RENAME TO other",
        "UPDATE kill_state SET state = 'ARMED', level = 0",
        "UPDATE kill_state SET state = 'DISARMED', level = 0",
        "UPDATE kill_state SET at = 99999999999999",
        "UPDATE kill_state SET at = -1",
        "UPDATE kill_state SET seal = NULL",
        "UPDATE kill_state SET seal = zeroblob(16)",
        "UPDATE kill_state SET level = 0",
        "UPDATE kill_state SET seq = seq + 100",
        "INSERT INTO kill_state (state, level, at, actor, reason) VALUES ('ARMED', 0, 1, 'x', 'y')",
        (
            "INSERT INTO kill_state (state, level, at, actor, reason, seal)"
            " SELECT state, level, at, actor, reason, seal FROM kill_state WHERE seq = 1"
        ),
        (
            "UPDATE meta SET value = (SELECT '1:' || lower(hex(seal)) FROM kill_state"
            " WHERE seq = 1) WHERE name = 'kill.head'"
        ),
        "PRAGMA user_version = 1",
        "PRAGMA user_version = 77",
        "PRAGMA application_id = 1",
    )
    with closing(connect(path, isolation_level=None)) as raw, suppress(Error):
        raw.execute("PRAGMA ignore_check_constraints = ON")
        for statement in dice.sample(statements, dice.choice((1, 1, 2))):
            with suppress(Error):
                raw.execute(statement)


def _away(_dice: random.Random, path: Path) -> None:
    path.unlink()


def _mode(dice: random.Random, path: Path) -> None:
    path.chmod(dice.choice((0o000, 0o200, 0o444, 0o777)))


def _old(dice: random.Random, path: Path) -> None:
    """Set its times far into the past or the future."""
    os.utime(path, (dice.choice((0, 2**33)),) * 2)


DATABASE = (_bytes, _bytes, _bytes, _sql, _sql, _sql, _kind, _away, _mode, _old)
LATCH = (_bytes, _bytes, _kind, _mode, _old)


def _damaged(number: int, folder: Path) -> tuple[str, str, bool]:
    """Stop a home, damage one of file and database, and return how, what and whether it stands."""
    dice = random.Random(number)  # noqa: S311  # no secret
    place = stopping.make(folder / str(number))
    how, level = dice.choice((BOTH, FILE, ROW)), dice.randint(1, 4)
    _latched(place, how, level)
    target, ways = place.database, DATABASE
    if how == FILE or (how == BOTH and dice.random() < 0.4):
        target, ways = file_of(place), (*LATCH, _away) if how == BOTH else LATCH
    way = dice.choice(ways)
    way(dice, target)
    standing = stop.standing_at(place, busy_ms=200)
    stands = standing.state is State.TRIGGERED and not stopping.may(place, Purpose.ENTRY)
    shutil.rmtree(place.home)
    return how, way.__name__, stands


def _damages(count: int, folder: Path) -> None:
    lost = [told for told in (_damaged(n, folder) for n in range(count)) if not told[2]]
    assert lost == []


def test_whatever_is_damaged_it_stays_stopped(tmp_path):
    """A hundred damages of the state of a stop: a hundred times stopped."""
    _damages(100, tmp_path)


@pytest.mark.nightly
def test_whatever_is_damaged_it_stays_stopped_a_thousand_times(tmp_path):
    """A thousand: a thousand times."""
    _damages(1000, tmp_path)
