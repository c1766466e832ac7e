"""The chat may look, pause and stop; a stranger may nothing, and nobody may open or reset."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from postbox import MINUTE, NOON, Ticking, control  # beside this

from trading_cli.alerts.telegram import BotConflict
from trading_cli.app import stop
from trading_cli.app.bot import HELP, Bot, bot_of
from trading_cli.app.settings import Loaded, load
from trading_cli.core.errors import ConfigError, SourceRefused
from trading_cli.simulator import running
from trading_cli.simulator.bot_api import CHAT, TOKEN
from trading_cli.simulator.world import World
from trading_cli.store import Store, chat, journal, pauses

GROUP = -100_4242
STRANGER = 666
EVER = NOON + timedelta(days=3650)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return where the pretend Telegram is."""
    with running.start(World(7, 2), limits=False, now=NOON.timestamp()) as server:
        yield server.url


class Den:
    """A home whose chat may command."""

    def __init__(self, folder: Path, url: str, **telegram) -> None:
        self.url = url
        part = {"enabled": True, "commands": True, "chat_id": CHAT, "api_url": f"{url}/telegram"}
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump({"alerts": {"telegram": part | telegram}}))
        config.chmod(0o600)
        self.loaded: Loaded = load(config, env={"TRADING_TELEGRAM_TOKEN": TOKEN})
        self.clock = Ticking()
        self.place = stop.Place(self.loaded.home, self.loaded.database)
        Store.open(self.loaded.database, now=NOON).close()
        control(url, method="DELETE")
        control(url, {"chats": [CHAT, GROUP, STRANGER]})
        self.bot: Bot = bot_of(self.loaded, self.clock)

    def write(self, *texts: str, chat_id: int = CHAT, **more) -> None:
        """Write to the bot, and let it handle that."""
        at = int(more.pop("at", self.clock.at).timestamp())
        told = [{"chat": chat_id, "text": text, "date": at, **more} for text in texts]
        control(self.url, {"updates": told})
        self.poll()

    def poll(self) -> None:
        """Let the bot handle all that waits."""
        while self.bot.poll(0):
            continue

    def answers(self) -> list[str]:
        """Return what it said."""
        return [one["text"] for one in control(self.url)["sent"]]

    def heard(self) -> list[chat.Heard]:
        """Return what was written down, oldest first."""
        with Store.reader(self.loaded.database) as store, store.reading() as look:
            return list(reversed(chat.heard(look, limit=5000)))

    def state(self) -> tuple[str, int]:
        """Return how the kill switch stands."""
        stands = stop.standing_at(self.place)
        return stands.state.value, stands.level


@pytest.fixture
def den(tmp_path, url, monkeypatch) -> Iterator[Den]:
    """Return a home with a private chat."""
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    made = Den(tmp_path, url)
    yield made
    made.bot.close()


def test_kill_stops_and_says_so(den):
    """Latched, written down with who and why, and answered with the proof."""
    den.write("/kill the numbers look wrong")
    assert den.state() == ("TRIGGERED", 4)
    stands = stop.standing_at(den.place)
    assert (stands.actor, stands.reason) == (f"telegram:{CHAT}", "the numbers look wrong")
    (said,) = den.answers()
    assert said.startswith("STOPPED, level 4.")
    den.write("/kill again")
    assert den.answers()[-1].startswith("Stopped already")


def test_kill_works_when_the_database_is_gone(den):
    """The file is enough: nothing of the bot's own stands in the way."""
    den.loaded.database.write_bytes(b"no database" * 1000)
    den.write("/kill now")
    assert (den.place.folder / "KILL").exists()
    assert "STOPPED" in den.answers()[-1]


@pytest.mark.parametrize(
    "text",
    ["/reset", "/arm", "/resume", "/kill_reset", "/trade", "/buy 5", "/start", "kill", "hello"],
)
def test_nothing_opens_resets_or_lifts_by_chat(den, text):
    """The stop and the pause stay; the answer says what there is."""
    den.write("/pause lunch", "/kill stop")
    den.write(text)
    assert den.state() == ("TRIGGERED", 4)
    assert den.answers()[-1] == HELP
    with Store.reader(den.loaded.database) as store, store.reading() as look:
        assert [one.kind for one in pauses.active(look, EVER)] == ["owner"]


def test_pause_stops_entries_and_is_journaled(den):
    """With the actor and the reason."""
    den.write("/pause@simulated_bot lunch")
    with Store.reader(den.loaded.database) as store, store.reading() as look:
        (one,) = pauses.active(look, EVER)
        assert (one.kind, one.reason, one.actor) == ("owner", "lunch", f"telegram:{CHAT}")
        assert journal.newest(look, kind="pause", limit=1)[0].actor == f"telegram:{CHAT}"


def test_a_stranger_is_written_down_and_gets_no_word(den):
    """A spoofed chat, a stranger in a private chat: nothing is done."""
    den.write("/kill now", "/status", chat_id=STRANGER)
    den.write("/kill now", chat_id=CHAT, user=STRANGER)
    assert den.state() == ("ARMED", 0)
    assert den.answers() == []
    assert [(one.chat, one.allowed) for one in den.heard()] == [
        (f"{STRANGER}/{STRANGER}", False),
        (f"{STRANGER}/{STRANGER}", False),
        (f"{CHAT}/{STRANGER}", False),
    ]
    assert den.bot.denied == 3


