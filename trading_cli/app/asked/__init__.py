"""What only a page and a program ask: pictures, pages of rows, one market as a whole.

Every answer is a mapping made from one look at the file, read-only; what a command answers already
is asked there, not here. Each has its schema in core/schemas, named ``api.…``.

market      one market: listing, quotes, book, indicators, decisions, talk, rules
pictures    the mids of many markets, what the account was worth
rows        decisions, the ledger, page by page; the signals of the newest slot
strip       the last slots and what came of them
studies     correlations and backtests as they were kept
lines       the log
opening     the look itself
"""
