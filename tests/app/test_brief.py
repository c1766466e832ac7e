"""The settings `status` takes from a note are those a full check would bring, whatever happens."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trading_cli.app import brief
from trading_cli.app.settings import load
from trading_cli.core.config import Secrets
from trading_cli.core.errors import ConfigError
from trading_cli.core.home import SECRETS

PROBE = (
    "import os, sys, json; from pathlib import Path; from trading_cli.app import overview\n"
    "told = overview.status(None, os.environ)\n"
    "heavy = {'pydantic', 'pydantic_core', 'yaml', 'numpy', 'requests', 'structlog', 'rich'}\n"
    "sys.stdout.write(json.dumps([told['mode'], told['home'], sorted(heavy & set(sys.modules))]))\n"
)


@pytest.fixture
def notes(home: Path, tmp_path: Path) -> Path:
    """Return where the notes of an empty home go."""
    del home
    return tmp_path / "state" / "trading" / brief.FILE


def _written(home: Path, text: str) -> Path:
    path = home / "config.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def _database(env: Mapping[str, str] | None = None) -> str:
    """Return the database `status` would open, after making sure a full check says the same."""
    given = os.environ if env is None else env
    told = brief.read(None, given)
    whole = load(None, env=given)
    assert told == (whole.settings.mode, whole.home, whole.database)
    return told.database.name


def _probe() -> list[str]:
    """Return which heavy libraries a fresh `status` loads."""
    ran = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=False, env=os.environ
    )
    assert ran.returncode == 0, ran.stderr
    mode, home, heavy = json.loads(ran.stdout)
    assert (mode, home) == ("paper", os.environ["TRADING_HOME"])
    return heavy


@pytest.mark.parametrize("text", [None, "", "database: {path: data/other.db}\n"])
def test_the_second_look_loads_no_library_of_the_settings(home, notes, text):
    """With a file or without, only the first `status` pays for pydantic and yaml."""
    if text is not None:
        _written(home, text)
    assert _probe() == ["pydantic", "pydantic_core", "yaml"]
    assert notes.exists()
    assert _probe() == []


def test_an_edit_counts_even_where_size_and_time_stay(home, notes):
    """The bytes decide: same length, same time of change, same inode, another database."""
    path = _written(home, "database: {path: data/a.db}\n")
    before = path.stat()
    assert _database() == _database() == "a.db"
    path.write_text("database: {path: data/b.db}\n", encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert path.stat().st_ino == before.st_ino
    assert _database() == _database() == "b.db"
    assert len(json.loads(notes.read_text())["notes"]) == 2


@pytest.mark.usefixtures("notes")
def test_a_file_that_comes_or_goes_counts(home):
    """No file, an empty one and a full one are three different things."""
    assert _database() == "trading.db"
    path = _written(home, "database: {path: data/a.db}\n")
    assert _database() == "a.db"
    path.unlink()
    assert _database() == "trading.db"


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize("name", ["TRADING__DATABASE__PATH", "trading__database__path"])
def test_a_variable_counts(home, name):
    """Setting, changing and taking away a TRADING__… variable each show at once."""
    _written(home, "database: {path: data/a.db}\n")
    env = dict(os.environ)
    assert _database(env) == "a.db"
    assert _database(env | {name: "data/b.db"}) == "b.db"
    assert _database(env | {name: "data/c.db"}) == "c.db"
    assert _database(env) == "a.db"


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize(
    "wrong",
    ["mode: live\n", "mode: papers\n", "modes: paper\n", "mode: [\n", "mode: paper\n# \udcff"],
)
def test_wrong_settings_are_never_hidden(home, wrong):
    """After any number of good looks a wrong file says the sentence a full check says, twice."""
    path = _written(home, "mode: paper\n")
    _database()
    path.write_bytes(wrong.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError) as whole:
        load(None, env=os.environ)
    for _ in range(2):
        with pytest.raises(ConfigError) as told:
            brief.read(None, os.environ)
        assert str(told.value) == str(whole.value)


@pytest.mark.usefixtures("notes")
def test_a_file_others_may_change_is_refused_after_a_good_look_too(home):
    """Who may write the file is part of what was checked."""
    path = _written(home, "mode: paper\n")
    _database()
    path.chmod(0o620)
    with pytest.raises(ConfigError, match="may be changed by others"):
        brief.read(None, os.environ)


def test_secrets_are_checked_each_time_and_never_noted(home, notes):
    """A secrets.env that becomes wrong is refused at once; no secret is in the notes."""
    secret = home / "secrets.env"
    secret.write_text("TRADING_X_TOKEN=tell-nobody\n")
    secret.chmod(0o600)
    env = dict(os.environ) | {"TRADING_SERVE_TOKEN": "nor-this"}
    _database(env)
    _database(env)
    assert "tell-nobody" not in notes.read_text()
    assert "nor-this" not in notes.read_text()
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="may be read by others"):
        brief.read(None, env)
    secret.chmod(0o600)
    secret.write_text("TRADING_X_TOKN=a\n")
    with pytest.raises(ConfigError, match="no such secret; did you mean TRADING_X_TOKEN"):
        brief.read(None, env)


def test_the_names_of_the_secrets_are_those_of_the_settings():
    """The light list and the settings' own shape name the same secrets."""
    assert set(SECRETS) == set(Secrets.model_fields)


