"""What may be asked for from a page: which commands, with which parameters. Nothing else is run.

A parameter is checked for what it is and then written into the command line by us, as one word
``--name=value``: no text a stranger sent becomes an option, a path or an address.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from trading_cli.app.steps import PLANS
from trading_cli.core.errors import UsageError

BY = "page"
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Key = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39}){1,4}$")
]
Choice = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1, description="The same seed, the same result.")]
Workers = Annotated[int, Field(ge=1, le=4, description="Processes; the result is the same.")]


class Parameters(BaseModel):
    """What one workflow takes: named values, nothing more, nothing read into another kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NoParameters(Parameters):
    """A cycle takes none: the settings say what it does."""


class Axis(Parameters):
    """One setting, or strategy.parameter, and the values to try."""

    key: Key = Field(description="Its dotted name.")
    values: tuple[int | Number | bool | Choice, ...] = Field(
        min_length=1, max_length=20, description="The values."
    )

    def __str__(self) -> str:
        """Return it as the command takes it."""
        values = [one if isinstance(one, str) else json.dumps(one) for one in self.values]
        return f"{self.key}={','.join(values)}"


class BacktestParameters(Parameters):
    """What `trading backtest` takes."""

    since: AwareDatetime | None = Field(None, description="From here; null: all there is.")
    until: AwareDatetime | None = Field(None, description="To here, not included.")
    strategies: tuple[Word, ...] = Field(
        (), max_length=16, description="Names; none: those of the settings."
    )
    walk_forward: bool = Field(
        default=False, description="Whether one span chooses and the next one judges."
    )
    grid: tuple[Axis, ...] = Field((), max_length=6, description="Settings to vary.")
    fees: Annotated[
        str, StringConstraints(pattern=r"^(schedule|zero|flat:(0|0?\.[0-9]{1,6}|0\.[0-9]{1,6}))$")
    ] = Field("schedule", description="schedule, zero, or flat:R for the rate R.")
    engine: Literal["full", "screen"] = Field("full", description="full, or screen for sweeps.")
    seed: Seed = 1
    workers: Workers = 1

    @model_validator(mode="after")
    def _in_order(self) -> "BacktestParameters":
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("since must be before until")
        return self


class MonteCarloParameters(Parameters):
    """What `trading monte-carlo` takes."""

    runs: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="Paths; null: as the settings say."
    )
    engine: Literal["block", "iid", "shuffle", "perturb", "outcome"] | None = Field(
        None, description="How paths are made; null: as the settings say."
    )
    run: Literal["@last"] | Annotated[int, Field(ge=1, le=2**53)] | None = Field(
        None, description="The trades of a kept backtest; null: of the account."
    )
    seed: Seed = 1
    workers: Workers = 1


@dataclass(frozen=True, slots=True)
class Workflow:
    """One thing that may be asked for: its name, what it takes, and how it is written as words."""

    name: str
    takes: type[Parameters]
    words: Callable[[Any], list[str]]

    @property
    def is_cycle(self) -> bool:
        """Return whether it is a cycle, whose steps stand in the ledger of runs."""
        return self.name in PLANS


def _cycle(name: str) -> Workflow:
    return Workflow(name, NoParameters, lambda _: ["cycle", name, f"--by={BY}"])


def _backtest(asked: BacktestParameters) -> list[str]:
    words = ["backtest"]
    words += [f"--strategy={name}" for name in asked.strategies]
    words += [f"--grid={axis}" for axis in asked.grid]
    words += ["--walk-forward"] if asked.walk_forward else []
    for name, at in (("since", asked.since), ("until", asked.until)):
        words += [] if at is None else [f"--{name}={at.isoformat()}"]
    return [
        *words, f"--fees={asked.fees}", f"--engine={asked.engine}", f"--seed={asked.seed}",
        f"--workers={asked.workers}",
    ]  # fmt: skip


def _monte_carlo(asked: MonteCarloParameters) -> list[str]:
    words = ["monte-carlo", f"--seed={asked.seed}", f"--workers={asked.workers}"]
    for name, value in (("runs", asked.runs), ("engine", asked.engine), ("run", asked.run)):
        words += [] if value is None else [f"--{name}={value}"]
    return words


WORKFLOWS: Mapping[str, Workflow] = {
    **{name: _cycle(name) for name in PLANS},
    "backtest": Workflow("backtest", BacktestParameters, _backtest),
    "monte-carlo": Workflow("monte-carlo", MonteCarloParameters, _monte_carlo),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A workflow with its parameters, checked: as they are kept, and as words."""

    workflow: Workflow
    parameters: Mapping[str, Any]
    words: tuple[str, ...]


def check(name: str, parameters: Mapping[str, Any]) -> Asked:
    """Return what is asked for. Raises ``UsageError`` naming every parameter that is wrong."""
    workflow = WORKFLOWS.get(name)
    if workflow is None:
        shown = re.sub(r"[^ -~]", "?", name)[:40]
        raise UsageError(f"there is no workflow {shown!r}.", hint=f"one of: {', '.join(WORKFLOWS)}")
    try:
        text = json.dumps(dict(parameters), allow_nan=False)
        taken = workflow.takes.model_validate_json(text, strict=True)
    except ValidationError as error:
        wrong = "; ".join(_said(one) for one in error.errors(include_url=False)[:10])
        raise UsageError(f"{name}: {wrong}.", hint="look at /api/v1/openapi.json") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: these are no parameters: {error}.") from None
    kept = taken.model_dump(mode="json", exclude_unset=True)
    return Asked(workflow, kept, tuple(workflow.words(taken)))


def _said(one: Any) -> str:
    where = ".".join(re.sub(r"[^\w.-]", "?", str(part))[:40] for part in one["loc"])
    said = one["msg"][:1].lower() + one["msg"][1:]
    return f"{where}: {said}" if where else said


def argv(asked: Asked, config: Path | None) -> list[str]:
    """Return the whole command line: one envelope on stdout, its talk on stderr."""
    where = [] if config is None else [f"--config={config}"]
    return [sys.executable, "-m", "trading_cli", *asked.words, "--json", "-v", *where]
