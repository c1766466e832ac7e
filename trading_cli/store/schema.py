"""The first schema: what each table holds and what no row may say.

Times are epoch seconds, money, prices and sizes millionths, volumes and scores REAL. ``origin`` is
0 recorded, 1 backfilled, 2 imported. ``market`` is the small number that `markets` gives a venue's
market; 0 or NULL never stands for one.
"""

FIRST: tuple[str, ...] = (
    """CREATE TABLE migrations (
        version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID""",
    """CREATE TABLE kill_state (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        state TEXT NOT NULL CHECK (state IN ('ARMED', 'TRIGGERED', 'DISARMED')),
        level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 4),
        at INTEGER NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL,
        CHECK ((state = 'TRIGGERED') = (level > 0))
    ) STRICT""",
    """CREATE TABLE conflicts (
        kept_in TEXT NOT NULL, key TEXT NOT NULL,
        kept_hash BLOB NOT NULL, other_hash BLOB NOT NULL, other TEXT NOT NULL,
        observed_at INTEGER NOT NULL,
        PRIMARY KEY (kept_in, key, other_hash)
    ) STRICT, WITHOUT ROWID""",
    # --- markets
    """CREATE TABLE markets (
        id INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 2147483647),
        venue_id TEXT NOT NULL UNIQUE CHECK (venue_id <> ''),
        condition_id TEXT NOT NULL UNIQUE CHECK (condition_id <> ''),
        yes_token TEXT NOT NULL UNIQUE, no_token TEXT NOT NULL UNIQUE,
        event_id TEXT, first_seen INTEGER NOT NULL,
        CHECK (yes_token <> no_token)
    ) STRICT""",
    "CREATE INDEX markets_by_event ON markets (event_id)",
    """CREATE TABLE listing_versions (
        id INTEGER PRIMARY KEY,
        market INTEGER NOT NULL REFERENCES markets, hash BLOB NOT NULL,
        event_time INTEGER NOT NULL, observed_at INTEGER NOT NULL,
        available_at INTEGER NOT NULL, origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 2),
        closed INTEGER NOT NULL CHECK (closed IN (0, 1)), end_at INTEGER, event_id TEXT,
        rules_hash BLOB, body BLOB NOT NULL,
        UNIQUE (market, hash)
    ) STRICT""",
    """CREATE TABLE listing_seen (
        market INTEGER NOT NULL REFERENCES markets, event_time INTEGER NOT NULL,
        observed_at INTEGER NOT NULL, available_at INTEGER NOT NULL,
        origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 2),
        version INTEGER NOT NULL REFERENCES listing_versions,
        updated_at INTEGER, best_bid REAL, best_ask REAL, last_price REAL,
        outcome_yes TEXT, outcome_no TEXT,
        volume REAL, volume_24h REAL, liquidity REAL,
        PRIMARY KEY (market, event_time)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE resolutions (
        market INTEGER NOT NULL REFERENCES markets, event_time INTEGER NOT NULL,
        observed_at INTEGER NOT NULL, available_at INTEGER NOT NULL,
        origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 2),
        outcome TEXT NOT NULL CHECK (outcome IN ('open', 'yes', 'no', 'half')),
        payout INTEGER CHECK (payout BETWEEN 0 AND 1000000),
        uma_status TEXT, closed_at INTEGER, reason TEXT NOT NULL,
        PRIMARY KEY (market, observed_at),
        CHECK ((outcome = 'open') = (payout IS NULL))
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE panel (
        market INTEGER NOT NULL REFERENCES markets, entered_at INTEGER NOT NULL,
        until INTEGER NOT NULL, left_at INTEGER, cause TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (market, entered_at), CHECK (left_at IS NULL OR left_at >= entered_at)
    ) STRICT, WITHOUT ROWID""",
    "CREATE UNIQUE INDEX panel_one_stay ON panel (market) WHERE left_at IS NULL",
    # --- series
    """CREATE TABLE quotes (
        market INTEGER NOT NULL, slot INTEGER NOT NULL CHECK (slot % 900 = 0),
        bid INTEGER CHECK (bid BETWEEN 0 AND 1000000),
        ask INTEGER CHECK (ask BETWEEN 0 AND 1000000),
        bid_depth REAL CHECK (bid_depth >= 0), ask_depth REAL CHECK (ask_depth >= 0),
        pair_gap INTEGER, book_hash BLOB,
        event_time INTEGER NOT NULL, observed_at INTEGER NOT NULL,
        available_at INTEGER NOT NULL, origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 2),
        PRIMARY KEY (market, slot),
        FOREIGN KEY (market) REFERENCES markets,
        CHECK (bid IS NULL OR ask IS NULL OR bid < ask)
    ) STRICT, WITHOUT ROWID""",
    # the same numbers again, a slot in one piece: what makes reading a day of 1,000 markets quick
    """CREATE TABLE quote_packs (
        slot INTEGER PRIMARY KEY CHECK (slot % 900 = 0), quotes INTEGER NOT NULL,
        pack BLOB NOT NULL, CHECK (length(pack) = quotes * 24)
    ) STRICT""",
    """CREATE TABLE books (
        market INTEGER NOT NULL REFERENCES markets,
        slot INTEGER NOT NULL CHECK (slot % 900 = 0), purpose TEXT NOT NULL,
        event_time INTEGER NOT NULL, observed_at INTEGER NOT NULL,
        available_at INTEGER NOT NULL, origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 2),
        hash TEXT NOT NULL, levels_hash BLOB NOT NULL, levels BLOB NOT NULL,
        PRIMARY KEY (market, slot, purpose)
    ) STRICT""",
    "CREATE INDEX books_by_slot ON books (slot)",
    """CREATE TABLE trades (
        id TEXT NOT NULL UNIQUE CHECK (id <> ''),
        market INTEGER NOT NULL REFERENCES markets,
        outcome INTEGER NOT NULL CHECK (outcome IN (0, 1)),
        buy INTEGER NOT NULL CHECK (buy IN (0, 1)),
        price INTEGER NOT NULL CHECK (price BETWEEN 0 AND 1000000),
        size INTEGER NOT NULL CHECK (size >= 0), wallet TEXT NOT NULL,
        event_time INTEGER NOT NULL, observed_at INTEGER NOT NULL,
        available_at INTEGER NOT NULL, origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 2)
    ) STRICT""",
    "CREATE INDEX trades_by_market ON trades (market, event_time)",
    """CREATE TABLE points (
        market INTEGER NOT NULL REFERENCES markets,
        outcome INTEGER NOT NULL CHECK (outcome IN (0, 1)), event_time INTEGER NOT NULL,
        price REAL NOT NULL CHECK (price BETWEEN 0 AND 1),
        observed_at INTEGER NOT NULL, available_at INTEGER NOT NULL,
        origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 2),
        PRIMARY KEY (market, outcome, event_time)
    ) STRICT, WITHOUT ROWID""",
    # --- talk
    """CREATE TABLE posts (
        id INTEGER PRIMARY KEY,
        source TEXT NOT NULL, post_id TEXT NOT NULL, text TEXT NOT NULL, author TEXT NOT NULL,
        url TEXT NOT NULL, language TEXT,
        event_time INTEGER NOT NULL, observed_at INTEGER NOT NULL,
        available_at INTEGER NOT NULL, origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 2),
        UNIQUE (source, post_id)
    ) STRICT""",
    """CREATE TABLE post_events (
        event_id TEXT NOT NULL, event_time INTEGER NOT NULL,
        post INTEGER NOT NULL REFERENCES posts, observed_at INTEGER NOT NULL,
        available_at INTEGER NOT NULL, origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 2),
        PRIMARY KEY (event_id, event_time, post)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE post_seen (
        post INTEGER NOT NULL REFERENCES posts, observed_at INTEGER NOT NULL,
        likes INTEGER CHECK (likes >= 0), reposts INTEGER CHECK (reposts >= 0),
        replies INTEGER CHECK (replies >= 0), followers INTEGER CHECK (followers >= 0),
        event_time INTEGER NOT NULL, available_at INTEGER NOT NULL,
        origin INTEGER NOT NULL CHECK (origin BETWEEN 0 AND 2),
        PRIMARY KEY (post, observed_at)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE post_links (
        post INTEGER NOT NULL REFERENCES posts, event_id TEXT NOT NULL, market TEXT NOT NULL,
        scorer TEXT NOT NULL, score REAL NOT NULL,
        about_price INTEGER NOT NULL CHECK (about_price IN (0, 1)),
        sentiment REAL CHECK (sentiment BETWEEN -1 AND 1), lexicon TEXT NOT NULL,
        duplicate_of TEXT, observed_at INTEGER NOT NULL,
        PRIMARY KEY (event_id, post, market, scorer)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE coverage (
        source TEXT NOT NULL, subject TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
        observed_at INTEGER NOT NULL, complete INTEGER NOT NULL CHECK (complete IN (0, 1)),
        items INTEGER NOT NULL CHECK (items >= 0),
        PRIMARY KEY (source, subject, since, until, observed_at), CHECK (since <= until)
    ) STRICT, WITHOUT ROWID""",
    # --- ledger
    """CREATE TABLE failures (
        source TEXT NOT NULL, subject TEXT NOT NULL, reason TEXT NOT NULL,
        observed_at INTEGER NOT NULL, detail TEXT NOT NULL,
        PRIMARY KEY (observed_at, source, subject, reason)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE refusals (
        id INTEGER PRIMARY KEY,
        source TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, reason TEXT NOT NULL,
        detail TEXT NOT NULL, observed_at INTEGER NOT NULL, raw BLOB NOT NULL,
        hash BLOB NOT NULL UNIQUE
    ) STRICT""",
    "CREATE INDEX refusals_by_time ON refusals (observed_at)",
    """CREATE TABLE gaps (
        slot INTEGER NOT NULL CHECK (slot % 900 = 0), market TEXT NOT NULL,
        received INTEGER NOT NULL CHECK (received IN (0, 1)), cause TEXT NOT NULL,
        observed_at INTEGER NOT NULL, PRIMARY KEY (slot, market)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE findings (
        id INTEGER PRIMARY KEY, slot INTEGER NOT NULL, check_name TEXT NOT NULL,
        severity TEXT NOT NULL CHECK (severity IN ('info', 'warn', 'error')),
        subject TEXT NOT NULL, message TEXT NOT NULL, evidence TEXT NOT NULL,
        observed_at INTEGER NOT NULL, UNIQUE (slot, check_name, subject, observed_at, message)
    ) STRICT""",
    """CREATE TABLE scores (
        market TEXT NOT NULL, slot INTEGER NOT NULL CHECK (slot % 900 = 0),
        score REAL NOT NULL CHECK (score BETWEEN 0 AND 1), dimensions TEXT NOT NULL,
        observed_at INTEGER NOT NULL, PRIMARY KEY (slot, market)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE funnel (
        slot INTEGER NOT NULL, stage TEXT NOT NULL, position INTEGER NOT NULL,
        count INTEGER NOT NULL CHECK (count >= 0), PRIMARY KEY (slot, stage)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, cycle TEXT NOT NULL, slot INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('RUNNING', 'OK', 'PARTIAL', 'FAILED', 'SKIPPED')),
        started INTEGER NOT NULL, finished INTEGER, pid INTEGER NOT NULL,
        why TEXT NOT NULL DEFAULT '', numbers TEXT NOT NULL DEFAULT '{}',
        CHECK ((state = 'RUNNING') = (finished IS NULL))
    ) STRICT""",
    "CREATE INDEX runs_by_cycle ON runs (cycle, slot)",
    """CREATE TABLE steps (
        run INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL,
        state TEXT NOT NULL, seconds REAL NOT NULL, why TEXT NOT NULL, numbers TEXT NOT NULL,
        PRIMARY KEY (run, name)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE source_states (
        name TEXT PRIMARY KEY, state TEXT NOT NULL CHECK
            (state IN ('ok', 'degraded', 'off', 'failed')),
        since INTEGER NOT NULL, message TEXT NOT NULL, last_ok INTEGER, checked INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE backfill_windows (
        id INTEGER PRIMARY KEY, market INTEGER NOT NULL REFERENCES markets,
        kind TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'planned'
            CHECK (state IN ('planned', 'done', 'failed', 'empty')),
        tries INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0,
        UNIQUE (market, kind, start, stop), CHECK (start < stop)
    ) STRICT""",
    "CREATE INDEX backfill_todo ON backfill_windows (state, tries, id)",
    """CREATE TABLE watermarks (
        name TEXT PRIMARY KEY, at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
)
