"""Checks of others: an entry point of the group ``trading_cli.checks``.

Each is a callable that takes the home's folder and the database's path and yields findings:
dicts of part, state (ok, warn, fail, off), evidence and, if you like, fix. What it raises, or says
wrongly, is a finding of its own; it is left behind after ten seconds.
"""

from collections.abc import Iterator
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from trading_cli.app.health.parts import Part, Patient, finding
from trading_cli.trading.strategies.foreign import Failed, attempt_within

GROUP = "trading_cli.checks"
SECONDS = 10.0
_STATES = frozenset({"ok", "warn", "fail", "off"})
_MOST = 100


def foreign(patient: Patient) -> Iterator[Part]:
    """Yield what the checks of others found."""
    for one in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        heard = attempt_within(partial(_asked, one, patient), SECONDS, f"check {one.name}")
        if isinstance(heard, Failed):
            told = f"the check failed: {heard.error}"
            yield finding(f"check {one.name}", "fail", told, f"mend or remove {one.value}")
            continue
        yield from (_read(one.name, said) for said in heard)


def _asked(one: EntryPoint, patient: Patient) -> list[Any]:
    return list(one.load()(patient.loaded.home, patient.loaded.database))[:_MOST]


def _read(name: str, said: Any) -> Part:
    """Return what a check said as a finding of ours."""
    good = isinstance(said, dict) and said.get("state") in _STATES
    if not good or not all(isinstance(said.get(key), str) for key in ("part", "evidence")):
        told = f"it said {said!r:.200}"
        return finding(f"check {name}", "fail", told, "a check yields part, state, evidence, fix")
    fix = said.get("fix")
    return finding(
        f"{name}: {said['part'][:80]}", said["state"], said["evidence"][:500],
        fix[:200] if isinstance(fix, str) else "",
    )  # fmt: skip
