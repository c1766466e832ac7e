"""A self-hosted toolkit for trading prediction markets systematically."""

__version__ = "0.1.0"
