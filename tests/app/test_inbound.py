"""The webhook: who may speak, what is taken, and that nothing is taken twice."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from dealing import NOON, Stage, market  # beside this
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outside import NONCE, SECRET, headers, message, past, secrets  # beside this

from trading_cli.app.inbound import (
    NotHeard,
    Over,
    Repeated,
    TooMany,
    UnknownMarket,
    receive,
)
from trading_cli.app.inbound import Settled as Ended
from trading_cli.app.inbound_proof import (
    MOST_BYTES,
    Absent,
    Forged,
    Late,
    Refused,
    TooLarge,
    Unreadable,
)
from trading_cli.core.clock import FrozenClock
from trading_cli.domain import from_epoch
from trading_cli.store import Store, Transaction, listings, opinions

AT = from_epoch(NOON) + timedelta(minutes=5)
SECOND = timedelta(seconds=1)
_NONCES = (f"nonce-number-{n:08}" for n in count())


class Home:
    """A home with two priced markets, asked at a time of its own."""

    def __init__(self, folder: Path, **inbound: Any) -> None:
        with Stage(folder, lambda *_: "0.50", 2, {"inbound": inbound}) as stage:
            stage.at(0)
            with stage.open_store() as store:
                cycle: Any = type("Cycle", (), {"store": store, "slot": NOON})()
                stage.look_around(cycle)
        secrets(folder)
        self.folder, self.config = folder, folder / "config.yaml"
        self.clock = FrozenClock(AT)

    def send(self, body: bytes | None = None, *, nonce: str = "", **given: Any) -> dict[str, Any]:
        """Send *body*, or a message with *given* fields, signed now under a nonce of its own."""
        said = message(**given) if body is None else body
        return self.raw(said, headers(said, self.clock.now(), nonce or next(_NONCES)))

    def raw(self, body: bytes, told: dict[str, str]) -> dict[str, Any]:
        """Send *body* with these very headers."""
        return receive(self.config, told, body, clock=self.clock, env={})

    def write(self, what: Callable[[Transaction], object]) -> None:
        """Write into the file."""
        path = self.folder / "data" / "trading.db"
        with Store.open(path, now=AT) as store, store.transaction() as tx:
            what(tx)

    @property
    def kept(self) -> list[opinions.Said]:
        """Return every opinion in the file."""
        with Store.reader(self.folder / "data" / "trading.db") as store, store.reading() as look:
            return opinions.last(look, as_of=AT + timedelta(days=99), limit=100)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home that refusals leave as it is."""
    return Home(tmp_path_factory.mktemp("inbound") / "home")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a home of one's own."""
    return Home(tmp_path / "home")


def test_a_signed_opinion_is_kept_as_it_was_said(home: Home) -> None:
    """With the price we knew, its times, its words without what cannot be seen, and no weight."""
    told = home.send(note="strong\u202e <b>buy</b>\x00\n now", valid_hours=2)
    (said,) = home.kept
    assert (said.source, said.market, said.probability, said.price) == ("desk", "M0", 0.7, 0.505)
    assert (said.said_at, said.observed_at, said.valid) == (AT, AT, timedelta(hours=2))
    assert said.note == "strong <b>buy</b> now"
    assert (told["id"], told["price"], told["weight"], told["used"]) == (1, 0.505, 0.0, False)
    assert told["market"] == {"id": "M0", "question": "Will it be 0?"}
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize("name", ["M1", "0x1", "m1"])
def test_a_market_is_called_by_id_condition_or_slug(home: Home, name: str) -> None:
    """All three are one market."""
    assert home.send(market=name)["market"]["id"] == "M1"


def test_what_is_said_of_no_is_kept_of_yes(home: Home) -> None:
    """.7 for NO is .3 for YES."""
    assert home.send(token="NO")["probability"] == pytest.approx(0.3)  # noqa: S106  # a market's
    assert 0 < home.send(token="NO", probability=5e-324)["probability"] < 1  # noqa: S106


