"""`trading db archive`: old series into Parquet files by month; evidence stays where it is.

Quotes, books, trades and points older than asked, or than `retention` says, are written, read back,
compared, and only then deleted, a day a transaction. What a decision, order or fill rests on, and
the days before it that it takes to compute it again, stays in the live file.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from trading_cli.app.gather import Progress
from trading_cli.app.runs import only_run
from trading_cli.app.settings import Loaded, load
from trading_cli.app.upkeep import UPKEEP
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import UsageError
from trading_cli.core.faults import fault
from trading_cli.domain import from_epoch
from trading_cli.store import Store, archive, archived, happenings, pace, sealing, upkeep
from trading_cli.store.archived import KINDS, Kind, Part

FOLDER = archived.FOLDER
DAY = 86_400
LEAST = timedelta(days=32)  # hype looks back on 28 days, the limit of what moves together on 30


@dataclass(frozen=True, slots=True)
class Cut:
    """What is to go: of which kind, and before when."""

    kind: Kind
    before: int


def into_archive(  # one argument for each option of the command
    config: Path | None,
    *,
    before: datetime | None = None,
    dry_run: bool = False,
    progress: Progress,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Move what is older than *before* (none: than `retention` says) into the archive.

    With *dry_run* nothing is touched. Raises ``UsageError`` for a time less than 32 days ago, and
    without pyarrow; ``RunLocked`` while another upkeep is at work.
    """
    return move(load(config), before, (clock or SystemClock()).now(), progress, dry_run=dry_run)


def move(
    loaded: Loaded, before: datetime | None, now: datetime, progress: Progress, *, dry_run: bool
) -> dict[str, Any]:
    """Do what ``into_archive`` does, with the settings of a home."""
    began = time.perf_counter()
    if before is not None and before > now - LEAST:
        raise UsageError(
            f"{before.isoformat()} is less than {LEAST.days} days ago: that is still looked at.",
            hint=f"--before {LEAST.days}d or longer",
        )
    cuts = cuts_of(loaded, before, now)
    plan = planned(loaded, cuts)
    done: dict[str, Any] = {"files": [], "deleted": {}, "thrown_away": {}}
    if not dry_run:
        archived.parquet()
        with _alone(loaded, now):
            done = _moved(loaded, cuts, now, progress)
            if before is None:
                done["thrown_away"] = _thrown_away(loaded, now)
    return {
        "folder": str(folder_of(loaded)),
        "dry_run": dry_run,
        "plan": plan,
        **done,
        "evidence": loaded.settings.retention.evidence,
        "evidence_days": loaded.settings.retention.evidence_days,
        "seconds": round(time.perf_counter() - began, 3),
    }


def folder_of(loaded: Loaded) -> Path:
    """Return where the archive of a home is."""
    return loaded.database.parent / FOLDER


