"""`trading import`: files -> what they are, what was refused, what is stored."""

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trading_cli.app import brief
from trading_cli.app.importing import (
    gathering,
    markets,
    reading,
    recorded,
    storing,
    storing_recorded,
)
from trading_cli.app.importing.checking import Checked
from trading_cli.app.importing.gathering import Harvest
from trading_cli.app.importing.layouts import Maps
from trading_cli.app.importing.refused import Refused
from trading_cli.app.importing.storing import Plan
from trading_cli.app.journal import now_of
from trading_cli.core.clock import Clock
from trading_cli.core.errors import UsageError
from trading_cli.domain import Refusal, from_epoch
from trading_cli.store import Store, imports, ledger
from trading_cli.store.born import is_there
from trading_cli.store.rows import LAGS_S, Written, epoch

OTHERS = ("listings", "books", "quotes", "trades")
MOST_LAG = 30 * 86_400
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person asks for.

    ``lag`` is in seconds, ``None`` stands for 90 and of trades 300; ``source`` "" for the folder's
    name, or that of the one file.
    """

    files: Sequence[Path]
    maps: Sequence[str] = ()
    lag: int | None = None
    dry_run: bool = False
    source: str = ""


def bring_in(
    config: Path | None,
    asked: Asked,
    *,
    clock: Clock | None = None,
    told: Callable[[str], None] = lambda _text: None,
) -> dict[str, Any]:
    """Read, check and (unless it is a dry run) store the files; return the report.

    Raises UsageError for a file that cannot be read at all, columns that mean nothing to us, or
    options that cannot be. A refused row stops nothing.
    """
    if asked.lag is not None and not 0 <= asked.lag <= MOST_LAG:
        raise UsageError(f"--lag {asked.lag} is not 0 to {MOST_LAG} seconds.", hint="--lag 90")
    with reading.readable():
        paths, left = reading.found(list(asked.files))
    source = _source(asked)
    known = brief.read(config, os.environ)
    began = time.perf_counter()
    now = int(now_of(clock).timestamp())
    harvest = Harvest(Refused(), now, say=told)
    if left:
        harvest.notes.append(f"Not read: {', '.join(left)}.")
    with reading.readable():
        _read(paths, Maps.parse(asked.maps), harvest)
    for one in harvest.files:
        told(f"{one.path.name}: {one.layout}: {one.rows:,} rows")
    if harvest.trades and asked.lag is None:
        harvest.notes.append(f"Trades are known {LAGS_S['trades']} s after their time.")
    alone = len(harvest.facts)
    if alone > 1 and not any(one.event for one in harvest.facts.values()):
        harvest.notes.append(
            f"No event is named: {alone:,} markets count as {alone:,} events of their own, so every"
            " interval is too narrow where outcomes belong together: --map event=COLUMN."
        )
    checked = gathering.checked(harvest)
    found = _stored(known.database, asked, source, harvest, checked, told)
    return _report(asked, source, harvest, checked, found, time.perf_counter() - began)


def _read(paths: Sequence[Path], maps: Maps, harvest: Harvest) -> None:
    """Read tables first, then JSON."""
    records = [path for path in paths if reading.ending(path) in reading.RECORDS]
    gathering.tables([path for path in paths if path not in records], maps, harvest)
    for path in records:
        recorded.read(path, harvest)


def _source(asked: Asked) -> str:
    """Return the name of the source: as given, else the folder's, else that of the one file."""
    first = Path(asked.files[0]).resolve()
    one = len(asked.files) == 1 and not first.is_dir()
    name = first.name.partition(".")[0] if one else (first if first.is_dir() else first.parent).name
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:64]
    name = asked.source or plain or "import"
    if not _TAG.fullmatch(name):
        raise UsageError(
            f"--source {name!r} is no name.", hint="letters, digits, '.', '_' and '-', at most 64"
        )
    return name


