"""The settings of hype: what each component weighs, and how much of the past is needed."""

from pydantic import Field, model_validator

from trading_cli.core.config import Section


class HypeWeights(Section):
    """What each component of hype weighs; only their proportions count."""

    volume: float = Field(0.25, ge=0, le=1, description="Posts in the last hour.")
    engagement: float = Field(0.30, ge=0, le=1, description="Likes + 2 reposts + replies.")
    velocity: float = Field(0.25, ge=0, le=1, description="Posts against the hour before.")
    influencer: float = Field(
        0.10, ge=0, le=1, description="Engagement of accounts over 10,000 followers."
    )
    sentiment: float = Field(
        0.10, ge=0, le=1, description="For the side bought, where its polarity is stored."
    )

    @model_validator(mode="after")
    def _something_counts(self) -> "HypeWeights":
        if self.volume + self.velocity <= 0:
            raise ValueError("volume and velocity may not both weigh 0: hype needs them")
        return self


class HypeSection(Section):
    """Hype: how much more an event is talked of than is usual for it."""

    weights: HypeWeights = Field(
        default_factory=HypeWeights, description="What each component weighs."
    )
    baseline_days: int = Field(28, ge=2, le=90, description="The usual is of so many days.")
    full_days: int = Field(14, ge=1, le=90, description="A full baseline has at least so many.")
    provisional_days: int = Field(
        7, ge=1, le=90, description="A provisional one (size halved) so many, nearly whole."
    )

    @model_validator(mode="after")
    def _days_fit(self) -> "HypeSection":
        if not self.provisional_days <= self.full_days <= self.baseline_days:
            raise ValueError("provisional_days <= full_days <= baseline_days must hold")
        return self