def cuts_of(loaded: Loaded, before: datetime | None, now: datetime) -> list[Cut]:
    """Return what is to go, in whole UTC days; a kind that is kept for ever is not among it."""
    found = []
    for name, kind in KINDS.items():
        days = getattr(loaded.settings.retention, name)
        if before is None and not days:
            continue
        at = before or now - max(timedelta(days=days), LEAST)
        found.append(Cut(kind, int(at.timestamp()) // DAY * DAY))
    return found


def planned(loaded: Loaded, cuts: list[Cut]) -> list[dict[str, Any]]:
    """Return, for each kind, how many rows would go, how many stay as evidence, and their size."""
    with Store.reader(loaded.database) as store, store.reading() as look:
        kept = _kept(loaded, look)
        sizes, rows = pace.sizes(look) or {}, pace.rows(look)
        found = []
        for cut in cuts:
            going, staying = archive.count(look, cut.kind, kept, cut.before)
            a_row = sizes.get(cut.kind.name, 0) / max(1, rows.get(cut.kind.name, 0))
            found.append({
                "kind": cut.kind.name,
                "before": from_epoch(cut.before).isoformat(),
                "rows": going,
                "evidence": staying,
                "bytes": round(going * a_row),
            })  # fmt: skip
    return found


def _kept(loaded: Loaded, look: Any) -> Mapping[int, archive.Spans]:
    section = loaded.settings.retention
    return archive.kept_spans(
        look, needed_s=section.evidence_days * DAY, deals_only=section.evidence == "deals"
    )


@contextmanager
def _alone(loaded: Loaded, now: datetime) -> Iterator[None]:
    folder = folder_of(loaded)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with only_run(loaded.database.parent, UPKEEP, now):
        upkeep.sweep(folder, ".*.part")
        yield


def _moved(loaded: Loaded, cuts: list[Cut], now: datetime, say: Progress) -> dict[str, Any]:
    """Go on with what an earlier run left, then write, compare and delete month by month."""
    deleted: dict[str, int] = {}
    files: list[str] = []
    with _open(loaded, now) as store:
        sealing.seal_all(store, run=0, now=now)
        with store.reading() as look:
            left = [one for one in archived.parts(look) if not one.pruned]
        for part in left:
            _prune(loaded, store, part, deleted, now, say)
        for cut in cuts:
            for month, begin, end in _months(store, cut):
                part_made = _written(loaded, store, cut, month, begin, end, now)
                if part_made is not None:
                    files.append(part_made.file)
                    say(f"{part_made.file}: {part_made.rows} rows, read back and compared")
                    _prune(loaded, store, part_made, deleted, now, say)
        store.checkpoint()
    return {"files": files, "deleted": deleted, "thrown_away": {}}


def _prune(
    loaded: Loaded, store: Store, part: Part, deleted: dict[str, int], now: datetime, say: Progress
) -> None:
    gone = archive.prune(store, folder_of(loaded), part, now)
    fault("archive.pruned")
    deleted[part.kind] = deleted.get(part.kind, 0) + gone
    say(f"{part.file}: {gone} rows deleted from the live file")


def _months(store: Store, cut: Cut) -> Iterator[tuple[str, int, int]]:
    """Yield the UTC months that hold rows before the cut: name, beginning, end."""
    with store.reading() as look:
        first = archive.first_time(look, cut.kind)
    at = cut.before if first is None else first // DAY * DAY
    while at < cut.before:
        end = min(archive.next_month(at), cut.before)
        yield archive.month_of(at), at, end
        at = end


def _written(
    loaded: Loaded, store: Store, cut: Cut, month: str, begin: int, end: int, now: datetime
) -> Part | None:
    """Write one month of one kind, note it, and return it; ``None`` where nothing may go."""
    folder = folder_of(loaded)
    target = _free(folder, f"{cut.kind.name}-{month}")
    half = folder / f".{target.name}.part"

    def days() -> Iterator[list[archived.Row]]:
        with store.reading() as look:
            kept = _kept(loaded, look)
            for day in range(begin, end, DAY):
                yield archive.rows_of(look, cut.kind, kept, day, end)

    done = archive.write(half, cut.kind, days())
    if done is None:
        return None
    fault("archive.written")
    half.replace(target)
    upkeep.settle(folder)
    done = archive.Written(target, done.rows, done.hash, done.since, done.until)
    with store.transaction() as tx:
        number = archive.note(tx, cut.kind, month, done, now)
    fault("archive.kept")
    with store.reading() as look:
        return next(one for one in archived.parts(look) if one.id == number)


def _free(folder: Path, name: str) -> Path:
    target, number = folder / f"{name}.parquet", 1
    while os.path.lexists(target):
        number += 1
        target = folder / f"{name}-{number}.parquet"
    return target


def _thrown_away(loaded: Loaded, now: datetime) -> dict[str, int]:
    """Delete what is kept for a while only, by the settings. Return how many rows of each went."""
    section, gone = loaded.settings.retention, {}
    with _open(loaded, now) as store:
        for name, days in (("refusals", section.refusals), ("failures", section.failures)):
            if days:
                with store.transaction() as tx:
                    gone[name] = archive.throw_away(tx, name, now - timedelta(days=days), now)
    return gone | forget_news(loaded, now)


def forget_news(loaded: Loaded, now: datetime) -> dict[str, int]:
    """Delete what a page was told, and the jobs it asked for, once they are old by the settings."""
    from trading_cli.app import jobs  # noqa: PLC0415  # jobs know the cycles, this is a step of one

    section, gone = loaded.settings.retention, {}
    if section.events:
        with _open(loaded, now) as store, store.transaction() as tx:
            gone["events"] = happenings.forget(tx, now - timedelta(days=section.events))
    if section.jobs:
        gone["jobs"] = jobs.forget(loaded, now - timedelta(days=section.jobs), now)
    return gone


def _open(loaded: Loaded, now: datetime) -> Store:
    busy = loaded.settings.database.busy_timeout_ms
    return Store.open(loaded.database, now=now, busy_timeout_ms=busy)