def _stored(
    database: Path,
    asked: Asked,
    source: str,
    harvest: Harvest,
    checked: Checked,
    told: Callable[[str], None],
) -> Plan:
    """Return what was written, or of a dry run what would be."""
    with ExitStack() as stack:
        if asked.dry_run:
            look = None
            if is_there(database):
                store = stack.enter_context(Store.reader(database))
                look = stack.enter_context(store.reading())
            dry = storing.plan(look, harvest.facts, checked.series, source, harvest.refused)
            storing_recorded.plan(look, harvest, dry)
            return dry
        lag = LAGS_S["mids"] if asked.lag is None else asked.lag
        store = stack.enter_context(Store.open(database, now=from_epoch(harvest.now)))
        with store.transaction() as tx:
            before = imports.lags(tx, source)
            came = imports.begin(tx, source, at=harvest.now, lag=lag)
        with store.reading() as look:
            found = storing.plan(look, harvest.facts, checked.series, source, harvest.refused)
            others = storing_recorded.plan(look, harvest, found)
        written = storing.write(store, found, came, told)
        storing_recorded.write(store, written, others, came, asked.lag)
        if before and before != [lag] and written.points.same:
            harvest.notes.append(
                f"What was there already keeps the lag it came with, {before} s, not {lag} s."
            )
        if written.worded:
            harvest.notes.append(
                f"{written.worded} markets were described otherwise before: the first word stands."
            )
        _finish(store, came, harvest, written)
        return written


def _finish(store: Store, came: imports.Came, harvest: Harvest, written: Plan) -> None:
    """Write the ledger: the import, its files, and the first thousand rows that were refused."""
    at = from_epoch(came.at)
    files = []
    for one in harvest.files:
        digest, size = reading.fingerprint(one.path)
        refused = harvest.refused.of(one.path.name)
        files.append(imports.File(one.path.name, digest, size, one.layout[:500], one.rows, refused))
    summary = {
        "points": written.points._asdict(), "resolutions": written.endings._asdict(),
        "others": {name: one._asdict() for name, one in written.others.items()},
        "markets": len(written.markets) + written.described, "new_markets": written.new_markets,
        "refused": harvest.refused.told(),
    }  # fmt: skip
    refusals = [
        Refusal(
            f"import.{came.source}", "row", f"{one.file}:{one.line}", one.reason, one.detail, at
        )
        for one in harvest.refused.examples
    ]
    with store.transaction() as tx:
        ledger.record_refusals(tx, refusals)
        imports.finish(tx, came, files, at=came.at, summary=summary)


def _report(
    asked: Asked, source: str, harvest: Harvest, checked: Checked, found: Plan, seconds: float
) -> dict[str, Any]:
    rows = sum(one.rows for one in harvest.files)
    ends = [int(one.at[place]) for one in checked.series for place in (0, -1)]
    ends += [epoch(book.event_time) for _, book in harvest.books]
    ends += [epoch(trade.event_time) for _, trade in harvest.trades]
    return {
        "source": source,
        "dry_run": asked.dry_run,
        "lag_s": LAGS_S["mids"] if asked.lag is None else asked.lag,
        "files": [_file(one, harvest) for one in harvest.files],
        "since": from_epoch(min(ends)).isoformat() if ends else None,
        "until": from_epoch(max(ends)).isoformat() if ends else None,
        "markets": {
            "total": len(found.markets) + found.described, "new": found.new_markets,
            "synthetic": found.count(markets.SYNTHETIC),
            "settled": found.settled
            + sum(one.ending is not None for one in found.markets.values()),
        },
        "points": found.points._asdict(),
        "resolutions": found.endings._asdict(),
        **{name: found.others.get(name, Written())._asdict() for name in OTHERS},
        "unsorted": checked.unsorted,
        "duplicates": checked.duplicates,
        "gaps": {
            "count": checked.gaps.count, "series": checked.gaps.series,
            "longest_s": checked.gaps.longest,
        },
        "refused": harvest.refused.told(),
        "rows": rows,
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds) if seconds > 0 else 0,
        "notes": harvest.notes,
    }  # fmt: skip


def _file(one: gathering.Read, harvest: Harvest) -> dict[str, Any]:
    return {
        "name": one.path.name,
        "layout": one.layout,
        "rows": one.rows,
        "refused": harvest.refused.of(one.path.name),
        "unused": list(one.unused),
        "unknown": [{"column": odd.column, "near": odd.near} for odd in one.unknown],
    }
