"""The shape of config.yaml, and where a home keeps its things.

``Settings`` is the sum of the rooms' sections. It lives above the rooms, so none of them can take
it: each is handed the few values it needs by the toolkit.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field
from pydantic_core import PydanticUndefined

from trading_cli.alerts import AlertsSection
from trading_cli.app.hype_settings import HypeSection
from trading_cli.app.inbound_settings import InboundSection
from trading_cli.app.montecarlo_settings import MonteCarloSection
from trading_cli.app.retention_settings import RetentionSection
from trading_cli.core.config import Secrets, Section, read_secrets, read_settings
from trading_cli.core.errors import ConfigError
from trading_cli.core.home import Home, find_home
from trading_cli.sources import DataCollectionSection
from trading_cli.trading import (
    BacktestSection,
    ExitsSection,
    GatesSection,
    KillSwitchSection,
    RiskSection,
    SignalsSection,
)


class DatabaseSection(Section):
    """The one file that remembers everything."""

    path: Path = Field(Path("data/trading.db"), description="The SQLite file, under the home.")
    busy_timeout_ms: int = Field(
        5000, ge=0, le=60_000, description="How long a writer waits for another, in milliseconds."
    )
    backup_keep: int = Field(7, ge=1, le=100, description="How many backups are kept.")
    warn_gb: float = Field(4.0, gt=0, description="A file larger than this is a warning.")
    max_gb: float = Field(5.0, gt=0, description="A file larger than this is a failure.")


class DashboardSection(Section):
    """Where `trading serve` listens, and how the owner reaches it from elsewhere."""

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Where it listens. Anything but this machine needs TRADING_SERVE_TOKEN.",
    )
    port: int = Field(5000, ge=1, le=65_535, description="The port it listens on.")
    public_url: str = Field(
        "",
        pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+(/[^\s?#]*)?)?$",
        description="The page's address from outside, put into messages as a link. Empty: none.",
    )


def _cron(text: str) -> str:
    """Return *text* if it has the five fields of a crontab line."""
    if not re.fullmatch(r"(\S+ ){4}\S+", text) or not re.fullmatch(r"[\d*/, -]+", text):
        raise ValueError('must have five fields, such as "*/15 * * * *"')
    return text


Cron = Annotated[str, AfterValidator(_cron)]


class ScheduleSection(Section):
    """When the cycles run, as cron has it, in UTC."""

    collection: Cron = Field("*/15 * * * *", description="Collect, decide, deal, tell.")
    analysis: Cron = Field("7 0 * * *", description="Correlate, calibrate, summarise.")
    validation: Cron = Field("22 0 * * 1", description="Walk-forward, Monte Carlo, upkeep.")


class LoggingSection(Section):
    """The log: JSON lines in logs/, shared by all processes of a home."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least severe line that is written."
    )
    max_mb: float = Field(30, gt=0, le=1000, description="A log file is rotated at this size.")
    keep: int = Field(30, ge=1, le=1000, description="How many rotated files are kept.")


class HealthSection(Section):
    """When `doctor` calls a part unwell."""

    newest_quote_minutes: int = Field(30, ge=15, description="The newest quote may be this old.")
    min_free_mb: int = Field(500, ge=0, description="The disk must have this much left, in MB.")
    min_markets: int = Field(10, ge=0, description="A collected slot must hold this many markets.")


