"""The commands of the chat: a few looks, a pause and the stop. Nothing that opens, resets or lifts.

Only the chat of the settings is obeyed (in a group: only the users named there); everybody else is
written down and gets no word. An update is obeyed once, whoever replays it. A stop is carried out
before it is written down, so that a crash in between repeats it instead of losing it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from trading_cli.alerts import TelegramSection, policy
from trading_cli.alerts.telegram import BotConflict, Telegram, Update
from trading_cli.app import answers, stop
from trading_cli.app.notify import courier, section_of
from trading_cli.app.settings import Loaded
from trading_cli.core import log
from trading_cli.core.clock import Clock
from trading_cli.core.errors import (
    ConfigError,
    SourceDown,
    SourceThrottled,
    StoreError,
    TradingError,
)
from trading_cli.store import Store, chat

HELP = "/status /signals /positions /explain ID /pause REASON /kill REASON"
WAIT_S = 25.0
CONFLICTS = 3
FRESH = timedelta(minutes=5)
STANDS = timedelta(hours=24)  # a stop or pause sent while nobody listened still counts
SAFE = frozenset({"kill", "pause"})


def bot_of(loaded: Loaded, clock: Clock) -> "Bot":
    """Return the bot of a home. Raises ``ConfigError`` where the settings want none."""
    part = section_of(loaded).telegram
    token = loaded.secrets.telegram_token
    if not part.enabled or not part.commands or not part.chat_id:
        raise ConfigError(
            "no chat may command: alerts.telegram has not enabled, commands and chat_id all set",
            hint="set them in config.yaml; the token goes into secrets.env",
        )
    if part.chat_id < 0 and not part.users:
        raise ConfigError(
            "a group's chat needs alerts.telegram.users: else every member may stop trading",
            hint="name your own user id there",
        )
    if token is None:
        raise ConfigError(
            "TRADING_TELEGRAM_TOKEN is not set", hint="put it into secrets.env, mode 0600"
        )
    telegram = Telegram(token.get_secret_value(), api_url=part.api_url, chat_id=part.chat_id)
    return Bot(loaded, telegram, part, clock)


class Bot:
    """Listens to one chat. ``poll`` handles what came; ``serve`` goes on until it may not."""

    def __init__(
        self, loaded: Loaded, telegram: Telegram, part: TelegramSection, clock: Clock
    ) -> None:
        self._loaded = loaded
        self._telegram = telegram
        self._part = part
        self._clock = clock
        self._offset: int | None = None
        self._seen: set[int] = set()
        self._answered: list[float] = []
        self.handled = 0
        self.denied = 0

    def serve(self, stopped: Callable[[], bool]) -> None:
        """Poll until *stopped*. Raises ``BotConflict`` where another one keeps polling.

        Raises ``SourceRefused`` where the token is not good.
        """
        down = conflicts = 0
        tell = courier(self._loaded, self._clock)
        while not stopped():
            before = self.handled
            try:
                self.poll(WAIT_S)
                if self.handled > before:
                    tell()  # what a stop or a pause has queued, also where nothing else runs
            except BotConflict:
                conflicts += 1
                if conflicts >= CONFLICTS:
                    raise
                self._clock.sleep(policy.backoff(conflicts))
            except SourceDown as error:
                down += 1
                asked = error.retry_after if isinstance(error, SourceThrottled) else None
                log.get_logger("bot").warning("not heard", why=error.detail)
                self._clock.sleep(policy.backoff(down, asked))
            else:
                down = conflicts = 0

    def poll(self, wait: float) -> int:
        """Handle what came within *wait* seconds, a stop first of all; return how many came."""
        updates = self._telegram.updates(self._offset, wait=wait)
        if not updates:
            return 0
        with self._notebook() as store:
            mine = [one for one in updates if self._new(store, one)]
            good = [one for one in mine if self._allowed(one) and not self._late(one)]
            _keep(store, [self._heard(one, allowed=False) for one in mine if one not in good])
            self.denied += len(mine) - len(good)
            for update in sorted(good, key=lambda one: _command(one) != "kill"):
                self._obey(store, update)
        self._seen.update(one.id for one in updates)
        self._offset = updates[-1].id + 1
        return len(updates)

    def close(self) -> None:
        """Let go of every connection."""
        self._telegram.close()

    def _obey(self, store: Store | None, update: Update) -> None:
        """Carry out one command and answer; what must not be lost is done before it is kept."""
        self.handled += 1
        command, heard = _command(update), self._heard(update, allowed=True)
        if command not in SAFE:
            _keep(store, [heard])
            if not self._may_answer():
                return
        said = self._done(command, update.text.partition(" ")[2].strip(), update)
        if command in SAFE:
            _keep(store, [heard])
        self._answer(update, said)

    def _heard(self, update: Update, *, allowed: bool) -> chat.Heard:
        who = f"{update.chat}/{update.user}"
        return chat.Heard(update.id, who, self._clock.now(), update.text, allowed)

    def _allowed(self, update: Update) -> bool:
        part = self._part
        mine = part.commands and update.chat == part.chat_id and bool(update.text)
        return mine and (update.user in part.users if part.users else update.user == part.chat_id)

    def _late(self, update: Update) -> bool:
        """Return whether *update* is too old to be meant now."""
        age = self._clock.now() - update.at
        return age > (STANDS if _command(update) in SAFE else FRESH)

    def _done(self, command: str, rest: str, update: Update) -> str:
        """Carry out *command*; return the answer."""
        actor = f"telegram:{update.user}"
        acts: Mapping[str, Callable[[], str]] = {
            "status": lambda: answers.status(self._loaded, self._clock),
            "signals": lambda: answers.signals(self._loaded, self._clock),
            "positions": lambda: answers.positions(self._loaded, self._clock),
            "explain": lambda: answers.explain(self._loaded, rest, self._clock),
            "pause": lambda: answers.pause(self._loaded, rest or "by chat", actor),
            "kill": lambda: self._kill(rest or "by chat", actor),
        }
        act = acts.get(command)
        if act is None:
            return HELP
        try:
            return act()
        except TradingError as error:
            return f"{error.message}\n{error.hint}".strip()

    def _kill(self, reason: str, actor: str) -> str:
        """Pull the switch at the level of the settings, unless a row says that much already."""
        place = stop.Place(self._loaded.home, self._loaded.database)
        level = self._loaded.settings.kill_switch.default_level
        stands = stop.standing_at(place)
        if stands.seq and stands.state == "TRIGGERED" and stands.level >= level:
            return f"Stopped already, level {stands.level}: {stands.reason}"
        now = self._clock.now()
        done = stop.trip(place, level=level, reason=reason, actor=actor, now=now)
        if not done.latched:
            return f"NOT STOPPED: {'; '.join(done.troubles)}"
        proof = "not verified" if done.proof is None else done.proof.detail
        more = "; ".join(done.troubles)
        return f"STOPPED, level {done.level}. {proof}\n{more}".strip()

    def _new(self, store: Store | None, update: Update) -> bool:
        """Return whether it was not heard before; a database that cannot say so stops no stop."""
        if update.id in self._seen or store is None:
            return update.id not in self._seen
        try:
            with store.reading() as look:
                return not chat.seen(look, update.id)
        except StoreError:
            return True

    @contextmanager
    def _notebook(self) -> Iterator[Store | None]:
        """Yield the database, ``None`` where it cannot be used now."""
        busy = self._loaded.settings.database.busy_timeout_ms
        with ExitStack() as stack:
            store: Store | None = None
            try:
                now = self._clock.now()
                store = Store.open(self._loaded.database, now=now, busy_timeout_ms=busy)
                stack.callback(store.close)
            except StoreError as error:
                _not_kept(error)
            yield store

    def _may_answer(self) -> bool:
        """Return whether the chat has not had its share of answers for this minute."""
        at, limit = self._clock.now().timestamp(), self._part.per_minute
        self._answered = [one for one in self._answered if one > at - policy.MINUTE_S]
        return limit is None or len(self._answered) < limit

    def _answer(self, update: Update, said: str) -> None:
        """Answer where that may be; what was asked is done all the same."""
        if not self._may_answer():
            return
        self._answered.append(self._clock.now().timestamp())
        try:
            self._telegram.answer(update.chat, said, tappable=said == HELP)
        except TradingError as error:
            log.get_logger("bot").warning("not answered", why=error.message)


def _command(update: Update) -> str:
    """Return the command's word: "kill" for "/kill@name now", "" where there is none."""
    word = update.text.partition(" ")[0]
    return word.partition("@")[0].removeprefix("/").lower() if word[:1] == "/" else ""


def _keep(store: Store | None, heard: Sequence[chat.Heard]) -> None:
    """Write down what came, as far as the database can."""
    if store is None or not heard:
        return
    try:
        with store.transaction() as tx:
            for one in heard:
                chat.keep(tx, one)
    except StoreError as error:
        _not_kept(error)


def _not_kept(error: StoreError) -> None:
    log.get_logger("bot").warning("not written down", why=error.message)
