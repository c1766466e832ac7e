"""The settings of Monte Carlo: how many paths, and drawn how."""

from typing import Literal

from pydantic import Field

from trading_cli.core.config import Section


class MonteCarloSection(Section):
    """What else could have come of the same trades."""

    runs: int = Field(10_000, ge=1, le=10_000_000, description="How many paths are drawn.")
    engine: Literal["block", "iid", "shuffle", "perturb", "outcome"] = Field(
        "block", description="How: block, iid, shuffle, perturb or outcome."
    )
