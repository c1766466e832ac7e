"""What we know, in one SQLite file. The only SQL there is, but for the rate limiter's.

database      opening, the one way in (a transaction), the one way to look (a snapshot), failures
migrations    the schema, as numbered steps
rows          times, millionths, and how a row is kept: once, never overwritten
schema        the tables of the first step
listings      markets as they were described, how they settled, which we follow
series        writes quotes, books, trades, history points
history       reads them as they were known at an instant
talk          posts, their engagement, what they are about
talk_hours    hours of talk as first counted, and the posts to count others
features      indicators, and what they are computed from for many markets (it loads numpy)
ledger        runs, steps, sources, gaps, findings, scores, refusals
backfill      windows of the past still to fetch, watermarks
decided       decisions, trade or no trade
deals         orders, and what they got
holdings      positions, ours and the owner's wallets'
balances      the double-entry ledger, and what everything was worth
agreement     the ledger against the fills against the positions
journal       what happened, each row sealed with the one before
outbox        what is to be told
happenings    what happened, in order, as triggers wrote it: what a page's stream tells
jobs          work that was asked for through the page's API
pauses        when no entry is made
operated      which slots were really decided, when, and how far their runs came
kill          the rows of the kill switch, sealed, and what was verified
progress      how far along everything is
settled       how markets ended, what they cost before, what was decided of them
opinions      what outsiders said a market is worth
recalibrations  how prices turned out to mean what they say, by day
hourly_mids   the hourly price of a few markets (it loads numpy)
proofs        the trades of each strategy, and each verdict of the gate by date
imports       what came from files: which, when, and by which names
trials        the trials ledger: what was ever tried, a row before it runs
sealed_rows   every row hashed, summed and chained; sealing seals much, seal_check adds it all up
upkeep        the file as a whole: a copy, what is wrong with it, a tidier one; pace: how it grows
archive       old series into Parquet files; archived: what is noted of them and in them
thawed        reads them together with the live file (it loads numpy)
bundles       what one run read and wrote, in a small file
arrays        quotes as numpy matrices (import it yourself: it loads numpy)

Write functions take the transaction first and say what was new, what was there already and what
contradicts what is there (`Written`). Read functions that a decision could use take ``as_of``.
"""

from trading_cli.store.database import Store
from trading_cli.store.listings import Transaction
from trading_cli.store.rows import Written

__all__ = ["Store", "Transaction", "Written"]
