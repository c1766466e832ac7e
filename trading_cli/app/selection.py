"""Which sources one collection asks."""

from dataclasses import dataclass
from difflib import get_close_matches

from trading_cli.core.errors import UsageError

VENUE = "polymarket"
VOICES = ("gdelt", "google_news", "bluesky", "hacker_news", "x")


@dataclass(frozen=True, slots=True)
class Selection:
    """The venue or not, and which voices; ``named`` when the person named them."""

    venue: bool
    voices: tuple[str, ...]
    named: bool

    @property
    def talk(self) -> bool:
        """Return whether any source of talk is asked."""
        return bool(self.voices)

    @classmethod
    def of(cls, names: tuple[str, ...], *, talk: bool) -> "Selection":
        """Return what *names* select; none means everything. Raises ``UsageError``."""
        known = (VENUE, *VOICES)
        for name in names:
            if name not in known:
                close = get_close_matches(name, known, 1)
                meant = f"; did you mean {close[0]}?" if close else ""
                raise UsageError(
                    f"there is no source {name!r}{meant}", hint=f"one of: {', '.join(known)}"
                )
        if not names:
            return cls(venue=True, voices=VOICES if talk else (), named=False)
        return cls(VENUE in names, tuple(name for name in VOICES if name in names), named=True)
