"""`trading db`: look after the database."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from trading_cli.cli.answer import Answer, Block, Facts, Table
from trading_cli.cli.options import Command, commands, shared

app = commands()
_KEPT_IN = {"listings": "listing_seen"}


@app.callback()
def db() -> None:
    """Look after the database."""


@app.command(cls=Command)
def stats(ctx: typer.Context) -> Answer:
    """Show the size of the database, its pace, and how long the usual questions take."""
    from trading_cli.app.upkeep.stats import stats as look

    data = look(shared(ctx).config)
    growth, sizes = data["growth"], data["table_bytes"] or {}
    facts = [
        ("path", data["path"]),
        ("size", ", ".join((_mb(data["bytes"]), f"log {_mb(data['wal_bytes'])}",
                            f"free inside {_mb(data['free_bytes'])}"))),
        ("schema", data["schema"]),
        ("pace", _pace(growth)),
        ("pace at most", _full(growth)),
    ]  # fmt: skip
    counts = {name.removeprefix("count "): ms for name, ms in data["queries"].items()}
    rows = [
        (name, count, _mb(sizes[kept]) if kept in sizes else None,
         _daily(growth["a_day"].get(kept)), counts.get(name))
        for name, count in data["tables"].items()
        for kept in (_KEPT_IN.get(name, name),)
    ]  # fmt: skip
    headings = ("table", "rows", "size", "rows a day", "ms to count")
    asked = [(name, ms) for name, ms in data["queries"].items() if not name.startswith("count ")]
    blocks: list[Block] = [
        Facts(_fitted(facts)),
        Table(headings, rows, right=frozenset(headings[1:]), spare=("ms to count",)),
        Table(("what is really asked", "ms"), asked, right=frozenset({"ms"})),
    ]
    return Answer(data, blocks)


def _fitted(pairs: Sequence[tuple[str, object]]) -> list[tuple[str, object]]:
    from trading_cli.cli.eighty import fitted

    return fitted(pairs)


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _daily(one: Mapping[str, Any] | None) -> str | None:
    return None if one is None else f"{one['rows']:.0f}"


def _pace(growth: Mapping[str, Any]) -> str:
    """Return the pace in words."""
    if growth["bytes_a_day"] is None:
        return "not known before three whole days"
    load = growth["load"]
    if None in load.values():
        return _reached(growth)
    return (
        f"{_reached(growth)}; with {load['markets']:.1f} markets followed and"
        f" {load['candidates']:.1f} candidates, as on the last three whole days"
    )


def _full(growth: Mapping[str, Any]) -> str:
    """Return the pace with every place taken, in words."""
    full = growth["full"]
    if full["bytes_a_day"] is None:
        return "not known"
    return (
        f"about {_reached(full)}; with every place taken: {full['markets']} markets,"
        f" {full['candidates']} candidates (how many the exchange will list is not known)"
    )


def _reached(pace: Mapping[str, Any]) -> str:
    return (
        f"{_mb(pace['bytes_a_day'])} a day, a warning in {pace['days_to_warn']} days, full in"
        f" {pace['days_to_max']}"
    )


@app.command(cls=Command)
def optimize(ctx: typer.Context) -> Answer:
    """Count anew what plans are made by, mend indexes, and write the file anew."""
    from trading_cli.app.upkeep.optimize import optimize as tidy

    said = shared(ctx)
    data = tidy(said.config, said.talk)
    took = ", ".join(f"{name} {value:.2f} s" for name, value in data["steps"].items())
    facts = [
        ("database", data["path"]),
        ("size", f"{_mb(data['bytes_before'])} -> {_mb(data['bytes'])}"),
        ("made again", ", ".join(data["indexes_made"]) or "nothing was missing"),
        ("new file in place", "yes" if data["swapped"] else f"no: {data['why']}"),
        ("took", f"{data['seconds']:.1f} s ({took})"),
    ]
    warnings = [] if data["swapped"] else [f"the file was not written anew: {data['why']}"]
    return Answer(data, [Facts(_fitted(facts))], warnings)


@app.command(cls=Command)
def backup(
    ctx: typer.Context,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to (default: data/backups).")
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for a collection under way to end.")
    ] = 30.0,
) -> Answer:
    """Make a verified, compressed copy of the database while everything goes on."""
    from trading_cli.app.upkeep.backup import backup as make

    said = shared(ctx)
    data = make(said.config, to=to, patience=wait, progress=said.talk)
    holds = data["holds"]
    facts = [
        ("backup", data["file"]),
        ("size", f"{data['bytes'] / 1e6:.1f} MB, {data['seconds']:.1f} s"),
        ("of", _boundary(data["boundary"], holds)),
        ("holds", f"{sum(holds['rows'].values())} rows, schema {holds['schema']}"),
        ("journal", _end(holds["journal"])),
        ("seals", _end(holds["seals"])),
        ("forgotten", ", ".join(data["forgotten"]) or "none"),
    ]
    return Answer(data, [Facts(_fitted(facts))])


def _boundary(boundary: str, holds: Mapping[str, Any]) -> str:
    last = "before the first run" if holds["last_run"] is None else f"run {holds['last_run']}"
    if boundary == "cycle":
        return f"the end of {last}" if holds["last_run"] is not None else last
    return f"a commit inside {last}: whoever restores it goes on with that slot"


def _proved(data: Mapping[str, Any]) -> str:
    """Return in plain words of which rows a change would be noticed, and of which not."""
    from trading_cli.cli.eighty import WIDTH, folded

    told = f"{data['sealed']:,} rows are sealed: a change of one would be seen here."
    if first := data["found_first"]["rows"]:
        since = data["found_first"]["at"][:10]
        told += (
            f" {first:,} rows were there when sealing began on {since}: what was changed before"
            " that day cannot be seen."
        )
    if data["unsealed"]:
        told += (
            f" {data['unsealed']:,} rows were written or changed since the newest seal: the next"
            " cycle seals them, until then a change of one is not seen."
        )
    return "\n".join(folded(told, WIDTH))


def _end(end: Mapping[str, Any]) -> str:
    return f"{end['seq']} rows, {end['hash'][:16]}"


@app.command(cls=Command)
def restore(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A backup, compressed or plain.")],
) -> Answer:
    """Put a backup in the place of the database; trading is stopped by it."""
    from trading_cli.app.upkeep.restore import restore as put_back

    said = shared(ctx)
    data = put_back(said.config, file, said.talk)
    holds = data["holds"]
    facts = [
        ("restored", data["file"]),
        ("to", data["path"]),
        ("ends at", holds["last_slot"] or "no run"),
        ("holds", f"{sum(holds['rows'].values())} rows, schema {holds['schema']}"),
        ("kept aside", ", ".join(Path(one).name for one in data["aside"]) or "nothing"),
        ("took", f"{data['seconds']:.1f} s"),
    ]
    told = (
        "Trading is STOPPED (level 4): this file believes what was so when it was made.\n"
        "What it holds may be gone by now, what it ordered may be filled."
    )
    warnings = list(data["kill"]["troubles"])
    if lacking := data["archive"]["missing"]:
        warnings.append(f"{len(lacking)} files of the archive are missing, first: {lacking[0]}")
    steps = "Next:\n" + "\n".join(f"  {one}" for one in data["next"])
    return Answer(data, [Facts(_fitted(facts)), told, steps], warnings)


@app.command(cls=Command)
def verify(ctx: typer.Context) -> Answer:
    """Read every page and every row, and hold them against their seals; exit 3 where broken."""
    from trading_cli.app.upkeep.verify import verify as look

    said = shared(ctx)
    data = look(said.config, said.talk)
    facts = [
        ("database", data["path"]),
        *([] if data["bundle"] is None else [("a bundle", f"of run {data['bundle']}: a copy")]),
        ("sound", "yes" if data["sound"] else "NO"),
        ("read", f"{data['rows']} rows of {data['tables']} tables, {data['seconds']:.1f} s"),
        ("seals", _end(data["seals"])),
        ("journal", _end(data["journal"])),
    ]
    blocks: list[Block] = [Facts(_fitted(facts)), _proved(data)]
    if data["pages"]:
        blocks.append("Pages:\n" + "\n".join(data["pages"]))
    if data["archive"]:
        blocks.append("Archive:\n" + "\n".join(data["archive"]))
    if data["broken"]:
        rows = [(one["run"], one["table"], one["since"], one["what"]) for one in data["broken"]]
        headings = ("run", "table", "since", "what")
        blocks.append(Table(headings, rows, "Broken", frozenset({"run"}), frozenset({"what"})))
    if not data["sound"]:
        anew = f"trading db bundle {data['bundle']} --to FILE, in the home it came from."
        back = "trading db restore FILE, with a backup from before that run."
        blocks.append(f"Way out: {back if data['bundle'] is None else anew}")
    return Answer(data, blocks, exit_code=0 if data["sound"] else 3)


@app.command(cls=Command)
def archive(
    ctx: typer.Context,
    before: Annotated[
        str | None, typer.Option(metavar="TIME", help="What is older (default: as `retention`).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> Answer:
    """Move old quotes, books, trades and points into Parquet files; evidence stays."""
    from trading_cli.app.upkeep.archive import into_archive
    from trading_cli.core.clock import SystemClock
    from trading_cli.core.times import instant

    said = shared(ctx)
    at = None if before is None else instant(before, SystemClock().now())
    data = into_archive(said.config, before=at, dry_run=dry_run, progress=said.talk)
    rows = [
        (one["kind"], one["before"][:10], one["rows"], one["evidence"], _mb(one["bytes"]),
         data["deleted"].get(one["kind"]))
        for one in data["plan"]
    ]  # fmt: skip
    headings = ("kind", "before", "may go", "evidence", "size", "gone")
    what = f"what is kept as evidence: {data['evidence']}, {data['evidence_days']} days before each"
    blocks: list[Block] = [
        Facts(_fitted([("archive", data["folder"]), ("evidence", what)])),
        Table(headings, rows, right=frozenset(headings[2:])),
    ]
    if data["files"]:
        blocks.append("\n".join(["Written, read back and compared:", *data["files"]]))
    thrown = ", ".join(f"{name} {count}" for name, count in data["thrown_away"].items() if count)
    if thrown:
        blocks.append(f"Thrown away: {thrown}")
    return Answer(data, blocks)


@app.command(cls=Command)
def bundle(
    ctx: typer.Context,
    run: Annotated[str, typer.Argument(help="A run's number, or @last.")] = "@last",
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="The file to make.")] = None,
    look: Annotated[
        Path | None, typer.Option("--open", metavar="FILE", help="Read a bundle, and check it.")
    ] = None,
) -> Answer:
    """Put what one run read and wrote into a small file of its own."""
    from trading_cli.app.upkeep import bundle as bundles
    from trading_cli.core.errors import UsageError

    said = shared(ctx)
    if (to is None) == (look is None):
        raise UsageError(
            "one of --to and --open is needed.", hint="trading db bundle @last --to FILE"
        )
    if look is not None:
        data = bundles.opened(look)
    else:
        assert to is not None  # noqa: S101  # said by the line above
        data = bundles.bundle(said.config, run, to, said.talk)
    warnings = data.pop("warnings")
    rows = sum(data["tables"].values())
    facts = [
        ("bundle", data["file"]),
        ("size", f"{_mb(data['bytes'])}, {rows} rows of {len(data['tables'])} tables"),
        ("run", f"{data['run']} of {data['cycle']}, slot {data['slot']}"),
        ("decisions", data["tables"].get("decisions", 0)),
        ("inputs since", data["since"]),
        ("program", f"{data['version']}, code {data['code']}"),
        ("settings", data["settings_hash"]),
        ("digest", data["digest"]),
    ]
    return Answer(data, [Facts(_fitted(facts))], warnings)
