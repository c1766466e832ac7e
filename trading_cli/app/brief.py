"""The few settings `trading status` needs, without loading the libraries that check settings.

The first look reads and checks everything (``app.settings``) and notes what came of it in this
person's state folder; a later look takes the note while everything the answer depends on is the
same: the bytes of config.yaml, who may write it, every TRADING__… variable, and the program. Only
settings that were right are noted, so a wrong one is always found; secrets are checked each time
and never noted. A note that cannot be read, or that is not ours alone, is no note.
"""

import json
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from trading_cli import __version__
from trading_cli.core.home import PREFIX, Home, find_home, given_secrets, state_folder

FILE = "settings-noted.json"
KEPT = 32  # notes of as many different settings; one is some 200 bytes
_PACKAGE = Path(__file__).parent.parent
_MAX_BYTES = 4_000_000  # config.yaml may hold a million characters

Notes = dict[str, list[str]]


class Brief(NamedTuple):
    """What `trading status` must know of the settings."""

    mode: str
    home: Path
    database: Path


def read(config: Path | None, env: Mapping[str, str]) -> Brief:
    """Return the brief settings of a home, right in every case and quick in most.

    Raises ``ConfigError`` for wrong settings or secrets, exactly as ``app.settings.load`` does.
    """
    place = find_home(config, env)
    folder = state_folder(env)
    key = None if folder is None else _key(place, env)
    if folder is None or key is None:
        mode, database = _checked(config, env)
        return Brief(mode, place.home, place.home / database)
    notes = _noted(folder / FILE)
    noted = _right(key, notes.get(key))
    if noted is None:
        noted = _checked(config, env)
        if _key(place, env) == key:  # else it was edited while we read it
            _note(folder / FILE, {**notes, key: [*noted, _seal(key, *noted)]})
    else:
        given_secrets(place.home, env)
    mode, database = noted
    return Brief(mode, place.home, place.home / database)


def noted(config: Path | None, env: Mapping[str, str]) -> Brief | None:
    """Return the brief settings as noted, ``None`` where they are not; nothing is checked anew.

    For who cannot wait, or whose settings are wrong. Raises ``ConfigError`` as ``find_home`` does.
    """
    place = find_home(config, env)
    folder = state_folder(env)
    key = None if folder is None else _key(place, env)
    if folder is None or key is None:
        return None
    found = _right(key, _noted(folder / FILE).get(key))
    return None if found is None else Brief(found[0], place.home, place.home / found[1])


def _checked(config: Path | None, env: Mapping[str, str]) -> tuple[str, str]:
    """Return mode and database of the settings, after checking them and the secrets as a whole."""
    from trading_cli.app.settings import load  # noqa: PLC0415  # what a note saves: 0.1 s

    settings = load(config, env=env).settings
    return settings.mode, str(settings.database.path)


def _key(place: Home, env: Mapping[str, str]) -> str | None:
    """Return what the settings depend on as one digest, None where the file cannot be read."""
    given = sorted((name, text) for name, text in env.items() if name.upper().startswith(PREFIX))
    held = sha256(json.dumps([place.config is None, given]).encode())
    if place.config is not None:
        try:
            with place.config.open("rb") as file:
                writers = os.fstat(file.fileno()).st_mode & 0o022
                held.update(b"%o\n" % writers)
                held.update(file.read(_MAX_BYTES + 1))
                whole = file.tell() <= _MAX_BYTES
        except OSError:
            return None  # the check of the settings says what is wrong
        if not whole:
            return None
    return held.hexdigest()


def _seal(key: str, mode: str, database: str) -> str:
    """Return the digest that shows a note to be whole."""
    return sha256(json.dumps([key, mode, database]).encode()).hexdigest()


def _right(key: str, note: list[str] | None) -> tuple[str, str] | None:
    """Return mode and database of *note*, None where there is none or a letter of it changed."""
    if not isinstance(note, list) or len(note) != 3 or note[2] != _seal(key, note[0], note[1]):  # noqa: PLR2004  # two values and the seal
        return None
    return note[0], note[1]


def _noted(path: Path) -> Notes:
    """Return the notes this very program left; none where the file is damaged or not ours alone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            info = os.fstat(file.fileno())
            mine = stat.S_ISREG(info.st_mode) and info.st_uid == os.geteuid()
            if not mine or info.st_mode & 0o077:
                _tell("not ours alone: not used", path)
                return {}
            told = json.loads(file.read(_MAX_BYTES))
        same = told["version"] == __version__ and told["program"] == _stamps(told["program"])
        return dict(told["notes"]) if same else {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _tell(f"not used: {error}", path)
        return {}


def _note(path: Path, notes: Notes) -> None:
    """Write *notes* for the next look, best effort: without them it is only slower."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        told = {
            "version": __version__,
            "program": _stamps(_program()),
            "notes": dict(list(notes.items())[-KEPT:]),
        }
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(partial, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump(told, file)
        partial.replace(path)
    except OSError as error:
        _tell(f"not written: {error}", path)
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _program() -> list[str]:
    """Return the files of ours that are loaded: those had a say in what settings are right."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    inside = f"{_PACKAGE}{os.sep}"
    return sorted({file.removeprefix(inside) for file in files if file and file.startswith(inside)})


def _stamps(files: Iterable[str]) -> dict[str, list[int]]:
    """Return size and time of change of *files* of the program: an update need not be a version."""
    return {name: list(_stamp(name)) for name in files}


@lru_cache(maxsize=2048)
def _stamp(name: str) -> tuple[int, int]:
    """Return the same of one file, looked at once: this process runs what it has loaded."""
    info = os.stat(f"{_PACKAGE}{os.sep}{name}")  # noqa: PTH116  # two hundred times
    return info.st_size, info.st_mtime_ns


def _tell(what: str, path: Path) -> None:
    """Leave a word about the notes for somebody hunting a fault."""
    import logging  # noqa: PLC0415  # paid when needed

    logging.getLogger("trading.brief").debug("%s: %s", path, what)
