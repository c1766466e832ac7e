"""Instants and spans as a person types them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_cli.core.errors import UsageError
from trading_cli.core.times import duration, instant, span

NOW = datetime(2026, 3, 11, 12, 0, 7, tzinfo=UTC)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
INSTANTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001  # hypothesis adds the zone


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("7d", NOW - timedelta(days=7)),
        ("24h", NOW - timedelta(hours=24)),
        ("90m", NOW - timedelta(minutes=90)),
        ("2w", NOW - timedelta(days=14)),
        (" 24H ", NOW - timedelta(hours=24)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("20260301", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T12:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00+02:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01 12:00:01", datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)),
        ("1772366400", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_each_way_to_name_an_instant(text, expected):
    """ISO with and without zone, lengths of time, epoch seconds and now are all understood."""
    assert instant(text, NOW) == expected
    assert instant(text, NOW).tzinfo == UTC


@pytest.mark.parametrize(
    "text", ["", "yesterday", "7", "-7d", "0d", "7x", "1e9d", "2026-13-01", "999999999999", "7d7h"]
)
def test_what_is_no_length_of_time_is_refused(text):
    """Zero, negative, unknown units and dates are no lengths of time."""
    with pytest.raises(UsageError, match="not a length"):
        duration(text)


@pytest.mark.parametrize("text", ["", "yesterday", "-7d", "2026-13-01", "999999999999", "1²d"])
def test_what_is_no_instant_is_refused_with_the_ways_to_write_one(text):
    """A typo names the forms that work."""
    with pytest.raises(UsageError) as refused:
        instant(text, NOW)
    assert "24h" in refused.value.hint


@given(st.text())
def test_whatever_is_typed_is_an_aware_instant_or_a_usage_error(text):
    """No text makes the parser fail in any other way."""
    try:
        at = instant(text, NOW)
    except UsageError:
        return
    assert at.utcoffset() == timedelta(0)


@given(INSTANTS)
def test_an_instant_survives_its_iso_text(at):
    """Whatever instant in whatever zone is read back as itself."""
    assert instant(at.isoformat(), NOW) == at


@given(INSTANTS.map(lambda at: at.replace(microsecond=0)))
def test_an_instant_survives_its_epoch_seconds(at):
    """Epoch seconds mean what they always mean, unless they look like a day (20260301)."""
    seconds = str(int(at.timestamp()))
    if len(seconds) > 8:
        assert instant(seconds, NOW) == at


@given(INSTANTS, INSTANTS)
def test_a_span_is_half_open_and_never_empty(one, other):
    """Whatever two instants: the span is theirs, or refused because nothing lies between them."""
    if one < other:
        assert span(one.isoformat(), other.isoformat(), NOW) == (one, other)
    else:
        with pytest.raises(UsageError, match="empty"):
            span(one.isoformat(), other.isoformat(), NOW)
