"""The schedule as cron and systemd have it; installing touches nobody else's lines.

Times are UTC. A cron that knows no time zone runs the daily and weekly cycles at the same local
time instead: their slots are UTC days and weeks all the same, so nothing is lost by it.
"""

import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crontab import CronTab

from trading_cli.core.errors import TradingError, UsageError

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FIELD = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?")


@dataclass(frozen=True, slots=True)
class Place:
    """What the lines need: the program, the home with its settings file, and the log folder."""

    program: Path
    home: Path
    config: Path | None
    logs: Path

    def command(self, cycle: str, by: str) -> str:
        """Return the shell command that runs *cycle* once; quiet unless something is wrong."""
        where = [] if self.config is None else ["--config", str(self.config)]
        words = [str(self.program), "cycle", cycle, "--by", by, "-q", *where]
        return shlex.join(words)


def program() -> Path:
    """Return where `trading` is: beside this Python, else wherever the shell finds it."""
    beside = Path(sys.executable).with_name("trading")
    found = shutil.which("trading")
    return beside if beside.exists() or found is None else Path(found)


def cron_lines(schedule: Mapping[str, str], place: Place) -> list[str]:
    """Return one crontab line for each cycle; a percent sign is escaped, as cron demands."""
    said = shlex.quote(str(place.logs / "cron.err"))
    return [
        f"{when} TRADING_HOME={shlex.quote(str(place.home))} "
        f"{place.command(cycle, 'cron')} >/dev/null 2>>{said}".replace("%", r"\%")
        for cycle, when in schedule.items()
    ]


def install(schedule: Mapping[str, str], place: Place, tab: CronTab | None = None) -> list[str]:
    """Write the lines of this home into the person's crontab, replacing only our own.

    Return what was done to each. Raises ``TradingError`` where there is no cron to write to.
    """
    held = _crontab() if tab is None else tab
    done: list[str] = []
    for (cycle, when), line in zip(schedule.items(), cron_lines(schedule, place), strict=True):
        mark = f"trading {cycle} of {place.home}"
        command = line.removeprefix(f"{when} ")
        ours = list(held.find_comment(mark))
        same = [job for job in ours if job.command == command and str(job.slices) == when]
        if len(ours) == 1 and same:
            done.append(f"{cycle}: there already")
            continue
        for job in ours:
            held.remove(job)
        job = held.new(command=command, comment=mark)
        job.setall(when)
        if not job.is_valid():
            raise UsageError(f"schedule.{cycle}: {when!r} is no time that cron knows")
        done.append(f"{cycle}: {'replaced' if ours else 'added'}")
    held.write()
    return done


def _crontab() -> CronTab:
    if shutil.which("crontab") is None:
        raise TradingError(
            "this machine has no `crontab` program.",
            hint="trading schedule show --systemd, or keep `trading run` going",
        )
    return CronTab(user=True)


def units(schedule: Mapping[str, str], place: Place) -> dict[str, str]:
    """Return the text of each systemd unit by its file name: a service and a timer per cycle."""
    texts: dict[str, str] = {}
    for cycle, when in schedule.items():
        name = f"trading-{cycle}"
        texts[f"{name}.service"] = "\n".join(
            (
                "[Unit]",
                f"Description=trading: the {cycle} cycle of {place.home}",
                "After=network-online.target",
                "",
                "[Service]",
                "Type=oneshot",
                f"Environment=TRADING_HOME={place.home}",
                f"ExecStart={place.command(cycle, 'systemd')}",
                "SuccessExitStatus=8",
                "TimeoutStopSec=15",
                "UMask=0077",
                "",
            )
        )
        texts[f"{name}.timer"] = "\n".join(
            (
                "[Unit]",
                f"Description=when the {cycle} cycle is due",
                "",
                "[Timer]",
                f"OnCalendar={on_calendar(when)}",
                "Persistent=true",
                "AccuracySec=1s",
                "",
                "[Install]",
                "WantedBy=timers.target",
                "",
            )
        )
    return texts


def on_calendar(cron: str) -> str:
    """Return the five fields of *cron* as systemd's OnCalendar has them, in UTC.

    Raises ``UsageError`` for what cannot be said there.
    """
    fields = cron.split()
    if len(fields) != 5 or not all(_known(field) for field in fields):  # noqa: PLR2004  # cron's
        raise UsageError(f"{cron!r} is no schedule of five fields of numbers, ranges and steps")
    minute, hour, day, month, week_day = fields
    if "/" in week_day:
        raise UsageError(f"{cron!r}: a step of week days cannot be said to systemd")
    days = "" if week_day == "*" else f"{_week_days(week_day)} "
    date = f"*-{_part(month, 1)}-{_part(day, 1)}"
    return f"{days}{date} {_part(hour, 0)}:{_part(minute, 0)}:00 UTC"


def _known(field: str) -> bool:
    return all(_FIELD.fullmatch(part) for part in field.split(","))


def _part(field: str, first: int) -> str:
    said = []
    for part in field.split(","):
        span, _, step = part.partition("/")
        span = f"{first}" if span == "*" and step else span.replace("-", "..")
        said.append(f"{span}/{step}" if step else span.zfill(2) if span.isdigit() else span)
    return ",".join(said)


def _week_days(field: str) -> str:
    return ",".join(
        "..".join(_DAYS[int(number)] for number in part.split("-")) for part in field.split(",")
    )
