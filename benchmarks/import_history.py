"""How quickly a history comes in: 800,000 points of 800 markets, as CSV, ISO times and Parquet.

    python benchmarks/import_history.py [--points 800000] [--folder DIR]

Says rows a second of the first import and of the same file again, and the longest transaction:
nobody who collects at the same time waits longer for the database.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection

import pyarrow as pa
from pyarrow import parquet

from trading_cli.app.importing import Asked, bring_in
from trading_cli.store import Store

START, STEP, MARKETS = 1_760_000_000, 60, 800


def write(folder: Path, points: int) -> list[Path]:
    """Write the same random history three times."""
    rng = random.Random(1)  # noqa: S311  # prices of nothing
    each = points // MARKETS
    rows = [
        (f"m{market}", START + STEP * n, round(rng.random(), 4))
        for market in range(MARKETS)
        for n in range(each)
    ]
    plain, iso, columns = folder / "plain.csv", folder / "iso.csv", folder / "columns.parquet"
    plain.write_text("market,t,p\n" + "".join(f"{m},{t},{p}\n" for m, t, p in rows))
    iso.write_text(
        "market,t,p\n"
        + "".join(f"{m},{datetime.fromtimestamp(t, UTC).isoformat()},{p}\n" for m, t, p in rows)
    )
    names, times, prices = (list(column) for column in zip(*rows, strict=True))
    parquet.write_table(pa.table({"market": names, "t": times, "p": prices}), columns)
    return [plain, iso, columns]


@contextmanager
def timed_transactions(spans: list[float]) -> Iterator[None]:
    """Take the time of every transaction inside."""
    real = Store.transaction

    @contextmanager
    def timed(self: Store, *, durable: bool = False) -> Iterator[Connection]:
        began = time.perf_counter()
        with real(self, durable=durable) as tx:
            yield tx
        spans.append(time.perf_counter() - began)

    Store.transaction = timed
    try:
        yield
    finally:
        Store.transaction = real


def main() -> None:
    """Build, import, import again, tell."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--points", type=int, default=800_000)
    words.add_argument("--folder", type=Path)
    said = words.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = said.folder or Path(made)
        for path in write(folder, said.points):
            home = folder / path.stem
            home.mkdir(mode=0o700)
            config = home / "config.yaml"
            config.touch(mode=0o600)
            for word in ("first", "again"):
                spans: list[float] = []
                with timed_transactions(spans):
                    report = bring_in(config, Asked([path]))
                print(
                    f"{path.name:16} {word}: {report['rows_per_second']:>9,} rows/s"
                    f" {report['seconds']:6.2f} s, longest transaction {max(spans):.3f} s,"
                    f" {report['points']['new']:,} new"
                )


if __name__ == "__main__":
    main()
