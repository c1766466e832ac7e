"""The pretend exchange and the homes of tests/app, for faults that need a whole collection."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parent.parent
for room in ("app", "store", "sources", "trading"):
    sys.path.append(str(TESTS / room))  # what those rooms' tests are made of stands there

from home_fixtures import exchange, make_home  # noqa: E402  # see above

__all__ = ["exchange", "make_home"]


@pytest.fixture(scope="module")
def world_days() -> int:
    """Return two: a machine sleeps for 26 hours in it."""
    return 2


@pytest.fixture
def usual() -> Mapping[str, Any]:
    """Return a patience that a busy machine does not use up: no fault here is a slow reply."""
    return {"read_timeout_s": 10.0}
