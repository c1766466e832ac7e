"""Item 36: the same inputs and seed give the same bytes, whatever Python's hash seed."""

import os
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("one_run.py")
SEED = 3


def bytes_of(hash_seed: str) -> bytes:
    """Return what one run in a process with this hash seed comes to."""
    env = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, str(RUN), str(SEED)], env=env, capture_output=True,
                          check=True)  # fmt: skip
    assert b"digest: '" in done.stdout
    assert b"orders: (Order(" in done.stdout, "a run without an order shows little"
    return blake2b(done.stdout).digest()


def test_three_runs_are_one():
    """Decisions, orders, fills, equity, reasons: byte for byte."""
    assert len({bytes_of(seed) for seed in ("0", "1", "random")}) == 1


@pytest.mark.nightly
def test_twenty_runs_are_one():
    """The same, twenty times."""
    assert len({bytes_of(str(seed)) for seed in range(20)}) == 1
