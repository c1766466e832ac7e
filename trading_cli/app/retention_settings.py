"""How long each kind of row stays in the live file."""

from typing import Literal

from pydantic import Field

from trading_cli.core.config import Section


class RetentionSection(Section):
    """What goes into the archive, or away, after so many days; 0: never."""

    quotes: int = Field(365, description="Days of quotes in the live file; then the archive.", ge=0)
    books: int = Field(90, description="Days of books in the live file; then the archive.", ge=0)
    trades: int = Field(365, description="Days of trades in the live file; then the archive.", ge=0)
    points: int = Field(365, description="Days of history mids; then the archive.", ge=0)
    refusals: int = Field(30, description="Days of raw replies we could not read; then gone.", ge=0)
    failures: int = Field(365, description="Days of failed requests; then gone.", ge=0)
    events: int = Field(7, description="Days of what the page's stream tells; then gone.", ge=0)
    jobs: int = Field(30, description="Days of jobs that ended, with their answers.", ge=0)
    evidence: Literal["decisions", "deals"] = Field(
        "decisions",
        description="What keeps its inputs in the live file: every decision, or those that dealt.",
    )
    evidence_days: int = Field(
        28, ge=1, le=365, description="How far before a decision its inputs reach."
    )