@pytest.mark.parametrize("secret", ["", "short"])
def test_without_a_secret_nothing_is_taken(home: Home, secret: str) -> None:
    """It says which variable is missing, whatever was sent."""
    (home.folder / "secrets.env").write_text(f"TRADING_INBOUND_SECRET='{secret}'\n")
    with pytest.raises(Absent, match="TRADING_INBOUND_SECRET") as refused:
        home.send()
    assert refused.value.status == 503
    assert home.kept == []


def test_what_held_until_a_moment_that_has_passed_is_not_taken(home: Home) -> None:
    """No decision would see it: it may not be told as used, nor silence what still holds."""
    still = (AT - timedelta(hours=23)).isoformat()
    over = (AT - timedelta(hours=24)).isoformat()
    home.send(nonce="a" * 16, said_at=still)
    with pytest.raises(Over, match=":05:00 UTC, which has passed") as refused:
        home.send(nonce="b" * 16, said_at=over)
    assert refused.value.status == 422
    with pytest.raises(Over):
        home.send(nonce="c" * 16, said_at=still, valid_hours=23)
    assert len(home.kept) == 1


def test_the_one_said_last_stands_whichever_came_last(home: Home) -> None:
    """One that was delayed on its way does not take the place of a newer one."""
    home.send(nonce="a" * 16, probability=0.8, said_at=AT.isoformat())
    home.send(nonce="b" * 16, probability=0.2, said_at=(AT - timedelta(hours=2)).isoformat())
    with Store.reader(home.folder / "data" / "trading.db") as store, store.reading() as look:
        (said,) = opinions.standing(look, ["M0"], since=AT - timedelta(days=1), as_of=AT)
    assert said.probability == 0.8


FORGED = {
    "no headers": lambda _b, _h: {},
    "no signature": lambda _b, h: h | {"X-Trading-Signature": ""},
    "another secret": lambda b, _h: headers(b, AT, secret="x" * 32),
    "another body": lambda b, _h: headers(b + b" ", AT),
    "another nonce": lambda _b, h: h | {"X-Trading-Nonce": "fedcba9876543210"},
    "another time": lambda _b, h: h | {"X-Trading-Timestamp": str(int(AT.timestamp()) + 1)},
    "no algorithm": lambda _b, h: h | {"X-Trading-Signature": h["X-Trading-Signature"][7:]},
    "in capitals": lambda _b, h: h | {"X-Trading-Signature": h["X-Trading-Signature"].upper()},
    "cut short": lambda _b, h: h | {"X-Trading-Signature": h["X-Trading-Signature"][:-2]},
    "not ASCII": lambda _b, h: h | {"X-Trading-Signature": "sha256=" + "é" * 64},
    "a short nonce": lambda b, _h: headers(b, AT, "short"),
    "a nonce with a dot": lambda b, _h: headers(b, AT, "01234567.89abcdef"),
    "digits of another script": lambda _b, h: h | {"X-Trading-Timestamp": "١٢٣"},
    "a time with a sign": lambda _b, h: h | {"X-Trading-Timestamp": "+1772452800"},
}


@pytest.mark.parametrize("how", FORGED)
def test_what_is_not_signed_by_our_secret_is_refused(made: Home, how: str) -> None:
    """The answer never says which part was wrong, and nothing is kept."""
    body = message()
    with pytest.raises(Forged) as refused:
        made.raw(body, FORGED[how](body, headers(body, AT)))
    assert refused.value.message == "the signature is missing or wrong."
    assert refused.value.status == 401
    assert made.kept == []


def test_nothing_is_read_before_the_signature_is_right(made: Home) -> None:
    """A forged body that is no JSON is forged, not unreadable; so is one of an unknown market."""
    for body in (b"{", message(market="nowhere"), b"\xff"):
        with pytest.raises(Forged):
            made.raw(body, headers(body, AT, secret="x" * 32))


