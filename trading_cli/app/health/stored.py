"""What the database says: itself, how fresh, how whole, who runs, what waits, what is stopped."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from trading_cli.app.health.parts import Part, Patient, ago, finding
from trading_cli.app.heartbeat import HINT, MARK
from trading_cli.app.settings import Loaded
from trading_cli.domain import SLOT_SECONDS, from_epoch, slot_of
from trading_cli.store import Store, Transaction, history, ledger, outbox, pauses, runs
from trading_cli.store.backfill import meta
from trading_cli.store.born import is_there
from trading_cli.store.deliveries import health
from trading_cli.store.glance import gaps_since

GB = 1_000_000_000
STATES = {"ok": "ok", "degraded": "warn", "failed": "fail", "off": "off"}
SPAN = timedelta(days=28)
WHOLE = 0.99
"""So many of the slots of 28 days should have been collected (reliability: at most 27 missed)."""
LONGEST_GAP = 2
OLD_BACKUP_DAYS = 8.0
WAITS_MIN = 30.0
DONE = frozenset({"OK", "PARTIAL"})


def database(patient: Patient) -> Iterator[Part]:
    """Say whether the file is sound, fresh and whole, and how the sources did."""
    loaded = patient.loaded
    path = loaded.database
    if not is_there(path):
        yield finding("database", "warn", f"no database at {path} yet", "trading collect")
        return
    with Store.reader(path) as store:
        yield _file(store.quick_check(), store.schema_version, loaded)
        with store.reading() as look:
            yield _fresh(look, patient)
            yield from _sources(look)
            yield _gaps(look, patient.now)
            yield _coverage(look, patient.now)
            yield from _runs(look, patient.now)
            yield from _outbox(look, patient.now)
            yield from _pauses(look, patient.now)
            yield _heartbeat(look, patient)


def _file(wrong: list[str], schema: int, loaded: Loaded) -> Part:
    section, size = loaded.settings.database, loaded.database.stat().st_size / GB
    told = f"{loaded.database}: schema {schema}, {size:.3f} GB"
    if wrong:
        from trading_cli.store.database import RESTORE  # noqa: PLC0415

        return finding("database", "fail", "; ".join(wrong)[:500], RESTORE)
    if size > section.warn_gb:
        state = "fail" if size > section.max_gb else "warn"
        return finding("database", state, told, "trading db archive, or raise database.max_gb")
    return finding("database", "ok", f"{told}, quick check passed")


def _fresh(look: Transaction, patient: Patient) -> Part:
    newest = history.newest_quote_at(look)
    ran = runs.collected(look, limit=1)
    slot = f"{from_epoch(ran[0].slot):%Y-%m-%d %H:%M} UTC" if ran else ""
    last = f"last run {ran[0].state} for slot {slot}; " if ran else "never run; "
    if newest is None:
        return finding("freshness", "warn", f"{last}no quotes yet", "trading collect")
    age = (patient.now - newest).total_seconds() / 60
    late = age > patient.loaded.settings.health.newest_quote_minutes
    told = f"{last}newest quote {ago(age)} old"
    return finding("freshness", "fail" if late else "ok", told, "trading collect" * late)


def _sources(look: Transaction) -> Iterator[Part]:
    for one in ledger.source_states(look):
        fix = "" if one.state in {"ok", "off"} else "trading logs --level warning"
        told = f"{one.message or 'answered'} (checked {one.checked:%Y-%m-%d %H:%M} UTC)"
        yield finding(f"source {one.name}", STATES.get(one.state, "warn"), told, fix)


def _gaps(look: Transaction, now: datetime) -> Part:
    gaps = gaps_since(look, slot_of(now - timedelta(days=1)))
    told = ", ".join(f"{cause} {count}" for cause, count in gaps.items()) or "none noted in 24 h"
    return finding("gaps", "warn" if gaps else "ok", told, "trading quality-check" * bool(gaps))


def _coverage(look: Transaction, now: datetime) -> Part:
    """Say how many of the slots since the first (at most 28 days) were collected."""
    ran = runs.last(look, cycles=runs.COLLECTING, limit=100_000)
    since = slot_of(now - SPAN)
    good = {one.slot for one in ran if one.state in DONE and one.slot >= since}
    if not good:
        return finding("coverage", "warn", "no slot was collected in 28 days", "trading run")
    first, last = min(good), slot_of(now) - SLOT_SECONDS  # the slot under way is nobody's fault
    expected = range(first, last + 1, SLOT_SECONDS)
    missing = [slot for slot in expected if slot not in good]
    share = 1 - len(missing) / max(len(expected), 1)
    longest = _longest(missing)
    told = (
        f"{len(expected) - len(missing)} of {len(expected)} slots since"
        f" {from_epoch(first):%Y-%m-%d %H:%M} UTC ({share:.2%}), longest gap {longest} slots"
    )
    poor = share < WHOLE or longest > LONGEST_GAP
    fix = "trading schedule install, or trading run" if poor else ""
    return finding("coverage", "warn" if poor else "ok", told, fix)


def _longest(missing: list[int]) -> int:
    longest = length = 0
    for place, slot in enumerate(missing):
        follows = place and slot - missing[place - 1] == SLOT_SECONDS
        length = length + 1 if follows else 1
        longest = max(longest, length)
    return longest


def _runs(look: Transaction, now: datetime) -> Iterator[Part]:
    """Say how each cycle's last run went, and of one under way whether it takes too long."""
    for cycle in ("collection", "analysis", "validation"):
        found = [
            one for one in runs.last(look, cycles=(cycle,), limit=20) if one.timing != "missed"
        ]
        if not found:
            yield finding(f"cycle {cycle}", "off", "never run", f"trading cycle {cycle}")
            continue
        one = found[0]
        told = f"{one.state} for {from_epoch(one.slot):%Y-%m-%d %H:%M} UTC"
        told += f": {one.why[:120]}" if one.why else ""
        if one.state == "RUNNING":
            minutes = (now - one.started).total_seconds() / 60
            told += f", since {ago(minutes)}, process {one.pid}"
        state = "fail" if one.state == "FAILED" else "warn" if one.state == "PARTIAL" else "ok"
        yield finding(f"cycle {cycle}", state, told, "trading logs" if state != "ok" else "")


