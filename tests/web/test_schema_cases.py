"""Whatever the API's description allows, and much that it does not: no bug, nothing undescribed."""

import pytest
from fuzzing import PHASES, Outcome, campaign, tamed  # beside this

NIGHTLY = 5_000
DAILY = 100


def _sound(found: Outcome) -> None:
    assert found.wrong == {}, "\n\n".join(f"{name}\n{told}" for name, told in found.wrong.items())
    assert not any(status >= 500 for status in found.statuses)


@pytest.mark.filterwarnings("ignore")  # of what makes the cases
def test_a_few_made_cases_are_answered_as_described(demo_home, moment, tmp_path):
    """Status, type, headers and shape of each reply are the description's: a hundred and more."""
    found = Outcome()
    with tamed(demo_home.parent, tmp_path, moment) as (url, config):
        campaign(url, config, seed=1, examples=4, phases=("examples", "fuzzing"), outcome=found)
    _sound(found)
    assert found.cases.total() >= DAILY
    assert {200, 202, 400, 404, 422} <= set(found.statuses)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")
def test_five_thousand_made_cases_are_answered_as_described(demo_home, moment, tmp_path):
    """The same with every phase: examples, the edges of every bound, other methods, random ones."""
    found, seed = Outcome(), 0
    while found.cases.total() < NIGHTLY:
        seed += 1
        folder = tmp_path / str(seed)
        folder.mkdir()
        with tamed(demo_home.parent, folder, moment) as (url, config):
            campaign(url, config, seed=seed, examples=60, phases=PHASES, outcome=found)
        _sound(found)