def test_the_owner_commands_in_the_chat_of_the_settings_only(den):
    """The same person in another chat, where others read and forward, is not obeyed."""
    den.write("/kill now", chat_id=GROUP, user=CHAT)
    assert den.state() == ("ARMED", 0)
    assert den.answers() == []


def test_in_a_group_only_the_named_users_command(tmp_path, url, monkeypatch):
    """Without names a group is refused altogether."""
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="users"):
        Den(tmp_path, url, chat_id=GROUP)
    den = Den(tmp_path, url, chat_id=GROUP, users=[7])
    den.write("/kill now", chat_id=GROUP, user=8)
    assert den.state() == ("ARMED", 0)
    den.write("/kill now", chat_id=GROUP, user=7)
    assert den.state() == ("TRIGGERED", 4)
    den.bot.close()


def test_a_replayed_update_is_obeyed_once(den):
    """The same number again, in this process or a later one, does nothing."""
    den.write("/pause one", update_id=1000)
    with Store.open(den.loaded.database, now=NOON) as store, store.transaction() as tx:
        pauses.lift(tx, "owner", EVER)
    later = bot_of(den.loaded, den.clock)
    for bot in (den.bot, later):
        bot._offset = None
        control(den.url, {"updates": [{"chat": CHAT, "text": "/pause one", "update_id": 1000}]})
        assert bot.poll(0) >= 1
        with Store.reader(den.loaded.database) as store, store.reading() as look:
            assert pauses.active(look, EVER) == []
    later.close()
    assert len(den.answers()) == 1


def test_an_old_look_is_not_answered_but_an_old_stop_is_carried_out(den):
    """What was sent while nobody listened: a stop still counts for a day."""
    den.write("/status", at=NOON - 10 * MINUTE)
    assert den.answers() == []
    den.write("/kill", at=NOON - timedelta(hours=25))
    assert den.state() == ("ARMED", 0)
    den.write("/kill", at=NOON - timedelta(hours=3))
    assert den.state() == ("TRIGGERED", 4)


def test_a_thousand_messages(den):
    """A flood of looks is answered twenty times a minute; a stop in its midst is carried out."""
    den.write(*["/status"] * 500, "/kill flood", *["/status"] * 499)
    assert den.state() == ("TRIGGERED", 4)
    assert 1 <= len(den.answers()) <= 20
    assert len(den.heard()) == 1000
    den.write(*["/kill me"] * 1000, chat_id=STRANGER)
    assert len(den.answers()) <= 20


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/status", "kill switch ARMED"),
        ("/signals", "No signal in the last 24 hours."),
        ("/positions", "Nothing is held."),
        ("/explain", "an id is missing"),
        ("/explain nonsense", "nonsense"),
    ],
)
def test_a_look_at_an_empty_home(den, text, wanted):
    """Each answers in words, also where there is nothing yet."""
    den.write(text)
    (said,) = den.answers()
    assert wanted in said


def test_nothing_in_an_answer_can_be_tapped_but_the_list_of_commands(den):
    """A stranger's words in an answer are no button: not even the reason of a stop."""
    den.write("/kill because (/pause) @me")
    den.write("/help")
    stopped, listed = den.answers()
    assert "/kill" not in stopped
    assert listed == HELP
    den.write("/status")
    assert "because (/\u2060pause) @\u2060me" in den.answers()[-1]


def test_a_look_does_not_fail_where_the_database_is_damaged(den):
    """The answer says what is wrong."""
    den.loaded.database.write_bytes(b"no database" * 1000)
    den.write("/status")
    assert den.answers()


def test_another_poller_is_named(den):
    """409 again and again ends it with a word; once, it goes on."""
    control(den.url, {"faults": [{"method": "getUpdates", "code": 409, "times": 3}]})
    with pytest.raises(BotConflict, match="another process polls"):
        den.bot.serve(lambda: False)
    control(den.url, {"faults": [{"method": "getUpdates", "code": 409, "times": 2}]})
    control(den.url, {"updates": [{"chat": CHAT, "text": "/status", "date": NOON.timestamp()}]})
    den.bot.serve(lambda: den.bot.handled > 0)
    assert len(den.answers()) == 1


def test_a_stop_by_chat_is_told_through_every_rule_too(den):
    """The notice that the stop has queued goes out at once, also where no cycle runs."""
    told = {"chat": CHAT, "text": "/kill now", "date": NOON.timestamp()}
    control(den.url, {"updates": [told]})
    den.bot.serve(lambda: den.bot.handled > 0)
    first, second = den.answers()
    assert first.startswith("STOPPED")
    assert second.startswith("CRITICAL\nKILL SWITCH level 4")


def test_an_outage_is_waited_out_and_a_wrong_token_ends_it(den):
    """5xx and 429 pass; 401 does not."""
    faults = [
        {"method": "getUpdates", "code": 502, "times": 4},
        {"method": "getUpdates", "code": 429, "retry_after": 40},
        {"method": "getUpdates", "code": 401},
    ]
    control(den.url, {"faults": faults})
    with pytest.raises(SourceRefused, match="401"):
        den.bot.serve(lambda: False)
    assert den.clock.slept[-1] == 40


def test_no_commands_without_being_asked_for(tmp_path, url, monkeypatch):
    """The setting is off by default; a missing token is named."""
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="no chat may command"):
        Den(tmp_path, url, commands=False)
    den = Den(tmp_path, url)
    bare = load(tmp_path / "config.yaml", env={})
    with pytest.raises(ConfigError, match="TRADING_TELEGRAM_TOKEN"):
        bot_of(bare, den.clock)
    den.bot.close()
