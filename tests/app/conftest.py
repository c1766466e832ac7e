"""A pretend exchange on loopback, and homes that collect from it."""

from home_fixtures import exchange, kit, make_home, usual, world_days  # beside this

__all__ = ["exchange", "kit", "make_home", "usual", "world_days"]
