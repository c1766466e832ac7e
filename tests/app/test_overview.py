"""How things stand, with and without a database."""

import os
import subprocess
import sys

import pytest

from trading_cli.app import overview


@pytest.mark.usefixtures("home")
def test_an_empty_home_says_that_nothing_was_collected():
    """Without a database the gate is closed and nothing pretends to be known."""
    data = overview.status(None, os.environ)
    assert data["data_gate"] == {"open": False, "reasons": ["nothing collected yet"]}
    assert data["newest_quote_age_s"] is None


@pytest.mark.usefixtures("home")
def test_status_loads_no_heavy_library():
    """It stays quick because it imports none of the collection's libraries."""
    code = (
        "import os, sys; from trading_cli.app import overview; import trading_cli.store;"
        "overview.status(None, os.environ);"
        "sys.exit(' '.join({'numpy','structlog','requests','pandas'} & set(sys.modules)) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
