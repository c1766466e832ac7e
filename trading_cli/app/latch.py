"""The file that stops everything: <home>/data/KILL. That it is there is what counts.

Whatever stands at that path, readable or not, a folder or a link, is a trigger. Its lines "level N"
say how far it goes; the highest counts, and where nothing sensible is said it is the worst.
It is only ever added to, so no trip can lower another's.
"""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trading_cli.trading.killswitch import WORST, Standing, State, unreadable

KILL_FILE = "KILL"
_LEVELS = {b"level 1": 1, b"level 2": 2, b"level 3": 3, b"level 4": 4}
_MAX_BYTES = 65_536
_TRIES = 5
_HOW = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Latched:
    """What the file forbids now, and why it could not be written as asked ("" where it could)."""

    level: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What stood at the path: a later trip leaves another one."""

    inode: int
    size: int
    changed: int


def file_standing(folder: Path) -> Standing:
    """Return what the file says: anything there at all, readable or not, is a trigger."""
    path = folder / KILL_FILE
    try:
        path.lstat()
    except FileNotFoundError:
        return Standing(State.ARMED, 0, "")
    except OSError as error:
        return unreadable(f"{path}: {error.strerror}")
    level, said = _told_by(path)
    return Standing(State.TRIGGERED, level, said or f"the file {path}", actor=f"the file {path}")


def _told_by(path: Path) -> tuple[int, str]:
    """Return the highest level the file names, the worst where it names none; and its last word."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _HOW)
    except OSError:
        return WORST, ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return WORST, ""
        lines = os.read(descriptor, _MAX_BYTES + 1).splitlines()
    except OSError:
        return WORST, ""
    finally:
        os.close(descriptor)
    named = [_LEVELS.get(line.rstrip(), WORST) for line in lines if line.startswith(b"level")]
    whole = bool(named) and lines[0].startswith(b"level") and sum(map(len, lines)) < _MAX_BYTES
    words = lines[-1].decode("utf-8", "replace") if len(lines) > 1 else ""
    return (max(named) if whole else WORST), words


def latch(folder: Path, level: int, words: str) -> Latched:
    """Make the file, durably, or add to the one that is there; never lower what it says.

    Where no word can be written an empty file stays, which is the worst; where no file can be made
    a folder of that name is tried. *words* say when, who and why.
    """
    path = folder / KILL_FILE
    for _ in range(_TRIES):
        try:
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _HOW, 0o600)
        except FileExistsError:
            if (again := _again(path, level, words)) is not None:
                return again
        except OSError as error:
            return _bare(path, error)
        else:
            lost = _write(descriptor, _told(level, words))
            _settle(folder)
            # a reset may have taken away what we just made, thinking it the one it saw
            if os.path.lexists(path):
                return Latched(WORST if lost else level)
    return Latched(level, f"{path} is taken away as often as it is made")


def _told(level: int, words: str) -> bytes:
    return f"level {level}\n{' '.join(words.split())[:500]}\n".encode("utf-8", "replace")


def _again(path: Path, level: int, words: str) -> Latched | None:
    """Add to the file that is there; ``None`` where it is gone meanwhile."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | _HOW)
    except FileNotFoundError:
        return None
    except OSError:  # a folder, a link, somebody else's: a trigger, as it is
        with suppress(OSError):
            os.utime(path, follow_symlinks=False)
        standing = file_standing(path.parent)
        if standing.state is State.ARMED:
            return None
        low = standing.level < level
        return Latched(standing.level, f"{path} cannot be written" if low else "")
    inode = os.fstat(descriptor).st_ino
    before = _told_by(path)[0]
    low = before < level
    told = b"\n" + _told(max(before, level), words)  # an empty file is the worst: it stays so
    if os.fstat(descriptor).st_size > _MAX_BYTES // 2 and not low:
        told = b""  # a page too long to be read would forbid everything
        os.utime(descriptor)  # a reset shall see that somebody was here
    lost = _write(descriptor, told, empty=low)
    try:
        if path.lstat().st_ino != inode:
            return None
    except OSError:
        return None
    held = _told_by(path)[0]
    return Latched(held, lost if held < level else "")


def _write(descriptor: int, told: bytes, *, empty: bool = True) -> str:
    """Write *told* durably and close. Return why not; then, if *empty*, the file says nothing."""
    try:
        if os.write(descriptor, told) < len(told):
            raise OSError(0, "only a part could be written")  # noqa: TRY301  # one way to fail
        os.fsync(descriptor)
    except OSError as error:
        if empty:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
        return error.strerror or str(error)
    finally:
        os.close(descriptor)
    return ""


def _bare(path: Path, first: OSError) -> Latched:
    """Try a folder of that name: it needs no writing."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return Latched(file_standing(path.parent).level)
    except OSError:
        return Latched(0, f"{path}: {first.strerror or first}")
    _settle(path.parent)
    return Latched(WORST)


def _settle(folder: Path) -> None:
    """Make the names in *folder* durable, as far as the disk can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def seen(folder: Path) -> Seen | None:
    """Return what stands at the path, ``None`` where nothing does. Raises OSError."""
    try:
        info = (folder / KILL_FILE).lstat()
    except FileNotFoundError:
        return None
    return Seen(info.st_ino, info.st_size, info.st_mtime_ns)


def unlatch(folder: Path, before: Seen) -> str:
    """Take away the file that was *before*; put back another. Return why not, "" when done.

    It is moved first and looked at then, so a trip between a look and the removal is not lost.
    """
    path, aside = folder / KILL_FILE, folder / f".{KILL_FILE}.{os.getpid()}"
    try:
        path.rename(aside)
    except OSError as error:
        return f"{path} cannot be taken away: {error.strerror}"
    info = aside.lstat()
    if Seen(info.st_ino, info.st_size, info.st_mtime_ns) != before:
        return _put_back(path, aside, "it was tripped again meanwhile")
    try:
        if stat.S_ISDIR(info.st_mode):
            aside.rmdir()
        else:
            aside.unlink()
    except OSError as error:
        return _put_back(path, aside, f"{path} cannot be taken away: {error.strerror}")
    _settle(folder)
    return ""


def _put_back(path: Path, aside: Path, why: str) -> str:
    try:
        os.link(aside, path, follow_symlinks=False)  # never over another trip's
        aside.unlink()
    except OSError:
        with suppress(OSError):
            if not os.path.lexists(path):
                aside.rename(path)
    return why