@pytest.mark.parametrize(
    ("apart", "taken"), [(-301, False), (-300, True), (300, True), (301, False)]
)
def test_a_signature_is_good_for_five_minutes(home: Home, apart: int, taken: bool) -> None:  # noqa: FBT001
    """Either way: a sender's clock may be wrong by so much."""
    body = message()
    told = headers(body, AT + apart * SECOND)
    if taken:
        said_at = min(AT, AT + apart * SECOND)
        assert home.raw(body, told)["said_at"] == said_at.isoformat()
    else:
        with pytest.raises(Late, match="300 s apart") as refused:
            home.raw(body, told)
        assert refused.value.status == 401
        assert home.kept == []


def test_a_replay_is_known_and_changes_nothing(home: Home) -> None:
    """The very message again, and another under the same nonce: 409, one row, as it was."""
    body = message()
    told = headers(body, AT)
    home.raw(body, told)
    before = home.kept
    home.clock.set(AT + 60 * SECOND)
    with pytest.raises(Repeated, match="already known: opinion 1") as refused:
        home.raw(body, told)
    assert refused.value.status == 409
    with pytest.raises(Repeated, match="nonce was used before"):
        home.send(nonce=NONCE, probability=0.1)
    home.send(nonce=NONCE, source="another")
    assert home.kept[1:] == before


def test_the_nonces_survive_everything_but_the_file(home: Home) -> None:
    """Nothing is held in memory: a receiver that starts anew knows them all."""
    body = message()
    told = headers(body, AT)
    home.raw(body, told)
    again = object.__new__(Home)
    again.config, again.clock = home.config, FrozenClock(AT)
    with pytest.raises(Repeated):
        again.raw(body, told)


HUGE = "9" * 5000
UNREADABLE = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "not UTF-8": b'{"source": "\xff"}',
    "a byte order mark": b"\xef\xbb\xbf" + message(),
    "a name twice": b'{"source":"desk","market":"M0","probability":0.5,"probability":0.9}',
    "a name twice, spelled otherwise": (
        b'{"source":"desk","market":"M0","probability":0.5,"pr\\u006fbability":0.9}'
    ),
    "NaN": b'{"source":"desk","market":"M0","probability":NaN}',
    "infinity": b'{"source":"desk","market":"M0","probability":Infinity}',
    "too large a number": b'{"source":"desk","market":"M0","probability":1e999}',
    "too many digits": f'{{"source":"desk","market":"M0","probability":{HUGE}}}'.encode(),
    "nested too deep": b'{"source":' + b"[" * 8000 + b"]" * 8000 + b"}",
    "0": message(probability=0),
    "1": message(probability=1),
    "negative": message(probability=-0.1),
    "a percent": message(probability=70),
    "true": message(probability=True),
    "a number in quotes": message(probability="0.7"),
    "no probability": message(probability=None),
    "an own field": message(size=1000),
    "a factor": message(confidence=2.0),
    "no source": message(source=None),
    "a source in capitals": message(source="Desk"),
    "a source that looks alike": message(source="d\u0435sk"),
    "a source with a line after": message(source="desk\n"),
    "a source too long": message(source="d" * 65),
    "half a surrogate": b'{"source":"desk","market":"M0","probability":0.5,"note":"\\ud800"}',
    "a market that is SQL": message(market="M0' OR 1=1 --"),
    "a market that is a path": message(market="../M0"),
    "neither token": message(token="MAYBE"),  # noqa: S106  # a market's
    "a time without a zone": message(said_at="2026-03-02T12:00:00"),
    "a time to come": message(said_at="2026-03-02T12:10:01Z"),
    "no time": message(said_at="now"),
    "valid for ever": message(valid_hours=1e9),
    "valid for no time": message(valid_hours=0),
    "a note too long": message(note="x" * 4001),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_body_is_exactly_what_it_must_be(made: Home, what: str) -> None:
    """Signed or not: anything else is refused with a short sentence, and nothing is kept."""
    with pytest.raises(Unreadable) as refused:
        made.send(UNREADABLE[what])
    assert refused.value.status == 422
    assert 0 < len(refused.value.message) < 500
    assert refused.value.message.isprintable()
    assert made.kept == []


