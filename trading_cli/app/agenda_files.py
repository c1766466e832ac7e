"""Dates from files and feeds of others, and ours as a calendar others can read.

In: iCalendar (.ics), or CSV with the columns at, title and, if you like, until, importance, uid.
Out: iCalendar. Bounded: 2 MB, 10,000 entries, 300 characters a title.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

from trading_cli.app.export import write_whole
from trading_cli.core.errors import SourceRefused, UsageError
from trading_cli.core.outbound import Address
from trading_cli.store.agenda import IMPORTANCES, Occasion

MOST_BYTES = 2_000_000
MOST_ENTRIES = 10_000
MOST_TITLE = 300
DEEPEST = 10
ENDING = ".ics"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""Revisions are counted in minutes from here: nobody keeps what was written before."""
EXTRA = "install the extra: pip install 'trading-cli[calendars]'"
_OK = 200
_KNOWN = frozenset({"at", "title", "until", "importance", "uid"})


def read(place: str, source: str) -> tuple[list[Occasion], list[str]]:
    """Return the occasions in the file or https address *place*, and what was left out and why.

    Raises UsageError where it cannot be read as either, a SourceError where it does not come.
    """
    text = _fetched(place) if "://" in place else _opened(Path(place))
    found, wrong = _ics(text, source) if "BEGIN:VCALENDAR" in text[:2000] else _csv(text, source)
    if len(found) > MOST_ENTRIES:
        raise UsageError(
            f"{place} holds {len(found):,} entries, {MOST_ENTRIES:,} are the most.",
            hint="split it, or keep the years you need",
        )
    return found, wrong


def _fetched(url: str) -> str:
    hint = "a public https:// address of an .ics or .csv"
    got = Address("calendar", url, allow_private=False, hint=hint).get(
        {"Accept": "text/calendar, text/csv"}, MOST_BYTES
    )
    if got.status != _OK:
        raise SourceRefused("calendar", f"the address answers {got.status}", hint=hint)
    return _text(got.body, url)


def _opened(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return _text(file.read(MOST_BYTES + 1), str(path))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint="name a file") from error


def _text(body: bytes, name: str) -> str:
    if len(body) > MOST_BYTES:
        raise UsageError(f"{name} is larger than 2 MB.", hint="keep the years you need")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8 text.", hint="save it as UTF-8") from None


def _csv(text: str, source: str) -> tuple[list[Occasion], list[str]]:
    rows = csv.DictReader(io.StringIO(text))
    try:
        every = list(rows)
    except csv.Error as error:
        said = f"the CSV cannot be read: {error}."
        raise UsageError(said, hint="a cell holds 131,072 characters at most") from None
    names = {(name or "").strip().lower() for name in rows.fieldnames or ()}
    if not {"at", "title"} <= names:
        raise UsageError(
            "that is neither iCalendar nor CSV with the columns at and title.",
            hint=f"its columns: {', '.join(sorted(filter(None, names))) or 'none'}",
        )
    found: list[Occasion] = []
    wrong: list[str] = []
    for number, raw in enumerate(every, start=2):
        row = {
            (key or "").strip().lower(): value.strip()
            for key, value in raw.items()
            if isinstance(value, str)
        }
        try:
            found.append(_occasion(row, source))
        except ValueError as error:
            wrong.append(f"line {number}: {error}")
    return found, wrong


def _occasion(row: Mapping[str, str], source: str) -> Occasion:
    """Return the row as an occasion. Raises ValueError with what is wrong."""
    title = _clean(row.get("title", ""))
    importance = row.get("importance", "").lower() or "medium"
    if importance not in IMPORTANCES:
        raise ValueError(f"importance {importance[:60]!r} is none of {', '.join(IMPORTANCES)}")
    at = _instant(row.get("at", ""))
    until = _instant(row["until"]) if row.get("until") else None
    return _checked(Occasion(row.get("uid", ""), at, title, source, until, importance))


def _checked(one: Occasion) -> Occasion:
    if not one.title:
        raise ValueError("it has no title")
    if one.until is not None and one.until < one.at:
        raise ValueError("it ends before it begins")
    uid = (
        one.uid[:MOST_TITLE]
        or blake2b(f"{one.at.timestamp():.0f} {one.title}".encode(), digest_size=8).hexdigest()
    )
    return Occasion(uid, one.at, one.title, one.source, one.until, one.importance)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:60]!r} is no time: write 2026-03-18T18:00Z") from None
    return _utc(at)


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _clean(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MOST_TITLE]


def _ics(text: str, source: str) -> tuple[list[Occasion], list[str]]:
    calendars = _library()
    deep = 0
    for line in text.upper().splitlines():
        deep += line.startswith("BEGIN:") - line.startswith("END:")
        if deep > DEEPEST:
            raise UsageError(
                f"the calendar is nested more than {DEEPEST} deep.", hint="export it again"
            )
    try:
        whole = calendars.Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as error:
        said = f"the calendar cannot be read: {str(error)[:120]}."
        raise UsageError(said, hint="export it again") from None
    found: list[Occasion] = []
    wrong: list[str] = []
    for entry in whole.walk("VEVENT"):
        title = _clean(str(entry.get("summary", "")))
        try:
            begin = _moment(getattr(entry.get("dtstart"), "dt", None))
            end = getattr(entry.get("dtend"), "dt", None)
            until = None if end is None else _moment(end)
            if entry.get("rrule") is not None:
                wrong.append(f"{title or '?'}: it repeats; only its first date is kept")
            uid = _clean(str(entry.get("uid", "")))
            found.append(_checked(Occasion(uid, begin, title, source, until)))
        except ValueError as error:
            wrong.append(f"{title or 'an entry without a title'}: {error}")
    return found, wrong


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ValueError("it has no date")


def _library() -> Any:
    try:
        import icalendar  # noqa: PLC0415  # an extra: paid by who reads calendars
    except ModuleNotFoundError as error:
        raise UsageError("iCalendar needs the extra `calendars`.", hint=EXTRA) from error
    return icalendar


def write(path: Path, rows: Iterable[Mapping[str, Any]], now: datetime) -> int:
    """Write *rows* of the agenda to *path* as iCalendar, 0600, whole or not at all; say how many.

    A date that moved keeps its UID; each writing is a revision of all (SEQUENCE, DTSTAMP), so that
    another calendar moves it too. Raises UsageError for another ending than .ics, where the file
    cannot be written, or the extra is missing.
    """
    if path.suffix.lower() != ENDING:
        raise UsageError(f"{path} is no {ENDING} file.", hint=f"name it calendar{ENDING}")
    calendars = _library()
    whole = calendars.Calendar()
    whole.add("prodid", "-//trading//agenda//EN")
    whole.add("version", "2.0")
    count = 0
    for row in rows:
        entry = calendars.Event()
        at = datetime.fromisoformat(row["at"])
        entry.add("uid", f"{row['uid']}@trading")
        entry.add("dtstamp", now)
        entry.add("sequence", int((now - EPOCH) / timedelta(minutes=1)))
        entry.add("dtstart", at)
        entry.add("dtend", at + timedelta(minutes=15))
        held = f" (at stake {row['stake']:.2f} USD)" if row["stake"] else ""
        entry.add("summary", f"{row['kind']}: {row['title']}{held}")
        whole.add_component(entry)
        count += 1
    write_whole(path, whole.to_ical().decode())
    return count


def uid_of(*words: str) -> str:
    """Return what names one thing of the agenda, whenever it is."""
    return blake2b("\x1f".join(words).encode(), digest_size=8).hexdigest()
