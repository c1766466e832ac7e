"""`trading alerts`: try the channels, look at the queue, try again, and say that it was seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trading_cli.alerts import Message
from trading_cli.app.channels import channels_of
from trading_cli.app.gather import Progress
from trading_cli.app.notify import deliver, section_of, shown
from trading_cli.app.runs import only_run
from trading_cli.app.settings import Loaded, load
from trading_cli.app.teller import Report
from trading_cli.app.toolkit import build
from trading_cli.core.clock import Clock, SystemClock
from trading_cli.core.errors import ConfigError, SourceDown, SourceError, UsageError
from trading_cli.core.redact import Redactor
from trading_cli.store import Store, Transaction, deliveries, outbox
from trading_cli.store.born import is_there

STATES = ("PENDING", "SENT", "EXPIRED", "DIGEST", "DIGESTED", "DEAD", "MUTED")
NO_CHANNEL = "no channel is on: nothing can be told"
HOW = "enable one under `alerts` in config.yaml; its secret goes into secrets.env"
BOT = "bot"


def try_out(config: Path | None, *, clock: Clock | None = None) -> dict[str, Any]:
    """Send one message through every channel that is on; return how each took it.

    Raises ``ConfigError`` where none is on, ``SourceDown`` where one did not take it.
    """
    loaded = load(config)
    now = clock or SystemClock()
    mask = Redactor(loaded.secrets.values()).text
    at = now.now()
    with channels_of(section_of(loaded), loaded.secrets, now) as made:
        if not made.on:
            why = "; ".join(made.off.values())
            raise ConfigError(f"{NO_CHANNEL} ({why})", hint=HOW)
        rows = []
        for channel in made.on:
            text = f"This is a test of {channel.name}: `trading alerts test`."
            key = f"test:{int(at.timestamp())}"
            message = Message(key, "health", "info", critical=False, text=text, at=at)
            began = now.monotonic()
            said = hint = ""
            try:
                channel.send(message)
            except SourceError as error:
                said, hint = mask(error.detail), error.hint
            rows.append(
                {
                    "name": channel.name,
                    "taken": not said,
                    "error": said,
                    "hint": hint,
                    "seconds": round(now.monotonic() - began, 3),
                }
            )
    bad = [row for row in rows if not row["taken"]]
    if bad:
        told = [f"{row['name']}: {' '.join(str(row['error'] or 'taken').split())}" for row in rows]
        if len(rows) > 1:
            told.insert(0, f"{len(bad)} of {len(rows)} channels did not take the test")
        raise SourceDown("alerts", "\n".join(told), hint=str(bad[0]["hint"]) or "trading doctor")
    return {"channels": rows, "off": _off(made.off)}


def _off(off: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "why": why} for name, why in off.items()]


def listed(
    config: Path | None, *, state: str | None, limit: int, clock: Clock | None = None
) -> dict[str, Any]:
    """Return the newest notices and how the channels do; works without a database."""
    loaded = load(config)
    now = clock or SystemClock()
    if state is not None and state not in STATES:
        raise UsageError(f"there is no state {state!r}", hint=f"one of: {', '.join(STATES)}")
    with channels_of(section_of(loaded), loaded.secrets, now) as made:
        names, off = [one.name for one in made.on], _off(made.off)
    known: dict[str, deliveries.Health] = {}
    rows: list[dict[str, Any]] = []
    pending, oldest = 0, None
    if is_there(loaded.database):
        with Store.reader(loaded.database) as store, store.reading() as look:
            known = deliveries.health(look)
            found = outbox.rows(look, state=state, limit=limit)
            mask = Redactor(loaded.secrets.values()).value
            rows = [mask(shown(one, deliveries.of_notice(look, one.id))) for one in found]
            pending, oldest = outbox.waiting(look)
    return {
        "notices": rows,
        "pending": pending,
        "oldest_s": None if oldest is None else max(0, int((now.now() - oldest).total_seconds())),
        "channels": [_channel(name, known.get(name, deliveries.Health())) for name in names],
        "off": off,
    }


def _channel(name: str, one: deliveries.Health) -> dict[str, Any]:
    return {
        "name": name,
        "failures": one.failures,
        "error": one.error,
        "blocked_until": None if one.blocked_until is None else one.blocked_until.isoformat(),
        "last_sent": None if one.sent_at is None else one.sent_at.isoformat(),
    }


def retry(config: Path | None, name: str | None) -> dict[str, Any]:
    """Try again now: what no channel took (one, or all), and every channel that is left alone."""
    with build(config) as toolkit:
        must_exist(toolkit.loaded)
        with toolkit.open_store() as store:
            with store.transaction() as tx:
                number = None if name is None else _named(tx, name).id
                revived = outbox.revive(tx, number)
                deliveries.unblock(tx)
            report = deliver(toolkit, store)
    return {
        "revived": revived,
        **report.numbers(),
        "problems": [*report.problems, *_nobody(report)],
        "busy": report.busy,
    }


def _nobody(report: Report) -> list[str]:
    """Return that no channel is on and how to change it, nothing where one is."""
    return [] if report.on or report.busy else [f"{NO_CHANNEL}; {HOW}"]


def ack(config: Path | None, name: str, *, actor: str = "owner") -> dict[str, Any]:
    """Keep that the owner has seen one notice, or "all" that were told."""
    loaded = load(config)
    must_exist(loaded)
    now = SystemClock().now()
    busy = loaded.settings.database.busy_timeout_ms
    with (
        Store.open(loaded.database, now=now, busy_timeout_ms=busy) as store,
        store.transaction() as tx,
    ):
        number = None if name == "all" else _named(tx, name).id
        return {"acked": outbox.ack(tx, number, at=now, by=actor)}


def must_exist(loaded: Loaded) -> None:
    """Raise ``UsageError`` where nothing was ever queued."""
    if not is_there(loaded.database):
        raise UsageError("nothing was ever to be told here", hint="trading cycle collection")


def _named(look: Transaction, name: str) -> outbox.Queued:
    found = outbox.named(look, name)
    if found is None:
        raise UsageError(f"there is no notice {name!r}", hint="trading alerts list")
    return found


def serve_bot(
    config: Path | None,
    progress: Progress,
    *,
    stopped: Callable[[], bool] = bool,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Obey the chat until *stopped* or told to end; blocks.

    Raises ``ConfigError`` where no chat may command, ``RunLocked`` where another one listens.
    """
    from trading_cli.app.bot import bot_of  # noqa: PLC0415  # its library takes a while to load

    with build(config) as toolkit:
        loaded = toolkit.loaded
        now = clock or toolkit.clock
        bot = bot_of(loaded, now)
        try:
            with toolkit.open_store():  # made, if it was not there: a stop wants a row
                folder = loaded.database.parent
            with only_run(folder, BOT, now.now()):
                progress(f"listening to chat {section_of(loaded).telegram.chat_id}")
                bot.serve(stopped)
        finally:
            bot.close()
        return {"handled": bot.handled, "denied": bot.denied}
