"""A process that collects 20 slots a second, 18,000 times the real pace, until it is ended.

usage: write_cycles.py DATABASE FIRST_SLOT. Says the number of each slot it has committed.
"""

import itertools
import sys
import time
from pathlib import Path

import upkeep_world as world  # beside this

from trading_cli.store import Store

with Store.open(Path(sys.argv[1]), now=world.NOON, busy_timeout_ms=60_000) as store:
    for number in itertools.count(int(sys.argv[2])):
        world.cycle(store, number, lock=True)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        time.sleep(0.03)
