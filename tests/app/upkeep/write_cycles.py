"""A process that collects 20 slots a second, 18,000 times the real pace, until it is ended.

usage: write_cycles.py DATABASE FIRST_SLOT. Says the number of each slot it has committed. Between
two slots it waits for the end of its standard input: where whoever started it is gone, so is it.
"""

import itertools
import select
import sys
from pathlib import Path

import upkeep_world as world  # beside this

from trading_cli.store import Store

BETWEEN_S = 0.03
"""So long a slot is over before the next one begins: who waits for a boundary gets one."""


def deserted() -> bool:
    """Wait at most the time between two slots; return whether nobody is there any more."""
    return bool(select.select([sys.stdin], [], [], BETWEEN_S)[0])


with Store.open(Path(sys.argv[1]), now=world.NOON, busy_timeout_ms=60_000) as store:
    for number in itertools.count(int(sys.argv[2])):
        world.cycle(store, number, lock=True)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        if deserted():
            break
