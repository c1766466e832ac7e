"""Dates: what the venue, the account and files of others say is coming, and the reminders."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import icalendar
import pytest
from dealt import NOON, Dealt, market  # beside this

from trading_cli.app import agenda, agenda_files, reminding, rhythm
from trading_cli.app.desk import Desk
from trading_cli.app.toolkit import build
from trading_cli.cli.calendars import _blocks
from trading_cli.cli.render import _text
from trading_cli.core.errors import SourceRefused, UsageError
from trading_cli.domain import Outcome, Resolution
from trading_cli.store import Store, listings, outbox
from trading_cli.store.features import record_traded_days

HOUR = timedelta(hours=1)
DAY = 24 * HOUR


@pytest.fixture
def dealt(home: Path) -> Dealt:
    """Return a home that holds market 1, which ends in 40 days."""
    made = Dealt(home)
    made.see(1)
    made.open_account()
    made.trade(made.decide(), "0.42", at=NOON)
    return made


def asked(dealt: Dealt, days: int = 60, **more):
    """Return the agenda as the home's clock has it."""
    return agenda.agenda(dealt.config, days=days, clock=dealt.clock, **more)


def remind(dealt: Dealt) -> int:
    """Run the reminders of this instant."""
    with build(dealt.config, clock=dealt.clock) as toolkit, toolkit.open_store() as store:
        return reminding.remind(Desk(toolkit, store, 0))


def queued(dealt: Dealt) -> list[str]:
    """Return the keys of the deadline notices in the outbox."""
    with dealt.store() as store, store.reading() as look:
        found = outbox.rows(look, limit=100)
    return sorted(one.notice.key for one in found if one.notice.key.startswith("deadline:"))


def test_a_home_without_a_database_has_an_empty_agenda(home):
    """Nothing is known, and that is no error."""
    assert asked(Dealt(home))["events"] == []


def test_the_deadline_of_what_is_held_is_there_with_its_stake(dealt):
    """Market 1 ends in 40 days: a deadline, the stake beside it."""
    (event,) = asked(dealt)["events"]
    assert (event["kind"], event["market"]) == ("deadline", "500001")
    assert event["stake"] == 5.3718
    assert event["in_s"] == 40 * 86_400
    assert asked(dealt, days=39)["events"] == []


def test_what_is_held_within_a_week_is_listed_by_reminder_and_stake(dealt):
    """At 8 days nothing; at 7, 3 and 1 days under 168, 72 and 24 h."""
    for left, within in ((8, []), (7, [168]), (3, [72]), (1, [24])):
        dealt.clock.set(NOON + (40 - left) * DAY)
        assert [one["within_h"] for one in asked(dealt)["expiring"]] == within


def test_what_has_passed_comes_last_and_says_so(dealt):
    """A deadline of long ago is told so; what is past follows what comes, the latest first."""
    dealt.clock.set(NOON + 60 * DAY)
    (one,) = asked(dealt)["expiring"]
    assert one["hours"] == -480
    shown = _text(_blocks(asked(dealt))[0])
    assert "passed 20 days ago" in shown
    assert "-480" not in shown
    dealt.see(2)
    with dealt.store() as store, store.transaction() as tx:
        listings.panel_enter(tx, "500002", NOON, NOON + 90 * DAY)
    for number, at in ((1, NOON), (2, NOON + 50 * DAY)):
        with dealt.store() as store, store.transaction() as tx:
            seen = Resolution(f"0x{number:064x}", Outcome.OPEN, None, "disputed", None, at, "open")
            listings.record_resolutions(tx, [seen])
    rows = [(row["market"], row["in_s"] < 0) for row in asked(dealt)["events"]]
    assert rows == [("500002", True), ("500001", True)]
    dealt.clock.set(NOON + 70 * DAY)
    assert [row["market"] for row in asked(dealt)["events"]] == ["500001"]  # held: never dropped


def test_each_reminder_is_told_once_and_the_tightest_alone(dealt):
    """From 7 days on: 168, 72, 24, each once however often it runs; a late start says one."""
    for left, keys in ((8, 0), (7, 1), (6, 1), (3, 2), (2, 2), (1, 3)):
        dealt.clock.set(NOON + (40 - left) * DAY)
        remind(dealt)
        assert remind(dealt) == 0
        assert len(queued(dealt)) == keys