def test_notes_are_ours_alone(home, notes):
    """Mode 0600 in a 0700 folder, and nothing half-written beside them."""
    _written(home, "database: {path: data/a.db}\n")
    _database()
    assert notes.stat().st_mode & 0o777 == 0o600
    assert notes.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in notes.parent.iterdir()] == [brief.FILE]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "{}", '{"version": 1}', "\x00\xff", "[" * 100_000,
        '{"version": "0.1.0", "program": {}, "notes": 7}',
        '{"version": "0.1.0", "program": {"no/such.py": [1, 2]}, "notes": {}}',
    ],
    ids=range(10),
)  # fmt: skip
def test_a_damaged_note_is_no_note(notes, text):
    """Whatever the file holds, the answer is right and the file is mended."""
    notes.parent.mkdir(parents=True, mode=0o700)
    notes.write_text(text, encoding="latin-1")
    notes.chmod(0o600)
    assert _database() == "trading.db"
    assert len(json.loads(notes.read_text())["notes"]) == 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_byte_of_a_note_changes_the_answer_stays_right(notes, data):
    """A flipped bit costs time, never truth."""
    notes.unlink(missing_ok=True)
    _database()
    raw = bytearray(notes.read_bytes())
    # the notes proper stand at the end: aim there half the time
    start = data.draw(st.sampled_from([0, raw.index(b'"notes"')]))
    place = data.draw(st.integers(start, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    notes.write_bytes(bytes(raw))
    assert _database() == "trading.db"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("mode", [0o644, 0o660, 0o606])
def test_a_note_open_to_others_is_no_note(notes, mode):
    """What somebody else could have read or written is not believed, but replaced."""
    _database()
    told = json.loads(notes.read_text())
    notes.chmod(mode)
    assert brief._noted(notes) == {}
    assert _database() == "trading.db"
    assert notes.stat().st_mode & 0o777 == 0o600
    assert json.loads(notes.read_text())["notes"] == told["notes"]


@pytest.mark.usefixtures("home")
def test_a_note_of_somebody_else_is_no_note(notes):
    """A file another user owns is not believed, whatever its mode."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    _database()
    os.chown(notes, 4711, 4711)
    assert brief._noted(notes) == {}
    assert _database() == "trading.db"
    assert notes.stat().st_uid == 0


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_note_that_is_no_plain_file_is_no_note(notes, tmp_path, kind):
    """A link is not followed, a pipe not waited for."""
    _database()
    aside = tmp_path / "aside"
    notes.rename(aside)
    if kind == "link":
        notes.symlink_to(aside)
    elif kind == "folder":
        notes.mkdir()
    else:
        os.mkfifo(notes, 0o600)
    assert brief._noted(notes) == {}
    assert _database() == "trading.db"


@pytest.mark.parametrize("blocked", ["file in the way", "nowhere named"])
def test_where_no_note_can_be_kept_the_answer_is_right_all_the_same(home, tmp_path, blocked):
    """A state folder that cannot be made, or that nobody named, only costs time."""
    _written(home, "database: {path: data/a.db}\n")
    env = {"TRADING_HOME": str(home)}
    if blocked == "file in the way":
        (tmp_path / "state").write_text("")
        env["XDG_STATE_HOME"] = str(tmp_path / "state")
    assert _database(env) == _database(env) == "a.db"


@pytest.mark.usefixtures("home")
def test_another_version_does_not_believe_the_notes(notes, monkeypatch):
    """What an older or newer program noted is checked anew, also without a new version number."""
    _database()
    assert brief._noted(notes) != {}
    with monkeypatch.context() as patch:
        patch.setattr(brief, "__version__", "0.0.9")
        assert brief._noted(notes) == {}
    told = json.loads(notes.read_text())
    told["program"]["app/settings.py"][1] += 1
    notes.write_text(json.dumps(told))
    assert brief._noted(notes) == {}


def test_the_notes_know_the_program_that_checked(notes):
    """Every file that shapes the settings is among those whose change voids the notes."""
    env = {"XDG_STATE_HOME": str(notes.parent.parent)}
    _database(env)
    program = json.loads(notes.read_text())["program"]
    assert {"app/settings.py", "core/config.py", "core/home.py", "sources/__init__.py"} <= set(
        program
    )


def test_an_edit_during_the_check_is_not_noted(home, notes, monkeypatch):
    """The note of one text never holds what another text said."""
    path = _written(home, "database: {path: data/a.db}\n")
    whole = brief._checked

    def slow(*arguments):
        path.write_text("database: {path: data/b.db}\n")
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(brief, "_checked", slow)
        assert brief.read(None, os.environ).database.name == "b.db"
    assert not notes.exists()
    path.write_text("database: {path: data/a.db}\n")
    assert _database() == "a.db"


def test_only_so_many_notes_are_kept(home, notes):
    """The file stays small; the newest stay."""
    names = [f"{n}.db" for n in range(brief.KEPT + 3)]
    for name in names:
        _written(home, yaml.safe_dump({"database": {"path": name}}))
        assert _database() == name
    told = [note[1] for note in json.loads(notes.read_text())["notes"].values()]
    assert told == names[-brief.KEPT :]
