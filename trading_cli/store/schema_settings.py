"""Migration 5: the settings that decided, whole, once for each hash that stands in a decision."""

SETTINGS: tuple[str, ...] = (
    """CREATE TABLE settings_kept (
        hash TEXT PRIMARY KEY CHECK (hash <> ''), at INTEGER NOT NULL,
        body TEXT NOT NULL CHECK (body <> '')
    ) STRICT, WITHOUT ROWID""",
)
