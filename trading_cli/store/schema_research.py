"""The third schema: what research found, when, and what it rests on.

Times are epoch seconds; `family`, `summary` and `body` JSON. A number that does not exist is NULL.
"""

THIRD: tuple[str, ...] = (
    # a family of tests is a row before it runs: what was going to be tried, and on what
    """CREATE TABLE correlation_runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('monitoring', 'confirmatory', 'command')),
        at INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
        settings_hash TEXT NOT NULL, data_hash TEXT NOT NULL, code TEXT NOT NULL,
        family TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'PLANNED' CHECK (state IN ('PLANNED', 'DONE')),
        finished_at INTEGER, summary TEXT NOT NULL DEFAULT '{}',
        CHECK ((state = 'DONE') = (finished_at IS NOT NULL))
    ) STRICT""",
    "CREATE INDEX correlation_runs_by_time ON correlation_runs (at, id)",
    """CREATE TABLE correlations (
        run INTEGER NOT NULL REFERENCES correlation_runs, market TEXT NOT NULL,
        word TEXT NOT NULL, tier INTEGER NOT NULL CHECK (tier BETWEEN 0 AND 3),
        lag INTEGER NOT NULL CHECK (lag >= 0), q REAL, body TEXT NOT NULL,
        PRIMARY KEY (run, market)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE pooled_correlations (
        run INTEGER NOT NULL REFERENCES correlation_runs, category TEXT NOT NULL,
        horizon INTEGER NOT NULL CHECK (horizon > 0),
        leads INTEGER NOT NULL CHECK (leads IN (0, 1)), q REAL, body TEXT NOT NULL,
        PRIMARY KEY (run, category, horizon)
    ) STRICT, WITHOUT ROWID""",
    # what a market, or a category at a horizon ("pooled:all:6"), is called from that day on
    """CREATE TABLE correlation_labels (
        subject TEXT NOT NULL, at INTEGER NOT NULL,
        run INTEGER NOT NULL REFERENCES correlation_runs,
        leads INTEGER NOT NULL CHECK (leads IN (0, 1)),
        tier INTEGER NOT NULL CHECK (tier BETWEEN 0 AND 3),
        lag INTEGER NOT NULL CHECK (lag >= 0), b REAL,
        pending TEXT NOT NULL, PRIMARY KEY (subject, at)
    ) STRICT, WITHOUT ROWID""",
)
