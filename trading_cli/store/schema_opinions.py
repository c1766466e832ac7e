"""Migration 5: what outsiders said a market is worth, as it came in by the webhook.

``probability`` is of YES; ``price`` the YES mid we knew when it came, NULL where we knew none (such
an opinion cannot be scored); ``body`` the SHA-256 of what was sent. Times are epoch seconds.
"""

OPINIONS: tuple[str, ...] = (
    """CREATE TABLE opinions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        source TEXT NOT NULL CHECK (length(source) BETWEEN 1 AND 64),
        nonce TEXT NOT NULL CHECK (length(nonce) BETWEEN 16 AND 128),
        market INTEGER NOT NULL REFERENCES markets,
        probability REAL NOT NULL CHECK (probability > 0 AND probability < 1),
        price REAL CHECK (price > 0 AND price < 1),
        valid_s INTEGER NOT NULL CHECK (valid_s > 0),
        event_time INTEGER NOT NULL, observed_at INTEGER NOT NULL, available_at INTEGER NOT NULL,
        origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 2),
        note TEXT NOT NULL CHECK (length(note) <= 500),
        body BLOB NOT NULL CHECK (length(body) = 32),
        UNIQUE (source, nonce),
        CHECK (event_time <= observed_at AND available_at >= observed_at)
    ) STRICT""",
    "CREATE INDEX opinions_by_market ON opinions (market, available_at)",
    "CREATE INDEX opinions_by_source ON opinions (source, available_at)",
    """CREATE TRIGGER opinions_stay BEFORE DELETE ON opinions
        BEGIN SELECT RAISE(ABORT, 'an opinion stays as it was said'); END""",
    """CREATE TRIGGER opinions_as_said BEFORE UPDATE ON opinions
        BEGIN SELECT RAISE(ABORT, 'an opinion stays as it was said'); END""",
)
