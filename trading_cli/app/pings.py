"""Asking every host that is on whether it is there: one small question each, all at once.

The questions go through the same clients, budgets and parsers as a collection, so an answer that
cannot be read is no answer. X is not asked: reading a post costs money.
"""

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from trading_cli.app.toolkit import Toolkit, Venue, Voice
from trading_cli.core.clock import Clock
from trading_cli.core.errors import SourceGarbled, TradingError
from trading_cli.domain import Failure, Topic, Wanted

PATIENCE_S = 8.0
GRACE_S = 1.0  # what hangs below HTTP, where no deadline reaches, is left behind after this
SPAN = timedelta(hours=1)
TOPIC = Topic("doctor", "doctor", "parliament election")
NOWHERE = "0x" + "0" * 64
COSTS = "not asked: reading posts on X costs money; `trading collect --source x` asks it"
_SECTION = "data_collection"
_RATES = f"{_SECTION}.polymarket.requests_per_10s"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one question. ``code`` "" is an answer, else the failure's own.

    ``offset_s`` is the host's clock minus ours, where it told; ``sent`` says whether the question
    left this machine at all.
    """

    code: str = ""
    detail: str = ""
    seconds: float | None = None
    offset_s: float | None = None
    sent: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """One host: how to ask it before an instant of ``Clock.monotonic()``, and its settings."""

    ask: Callable[[float], Heard]
    sent: Callable[[], int]
    address: str
    rate: str
    switch: str = ""


Answers = queue.SimpleQueue[tuple[str, Heard]]


def ping_all(
    kit: Toolkit, voices: Mapping[str, Voice], *, patience: float = PATIENCE_S
) -> dict[str, tuple[Question, Heard]]:
    """Ask the venue's three hosts and *voices* at once; return each one's question and outcome.

    Takes at most *patience* seconds and one more, whatever hangs.
    """
    asked = _questions(kit, voices)
    deadline = kit.clock.monotonic() + patience
    answers: Answers = queue.SimpleQueue()
    for name, question in asked.items():
        answer = partial(_answer, answers, name, question, kit.clock, deadline)
        threading.Thread(target=answer, name=f"ping {name}", daemon=True).start()
    found = dict.fromkeys(asked, Heard("source_down", f"no answer within {patience:.0f} s"))
    for _ in asked:
        left = deadline + GRACE_S - kit.clock.monotonic()
        try:
            name, heard = answers.get(timeout=max(left, 0.0))
        except queue.Empty:
            break
        found[name] = heard
    return {name: (asked[name], found[name]) for name in asked}


def fix_of(question: Question, heard: Heard) -> str:
    """Return what a person may do about a failed ping, as a setting or a command."""
    if not heard.sent:
        return "wait a minute, then `trading doctor` again"
    if heard.code == "source_throttled":
        return f"wait, or lower {question.rate}"
    first = "look at the network, then at" if heard.code == "source_down" else "look at"
    other = f"; without it: {question.switch}: false" if question.switch else ""
    return f"{first} {question.address}{other}"


def _questions(kit: Toolkit, voices: Mapping[str, Voice]) -> dict[str, Question]:
    asked = _venue(kit, kit.venue())
    for name, voice in voices.items():
        if voice.bill is not None:
            continue
        section = f"{_SECTION}.{name}"
        asked[name] = Question(
            partial(_listen, voice, kit.clock),
            partial(_requests, voice),
            f"{section}.url",
            f"{section}.requests_per_minute",
            f"{section}.enabled",
        )
    return asked


def _venue(kit: Toolkit, venue: Venue) -> dict[str, Question]:
    """Return the questions to the venue: one market, the time, the trades of no market."""
    from trading_cli.sources.polymarket import DATA, MARKETS, gamma  # noqa: PLC0415  # when used
    from trading_cli.sources.polymarket.venue_clock import server_time  # noqa: PLC0415

    def listing(deadline: float) -> Heard:
        path, params = "/markets/keyset", {"limit": "1"}
        gamma.parse_page(venue.gamma.get(path, params, endpoint=MARKETS, deadline=deadline).json())
        return Heard()

    def clock(deadline: float) -> Heard:
        told = server_time(venue.clob, deadline=deadline)
        return Heard(offset_s=(told - kit.clock.now()).total_seconds())

    def trades(deadline: float) -> Heard:
        params = {"market": NOWHERE, "limit": "1"}
        reply = venue.data.get("/trades", params, endpoint=DATA, deadline=deadline)
        if not isinstance(reply.json(), list):
            raise SourceGarbled("data", "a reply that is no list of trades")
        return Heard()

    where = f"{_SECTION}.polymarket"
    return {
        "gamma": Question(listing, lambda: venue.gamma.requests, f"{where}.gamma_url", _RATES),
        "clob": Question(clock, lambda: venue.clob.requests, f"{where}.clob_url", _RATES),
        "data": Question(trades, lambda: venue.data.requests, f"{where}.data_url", _RATES),
    }


def _requests(voice: Voice) -> int:
    return voice.client.requests


def _listen(voice: Voice, clock: Clock, deadline: float) -> Heard:
    """Ask a source of talk about one topic of the last hour."""
    now = clock.now()
    wanted = Wanted(now - SPAN, now, topics=(TOPIC,), deadline=deadline)
    for record in voice.source.collect(wanted):
        if isinstance(record, Failure):
            return Heard(record.reason, record.detail)
    return Heard()


def _answer(answers: Answers, name: str, question: Question, clock: Clock, deadline: float) -> None:
    answers.put((name, _asked(question, clock, deadline)))


def _asked(question: Question, clock: Clock, deadline: float) -> Heard:
    """Return the outcome of *question* with the seconds it took, our own waiting included."""
    began, before = clock.monotonic(), question.sent()
    try:
        heard = question.ask(deadline)
    except TradingError as error:
        heard = Heard(error.code, error.message)
    return Heard(
        heard.code,
        heard.detail,
        None if heard.code else round(clock.monotonic() - began, 3),
        heard.offset_s,
        sent=question.sent() > before,
    )
