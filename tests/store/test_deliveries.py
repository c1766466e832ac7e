"""What became of each notice on each channel, how the channels do, and what the chat said."""

from datetime import UTC, datetime, timedelta

import pytest

from trading_cli.domain import Notice, Severity
from trading_cli.store import Store, chat, deliveries, outbox

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def store(tmp_path):
    """Return a store with three notices, the second critical."""
    with Store.open(tmp_path / "t.db", now=NOON) as made:
        with made.transaction() as tx:
            for key, critical in (("a", False), ("b", True), ("c", False)):
                outbox.put(tx, Notice(key, "risk", Severity.WARN, key, NOON, critical=critical))
        yield made


def test_a_claim_that_was_not_ended_leaves_a_doubt(store):
    """TRYING is a doubt; WAITING and SENT are none."""
    with store.transaction() as tx:
        deliveries.claim(tx, [1, 2, 3], "telegram", NOON)
        deliveries.turned_down(tx, [2], "telegram", "503", for_good=False)
        deliveries.took(tx, [3], "telegram", at=NOON, reference="9", parts=2)
        found = deliveries.pending(tx)
    assert [(one.queued.notice.key, one.unsure) for one in found] == [("b", False), ("a", True)]


def test_tries_are_counted_and_a_refusal_for_good_is_remembered(store):
    """The channel that refused is named, so that another one is used."""
    with store.transaction() as tx:
        for _ in range(3):
            deliveries.claim(tx, [1], "telegram", NOON)
        deliveries.turned_down(tx, [1], "telegram", "400", for_good=True)
        (_, a, _) = deliveries.pending(tx)
        (one,) = deliveries.of_notice(tx, 1)
    assert a.refused == {"telegram"}
    assert (one.tries, one.state, one.error) == (3, "FAILED", "400")


def test_a_channel_that_works_again_has_no_failures(store):
    """Since when it failed is kept over failures, and forgotten with the first success."""
    with store.transaction() as tx:
        for turn in (1, 2):
            deliveries.failing(
                tx, "telegram", failures=turn, at=NOON + turn * SECOND,
                until=NOON + 30 * SECOND, error="503",
            )  # fmt: skip
        held = deliveries.health(tx)["telegram"]
        assert (held.failures, held.since) == (2, NOON + SECOND)
        deliveries.claim(tx, [1], "telegram", NOON)
        deliveries.took(tx, [1], "telegram", at=NOON, reference="1", parts=1)
        held = deliveries.health(tx)["telegram"]
    assert (held.failures, held.since, held.blocked_until, held.error) == (0, None, None, "")


def test_a_message_of_several_notices_is_one_message(store):
    """What counts towards the day is what was sent as one, and neither critical nor digest."""
    with store.transaction() as tx:
        deliveries.claim(tx, [1, 2, 3], "telegram", NOON)
        deliveries.took(tx, [1, 3], "telegram", at=NOON, reference="5,6", parts=2)
        deliveries.took(tx, [2], "telegram", at=NOON, reference="7", parts=1)
        assert [one.parts for one in deliveries.sent(tx, NOON)] == [2, 1]
        assert len(deliveries.sent(tx, NOON, capped=True)) == 1
        assert deliveries.sent(tx, NOON, channel="slack") == []
        assert deliveries.sent(tx, NOON + SECOND) == []


def test_what_waits_is_counted_and_named(store):
    """By key or by number; the digest and the dead apart."""
    with store.transaction() as tx:
        assert outbox.waiting(tx) == (3, NOON)
        outbox.settle(tx, [1], "DIGEST")
        outbox.settle(tx, [2], "DEAD")
        outbox.settle(tx, [3], "SENT")
        assert outbox.waiting(tx) == (0, None)
        assert outbox.anything(tx)
        assert [one.notice.key for one in outbox.in_digest(tx)] == ["a"]
        assert outbox.named(tx, "2") == outbox.named(tx, "b")
        assert outbox.named(tx, "9" * 40) is None
        assert outbox.revive(tx, 1) == 0
        assert outbox.revive(tx) == 1
        assert outbox.named(tx, "b").state == "PENDING"


def test_an_update_is_kept_once_and_strangers_do_not_fill_the_disk(store, monkeypatch):
    """Of those denied only the newest stay; what was obeyed stays."""
    monkeypatch.setattr(chat, "KEEP_DENIED", 5)
    with store.transaction() as tx:
        assert chat.keep(tx, chat.Heard(1, "7/7", NOON, "/kill", allowed=True))
        assert not chat.keep(tx, chat.Heard(1, "7/7", NOON, "/kill", allowed=True))
        for number in range(2, 30):
            chat.keep(tx, chat.Heard(number, "6/6", NOON, "x" * 999, allowed=False))
        kept = chat.heard(tx)
        assert chat.seen(tx, 29)
        assert not chat.seen(tx, 3)
    assert len(kept) == 6
    assert max(len(one.command) for one in kept) == 200
    assert sum(one.allowed for one in kept) == 1


def test_a_condition_is_kept_with_its_streak(store):
    """Never seen before means not raised."""
    with store.transaction() as tx:
        assert deliveries.condition(tx, "disk") == deliveries.Condition()
        deliveries.keep_condition(tx, "disk", deliveries.Condition(raised=True, streak=2), NOON)
        assert deliveries.condition(tx, "disk") == deliveries.Condition(raised=True, streak=2)
