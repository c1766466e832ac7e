"""The rules of telling: what goes out, when, with what, how fast and through which."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trading_cli.alerts import KINDS, AlertsSection, policy
from trading_cli.alerts.policy import Edge, Standing, Waiting
from trading_cli.domain import Notice, Severity

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def waiting(number: int, kind: str = "risk", *, unsure: bool = False, **more) -> Waiting:
    """Return one notice of the queue."""
    at = more.pop("at", NOON)
    return Waiting(number, Notice(f"k{number}", kind, Severity.INFO, "x", at, **more), unsure)


@st.composite
def queues(draw) -> list[Waiting]:
    """Return any queue, as the store orders it."""
    found = [
        waiting(
            number,
            draw(st.sampled_from(KINDS)),
            unsure=draw(st.booleans()),
            critical=draw(st.booleans()),
            at=NOON - HOUR * draw(st.integers(0, 40)),
            expires_at=draw(st.none() | st.just(NOON + HOUR) | st.just(NOON)),
        )
        for number in range(draw(st.integers(0, 30)))
    ]
    return sorted(found, key=lambda one: (not one.notice.critical, one.id))


@given(queues(), st.integers(0, 8), st.integers(0, 23), st.booleans())
def test_each_notice_goes_to_exactly_one_place(queue, told, hour, few):
    """Whatever the queue and hour: told, put away or held back; critical first, none late."""
    section = AlertsSection(kinds=("risk", "summary") if few else KINDS)
    now = NOON.replace(hour=hour)
    plan = policy.plan(queue, section, told_today=told, now=now)
    sent = [one for batch in plan.batches for one in batch.members]
    away = [number for ids in plan.states.values() for number in ids]
    assert len(sent) + len(away) + plan.held == len(queue)
    assert len({*(one.id for one in sent), *away}) == len(sent) + len(away)
    assert not [one for one in sent if policy.expired(one.notice, now)]
    crit = [batch.critical for batch in plan.batches]
    assert crit == sorted(crit, reverse=True)
    normal = [b for b in plan.batches if not b.critical and b.kind != "summary"]
    assert len(normal) <= max(0, section.max_per_day - told)
    assert not (policy.quiet(now, section) and normal)
    lost = [one for one in queue if one.notice.critical and one.id in away]
    assert all(policy.expired(one.notice, now) for one in lost)


@given(st.lists(st.floats(0, 300), min_size=1, max_size=60), st.integers(1, 20))
def test_the_pace_is_kept_whatever_comes(arrivals, per_minute):
    """No two within a second, no more than the limit within any minute."""
    clock, sent = 0.0, []
    for at in sorted(arrivals):
        clock = max(clock, at)
        clock += max(0.0, policy.pace([(one, 1) for one in sent], clock, per_minute))
        sent.append(clock)
    assert all(b - a >= 1 - 1e-9 for a, b in itertools.pairwise(sent))
    later = zip(sent, sent[per_minute:], strict=False)
    assert all(b - a >= 60 - 1e-6 for a, b in later)


def test_a_message_of_many_parts_counts_as_many():
    """Three parts are three messages of the minute."""
    assert policy.pace([(0.0, 3)], 30.0, 3) == pytest.approx(30.0)
    assert policy.pace([(0.0, 3)], 30.0, None) == 0.0


@pytest.mark.parametrize(
    ("hours", "zone", "at", "quiet"),
    [
        ("23:00-08:00", "UTC", "2026-03-02T22:59:59", False),
        ("23:00-08:00", "UTC", "2026-03-02T23:00:00", True),
        ("23:00-08:00", "UTC", "2026-03-03T07:59:59", True),
        ("23:00-08:00", "UTC", "2026-03-03T08:00:00", False),
        ("23:00-08:00", "America/New_York", "2026-03-03T05:00:00", True),
        ("23:00-08:00", "America/New_York", "2026-03-03T13:30:00", False),
        ("12:00-13:00", "UTC", "2026-03-02T12:30:00", True),
        ("12:00-12:00", "UTC", "2026-03-02T12:00:00", False),
        ("", "UTC", "2026-03-02T03:00:00", False),
    ],
)
def test_quiet_hours_are_the_owners(hours, zone, at, quiet):
    """Over midnight, in the owner's zone, from the first minute to the last."""
    section = AlertsSection(quiet_hours=hours, timezone=zone)
    assert policy.quiet(datetime.fromisoformat(at).replace(tzinfo=UTC), section) is quiet


