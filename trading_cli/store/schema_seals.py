"""Migration 4: the seals of the rows, and what of the past lies in the archive.

`seal_sums` holds, for each table and stretch of time, how many rows there are and the sum of their
hashes; `seals` chains what each run added to it. `unsealed_keys` and `unsealed_rows` name what was
written since the last seal: triggers fill them, so nobody can forget to.
"""

SEALS: tuple[str, ...] = (
    # a table that is watched, and the columns its rows were hashed over
    """CREATE TABLE seal_tables (
        name TEXT PRIMARY KEY, columns TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE seal_sums (
        name TEXT NOT NULL, bucket INTEGER NOT NULL, rows INTEGER NOT NULL,
        sum BLOB NOT NULL CHECK (length(sum) = 16), PRIMARY KEY (name, bucket)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE seals (
        seq INTEGER PRIMARY KEY, run INTEGER NOT NULL, at INTEGER NOT NULL,
        rows INTEGER NOT NULL, total BLOB NOT NULL CHECK (length(total) = 16),
        layout BLOB NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL UNIQUE
    ) STRICT""",
    # new rows of tables that are only ever added to: by rowid, or by their primary key
    """CREATE TABLE unsealed_keys (
        name TEXT NOT NULL, k1 ANY, k2 ANY, k3 ANY, k4 ANY, k5 ANY
    ) STRICT""",
    # rows that were touched, and what they said when they were last sealed (NULL: not there)
    """CREATE TABLE unsealed_rows (
        name TEXT NOT NULL, k1 ANY NOT NULL, k2 ANY NOT NULL, k3 ANY NOT NULL, k4 ANY NOT NULL,
        k5 ANY NOT NULL, was TEXT, PRIMARY KEY (name, k1, k2, k3, k4, k5)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE archives (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, month TEXT NOT NULL,
        file TEXT NOT NULL UNIQUE, rows INTEGER NOT NULL, hash BLOB NOT NULL,
        since INTEGER NOT NULL, until INTEGER NOT NULL, written_at INTEGER NOT NULL,
        pruned_at INTEGER
    ) STRICT""",
)

# What is only ever added to: a change of such a row, by whatever hand, is a broken seal.
EVIDENCE: frozenset[str] = frozenset(
    {
        "markets", "listing_versions", "listing_seen", "resolutions", "quotes", "books", "trades",
        "points", "posts", "post_events", "post_seen", "post_links", "coverage", "failures",
        "refusals", "findings", "conflicts", "decisions", "fills", "entries", "journal",
        "correlations", "pooled_correlations", "settings_kept",
        "opinions",
    }
)  # fmt: skip
# The seals themselves; and what tells a page of the tables that are sealed: nothing rests on it.
UNWATCHED: frozenset[str] = frozenset(
    {"seal_tables", "seal_sums", "seals", "unsealed_keys", "unsealed_rows", "events", "jobs"}
)