class Settings(Section):
    """Everything config.yaml may say."""

    mode: Literal["paper", "live"] = Field(
        "paper", description="paper; live is refused until a live broker exists."
    )
    data_collection: DataCollectionSection = Field(
        default_factory=DataCollectionSection, description="What is collected, and how fast."
    )
    bankroll: Decimal = Field(
        Decimal(10_000), gt=0, description="The opening deposit, in USD; later ones are flows."
    )
    execution: Literal["auto", "manual"] = Field(
        "auto", description="manual: a person fills; `trading journal fill` records it."
    )
    hype: HypeSection = Field(default_factory=HypeSection, description="How attention is measured.")
    signals: SignalsSection = Field(
        default_factory=SignalsSection, description="When a decision to enter is taken."
    )
    risk: RiskSection = Field(
        default_factory=RiskSection, description="The limits, as fractions of equity."
    )
    exits: ExitsSection = Field(default_factory=ExitsSection, description="When a holding is sold.")
    kill_switch: KillSwitchSection = Field(
        default_factory=KillSwitchSection, description="The stop."
    )
    gates: GatesSection = Field(
        default_factory=GatesSection, description="What must be shown before trading live."
    )
    backtest: BacktestSection = Field(
        default_factory=BacktestSection, description="How the past is played again."
    )
    monte_carlo: MonteCarloSection = Field(
        default_factory=MonteCarloSection, description="How the closed trades are redrawn."
    )
    alerts: AlertsSection = Field(
        default_factory=AlertsSection, description="Whom to tell, when, and how often."
    )
    inbound: InboundSection = Field(
        default_factory=InboundSection, description="Opinions from outside, by the webhook."
    )
    schedule: ScheduleSection = Field(
        default_factory=ScheduleSection, description="When the cycles run; cron's fields, UTC."
    )
    database: DatabaseSection = Field(
        default_factory=DatabaseSection, description="The one file that remembers everything."
    )
    retention: RetentionSection = Field(
        default_factory=RetentionSection, description="How long rows stay in the live file."
    )
    logging: LoggingSection = Field(
        default_factory=LoggingSection, description="The log: JSON lines in logs/."
    )
    health: HealthSection = Field(
        default_factory=HealthSection, description="When `doctor` calls a part unwell."
    )
    dashboard: DashboardSection = Field(
        default_factory=DashboardSection, description="The page and the API: `trading serve`."
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings and secrets of one home."""

    home: Path
    config: Path | None
    settings: Settings
    secrets: Secrets

    @property
    def database(self) -> Path:
        """Return where the database is."""
        return self.home / self.settings.database.path

    @property
    def logs(self) -> Path:
        """Return the folder of the log."""
        return self.home / "logs"

    @property
    def limits(self) -> Path | None:
        """Return where the shared request budgets are, ``None`` for the person's own place."""
        path = self.settings.data_collection.limits_path
        return None if path is None else self.home / path


def load(config: Path | None = None, *, env: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings and secrets of a home.

    Raises ``ConfigError`` with every wrong key, its file, line and column; and for ``mode: live``.
    """
    environment = os.environ if env is None else env
    place: Home = find_home(config, environment)
    settings = read_settings(place.config, Settings, env=environment)
    if settings.mode == "live":
        raise ConfigError(
            "mode: live is refused: this version has no live broker.",
            hint="set `mode: paper` in config.yaml",
        )
    secrets = read_secrets(place.home, environment)
    return Loaded(place.home, place.config, settings, secrets)


def keys(model: type[Section] = Settings, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, pydantic field) of every leaf setting, in the order of the file."""
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            yield from keys(section, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def render_config() -> str:
    """Return the complete, commented config.yaml with every default."""
    lines = [
        "# Settings of `trading`: every key with its default. Delete what you do not change.",
        "# Precedence: flag > TRADING__SECTION__KEY > this file > default.",
        "# Secrets never go here: they come from the environment or from secrets.env (mode 0600).",
        "",
    ]
    lines += _section(Settings, 0)
    return "\n".join(lines) + "\n"


def _section(model: type[Section], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield ""
            yield f"{pad}# {field.description or inner.__doc__}"
            yield f"{pad}{name}:"
            yield from _section(inner, depth + 1)
        else:
            yield f"{pad}{name}: {_scalar(field)}  # {field.description}"


def _scalar(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        raise TypeError("every setting has a default")
    text: str = yaml.safe_dump(_plain(value), default_flow_style=True, width=1000)
    return text.replace("\n...", "").strip()


def _plain(value: Any) -> Any:
    """Return *value* as a settings file writes it."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return str(value) if isinstance(value, Path) else value
