"""The second schema: what was computed, decided, ordered, filled, held, written down and told.

Money, prices and shares are INTEGER millionths; times epoch seconds; `facts` and `inputs` JSON.
A fill's average ``price`` is TEXT: it may have any number of decimals, and must come back exactly.
``token`` is YES or NO, ``side`` BUY or SELL. `seq` orders what must be ordered.
"""

_ONE_OF_TWO = "TEXT NOT NULL CHECK (token IN ('YES', 'NO'))"
_SIDE = "TEXT NOT NULL CHECK (side IN ('BUY', 'SELL'))"
_PURPOSE = "TEXT NOT NULL CHECK (purpose IN ('entry', 'exit'))"

SECOND: tuple[str, ...] = (
    # --- what was computed
    """CREATE TABLE features (
        market INTEGER NOT NULL REFERENCES markets,
        slot INTEGER NOT NULL CHECK (slot % 900 = 0), name TEXT NOT NULL,
        value REAL, undefined TEXT NOT NULL, tier INTEGER NOT NULL CHECK (tier BETWEEN 0 AND 3),
        provisional INTEGER NOT NULL CHECK (provisional IN (0, 1)),
        inputs TEXT NOT NULL, formula TEXT NOT NULL, computed_at INTEGER NOT NULL,
        PRIMARY KEY (market, slot, name),
        CHECK ((value IS NULL) = (undefined <> ''))
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE hour_factors (
        day INTEGER PRIMARY KEY CHECK (day % 86400 = 0),
        factors TEXT NOT NULL, hours INTEGER NOT NULL, computed_at INTEGER NOT NULL
    ) STRICT""",
    # a market's own usual hours, as of the day: the quantiles of its hourly USD
    """CREATE TABLE volume_ladders (
        day INTEGER NOT NULL CHECK (day % 86400 = 0),
        market INTEGER NOT NULL REFERENCES markets,
        rungs TEXT NOT NULL, computed_at INTEGER NOT NULL,
        PRIMARY KEY (day, market)
    ) STRICT, WITHOUT ROWID""",
    # USD of a market's 24 hours of a UTC day that was heard whole
    """CREATE TABLE traded_days (
        market INTEGER NOT NULL REFERENCES markets,
        day INTEGER NOT NULL CHECK (day % 86400 = 0),
        hours BLOB NOT NULL CHECK (length(hours) = 192), computed_at INTEGER NOT NULL,
        PRIMARY KEY (market, day)
    ) STRICT, WITHOUT ROWID""",
    # one hour of an event's talk that all of `sources` answered, as first counted; NULL: deaf
    """CREATE TABLE talk_hours (
        event_id TEXT NOT NULL, sources TEXT NOT NULL, end_at INTEGER NOT NULL,
        posts INTEGER CHECK (posts >= 0), authors INTEGER CHECK (authors >= 0),
        engagement INTEGER, judged INTEGER, influential INTEGER, computed_at INTEGER NOT NULL,
        PRIMARY KEY (event_id, sources, end_at), CHECK ((posts IS NULL) = (authors IS NULL))
    ) STRICT, WITHOUT ROWID""",
    # what of the past each source of talk is still to be asked about an event
    """CREATE TABLE talk_windows (
        id INTEGER PRIMARY KEY, source TEXT NOT NULL, event_id TEXT NOT NULL,
        start INTEGER NOT NULL, stop INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'planned'
            CHECK (state IN ('planned', 'done', 'empty', 'failed', 'split', 'truncated')),
        tries INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0,
        UNIQUE (source, event_id, start, stop), CHECK (start < stop)
    ) STRICT""",
    # --- what was decided
    f"""CREATE TABLE decisions (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE CHECK (id <> ''),
        slot INTEGER NOT NULL CHECK (slot % 900 = 0), decided_at INTEGER NOT NULL,
        market TEXT NOT NULL, event TEXT NOT NULL, strategy TEXT NOT NULL,
        purpose {_PURPOSE}, action TEXT NOT NULL CHECK (action IN ('BUY', 'SELL', 'HOLD')),
        reason TEXT NOT NULL, token TEXT CHECK (token IN ('YES', 'NO')),
        shares INTEGER NOT NULL CHECK (shares >= 0), limit_price INTEGER,
        binding TEXT NOT NULL, formula TEXT NOT NULL, settings_hash TEXT NOT NULL,
        expires_at INTEGER, facts TEXT NOT NULL,
        CHECK (action = 'HOLD' OR token IS NOT NULL)
    ) STRICT""",
    "CREATE INDEX decisions_by_slot ON decisions (slot)",
    "CREATE INDEX decisions_by_time ON decisions (decided_at)",
    "CREATE INDEX decisions_by_market ON decisions (market, decided_at)",
    # --- what was ordered
    f"""CREATE TABLE orders (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE CHECK (id <> ''),
        decision TEXT NOT NULL, market TEXT NOT NULL, event TEXT NOT NULL, strategy TEXT NOT NULL,
        purpose {_PURPOSE}, side {_SIDE}, token {_ONE_OF_TWO},
        shares INTEGER NOT NULL CHECK (shares > 0),
        limit_price INTEGER NOT NULL CHECK (limit_price BETWEEN 0 AND 1000000),
        reason TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN
            ('PENDING', 'FILLED', 'PARTIAL', 'REJECTED', 'CANCELLED', 'UNKNOWN')),
        placed_at INTEGER NOT NULL, ended_at INTEGER,
        reserved INTEGER NOT NULL CHECK (reserved >= 0),
        broker TEXT NOT NULL, detail TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX orders_open ON orders (state) WHERE state IN ('PENDING', 'UNKNOWN')",
    "CREATE INDEX orders_by_decision ON orders (decision)",
    "CREATE INDEX orders_by_time ON orders (placed_at)",
    f"""CREATE TABLE fills (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE CHECK (id <> ''),
        order_id TEXT NOT NULL REFERENCES orders (id), market TEXT NOT NULL,
        token {_ONE_OF_TWO}, side {_SIDE},
        shares INTEGER NOT NULL CHECK (shares > 0),
        price TEXT NOT NULL CHECK (CAST(price AS REAL) BETWEEN 0 AND 1),
        gross INTEGER NOT NULL CHECK (gross >= 0), fee INTEGER NOT NULL CHECK (fee >= 0),
        at INTEGER NOT NULL, grade TEXT NOT NULL, levels TEXT NOT NULL,
        book_hash TEXT NOT NULL, book_at INTEGER
    ) STRICT""",
    "CREATE INDEX fills_by_order ON fills (order_id)",
    "CREATE INDEX fills_by_market ON fills (market, book_hash)",
    # --- what is held, and what it cost
    f"""CREATE TABLE positions (
        id TEXT PRIMARY KEY CHECK (id <> ''), market TEXT NOT NULL, event TEXT NOT NULL,
        strategy TEXT NOT NULL, token {_ONE_OF_TWO}, by TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('OPEN', 'LOCKED', 'CLOSED')),
        shares INTEGER NOT NULL CHECK (shares >= 0), cost INTEGER NOT NULL CHECK (cost >= 0),
        realized INTEGER NOT NULL, opened_at INTEGER NOT NULL, closed_at INTEGER,
        body TEXT NOT NULL,
        CHECK ((state = 'CLOSED') = (shares = 0)), CHECK ((state = 'CLOSED') = (closed_at NOTNULL))
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX positions_open ON positions (state, market) WHERE state <> 'CLOSED'",
    """CREATE TABLE entries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, transfer TEXT NOT NULL CHECK (transfer <> ''),
        line INTEGER NOT NULL, account TEXT NOT NULL CHECK (account IN
            ('cash', 'positions', 'fees', 'realized', 'capital')),
        amount INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL CHECK (kind IN
            ('deposit', 'withdrawal', 'fill', 'settlement')),
        reference TEXT NOT NULL, market TEXT NOT NULL,
        token TEXT CHECK (token IN ('YES', 'NO')), shares INTEGER NOT NULL,
        UNIQUE (transfer, line)
    ) STRICT""",
    "CREATE INDEX entries_by_account ON entries (account, at)",
    """CREATE TABLE marks (
        slot INTEGER PRIMARY KEY CHECK (slot % 900 = 0), at INTEGER NOT NULL,
        cash INTEGER NOT NULL, liquidation INTEGER NOT NULL, mid INTEGER NOT NULL,
        exposure INTEGER NOT NULL, equity INTEGER NOT NULL, flows INTEGER NOT NULL,
        open INTEGER NOT NULL, fresh INTEGER NOT NULL CHECK (fresh IN (0, 1))
    ) STRICT""",
    "CREATE INDEX marks_peak ON marks (equity - flows) WHERE fresh = 1",
    f"""CREATE TABLE outside_positions (
        wallet TEXT NOT NULL, market TEXT NOT NULL, event TEXT NOT NULL, token {_ONE_OF_TWO},
        shares INTEGER NOT NULL CHECK (shares >= 0), cost INTEGER NOT NULL CHECK (cost >= 0),
        body TEXT NOT NULL, observed_at INTEGER NOT NULL,
        PRIMARY KEY (wallet, market, token)
    ) STRICT, WITHOUT ROWID""",
    # --- what is written down
    """CREATE TABLE journal (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
        actor TEXT NOT NULL, body TEXT NOT NULL,
        previous BLOB NOT NULL CHECK (length(previous) = 32),
        hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32)
    ) STRICT""",
    """CREATE TABLE journal_head (
        one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL,
        hash BLOB NOT NULL CHECK (length(hash) = 32)
    ) STRICT""",
    """CREATE TRIGGER journal_keeps_its_words BEFORE UPDATE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is only ever added to'); END""",
    """CREATE TRIGGER journal_keeps_its_rows BEFORE DELETE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is only ever added to'); END""",
    "CREATE INDEX journal_by_subject ON journal (subject, seq)",
    "CREATE INDEX journal_by_kind ON journal (kind, seq)",
    # --- what is told
    """CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE CHECK (key <> ''),
        kind TEXT NOT NULL, severity TEXT NOT NULL CHECK (severity IN ('info', 'warn', 'error')),
        critical INTEGER NOT NULL CHECK (critical IN (0, 1)), text TEXT NOT NULL,
        facts TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER,
        state TEXT NOT NULL CHECK (state IN
            ('PENDING', 'SENT', 'EXPIRED', 'DIGEST', 'DIGESTED', 'DEAD', 'MUTED')),
        acked_at INTEGER, acked_by TEXT
    ) STRICT""",
    "CREATE INDEX outbox_todo ON outbox (state, critical, id) WHERE state IN ('PENDING', 'DIGEST')",
    """CREATE TABLE deliveries (
        outbox INTEGER NOT NULL REFERENCES outbox, channel TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('TRYING', 'WAITING', 'SENT', 'FAILED')),
        tries INTEGER NOT NULL, tried_at INTEGER NOT NULL, sent_at INTEGER,
        parts INTEGER NOT NULL DEFAULT 0, reference TEXT NOT NULL, error TEXT NOT NULL,
        PRIMARY KEY (outbox, channel)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX deliveries_sent ON deliveries (sent_at) WHERE state = 'SENT'",
    # how each way to reach the owner does: failures in a row, and until when it is left alone
    """CREATE TABLE channels (
        name TEXT PRIMARY KEY, failures INTEGER NOT NULL CHECK (failures >= 0),
        since INTEGER, blocked_until INTEGER, error TEXT NOT NULL, sent_at INTEGER
    ) STRICT, WITHOUT ROWID""",
    # what is told when it begins and when it ends, after so many looks in a row
    """CREATE TABLE conditions (
        name TEXT PRIMARY KEY, raised INTEGER NOT NULL CHECK (raised IN (0, 1)),
        streak INTEGER NOT NULL CHECK (streak >= 0), since INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE chat_updates (
        update_id INTEGER PRIMARY KEY, chat TEXT NOT NULL, at INTEGER NOT NULL,
        command TEXT NOT NULL, allowed INTEGER NOT NULL CHECK (allowed IN (0, 1))
    ) STRICT""",
    # --- the stop
    "ALTER TABLE kill_state ADD COLUMN seal BLOB",
    """CREATE TABLE kill_proofs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, trigger INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('VERIFIED', 'UNVERIFIED')),
        at INTEGER NOT NULL, open_orders INTEGER NOT NULL, opening_orders INTEGER NOT NULL,
        unknown_orders INTEGER NOT NULL, positions INTEGER NOT NULL, worst_case INTEGER NOT NULL,
        seconds REAL NOT NULL, detail TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE pauses (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('owner', 'day', 'week', 'month', 'stale')),
        since INTEGER NOT NULL, until INTEGER, reason TEXT NOT NULL, actor TEXT NOT NULL,
        lifted_at INTEGER
    ) STRICT""",
    "CREATE UNIQUE INDEX pauses_one_of_a_kind ON pauses (kind) WHERE lifted_at IS NULL",
    # --- the runs, with what a second one needs to know
    "ALTER TABLE runs ADD COLUMN fence INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE runs ADD COLUMN lease_until INTEGER",
    "ALTER TABLE runs ADD COLUMN started_by TEXT NOT NULL DEFAULT 'command'",
    (
        "ALTER TABLE runs ADD COLUMN timing TEXT NOT NULL DEFAULT 'on_time'"
        " CHECK (timing IN ('on_time', 'late', 'catch_up', 'missed', 'duplicate'))"
    ),
    "ALTER TABLE steps ADD COLUMN position INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX runs_by_slot ON runs (cycle, slot, state)",
)
