"""Migration 4: what a person brought in from files of their own.

The rows themselves lie in the tables of what was recorded, with ``origin`` 2. Here is which file
brought them, and by what name a file calls a market. Times are epoch seconds, ``summary`` JSON.
"""

IMPORTS: tuple[str, ...] = (
    """CREATE TABLE imports (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL, source TEXT NOT NULL CHECK (source <> ''),
        lag INTEGER NOT NULL CHECK (lag >= 0),
        state TEXT NOT NULL DEFAULT 'RUNNING' CHECK (state IN ('RUNNING', 'DONE')),
        finished_at INTEGER, summary TEXT NOT NULL DEFAULT '{}',
        CHECK ((state = 'DONE') = (finished_at IS NOT NULL))
    ) STRICT""",
    """CREATE TABLE imported_files (
        import INTEGER NOT NULL REFERENCES imports, name TEXT NOT NULL CHECK (name <> ''),
        sha256 BLOB NOT NULL CHECK (length(sha256) = 32), bytes INTEGER NOT NULL,
        layout TEXT NOT NULL, rows INTEGER NOT NULL CHECK (rows >= 0),
        refused INTEGER NOT NULL CHECK (refused >= 0), at INTEGER NOT NULL,
        PRIMARY KEY (import, name)
    ) STRICT, WITHOUT ROWID""",
    # "venue": under the venue's four names; "synthetic": the file lacks one, so we made all four;
    # "attached": known before, and described better than any file does
    """CREATE TABLE imported_markets (
        source TEXT NOT NULL, key TEXT NOT NULL CHECK (key <> ''),
        market INTEGER NOT NULL REFERENCES markets,
        identity TEXT NOT NULL CHECK
            (identity IN ('venue', 'synthetic', 'attached')),
        facts TEXT NOT NULL, import INTEGER NOT NULL REFERENCES imports,
        PRIMARY KEY (source, key)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX imported_markets_by_market ON imported_markets (market)",
)
