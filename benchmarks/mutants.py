"""Take one defence away at a time: does the test that is named for it notice?

Each mutant is a text in one file, what takes its place, and the test that must fail then. They are
applied one by one to a copy of the tree in a temporary folder; this tree is not touched. Prints
one line a mutant and the share that was killed; exit 1 where one survives or no longer applies.

    python benchmarks/mutants.py [--only WORD] [--from N] [--to N]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LEFT_BEHIND = shutil.ignore_patterns(
    ".venv", ".git", "__pycache__", ".*_cache", "dist", "*.db", "*.egg-info"
)
LONGEST_S = 300


class Mutant(NamedTuple):
    """A defence, where it stands, what is put in its place, and the tests that must notice."""

    defence: str
    file: str
    old: str
    new: str
    tests: str


RISK, FILLS, ACCOUNT = "trading/risk.py", "trading/fills.py", "trading/account.py"
BROKERS, SWITCH, EXITS = "trading/brokers.py", "trading/killswitch.py", "trading/exits.py"
EXECUTION, STOP, DATABASE = "app/execution.py", "app/stop.py", "store/database.py"
T_RISK, T_FILLS, T_ACCOUNT = (f"tests/trading/test_{n}.py" for n in ("risk", "fills", "account"))
T_BROKERS, T_SWITCH = "tests/trading/test_brokers.py", "tests/trading/test_killswitch.py"
T_EXITS, T_STOP = "tests/trading/test_exits.py", "tests/app/test_stop.py"
T_VENUE = "tests/app/test_venue_behaviours.py"
T_REDACT, T_CRASH = "tests/core/test_redact.py", "tests/store/test_store_crash.py"

MUTANTS = (
    # the gate
    Mutant("the tightest rule wins", RISK, "tightest = min(checks", "tightest = max(checks",
           T_RISK),
    Mutant("stakes count against a cap", RISK,
           "used = sum((stake.cost for stake in stakes), ZERO)", "used = ZERO", T_RISK),
    Mutant("the cash floor", RISK, "floor = request.limits.cash * account.base", "floor = ZERO",
           T_RISK),
    Mutant("reserved cash is not free", RISK, "free = account.cash - account.reserved",
           "free = account.cash", T_RISK),
    Mutant("an order may stay unfilled", RISK, 'sure=s.kind != "order"', "sure=True", T_RISK),
    Mutant("a broken event limit buys nothing", RISK,
           "allowed = allowed if worst <= limit else ZERO", "allowed = allowed", T_RISK),
    Mutant("the reserve covers the fee", RISK,
           "cost = shares * unit_cost(intent.limit_price, intent.fee) + FEE_ROUNDING",
           "cost = shares * intent.limit_price", T_RISK),
    Mutant("the cool-down after a loss", RISK, "request.now >= last + wait", "request.now >= last",
           T_RISK),
    Mutant("the last trade of the day", RISK, "if used < limit else ZERO",
           "if used <= limit else ZERO", T_RISK),
    Mutant("loss limits forbid entries", RISK, "allowed = ZERO if found else request.intent.shares",
           "allowed = request.intent.shares", T_RISK),
    Mutant("an exit sells what is held", RISK, "max(ZERO, min(intent.shares, held))",
           "max(ZERO, intent.shares)", T_RISK),
    Mutant("below the venue's minimum nothing", RISK, "    if shares >= intent.min_size:",
           "    if shares > ZERO:", T_RISK),
    # fills and fees
    Mutant("nothing beyond the limit", FILLS, "if beyond or left == 0:", "if left == 0:", T_FILLS),
    Mutant("own fills take depth", FILLS, "level.size - taken.get(level.price, ZERO)",
           "level.size", T_FILLS),
    Mutant("NO eats the bids of YES", FILLS, "if shown_back or not (same or mirrored):",
           "if shown_back or not same:", T_FILLS),
    Mutant("a millionth is rounded against us", FILLS,
           "ROUND_UP if side is Side.BUY else ROUND_DOWN", "ROUND_DOWN", T_FILLS),
    Mutant("the fee of each level", FILLS, "fees += cost", "fees += ZERO", T_FILLS),
    Mutant("fees are never 0", "trading/fees.py",
           "exact = shares * schedule.rate * spread**schedule.exponent", "exact = Decimal(0)",
           "tests/trading/test_fees.py"),
    Mutant("an unknown fee is no entry", BROKERS,
           "except FeeUnknown as unknown:\n            if order.purpose is Purpose.ENTRY:",
           "except FeeUnknown as unknown:\n            if False:", T_BROKERS),
    # the ledger
    Mutant("equity below the capital is the base", ACCOUNT, "min(self.capital, self.equity)",
           "self.capital", T_ACCOUNT),
    Mutant("the fee is paid from cash", ACCOUNT, '("cash", gross - fill.fee, ZERO),',
           '("cash", gross, ZERO),', T_ACCOUNT),
    Mutant("no more is sold than is held", ACCOUNT,
           "if fill.side is Side.SELL and fill.shares > position.shares:", "if False:", T_ACCOUNT),
    Mutant("a part sold takes its part of the cost", ACCOUNT,
           "part = position.cost * fill.shares / position.shares", "part = position.cost",
           T_ACCOUNT),
    Mutant("three payouts there are", ACCOUNT, "if payout not in PAYOUTS:", "if False:", T_ACCOUNT),
    Mutant("the id of an order is its intent", ACCOUNT,
           'digest("order", strategy, market_id, token, side, slot, intent)',
           'digest("order", strategy, market_id, token, side, intent)', T_BROKERS),
    # the way of an order
    Mutant("a decision is taken once", EXECUTION,
           "if not decided.record_decisions(tx, [decision]).new:\n            return None  # a run",
           "if decided.record_decisions(tx, [decision]).new < 0:\n            return None  # a run",
           "tests/faults/test_intent_first.py"),
    Mutant("the intent is on the disk first", EXECUTION,
           "desk.store.transaction(durable=True)", "desk.store.transaction()",
           "tests/faults/test_intent_first.py"),
    Mutant("the reserve is in the ledger", EXECUTION, "            deals.place_order(tx, order)",
           "            pass", T_VENUE),
    Mutant("the switch is asked before the send", BROKERS, "forbidden = self._permitted(order)\n",
           'forbidden = ""\n', T_BROKERS),
    Mutant("an unreadable switch stops", BROKERS,
           'forbidden = f"the kill switch could not be read: {failed}"', 'forbidden = ""',
           T_BROKERS),
    Mutant("a breakdown is UNKNOWN", BROKERS,
           'return Outcome(order.id, OrderState.UNKNOWN, f"what became',
           'return Outcome(order.id, OrderState.REJECTED, f"what became', T_BROKERS),
    Mutant("an old book fills nothing", BROKERS, "if now - book.observed_at > MAX_BOOK_AGE:",
           "if False:", T_BROKERS),
    Mutant("the decision's own book fills nothing", BROKERS,
           "if book.observed_at <= decided_at:", "if False:", T_BROKERS),
    # the kill switch
    Mutant("a stop wins", SWITCH, "worse = max(one, other", "worse = min(one, other", T_SWITCH),
    Mutant("level 4 forbids all", SWITCH, "if standing.level >= HIGHEST:", "if False:", T_SWITCH),
    Mutant("a stop opens nothing", SWITCH, "if purpose is Purpose.ENTRY:", "if False:", T_SWITCH),
    Mutant("an unknown order is unverified", SWITCH, "if self.unknown_orders:", "if False:",
           T_SWITCH),
    Mutant("the cool-down of a reset", SWITCH,
           "standing.since is not None and now - standing.since < cool_down", "False", T_SWITCH),
    Mutant("unreadable is stopped", SWITCH, "return Standing(State.TRIGGERED, WORST, why",
           "return Standing(State.ARMED, 0, why", T_SWITCH),
    Mutant("the file counts, too", STOP, "return stricter(written, file_standing(folder))",
           "return written", T_STOP),
    Mutant("the file is latched", STOP, "latched = latch(place.folder, level, words)",
           "latched = latch(place.folder / 'x', level, words)", T_STOP),
    # exits
    Mutant("the stop compares the right way", EXITS, "seen.bid > price", "seen.bid < price",
           T_EXITS),
    # what is stored
    Mutant("a transaction is one", DATABASE, 'connection.execute("BEGIN IMMEDIATE")', "None",
           T_CRASH),
    Mutant("a trade is there once", "store/series.py",
           " available_at, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
           " available_at, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
           "tests/store/test_store_rows.py"),
    Mutant("nothing is shown before it was known", "store/history.py",
           "slot >= ? AND slot < ? AND available_at <= ?",
           "slot >= ? AND slot < ? AND available_at <= ? + 1000000",
           "tests/faults/test_known_then.py"),
    Mutant("a bucket is known when it ends", "store/rows.py",
           "observed_at if bucket_close is None else max(observed_at, bucket_close)", "observed_at",
           "tests/store/test_store_rows.py"),
    Mutant("a late run may not write", "store/runs.py",
           'if row is None or row[0] != "RUNNING" or newest != ticket.fence:', "if False:",
           "tests/store/test_store_runs.py"),
    Mutant("a start beside one that only looks does nothing", "app/cycles.py",
           "earlier = runs.whole(look, plan.name, slot)", "earlier = None",
           "tests/app/test_cycles.py -k only_looks"),
    Mutant("a third start sees the run at work", "app/cycles.py",
           "return holder if under_way else None", "return None",
           "tests/app/test_cycles.py -k every_start"),
    Mutant("freed memory is given back", "core/memory.py", "trim(0)", "trim",
           "tests/core/test_memory.py"),
    Mutant("a missed slot is a row", "app/cycles.py", "runs.missed(tx, plan.name, lost, start.now)",
           "None", "tests/app/test_cycles.py -k laptop"),
    Mutant("one at a time", "app/runs.py", "lock.acquire(timeout=patience)", "None",
           "tests/faults/test_many_starts.py"),
    # secrets and words of others
    Mutant("secrets are masked", "core/redact.py", "text = self._pattern.sub(MASK, text)",
           "text = str(text)", T_REDACT),
    Mutant("a secret in base64 is masked", "core/redact.py",
           "| escaped | _base64_forms(secret.encode())", "| escaped", T_REDACT),
    Mutant("a bot's token is masked", "core/redact.py", '_BOT.sub(f"bot{MASK}", text)',
           "text", T_REDACT),
    Mutant("the log is redacted", "core/log.py",
           "text = self._redactor.text(value if isinstance(value, str) else str(value))",
           "text = str(value)", "tests/core/test_log.py tests/core/test_core_smoke.py"),
    Mutant("no control characters in the log", "core/log.py",
           'c if c.isprintable() or c == "\\n" else " "', "c", "tests/faults/test_log_storm.py"),
    Mutant("a market whose state is unknown", "sources/polymarket/gamma.py",
           '_said(wire.flag(raw, "closed"), "closed")', 'bool(wire.flag(raw, "closed"))',
           "tests/faults/test_schema_drift.py"),
    Mutant("the token says which outcome", "sources/polymarket/trades.py",
           "if said in (0, 1) and said != index:", "if False:", "tests/faults/test_sides.py"),
)  # fmt: skip


def copied(folder: Path) -> Path:
    """Return a copy of this tree in *folder*, with what its tests need."""
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=LEFT_BEHIND, symlinks=True)
    return tree


def fails(tree: Path, tests: str) -> tuple[bool, float]:
    """Run *tests* in *tree*; return whether one of them failed, and after how many seconds."""
    env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    words = ["-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", *tests.split()]
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, *words], cwd=tree, env=env, capture_output=True, timeout=LONGEST_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return True, LONGEST_S
    if done.returncode not in (0, 1, 2):
        raise SystemExit(f"{tests}: {done.stdout.decode()[-2000:]}{done.stderr.decode()[-500:]}")
    return done.returncode != 0, time.monotonic() - began


def tried(tree: Path, one: Mutant) -> str:
    """Return "killed", "SURVIVED" or "does not apply"."""
    path = tree / "trading_cli" / one.file
    whole = path.read_text()
    if whole.count(one.old) < 1 or one.old == one.new:
        return "DOES NOT APPLY"
    path.write_text(whole.replace(one.old, one.new, 1))
    try:
        killed, seconds = fails(tree, one.tests)
    finally:
        path.write_text(whole)
    return f"{'killed' if killed else 'SURVIVED'}  {seconds:5.1f} s"


def main() -> None:
    """Try the mutants and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="those whose defence or file holds this word")
    parser.add_argument("--from", dest="first", type=int, default=0, help="begin with this number")
    parser.add_argument("--to", dest="last", type=int, default=len(MUTANTS), help="end before it")
    asked = parser.parse_args()
    chosen = [
        (number, one)
        for number, one in enumerate(MUTANTS)
        if asked.first <= number < asked.last and asked.only in f"{one.defence} {one.file}"
    ]
    told: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(Path(folder))
        for number, one in chosen:
            told.append(tried(tree, one))
            print(f"{number:3d}  {told[-1]:20}  {one.file:32}  {one.defence}", flush=True)
    killed = sum(line.startswith("killed") for line in told)
    print(f"{killed} of {len(told)} mutants killed ({killed / max(len(told), 1):.1%})")
    if killed < len(told):
        sys.exit(1)


if __name__ == "__main__":
    main()