@given(st.integers(0, 20_000), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
def test_a_digest_is_due_once_a_day_also_when_the_clocks_change(hours, zone):
    """Whatever the hour: the newest due time is past, and at most 25 hours ago."""
    now = NOON + HOUR * hours
    section = AlertsSection(timezone=zone)
    due = policy.digest_at(now, section)
    assert timedelta(0) <= now - due <= 25 * HOUR
    assert policy.day_start(now, section) <= now


def test_the_next_channel_is_used_after_three_failures_only():
    """Before them the message waits; after them it goes by; critical ones wait a minute at most."""
    names = ("telegram", "webhook")

    def choose(failures: int, wait: float, *, critical: bool = False):
        standing = {"telegram": Standing(failures, wait)}
        return policy.choose(names, standing, critical=critical, limit=3)

    assert choose(0, 0) == ("telegram", 0)
    assert choose(2, 5) == (None, 5)
    assert choose(3, 30) == ("webhook", 0)
    assert choose(3, 0) == ("telegram", 0)
    assert choose(1, 600) == (None, 600)
    assert choose(1, 600, critical=True) == ("webhook", 0)
    assert choose(1, 59, critical=True) == (None, 59)


def test_a_wait_that_was_asked_for_is_kept_within_reason():
    """What the server said, at least a second, an hour at most; else longer with each failure."""
    assert policy.backoff(1, 35) == 35
    assert policy.backoff(1, 0) == 1
    assert policy.backoff(1, 1e9) == 3600
    waits = [policy.backoff(one) for one in range(1, 12)]
    assert waits == sorted(waits)
    assert sum(waits[:2]) < 15


@given(st.lists(st.booleans(), max_size=60))
def test_flicker_is_told_rarely(looks):
    """Whatever the looks: a turn needs two bad or four good ones in a row."""
    edge, turns = Edge(), []
    for at, bad in enumerate(looks):
        after = policy.watch(edge, bad=bad)
        if after.raised != edge.raised:
            turns.append((at, after.raised))
        edge = after
    for at, raised in turns:
        assert set(looks[at - (1 if raised else 3) : at + 1]) == {raised}


def test_a_batch_names_every_key_up_to_sixty():
    """What is left out of a long list is counted."""
    members = tuple(waiting(number) for number in range(70))
    message = policy.message(policy.Batch(members), NOON)
    assert message.text.startswith("70 x risk:")
    assert "[k59]" in message.text
    assert "[k60]" not in message.text
    assert "… and 10 more: trading alerts list" in message.text
    assert message.key == "k0 +69"


def test_a_signal_is_never_told_without_the_word():
    """Alone, among many or in a digest: UNPROVEN, and until when it counts."""
    members = tuple(waiting(n, "signal", expires_at=NOON + HOUR) for n in range(7))
    summary = policy.Batch((waiting(9, "summary"),))
    for message in (
        policy.message(policy.Batch(members[:1]), NOON),
        policy.message(policy.Batch(members), NOON),
        policy.message(summary, NOON, digest=members),
    ):
        assert message.text.count("UNPROVEN") == 1
    assert "(until 13:00 UTC) [k3]" in message.text
    assert "UNPROVEN" not in policy.message(summary, NOON).text


@pytest.mark.parametrize(
    "wrong",
    [
        {"quiet_hours": "23-8"},
        {"quiet_hours": "24:00-08:00"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "../../etc/passwd"},
        {"max_per_day": -1},
        {"channels": ("pigeon",)},
        {"telegram": {"api_url": "ftp://x"}},
        {"telegram": {"api_url": "https://user:pw@host"}},
        {"telegram": {"per_minute": 21}},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    """Each names its key."""
    with pytest.raises(ValidationError):
        AlertsSection(**wrong)
