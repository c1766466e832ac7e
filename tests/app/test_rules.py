"""A market's rules: the newest wording, each earlier one, and the lines that changed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from dealt import NOON, Dealt, market  # beside this

from trading_cli.app import rules
from trading_cli.core.errors import UsageError
from trading_cli.store import listings

HOUR = timedelta(hours=1)


@pytest.fixture
def dealt(home: Path) -> Dealt:
    """Return a home whose market 1 changed its rules an hour after noon, and back after two."""
    made = Dealt(home)
    texts = ("YES if it happens.\nSource: A.", "YES if it happens.\nSource: B.")
    with made.store() as store, store.transaction() as tx:
        for hours, text in ((0, texts[0]), (1, texts[1]), (2, texts[0])):
            seen = market(1, NOON + hours * HOUR)
            listings.record_markets(tx, [replace(seen, description=text)])
        listings.record_markets(tx, [replace(market(2, NOON), description=None)])
    made.clock.set(NOON + 3 * HOUR)
    return made


def test_each_wording_is_there_once_with_what_changed(dealt):
    """Two wordings; between them one line went and one came."""
    told = rules.rules(dealt.config, "thing 1", clock=dealt.clock)
    first, second = told["versions"]
    assert first["changes"] == []
    assert second["changes"] == ["-Source: A.", "+Source: B."]
    assert second["text"].endswith("Source: B.")
    assert second["seen_at"] == (NOON + HOUR).isoformat()


def test_before_it_changed_only_the_first_is_known(dealt):
    """Half an hour after noon there is one wording."""
    dealt.clock.set(NOON + HOUR / 2)
    assert len(rules.rules(dealt.config, "500001", clock=dealt.clock)["versions"]) == 1


def test_no_text_is_no_version_and_an_unclear_name_is_asked_back(dealt):
    """Market 2 has no rules text; "thing" means two markets; nonsense none."""
    assert rules.rules(dealt.config, "thing-2", clock=dealt.clock)["versions"] == []
    with pytest.raises(UsageError, match="'thing' means 2 markets"):
        rules.rules(dealt.config, "thing", clock=dealt.clock)
    with pytest.raises(UsageError, match="no market is meant by 'nonsense'"):
        rules.rules(dealt.config, "nonsense", clock=dealt.clock)