def test_a_position_opened_late_is_reminded_of_the_tightest_only(dealt):
    """Twenty hours before the deadline one notice is queued: that of 24 h."""
    dealt.clock.set(NOON + 40 * DAY - 20 * HOUR)
    assert remind(dealt) == 1
    assert reminding._when(20.4) == "Deadline in 20 h"
    assert reminding._when(-48) == "Deadline passed 48 h ago"
    assert [key.rsplit(":", 1)[1] for key in queued(dealt)] == ["24"]


def test_a_proposed_and_a_disputed_settlement_have_their_windows(dealt):
    """Proposed: two hours from when we saw it; disputed: four days; paid: done."""
    ends = []
    for status, at in (
        ("proposed", NOON),
        ("proposed", NOON + HOUR),
        ("disputed", NOON + 2 * HOUR),
    ):
        with dealt.store() as store, store.transaction() as tx:
            seen = Resolution(f"0x{1:064x}", Outcome.OPEN, None, status, None, at, "open")
            listings.record_resolutions(tx, [seen])
        dealt.clock.set(at + timedelta(minutes=1))
        ends += [one["at"] for one in asked(dealt)["events"] if one["kind"] == "settling"]
    first = (NOON + 2 * HOUR).isoformat()
    assert ends == [first, first, (NOON + 2 * HOUR + 96 * HOUR).isoformat()]
    with dealt.store() as store, store.transaction() as tx:
        at = NOON + 50 * HOUR
        paid = Resolution(f"0x{1:064x}", Outcome.YES, Decimal(1), "resolved", at, at, "final")
        listings.record_resolutions(tx, [paid])
    dealt.clock.set(NOON + 51 * HOUR)
    (settled,) = [one for one in asked(dealt)["events"] if one["kind"] != "deadline"]
    assert (settled["kind"], settled["note"]) == ("settled", "YES paid 1")


def test_dates_of_a_csv_are_kept_moved_and_never_doubled(dealt, tmp_path):
    """The same file twice is the same; a date with the same uid moves; bad lines are named."""
    dealt.clock.set(NOON)
    file = tmp_path / "dates.csv"
    file.write_text(
        "uid,at,title,importance\n"
        "fomc,2026-03-18T18:00Z,FOMC decision,high\n"
        ",2026-03-11T12:30:00-04:00,CPI,\n"
        "x,soon,Nonsense,\n"
        "y,2026-03-20,,low\n"
        "z,2026-03-20,Loud,huge\n"
    )
    told = agenda.bring_in(dealt.config, str(file), "usa", clock=dealt.clock)
    assert (told["read"], told["new"], len(told["wrong"])) == (2, 2, 3)
    assert told["wrong"][0].startswith("line 4: 'soon' is no time")
    assert agenda.bring_in(dealt.config, str(file), "usa", clock=dealt.clock)["new"] == 0
    file.write_text("uid,at,title\nfomc,2026-03-19T18:00Z,FOMC decision moved\n")
    agenda.bring_in(dealt.config, str(file), "usa", clock=dealt.clock)
    rows = [one for one in asked(dealt)["events"] if one["kind"] == "economic"]
    assert [(one["at"], one["title"]) for one in rows] == [
        ("2026-03-11T16:30:00+00:00", "CPI"),
        ("2026-03-19T18:00:00+00:00", "FOMC decision moved"),
    ]


def test_what_we_write_as_icalendar_we_read_again(dealt, tmp_path):
    """Out and in again: the same instants, and another program's reader agrees."""
    out = tmp_path / "a.ics"
    events = asked(dealt)["events"]
    assert agenda.write_ics(out, events, clock=dealt.clock) == 1
    assert out.stat().st_mode & 0o777 == 0o600
    (entry,) = icalendar.Calendar.from_ical(out.read_text()).walk("VEVENT")
    assert entry["dtstart"].dt == NOON + 40 * DAY
    (back,), wrong = agenda_files.read(str(out), "ours")
    assert back.at == NOON + 40 * DAY
    assert not wrong


