"""Which files take longest: they come first, so that no worker is left alone with one at the end.

Seconds of CPU as last measured; files that are not named take less. Only the order hangs on them.
Those in a browser come last: its driver keeps an event loop in the worker's thread from then on.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
IN_A_BROWSER = -1
SECONDS = {
    "app/test_a_day.py": 51,
    "app/test_parity.py": 24,
    "cli/test_schemas.py": 21,
    "cli/test_serve.py": 20,
    "app/test_fault_points.py": 19,
    "app/test_disk.py": 18,
    "app/test_terminated.py": 17,
    "app/test_collect_faults.py": 16,
    "app/backtests/test_screening.py": 15,
    "app/test_replayed.py": 14,
    "app/backtests/test_scale_out.py": 14,
    "app/backtests/test_archived_past.py": 13,
    "app/test_collect.py": 13,
    "app/test_past_talk.py": 12,
    "app/test_kill_sequences.py": 12,
    "app/test_closing.py": 11,
    "cli/test_backtest.py": 10,
    "app/test_asleep.py": 10,
    "faults/test_upgrades_killed.py": 9,
    "store/test_store_crash.py": 9,
    "app/test_jobs.py": 9,
    "app/backtests/test_study.py": 9,
    "app/backtests/test_perturbed.py": 8,
    "app/test_kill_campaigns.py": 8,
    "app/test_stop.py": 8,
    "app/test_selftest.py": 7,
    "web/test_schema_cases.py": 7,
    "security/test_canaries.py": 6,
    "app/importing/test_bad_files.py": 6,
    "app/backtests/test_cut_copies.py": 6,
    "app/test_correlate.py": 5,
}


def by_cost(items: list[pytest.Item]) -> None:
    """Sort *items* by what their file takes, the dearest first; within a file nothing moves."""
    items.sort(key=lambda item: -_cost(_name(item.path)))


def _cost(name: str) -> int:
    return SECONDS.get(name, IN_A_BROWSER if name.startswith("web/page/") else 0)


def _name(path: Path) -> str:
    return path.relative_to(TESTS).as_posix() if path.is_relative_to(TESTS) else ""
