"""Migration 6: what a page looks at: what happened, in order, and the jobs it asked for.

Triggers write `events` in the transaction of their cause, so none is told that did not happen and
none is missing. ``at`` is the writer's own time. Nothing rests on either table: they are not
sealed, old rows go (``retention``), and the newest of each stays so that its number is never given
twice.
"""

from collections.abc import Iterator

# kind, table, what happens to it, when that counts, the writer's time, what it is about
_TOLD: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("run_begun", "runs", "INSERT", "NEW.state = 'RUNNING'", "NEW.started",
     "NEW.cycle || ':' || NEW.id"),
    ("run_ended", "runs", "UPDATE OF state", "OLD.state = 'RUNNING' AND NEW.state <> 'RUNNING'",
     "NEW.finished", "NEW.cycle || ':' || NEW.id"),
    ("decision", "decisions", "INSERT", "NEW.action <> 'HOLD'", "NEW.decided_at", "NEW.id"),
    ("order", "orders", "INSERT", "TRUE", "NEW.placed_at", "NEW.id"),
    ("order_ended", "orders", "UPDATE OF state", "OLD.state <> NEW.state",
     "coalesce(NEW.ended_at, NEW.placed_at)", "NEW.id"),
    ("fill", "fills", "INSERT", "TRUE", "NEW.at", "NEW.id"),
    ("journal", "journal", "INSERT", "TRUE", "NEW.at", "NEW.seq"),
    ("kill", "kill_state", "INSERT", "TRUE", "NEW.at", "'kill:' || NEW.seq"),
    ("kill_proof", "kill_proofs", "INSERT", "TRUE", "NEW.at", "'kill:' || NEW.trigger"),
    ("pause", "pauses", "INSERT", "TRUE", "NEW.since", "NEW.kind"),
    ("pause_ended", "pauses", "UPDATE OF lifted_at",
     "OLD.lifted_at IS NULL AND NEW.lifted_at IS NOT NULL", "NEW.lifted_at", "NEW.kind"),
    ("alert", "outbox", "INSERT", "TRUE", "NEW.created_at", "NEW.id"),
    ("alert_seen", "outbox", "UPDATE OF acked_at",
     "OLD.acked_at IS NULL AND NEW.acked_at IS NOT NULL", "NEW.acked_at", "NEW.id"),
    ("alert_sent", "deliveries", "UPDATE OF state", "OLD.state <> NEW.state AND NEW.state = 'SENT'",
     "coalesce(NEW.sent_at, NEW.tried_at)", "NEW.outbox"),
    ("alert_failed", "deliveries", "UPDATE OF state",
     "OLD.state <> NEW.state AND NEW.state = 'FAILED'", "NEW.tried_at", "NEW.outbox"),
    ("source", "source_states", "UPDATE OF state", "OLD.state <> NEW.state", "NEW.checked",
     "NEW.name"),
    ("correlation", "correlation_runs", "UPDATE OF state",
     "OLD.state <> NEW.state AND NEW.state = 'DONE'", "NEW.finished_at", "NEW.id"),
    ("opinion", "opinions", "INSERT", "TRUE", "NEW.observed_at", "NEW.source || ':' || NEW.id"),
    ("backtest", "backtest_runs", "INSERT", "TRUE", "NEW.at", "NEW.id"),
    ("job", "jobs", "INSERT", "TRUE", "NEW.changed_at", "NEW.id"),
    ("job", "jobs", "UPDATE OF state, progress",
     "OLD.state <> NEW.state OR OLD.progress <> NEW.progress", "NEW.changed_at", "NEW.id"),
)  # fmt: skip


def _triggers() -> Iterator[str]:
    """Yield the triggers. A subject too long is cut: no write may ever fail by being told of."""
    for kind, table, happens, counts, at, subject in _TOLD:
        yield (
            f'CREATE TRIGGER "tell_{kind}_{happens.split()[0].lower()}" AFTER {happens} ON {table}'  # noqa: S608  # our own words
            f" WHEN {counts} BEGIN INSERT INTO events (at, kind, subject)"
            f" VALUES ({at}, '{kind}', substr(CAST({subject} AS TEXT), 1, 200)); END"
        )


WEB: tuple[str, ...] = (
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind <> '' AND kind NOT GLOB '*[^a-z_]*'),
        subject TEXT NOT NULL CHECK (length(subject) <= 200)
    ) STRICT""",
    # `pid` and `began` name the process and tell it from another of its number; so for who watches
    # it. `result` is a file's name in data/jobs, `error` JSON {code, message, hint}.
    """CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, workflow TEXT NOT NULL CHECK (workflow <> ''),
        parameters TEXT NOT NULL,
        asked_at INTEGER NOT NULL, asked_by TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN
            ('QUEUED', 'RUNNING', 'DONE', 'FAILED', 'LOST', 'CANCELLED')),
        pid INTEGER, began REAL, watcher INTEGER NOT NULL, watcher_began REAL NOT NULL,
        started_at INTEGER, ended_at INTEGER, changed_at INTEGER NOT NULL,
        exit_code INTEGER, progress TEXT NOT NULL DEFAULT '',
        result TEXT, error TEXT,
        CHECK ((state IN ('QUEUED', 'RUNNING')) = (ended_at IS NULL)),
        CHECK (state <> 'RUNNING' OR (pid IS NOT NULL AND began IS NOT NULL)),
        CHECK ((state = 'DONE') = (result IS NOT NULL)),
        CHECK (state NOT IN ('FAILED', 'LOST') OR error IS NOT NULL)
    ) STRICT""",
    """CREATE UNIQUE INDEX jobs_one_of_a_kind ON jobs (workflow)
        WHERE state IN ('QUEUED', 'RUNNING')""",
    """CREATE TRIGGER jobs_end_once BEFORE UPDATE ON jobs WHEN OLD.ended_at IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'a job ends once'); END""",
    """CREATE TRIGGER jobs_as_asked
    BEFORE UPDATE OF id, workflow, parameters, asked_at, asked_by ON jobs
    BEGIN SELECT RAISE(ABORT, 'what was asked for cannot be changed afterwards'); END""",
    *_triggers(),
)
"""The tables of a page, and what tells of everything else."""