def test_a_date_that_moves_is_the_same_entry_revised(dealt, tmp_path):
    """Another calendar moves it: the same UID, a later SEQUENCE and DTSTAMP (RFC 5545 3.8.7.4)."""
    out, file = tmp_path / "a.ics", tmp_path / "dates.csv"
    found = []
    for number, (deadline, fed) in enumerate(((40, "18"), (43, "19"))):
        moved = replace(market(1, dealt.clock.now()), end_at=NOON + deadline * DAY)
        with dealt.store() as store, store.transaction() as tx:
            listings.record_markets(tx, [moved])
        dates = f"uid,at,title\nfed,2026-03-{fed}T18:00Z,FOMC\ncpi,2026-03-20T12:30Z,CPI\n"
        file.write_text(dates)
        agenda.bring_in(dealt.config, str(file), "usa", clock=dealt.clock)
        assert agenda.write_ics(out, asked(dealt)["events"], clock=dealt.clock) == 3
        entries = icalendar.Calendar.from_ical(out.read_bytes()).walk("VEVENT")
        found.append({str(one["uid"]): one for one in entries})
        assert len(found[number]) == 3
        dealt.clock.set(dealt.clock.now() + HOUR)
    before, after = found
    assert set(before) == set(after)
    assert all(after[one]["sequence"] > before[one]["sequence"] >= 0 for one in after)
    assert all(after[one]["dtstamp"].dt > before[one]["dtstamp"].dt for one in after)
    apart = sorted(after[one]["dtstart"].dt - before[one]["dtstart"].dt for one in after)
    assert apart == [0 * DAY, DAY, 3 * DAY]


def test_a_whole_day_a_repeating_and_a_broken_entry(tmp_path):
    """A date alone is midnight UTC; of a rule the first date is kept and that said."""
    file = tmp_path / "x.ics"
    file.write_text(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
        "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Vote\x1b[31m day\r\nDTSTART;VALUE=DATE:20260315\r\n"
        "END:VEVENT\r\n"
        "BEGIN:VEVENT\r\nUID:2\r\nSUMMARY:Weekly\r\nDTSTART:20260316T120000Z\r\n"
        "RRULE:FREQ=WEEKLY\r\nEND:VEVENT\r\n"
        "BEGIN:VEVENT\r\nUID:3\r\nSUMMARY:Dateless\r\nEND:VEVENT\r\n"
        "END:VCALENDAR\r\n"
    )
    found, wrong = agenda_files.read(str(file), "s")
    assert [(one.uid, one.at.isoformat()) for one in found] == [
        ("1", "2026-03-15T00:00:00+00:00"),
        ("2", "2026-03-16T12:00:00+00:00"),
    ]
    assert "\x1b" not in found[0].title
    assert wrong == ["Weekly: it repeats; only its first date is kept", "Dateless: it has no date"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"a,b\n1,2\n", "neither iCalendar nor CSV"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"at,title\n" + b"2026-03-18T18:00Z,x\n" * 10_001, "10,001 entries"),
        (b"x" * 2_000_001, "larger than 2 MB"),
    ],
)
def test_what_is_no_calendar_is_refused_with_a_sentence(tmp_path, body, said):
    """Each kind of bad file is a usage error that says what it is."""
    file = tmp_path / "x"
    file.write_bytes(body)
    with pytest.raises(UsageError, match=said):
        agenda_files.read(str(file), "s")


@pytest.mark.parametrize("url", ["http://example.invalid/x.ics", "https://127.0.0.1/x.ics"])
def test_an_address_that_is_not_public_is_never_asked(url):
    """Neither plain http nor a private host is connected to."""
    with pytest.raises(SourceRefused):
        agenda_files.read(url, "s")


def test_the_rhythm_of_ten_days_by_hour_and_too_few_weeks(dealt):
    """Ten days with all trades at 14:00 UTC: that hour has all; the weekdays are INSUFFICIENT."""
    import numpy as np

    midnight = int((NOON - timedelta(hours=12, seconds=7)).timestamp())
    hours = np.zeros(24)
    hours[14] = 500.0
    with dealt.store() as store, store.transaction() as tx:
        days = {("500001", midnight - n * 86_400): hours for n in range(1, 11)}
        record_traded_days(tx, days, NOON)
    told = rhythm.patterns(dealt.config, days=28, clock=dealt.clock)
    assert (told["days"], told["weeks"]) == (10, 1)
    assert told["hours"][14]["share"] == 1.0
    assert told["weekdays"][0]["share"] is None


def test_a_market_whose_dates_contradict_says_so(dealt):
    """A refused deadline is shown with why, not left out."""
    two = replace(market(1, NOON + HOUR), question="Will thing 1 happen by May 30, 2026?")
    with Store.open(dealt.database, now=NOON) as store, store.transaction() as tx:
        listings.record_markets(tx, [two])
    dealt.clock.set(NOON + 2 * HOUR)
    (event,) = asked(dealt)["events"]
    assert "dates contradict" in event["note"]
