"""The trials ledger: what was ever tried is a row before it runs, and no row ever goes.

``settings`` and ``summary`` are JSON, times epoch seconds. ``sharpe`` is per period of
``period_s`` seconds with its moments (kurtosis raw); NULL is a number that does not exist. The
triggers refuse a row's deletion and any change of what was tried: a search cannot be made to look
smaller afterwards.
"""

_TRIED = "kind, parent, strategy, at, since, until, hash, settings_hash, data_hash, code, settings"

TRIALS: tuple[str, ...] = (
    """CREATE TABLE trials (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('backtest', 'cell', 'correlation')),
        parent INTEGER REFERENCES trials, strategy TEXT NOT NULL,
        at INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
        hash TEXT NOT NULL CHECK (hash <> ''), settings_hash TEXT NOT NULL,
        data_hash TEXT NOT NULL, code TEXT NOT NULL, settings TEXT NOT NULL,
        tests INTEGER NOT NULL DEFAULT 1 CHECK (tests >= 1),
        in_sample INTEGER NOT NULL DEFAULT 0 CHECK (in_sample IN (0, 1)),
        state TEXT NOT NULL DEFAULT 'PLANNED' CHECK (state IN ('PLANNED', 'DONE', 'FAILED')),
        finished_at INTEGER, why TEXT NOT NULL DEFAULT '',
        sharpe REAL, periods INTEGER, period_s INTEGER, skew REAL, kurtosis REAL,
        summary TEXT NOT NULL DEFAULT '{}',
        CHECK ((state = 'PLANNED') = (finished_at IS NULL)), CHECK (since <= until)
    ) STRICT""",
    "CREATE INDEX trials_by_hash ON trials (hash)",
    "CREATE INDEX trials_by_strategy ON trials (strategy, kind)",
    """CREATE TRIGGER trials_stay BEFORE DELETE ON trials
    BEGIN SELECT RAISE(ABORT, 'a trial stays in the ledger'); END""",
    f"""CREATE TRIGGER trials_as_planned BEFORE UPDATE OF {_TRIED}, tests, in_sample ON trials
    BEGIN SELECT RAISE(ABORT, 'what was tried cannot be changed afterwards'); END""",
    """CREATE TRIGGER trials_end_once BEFORE UPDATE ON trials WHEN OLD.state <> 'PLANNED'
    BEGIN SELECT RAISE(ABORT, 'a trial ends once'); END""",
)
