"""The weekly self-test: the whole way on the simulator, and what makes it fail."""

import copy

from trading_cli.app.selftest import SIZE, judged, tried

GOOD = {
    "rows": {"quotes": 30}, "day": {"decisions": 12}, "seconds": 4.0, "troubles": {},
    "sums": [{"what": "quotes", "exchange": 30, "store": 30, "report": 30}],
}  # fmt: skip


def test_the_whole_way_is_gone_in_a_home_of_its_own(home, monkeypatch):
    """A small day is collected and decided, and this home stays as it was."""
    monkeypatch.setenv("TRADING_HOME", str(home))
    before = sorted(home.rglob("*"))
    done = tried(SIZE)
    assert done.state == "OK", done.why
    assert done.numbers["decisions"] > 0
    assert sorted(home.rglob("*")) == before


def test_a_way_that_cannot_be_gone_says_its_first_sentence():
    """A wrong size is exit 2 with the program's own words; too long is said as such."""
    done = tried(("--markets", "0"))
    assert done.state == "FAILED"
    assert "exit 2" in done.why
    assert tried(SIZE, seconds=0.2).why == "the simulator's day did not end within 0 s"


def test_what_was_sent_and_not_stored_fails_it():
    """Nothing decided, a row lost, a step in trouble: FAILED, FAILED, PARTIAL."""
    assert judged(GOOD).state == "OK"
    lost = copy.deepcopy(GOOD)
    lost["sums"][0]["store"] = 29
    assert judged(lost).why == "quotes: 30 sent, 29 stored"
    assert judged(lost).state == "FAILED"
    assert judged(GOOD | {"day": {"decisions": 0}}).why == "no decisions"
    assert judged(GOOD | {"troubles": {"talk: gdelt": 2}}).state == "PARTIAL"
