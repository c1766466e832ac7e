"""Migration 4: dates of the world outside that a person brought in."""

AGENDA: tuple[str, ...] = (
    """CREATE TABLE agenda (
        source TEXT NOT NULL CHECK (source <> ''), uid TEXT NOT NULL CHECK (uid <> ''),
        at INTEGER NOT NULL, until INTEGER, title TEXT NOT NULL CHECK (title <> ''),
        importance TEXT NOT NULL CHECK (importance IN ('low', 'medium', 'high')),
        observed_at INTEGER NOT NULL,
        PRIMARY KEY (source, uid), CHECK (until IS NULL OR until >= at)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX agenda_by_time ON agenda (at)",
)
