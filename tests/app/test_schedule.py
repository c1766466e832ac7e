"""The schedule: what cron and systemd are given is what the settings say, and nobody else's."""

import shutil
import subprocess
from pathlib import Path

import pytest
from apscheduler.triggers.cron import CronTrigger
from crontab import CronTab

from trading_cli.app.schedule import Place, cron_lines, install, on_calendar, units
from trading_cli.core.errors import UsageError

SCHEDULE = {"collection": "*/15 * * * *", "analysis": "7 0 * * *", "validation": "22 0 * * 1"}
PLACE = Place(
    Path("/opt/my tools/trading"), Path("/home/me/100%"), Path("/home/me/100%/c.yaml"), Path("/l")
)


def test_a_line_is_what_a_shell_and_cron_both_read():
    """Spaces are quoted for the shell and percent signs escaped for cron."""
    line = cron_lines(SCHEDULE, PLACE)[0]
    assert line.startswith("*/15 * * * * TRADING_HOME=/home/me/100\\% ")
    assert "'/opt/my tools/trading' cycle collection --by cron -q --config" in line


def test_installing_touches_no_other_line(tmp_path):
    """The person's own lines stay; installing again changes nothing; a new time replaces ours."""
    tab = tmp_path / "tab"
    tab.write_text("MAILTO=me\n0 5 * * * /bin/backup # mine\n")
    assert install(SCHEDULE, PLACE, CronTab(tabfile=str(tab))) == [
        "collection: added", "analysis: added", "validation: added",
    ]  # fmt: skip
    first = tab.read_text()
    again = install(SCHEDULE, PLACE, CronTab(tabfile=str(tab)))
    assert (tab.read_text(), set(again)) == (
        first, {f"{name}: there already" for name in SCHEDULE},
    )  # fmt: skip
    later = SCHEDULE | {"analysis": "9 1 * * *"}
    assert install(later, PLACE, CronTab(tabfile=str(tab)))[1] == "analysis: replaced"
    assert tab.read_text().count("cycle analysis") == 1
    assert "0 5 * * * /bin/backup # mine" in tab.read_text()


def test_two_homes_stand_beside_each_other(tmp_path):
    """Installing a second home leaves the first one's lines alone."""
    tab = tmp_path / "tab"
    tab.touch()
    other = Place(PLACE.program, Path("/home/you"), None, Path("/l"))
    install(SCHEDULE, PLACE, CronTab(tabfile=str(tab)))
    install(SCHEDULE, other, CronTab(tabfile=str(tab)))
    assert tab.read_text().count("cycle collection") == 2


@pytest.mark.parametrize(
    ("cron", "calendar"),
    [
        ("*/15 * * * *", "*-*-* *:0/15:00 UTC"),
        ("7 0 * * *", "*-*-* 00:07:00 UTC"),
        ("22 0 * * 1", "Mon *-*-* 00:22:00 UTC"),
        ("0,30 8-18 1 */2 1-5", "Mon..Fri *-1/2-01 8..18:00,30:00 UTC"),
    ],
)
def test_cron_in_the_words_of_systemd(cron, calendar):
    """Each of the five fields is said as systemd says it; systemd itself agrees where it is."""
    assert on_calendar(cron) == calendar
    if shutil.which("systemd-analyze"):
        ran = subprocess.run(
            ["systemd-analyze", "calendar", calendar], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("cron", ["* * * *", "@daily", "x * * * *", "* * * * */2"])
def test_what_cannot_be_said_is_refused(cron):
    """A schedule that systemd cannot have is refused by name."""
    with pytest.raises(UsageError, match=r"cannot be said|no schedule"):
        on_calendar(cron)


def test_units_run_the_same_cycles():
    """Each cycle has a service that runs it once and a timer that catches up after a sleep."""
    texts = units(SCHEDULE, PLACE)
    assert sorted(texts) == sorted(
        f"trading-{name}.{kind}" for name in SCHEDULE for kind in ("service", "timer")
    )
    assert "cycle collection --by systemd" in texts["trading-collection.service"]
    assert "Persistent=true" in texts["trading-validation.timer"]


def test_the_clockwork_reads_the_same_times():
    """APScheduler reads each of the shipped times as cron does."""
    for when in SCHEDULE.values():
        assert CronTrigger.from_crontab(when, timezone="UTC")
