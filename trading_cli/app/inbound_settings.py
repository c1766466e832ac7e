"""Whose opinions are taken by the webhook, and whether they count."""

from typing import Annotated

from pydantic import Field

from trading_cli.core.config import Section

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class InboundSection(Section):
    """Opinions from outside; the webhook needs TRADING_INBOUND_SECRET."""

    weigh: bool = Field(
        default=False,
        description="Let opinions move a stated probability, by what their source has shown.",
    )
    sources: tuple[Annotated[str, Field(pattern=NAME)], ...] = Field(
        (), description="Who is heard; empty: whoever holds the secret."
    )
    per_hour: int = Field(60, ge=1, le=10_000, description="So many opinions a source and hour.")
    valid_hours: float = Field(
        24, gt=0, le=720, description="An opinion counts for so long, or less where it says so."
    )