def _outbox(look: Transaction, now: datetime) -> Iterator[Part]:
    """Say whether what is to be told waits too long, and which channel fails."""
    waiting, oldest = outbox.waiting(look)
    dead = len(outbox.rows(look, state="DEAD", limit=1000))
    minutes = 0.0 if oldest is None else (now - oldest).total_seconds() / 60
    told = f"{waiting} wait" + (f", the oldest for {ago(minutes)}" if waiting else "")
    told += f"; {dead} that no channel took" if dead else ""
    poor = minutes > WAITS_MIN or dead
    yield finding("outbox", "warn" if poor else "ok", told, "trading alerts list" if poor else "")
    for name, one in sorted(health(look).items()):
        if one.failures:
            told = f"failed {one.failures} times in a row: {one.error}"
            yield finding(f"channel {name}", "fail", told, "trading alerts test")
        else:
            last = "" if one.sent_at is None else f", last at {one.sent_at:%Y-%m-%d %H:%M} UTC"
            yield finding(f"channel {name}", "ok", f"takes what is sent{last}")


def _pauses(look: Transaction, now: datetime) -> Iterator[Part]:
    held = pauses.active(look, now)
    if held:
        told = "; ".join(f"{one.kind}: {one.reason}" for one in held)
        fix = "trading resume" if any(one.kind == "owner" for one in held) else ""
        yield finding("pauses", "warn", f"entries wait: {told}", fix)
    else:
        yield finding("pauses", "ok", "none")


def _heartbeat(look: Transaction, patient: Patient) -> Part:
    """Say whether the sign of life was taken the last time."""
    if patient.loaded.secrets.heartbeat_url is None:
        return finding("heartbeat", "off", "TRADING_HEARTBEAT_URL is not set")
    at, _, wrong = (meta(look, MARK) or "").partition(" ")
    if not at:
        return finding("heartbeat", "warn", "none was sent yet", "trading cycle collection")
    told = f"sent {from_epoch(int(at)):%Y-%m-%d %H:%M} UTC"
    if wrong:
        return finding("heartbeat", "fail", f"{told}, not taken: {wrong}", HINT)
    return finding("heartbeat", "ok", f"{told}, taken")


def kill_switch(patient: Patient) -> Iterator[Part]:
    """Say how the switch stands, whatever else can be read."""
    from trading_cli.app.stop import Place, standing_at  # noqa: PLC0415  # paid when used

    loaded = patient.loaded
    if not is_there(loaded.database) and not (loaded.home / "data" / "KILL").exists():
        yield finding("kill switch", "ok", "a new home: armed by the first collection")
        return
    stands = standing_at(Place(loaded.home, loaded.database))
    state = stands.state.value
    if state == "ARMED":
        yield finding("kill switch", "ok", "ARMED: trading is allowed")
    elif state == "DISARMED":
        yield finding("kill switch", "warn", "DISARMED: no trading allowed", "trading kill arm")
    else:
        told = f"{state}, level {stands.level}: {stands.reason}"
        yield finding("kill switch", "fail", told, "trading kill status")


def locks(patient: Patient) -> Iterator[Part]:
    """Say who is at work now."""
    from trading_cli.app.runs import held_by  # noqa: PLC0415  # paid when used
    from trading_cli.app.upkeep import SCHEDULER, UPKEEP, WORKS  # noqa: PLC0415

    folder = patient.loaded.database.parent
    found = {work: held_by(folder, work) for work in (SCHEDULER, UPKEEP, *WORKS)}
    busy = [f"{work}: {who}" for work, who in found.items() if who]
    yield finding("locks", "ok", "; ".join(busy) or "nothing is at work")


def backups(patient: Patient) -> Iterator[Part]:
    """Say how old the newest backup is."""
    from trading_cli.app.upkeep.backup import FOLDER  # noqa: PLC0415  # paid when used
    from trading_cli.app.upkeep.backup import backups as kept  # noqa: PLC0415

    path = patient.loaded.database
    if not is_there(path):
        return
    found = kept(path.parent / FOLDER, path.stem)
    if not found:
        yield finding("backup", "warn", "there is none", "trading db backup")
        return
    newest = max(found, key=lambda one: one.stat().st_mtime)
    days = (patient.now.timestamp() - newest.stat().st_mtime) / 86_400
    told = f"{newest.name}, {ago(max(days, 0) * 1440)} old, {len(found)} kept"
    old = days > OLD_BACKUP_DAYS
    yield finding("backup", "warn" if old else "ok", told, "trading db backup" * old)
