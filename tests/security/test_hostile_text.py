"""Whatever strangers write, nothing we show, send, log or write does what it says."""

import json
import shutil
import sqlite3
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from payloads import MARKUP, PAYLOADS  # beside this
from telling import tell  # of the commands' tests

from trading_cli.alerts.text import clean
from trading_cli.app.agenda_files import _clean as of_calendar
from trading_cli.cli.render import neutral
from trading_cli.core import log
from trading_cli.core.foreign import clean_text

UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
WORDS = frozenset({"question", "description", "event_title", "title", "text", "author", "tags"})
POISON = (
    "UPDATE listing_versions SET body = packed(body)",
    "UPDATE posts SET text = bait(), author = bait(), url = bait()",
    "UPDATE outbox SET text = bait()", "UPDATE findings SET message = bait()",
    "UPDATE failures SET detail = bait()", "UPDATE runs SET why = bait()",
    "UPDATE steps SET why = bait()", "UPDATE orders SET detail = bait()",
    "UPDATE source_states SET message = bait()", "UPDATE agenda SET title = bait()",
    "UPDATE pauses SET reason = bait()", "UPDATE decisions SET facts = body(facts)",
    "UPDATE positions SET body = body(body)", "UPDATE journal SET body = body(body)",
)  # fmt: skip
COMMANDS = (
    "", "status", "markets --limit 100", "positions", "signal --dry-run",
    "news --since 7d", "calendar --days 400", "calendar --days 400 --ics {out}/c.ics", "logs -n 50",
    "quality-check --since 400d", "quality-check --since 400d --report {out}/q.md", "readiness",
    "journal list", "journal stats", "journal export {out}/j.csv", "portfolio exposure --all",
    "journal export {out}/t.csv --tax fifo", "correlate", "calibrate --html {out}/c.html",
    "alerts list", "doctor --offline", "health", "trials",
    "health --prometheus", "profile", "monte-carlo --engine iid --runs 50", "db stats",
    "journal show 1",
    "markets --search x",
)  # fmt: skip
TAGS = frozenset(  # of a page that only shows
    {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "table",
        "thead", "tbody", "tr", "th", "td", "caption", "svg", "g", "text", "line", "rect", "path",
        "polyline", "polygon", "circle", "figure", "figcaption", "section", "footer", "small",
        "strong", "em", "code", "ul", "li", "details", "summary", "div", "span", "br",
    }
)  # fmt: skip


class Page(HTMLParser):
    """Notes what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        if tag not in TAGS:
            self.wrong.append(tag)
        self.wrong += [
            name for name, _ in attrs if name.startswith("on") or name in {"src", "srcset"}
        ]
        self.wrong += [
            str(v) for n, v in attrs if n == "href" and not str(v).startswith(("#", "https://"))
        ]


def steered(text: str) -> list[str]:
    """Return the characters of *text* that a terminal would obey."""
    return sorted({repr(c) for c in text if c != "\n" and unicodedata.category(c) in UNSEEN})


@pytest.mark.parametrize("text", PAYLOADS)
def test_each_payload_becomes_harmless_in_every_mouth(text):
    """Terminal, message, stored text and calendar keep what can be seen, on one line."""
    assert not steered(neutral(text))
    assert "\n" not in neutral(text)
    assert not [c for c in clean(text) if c != "\n" and unicodedata.category(c) in UNSEEN]
    for made in (clean_text(text, 300), clean_text(text, 300, markup=True), of_calendar(text)):
        assert "\n" not in made
        assert not steered(made)
        assert len(made) <= 300


def test_there_are_two_hundred_payloads():
    """The corpus is as large as it was asked to be."""
    assert len(set(PAYLOADS)) >= 200


def test_each_event_is_one_line_of_the_log(tmp_path):
    """Whatever is logged, wherever in it: one JSON line, ASCII, which nobody can forge."""
    log.configure(tmp_path, level="DEBUG")
    logger = log.get_logger("hostile")
    for text in PAYLOADS:
        logger.info(text, title=text, metrics={text[:50]: [text]})
    raw = (tmp_path / log.FILE).read_bytes()
    lines = [json.loads(line) for line in raw.splitlines()]
    assert len(lines) == len(PAYLOADS)
    assert raw.isascii()
    assert not steered(raw.decode())
    assert {line["level"] for line in lines} == {"info"}


def _poisoned(value: Any, baits: Iterator[str]) -> Any:
    """Return *value* with every text that strangers write replaced by the next bait."""
    if isinstance(value, Mapping):
        return {
            key: ([next(baits)] if isinstance(item, list) else next(baits))
            if key in WORDS and item
            else _poisoned(item, baits)
            for key, item in value.items()
        }
    return value


def poison(database: Path) -> int:
    """Put a payload in every text of strangers, past every check on the way in; return how many."""
    texts = [one.encode("utf-8", "ignore").decode() or "x" for one in PAYLOADS]
    turn = count()
    baits = (texts[number % len(texts)] for number in turn)

    def packed(body: bytes) -> bytes:
        told = _poisoned(json.loads(zlib.decompress(body)), baits)
        return zlib.compress(json.dumps(told).encode())

    with closing(sqlite3.connect(database)) as db, db:
        db.create_function("bait", 0, lambda: next(baits))
        db.create_function("packed", 1, packed)
        db.create_function("body", 1, lambda text: json.dumps(_poisoned(json.loads(text), baits)))
        names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            db.execute(f'DROP TRIGGER "{name}"')
        for statement in POISON:
            db.execute(statement)
    return next(turn)


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory, small_demo: Path) -> Path:
    """Return the demo's home with all that strangers wrote replaced by payloads."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(small_demo, folder / "demo")
    assert poison(folder / "demo" / "data" / "trading.db") > 200
    log.configure(folder / "demo" / "logs")
    for text in PAYLOADS:
        log.get_logger("hostile").warning(text, detail=text)
    return folder / "demo"


@pytest.mark.parametrize("words", COMMANDS)
def test_no_command_passes_on_what_strangers_wrote(poisoned, home, tmp_path, monkeypatch, words):
    """Text, terminal, JSON, CSV, HTML, Markdown and iCalendar: nothing active is in any of them."""
    monkeypatch.delenv("TRADING_HOME", raising=False)
    del home
    place = tmp_path / "demo"
    shutil.copytree(poisoned, place)
    line = [*words.format(out=tmp_path).split(), "--config", str(place / "config.yaml")]
    told = tell(*line)
    assert "this is a bug" not in told.err
    assert told.exit_code not in {1, 2}, told.err
    assert steered(told.out + told.err) == []
    as_json = tell(*line, "--json")
    assert as_json.out.isascii()
    assert steered(as_json.out + as_json.err) == []
    for path in (one for one in tmp_path.iterdir() if one.is_file()):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            page = Page()
            page.feed(text)
            assert page.wrong == []
        if path.suffix in {".html", ".md", ".ics"}:
            assert steered(text.replace("\r\n", "\n")) == []


def test_the_page_reader_finds_what_is_there():
    """Markup that came through would be found: most of it at least makes an element."""
    found = 0
    for text in MARKUP:
        page = Page()
        page.feed(f"<p>{text}</p>")
        found += bool(page.wrong)
    assert found >= 6
