"""`trading db stats` says of how many markets its pace is, and what it cannot know."""

from trading_cli.cli import db

LEFT = {"days_to_warn": 9, "days_to_max": 12}
FULL = {"markets": 200, "candidates": 50, "bytes_a_day": 58_900_000, **LEFT}
GROWTH = {
    "bytes_a_day": 2_900_000, **LEFT, "load": {"markets": 6.0, "candidates": 3.25}, "full": FULL,
}  # fmt: skip


def test_the_pace_names_the_markets_it_is_of():
    """So many followed, so many candidates; where nobody counted them, the pace alone."""
    assert db._pace(GROWTH) == (
        "2.9 MB a day, a warning in 9 days, full in 12; with 6.0 markets followed and 3.2"
        " candidates, as on the last three whole days"
    )
    uncounted = GROWTH | {"load": {"markets": 6.0, "candidates": None}}
    assert db._pace(uncounted) == "2.9 MB a day, a warning in 9 days, full in 12"
    young = GROWTH | {"bytes_a_day": None}
    assert db._pace(young) == "not known before three whole days"


def test_the_most_it_may_be_is_told_and_what_is_not_known():
    """All places the settings have; how many the exchange will list, nobody knows."""
    told = db._full(GROWTH)
    assert told.startswith("about 58.9 MB a day")
    assert "200 markets, 50 candidates" in told
    assert "how many the exchange will list is not known" in told
    assert db._full({"full": FULL | {"bytes_a_day": None}}) == "not known"
