"""Migration 4: backtests, their equity, and what makes looking back quick."""

BACKTESTS: tuple[str, ...] = (
    # A silence of weeks is answered by one long span; the usual ones are hours. Found apart, both
    # are found quickly.
    """CREATE INDEX coverage_long ON coverage (source, subject, until)
        WHERE until - since > 172800""",
    # Where a newer word replaced an older one: the older, and how long it held. They are rare: they
    # come only where a slot is judged, filled or computed a second time.
    """CREATE TABLE scores_before (
        slot INTEGER NOT NULL, market TEXT NOT NULL, score REAL NOT NULL, dimensions TEXT NOT NULL,
        observed_at INTEGER NOT NULL, until INTEGER NOT NULL,
        PRIMARY KEY (slot, market, observed_at), CHECK (observed_at < until)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER scores_replaced BEFORE UPDATE ON scores
    WHEN NEW.observed_at > OLD.observed_at
    BEGIN INSERT INTO scores_before VALUES
        (OLD.slot, OLD.market, OLD.score, OLD.dimensions, OLD.observed_at, NEW.observed_at);
    END""",
    """CREATE TABLE features_before (
        market INTEGER NOT NULL, slot INTEGER NOT NULL, name TEXT NOT NULL,
        value REAL, undefined TEXT NOT NULL, tier INTEGER NOT NULL, provisional INTEGER NOT NULL,
        inputs TEXT NOT NULL, formula TEXT NOT NULL,
        computed_at INTEGER NOT NULL, until INTEGER NOT NULL,
        PRIMARY KEY (market, slot, name, computed_at), CHECK (computed_at < until)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER features_replaced BEFORE UPDATE ON features
    WHEN NEW.computed_at > OLD.computed_at
    BEGIN INSERT INTO features_before VALUES
        (OLD.market, OLD.slot, OLD.name, OLD.value, OLD.undefined, OLD.tier, OLD.provisional,
         OLD.inputs, OLD.formula, OLD.computed_at, NEW.computed_at);
    END""",
    """CREATE TABLE gaps_before (
        slot INTEGER NOT NULL, market TEXT NOT NULL, received INTEGER NOT NULL,
        cause TEXT NOT NULL, observed_at INTEGER NOT NULL, until INTEGER NOT NULL,
        PRIMARY KEY (slot, market, observed_at), CHECK (observed_at < until)
    ) STRICT, WITHOUT ROWID""",
    # whether every held market had a fresh book in the slot, be it with one side
    "ALTER TABLE marks ADD COLUMN seen INTEGER NOT NULL DEFAULT 0 CHECK (seen IN (0, 1))",
    "UPDATE marks SET seen = fresh",
    # what a strategy had shown of itself whenever that changed; `rests_on` names what it was of
    """CREATE TABLE gate_verdicts (
        strategy TEXT NOT NULL, at INTEGER NOT NULL, rests_on TEXT NOT NULL,
        passed INTEGER NOT NULL CHECK (passed IN (0, 1)), body TEXT NOT NULL,
        PRIMARY KEY (strategy, at)
    ) STRICT, WITHOUT ROWID""",
    # how prices turned out to mean what they say, fitted on what was known at that midnight
    """CREATE TABLE recalibrations (
        day INTEGER PRIMARY KEY CHECK (day % 86400 = 0),
        slope REAL NOT NULL, error REAL NOT NULL CHECK (error > 0),
        snapshots INTEGER NOT NULL, events INTEGER NOT NULL CHECK (events > 0),
        newest REAL NOT NULL, computed_at INTEGER NOT NULL, CHECK (computed_at >= day)
    ) STRICT""",
    """CREATE TRIGGER gaps_replaced BEFORE UPDATE ON gaps
    WHEN NEW.observed_at > OLD.observed_at
    BEGIN INSERT INTO gaps_before VALUES
        (OLD.slot, OLD.market, OLD.received, OLD.cause, OLD.observed_at, NEW.observed_at);
    END""",
    # What came of a run that is in the ledger of trials: money, prices and shares are millionths
    # (of USD, of a share), `report` is what the command answered. `pack` is six rows of 8-byte
    # integers (slot, cash, liquidation, mid, staked, trips opened since the row before), zlib.
    """CREATE TABLE backtest_runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, trial INTEGER NOT NULL UNIQUE REFERENCES trials,
        at INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
        strategy TEXT NOT NULL, engine TEXT NOT NULL CHECK (engine IN ('full', 'screen')),
        fees TEXT NOT NULL, digest TEXT NOT NULL CHECK (digest <> ''),
        opening INTEGER NOT NULL CHECK (opening > 0), closing INTEGER NOT NULL,
        traded INTEGER NOT NULL CHECK (traded >= 0), killed_at INTEGER,
        report TEXT NOT NULL DEFAULT '{}', CHECK (since < until)
    ) STRICT""",
    """CREATE TABLE backtest_trips (
        run INTEGER NOT NULL REFERENCES backtest_runs, place INTEGER NOT NULL, id TEXT NOT NULL,
        market TEXT NOT NULL, event TEXT NOT NULL, category TEXT NOT NULL, sector TEXT NOT NULL,
        strategy TEXT NOT NULL, token TEXT NOT NULL CHECK (token IN ('YES', 'NO')),
        label TEXT NOT NULL, question TEXT NOT NULL,
        opened_at INTEGER NOT NULL, closed_at INTEGER,
        shares INTEGER NOT NULL CHECK (shares > 0), cost INTEGER NOT NULL CHECK (cost >= 0),
        proceeds INTEGER NOT NULL CHECK (proceeds >= 0), fees INTEGER NOT NULL CHECK (fees >= 0),
        net INTEGER NOT NULL, grade TEXT NOT NULL CHECK (grade IN ('A', 'B', 'C')),
        late INTEGER NOT NULL CHECK (late IN (0, 1)), reasons TEXT NOT NULL,
        payout INTEGER CHECK (payout BETWEEN 0 AND 1000000),
        probability REAL CHECK (probability BETWEEN 0 AND 1), entry_price INTEGER NOT NULL,
        PRIMARY KEY (run, place), CHECK (closed_at IS NULL OR closed_at >= opened_at)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE backtest_equity (
        run INTEGER PRIMARY KEY REFERENCES backtest_runs,
        rows INTEGER NOT NULL CHECK (rows > 0), pack BLOB NOT NULL
    ) STRICT""",
)
