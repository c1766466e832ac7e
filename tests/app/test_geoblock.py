"""Whether we may trade from here: as the venue says, journaled, and never guessed."""

import pytest

from trading_cli.app.geoblock import ask, geoblock_step
from trading_cli.app.proving import GEOBLOCK, proved
from trading_cli.core.errors import SourceGarbled
from trading_cli.sources.polymarket.geoblock import geoblock


class Told:
    """A client whose every reply is the same."""

    def __init__(self, body: object) -> None:
        self.body = body

    def get(self, *_path: object, **_more: object) -> "Told":
        """Return the reply."""
        return self

    def json(self) -> object:
        """Return its body."""
        return self.body


def test_the_pretend_venue_allows_it_and_the_gate_hears_of_it(kit):
    """Asked over HTTP; the journal row is what the gate reads."""
    assert ask(kit.toolkit) == (False, "CH")
    with kit.toolkit.open_store() as store:
        with store.reading() as look:
            assert proved(look)[GEOBLOCK] is False
        cycle = type("Cycle", (), {"toolkit": kit.toolkit, "store": store})
        assert geoblock_step(cycle).state == "OK"
        with store.reading() as look:
            assert proved(look)[GEOBLOCK] is True


def test_a_venue_that_does_not_answer_leaves_what_was_known(kit):
    """No answer is no permission and no refusal: nothing is journaled."""
    kit.exchange.faults({"fault": "server_error", "match": "/site/", "args": {"status": 404}})
    with kit.toolkit.open_store() as store:
        done = geoblock_step(type("Cycle", (), {"toolkit": kit.toolkit, "store": store}))
        with store.reading() as look:
            assert proved(look)[GEOBLOCK] is False
    assert done.state == "PARTIAL"
    assert done.why.startswith("not known")


@pytest.mark.parametrize("body", [[], {}, {"blocked": "no"}, {"blocked": 0}, None])
def test_a_reply_that_says_neither_is_garbled(body):
    """Only a plain true or false counts."""
    with pytest.raises(SourceGarbled):
        geoblock(Told(body))


def test_a_strange_country_is_left_out():
    """What is no word does not reach a screen."""
    assert geoblock(Told({"blocked": True, "country": "\x1b[31mDE"})) == (True, "")
    assert geoblock(Told({"blocked": True, "country": "de"})) == (True, "DE")
