"""What these tests borrow: a command run in this process, from the tests of the commands."""

import sys
from pathlib import Path

BORROWED = Path(__file__).resolve().parent.parent / "cli"
if str(BORROWED) not in sys.path:
    sys.path.append(str(BORROWED))