def test_a_body_too_large_is_refused_before_it_is_hashed(made: Home) -> None:
    """16 KB are read, whoever sends them."""
    for told in (headers(b" " * (MOST_BYTES + 1), AT), {}):
        with pytest.raises(TooLarge) as refused:
            made.raw(b" " * (MOST_BYTES + 1), told)
        assert refused.value.status == 413


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(st.binary(max_size=400), st.dictionaries(st.text(max_size=30), st.text(max_size=30)))
def test_whatever_is_sent_is_refused_in_words(
    made: Home, body: bytes, told: dict[str, str]
) -> None:
    """Random bytes, signed or under random headers, never raise anything but a refusal."""
    for sent in (told, headers(body, AT)):
        with pytest.raises(Refused):
            made.raw(body, sent)
    assert made.kept == []


def test_an_unknown_market_is_said_to_be_unknown(made: Home) -> None:
    """A beginning of a name is no name."""
    for name in ("M", "M99", "0x", "will"):
        with pytest.raises(UnknownMarket, match=f"slug {name}") as refused:
            made.send(market=name)
        assert refused.value.status == 404


def test_a_home_without_a_file_knows_no_market_and_gets_no_file(tmp_path: Path) -> None:
    """Whoever speaks first does not create a database."""
    (tmp_path / "config.yaml").write_text("mode: paper\n")
    secrets(tmp_path)
    body = message()
    with pytest.raises(UnknownMarket):
        receive(tmp_path / "config.yaml", headers(body, AT), body, clock=FrozenClock(AT), env={})
    assert not (tmp_path / "data").exists()


def test_of_a_market_that_ended_there_is_nothing_to_say(home: Home) -> None:
    """Settled, or closed by the venue."""
    closed = replace(market(7), observed_at=AT, closed=True)
    home.write(lambda tx: listings.record_markets(tx, [closed]))
    home.write(lambda tx: past(tx, AT, 1))
    for name in ("M1000", "M7"):
        with pytest.raises(Ended, match="has ended") as refused:
            home.send(market=name)
        assert refused.value.status == 409


def test_only_those_named_are_heard(tmp_path: Path) -> None:
    """Where names are set."""
    home = Home(tmp_path / "home", sources=["desk"])
    home.send()
    with pytest.raises(NotHeard, match="is not heard") as refused:
        home.send(source="other")
    assert refused.value.status == 403
    assert len(home.kept) == 1


def test_a_source_says_so_much_an_hour(tmp_path: Path) -> None:
    """It is told when to come again; others go on; a refusal does not count."""
    home = Home(tmp_path / "home", per_hour=2)
    home.send()
    home.clock.set(AT + 600 * SECOND)
    home.send()
    with pytest.raises(TooMany) as refused:
        home.send()
    assert (refused.value.status, refused.value.retry_after) == (429, 3001)
    home.send(source="other")
    home.clock.set(AT + (600 + 3001) * SECOND)
    home.send()
    assert len(home.kept) == 4


def test_no_price_is_made_up(home: Home) -> None:
    """One older than half an hour is none: the opinion is kept, and can never be scored."""
    home.clock.set(AT + timedelta(minutes=40))
    assert home.send()["price"] is None
    home.write(lambda tx: listings.record_markets(tx, [market(7)]))
    assert home.send(market="M7")["price"] is None


def test_a_secret_is_in_no_answer(home: Home) -> None:
    """Not in what is returned, not in any refusal."""
    said = [repr(home.send())]
    for body in (b"{", message(market="none"), message(note=SECRET, probability=7)):
        with pytest.raises(Refused) as refused:
            home.send(body)
        said.append(f"{refused.value.message} {refused.value.hint}")
    assert not any(SECRET in one for one in said)
