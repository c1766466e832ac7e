"""Killed before, while and after a message is sent: nothing critical is lost, little is doubled."""

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from postbox import NOON, Office, Ticking  # beside this

from trading_cli.alerts import TelegramSection
from trading_cli.app.teller import Teller
from trading_cli.core import faults
from trading_cli.core.redact import Redactor
from trading_cli.simulator import running
from trading_cli.simulator.bot_api import CHAT
from trading_cli.simulator.world import World
from trading_cli.store import Store

POINTS = ("notify.claimed", "notify.sent")
KINDS = ("signal", "position", "risk", "pause", "health", "kill")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return where the pretend Telegram is."""
    with running.start(World(7, 2), limits=False, now=NOON.timestamp()) as server:
        yield server.url


@dataclass(slots=True)
class Tally:
    """What a campaign queued, and what of it the chat never saw or saw twice."""

    kills: int = 0
    critical: int = 0
    normal: int = 0
    lost_critical: list[str] = field(default_factory=list)
    lost_normal: list[str] = field(default_factory=list)
    doubled_normal: list[str] = field(default_factory=list)
    doubled_critical: list[str] = field(default_factory=list)


def tell_and_die(office: Office, path: Path, point: str, nth: int) -> None:
    """Fork a child that tells until it is killed at *point*, the *nth* time it comes by."""
    child = os.fork()
    if child == 0:
        try:
            faults._armed = faults._Armed(f"{point}:{nth}")
            store = Store.open(path, now=office.clock.at)
            with office.channels() as channels:
                redactor = Redactor(office.secrets.values())
                clock = Ticking(office.clock.at)
                Teller(store, channels.on, office.section, clock, redactor).tell_all(15.0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def campaign(folder: Path, url: str, kills: int, seed: int) -> Tally:
    """Queue and kill, round after round; then tell all that is left, digests included."""
    telegram = TelegramSection(
        enabled=True, api_url=f"{url}/telegram", chat_id=CHAT, per_minute=None
    )
    office = Office(folder, url, telegram=telegram, max_per_day=100_000, quiet_hours="")
    path = office.store.path
    dice = random.Random(seed)  # noqa: S311  # repeatable, not secret
    tally = Tally()
    critical, normal = [], []
    for turn in range(kills):
        for at, kind in enumerate(dice.sample(KINDS, 5)):
            key = f"{'c' if at < 2 else 'n'}{turn}.{at}"
            office.put(key, kind, critical=at < 2)
            (critical if at < 2 else normal).append(key)
        office.store.close()
        tell_and_die(office, path, dice.choice(POINTS), dice.randint(1, 5))
        office.store = Store.open(path, now=office.clock.at)
        office.clock.sleep(60)
        office.tell()
        tally.kills += 1
    office.clock.at += timedelta(days=1)
    office.tell()
    count(office, critical, normal, tally)
    office.store.close()
    return tally


def count(office: Office, critical: list[str], normal: list[str], tally: Tally) -> None:
    """Hold what the chat received against what was queued."""
    seen = Counter(office.told())
    digests = "\n".join(text for text in office.texts() if "Not told one by one" in text)
    states = office.states()
    tally.critical, tally.normal = len(critical), len(normal)
    tally.lost_critical = [key for key in critical if not seen[key]]
    tally.doubled_critical = [key for key in critical if seen[key] > 1]
    tally.doubled_normal = [key for key in normal if seen[key] > 1]
    told = {key for key in normal if seen[key] or f"[{key}]" in digests}
    tally.lost_normal = [
        key for key in normal if key not in told and states[key] not in {"DIGEST", "DIGESTED"}
    ]


def judged(tally: Tally) -> None:
    """Nothing lost; of what is not critical at most one in a hundred twice."""
    assert tally.lost_critical == []
    assert tally.lost_normal == []
    assert len(tally.doubled_normal) <= tally.normal // 100
    assert len(tally.doubled_critical) <= tally.kills


def test_twenty_kills(tmp_path, url):
    """At either point, at any of the messages: the next go mends it."""
    judged(campaign(tmp_path, url, 20, seed=3))


@pytest.mark.nightly
def test_a_thousand_kills(tmp_path, url):
    """The same, a thousand times."""
    tally = campaign(tmp_path, url, 1000, seed=4)
    assert tally.kills == 1000
    judged(tally)


@pytest.mark.parametrize("point", POINTS)
def test_a_critical_one_is_told_again_under_the_same_key(tmp_path, url, point):
    """What was cut off says that it may be a repetition, and shows the key it had."""
    office = Office(tmp_path, url)
    office.put("fire", "kill", critical=True)
    path = office.store.path
    office.store.close()
    tell_and_die(office, path, point, 1)
    office.store = Store.open(path, now=office.clock.at)
    office.tell()
    assert office.told() == ["fire"] * (2 if point == "notify.sent" else 1)
    assert "You may have been told already" in office.texts()[-1]
    office.store.close()


@pytest.mark.parametrize("point", POINTS)
def test_any_other_is_left_to_the_digest_which_says_so(tmp_path, url, point):
    """It is never a second message, and never lost."""
    office = Office(tmp_path, url)
    office.put("fill", text="Bought 5 YES")
    path = office.store.path
    office.store.close()
    tell_and_die(office, path, point, 1)
    office.store = Store.open(path, now=office.clock.at)
    assert office.tell().digest == 1
    office.clock.at = NOON + timedelta(days=1)
    office.tell()
    assert office.told().count("fill") == (1 if point == "notify.sent" else 0)
    assert "Bought 5 YES [fill] (may have been told)" in office.texts()[-1]
    office.store.close()
