"""`python -m trading_cli` is `trading`."""

import sys

from trading_cli.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
