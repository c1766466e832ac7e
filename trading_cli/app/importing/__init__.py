"""A person's own history, into the tables of what was recorded: with another origin, and checked.

layouts    which column means what
reading    CSV and Parquet as rows of text, bounded
values     cells as prices and times
refused    what was not taken, by reason
markets    what the files say of each market, and how we name it
gathering  all files of one import together
checking   the points: inside [0, 1], in order, once each
storing    beside what the store holds, then into it
bringing   the command: files -> report
"""

from trading_cli.app.importing.bringing import Asked, bring_in

__all__ = ["Asked", "bring_in"]
