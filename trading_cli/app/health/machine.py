"""The machine and the folders: modes, room on disk and in memory, the log, the schedule."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator

from trading_cli.app.health.parts import Part, Patient, finding

MB = 1_000_000
LEAST_MEMORY_MB = 150
"""A cycle takes about so much (benchmarks/cycle.py)."""


def secrets(patient: Patient) -> Iterator[Part]:
    """Say whether the secrets are for their owner alone."""
    path = patient.loaded.home / "secrets.env"
    if not path.exists():
        yield finding("secrets", "off", "no secrets.env; nothing that is on needs one")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o177:
        yield finding("secrets", "fail", f"{path} has mode {mode:04o}", f"chmod 600 {path}")
    else:
        yield finding("secrets", "ok", f"{path} has mode {mode:04o}")


def folders(patient: Patient) -> Iterator[Part]:
    """Say whether we may write where we must, and others may not."""
    loaded = patient.loaded
    places = {"home": loaded.home, "data": loaded.database.parent, "logs": loaded.logs}
    for name, folder in places.items():
        if not folder.exists():
            yield finding(name, "warn", f"{folder} does not exist yet", f"mkdir -m 700 -p {folder}")
            continue
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not os.access(folder, os.W_OK | os.X_OK):
            yield finding(name, "fail", f"{folder} cannot be written", f"chmod u+rwx {folder}")
        elif mode & 0o022:
            yield finding(name, "warn", f"{folder}: others may write", f"chmod go-w {folder}")
        else:
            yield finding(name, "ok", f"{folder} is writable, mode {mode:04o}")


def disk(patient: Patient) -> Iterator[Part]:
    """Say whether there is room to go on writing."""
    free = shutil.disk_usage(patient.loaded.home).free // MB
    least = patient.loaded.settings.health.min_free_mb
    if free < least:
        yield finding("disk", "fail", f"{free} MB free, {least} wanted", "free some space")
    else:
        yield finding("disk", "ok", f"{free} MB free")


def memory(patient: Patient) -> Iterator[Part]:
    """Say whether a cycle finds room in memory."""
    del patient  # the machine's, whatever the home
    import psutil  # noqa: PLC0415  # paid when used

    free = int(psutil.virtual_memory().available) // MB
    if free < LEAST_MEMORY_MB:
        told = f"{free} MB available, a cycle takes about {LEAST_MEMORY_MB}"
        yield finding("memory", "fail", told, "end another program, or add swap")
    else:
        yield finding("memory", "ok", f"{free} MB available")


def log_file(patient: Patient) -> Iterator[Part]:
    """Say whether the log is written, and how large all of it is."""
    folder = patient.loaded.logs
    files = sorted(folder.glob("*.log*")) if folder.exists() else []
    section = patient.loaded.settings.logging
    size, most = sum(one.stat().st_size for one in files) / MB, section.max_mb * (section.keep + 1)
    newest = folder / "trading.log"
    if newest.exists() and not os.access(newest, os.W_OK):
        yield finding("log", "fail", f"{newest} cannot be written", f"chmod u+w {newest}")
    elif size > most:
        told = f"{size:.0f} MB in {len(files)} files, {most:.0f} are the most"
        yield finding("log", "warn", told, f"remove the oldest files of {folder}")
    else:
        yield finding("log", "ok", f"{size:.1f} MB in {len(files)} files")


def schedule(patient: Patient) -> Iterator[Part]:
    """Say whether something starts the collection."""
    from trading_cli.app.runs import held_by  # noqa: PLC0415  # paid when used

    runner = held_by(patient.loaded.database.parent, "run")
    if runner:
        yield finding("schedule", "ok", f"`trading run` is at work: {runner}")
        return
    program = shutil.which("crontab")
    told = ""
    if program:
        told = subprocess.run(  # noqa: S603  # no word of it comes from outside
            [program, "-l"], capture_output=True, text=True, errors="replace", check=False
        ).stdout
    if any("trading" in row and "collect" in row for row in told.splitlines()):
        yield finding("schedule", "ok", "crontab runs the collection")
    else:
        fix = "trading schedule install" if program else "trading schedule show --systemd"
        yield finding("schedule", "off", "neither `trading run` nor a crontab line collects", fix)
