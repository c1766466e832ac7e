"""The page's files: what is vendored is what was locked; nothing runs that is no file of ours."""

import json
import re
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from trading_cli.store.schema_web import WEB

PAGE = Path(str(files("trading_cli.web") / "page"))
VENDOR = PAGE / "vendor"
OURS = sorted(path for path in PAGE.rglob("*") if path.is_file() and VENDOR not in path.parents)
SCRIPTS = [path for path in OURS if path.suffix == ".js"]
WORDS = [path for path in OURS if path.suffix == ".html"]
LONGEST = 400


def name_of(path: Path) -> str:
    """Return a file's name below the page."""
    return path.relative_to(PAGE).as_posix()


def locked() -> dict[str, str]:
    """Return the hash of each vendored file, as the lock has it."""
    lock = json.loads((VENDOR / "lock.json").read_text())
    return {
        name: told["sha256"]
        for package in lock["packages"]
        for name, told in package["files"].items()
    }


def test_the_vendored_files_are_those_of_the_lock() -> None:
    """Each file of the lock is there with its hash, and none beside them."""
    there = {path.name for path in VENDOR.iterdir()} - {"lock.json"}
    assert there == set(locked())
    for name, wanted in locked().items():
        assert sha256((VENDOR / name).read_bytes()).hexdigest() == wanted, name


def test_the_lock_says_whence_and_under_which_licence() -> None:
    """Each package has a version, an address, an integrity and the text of its licence."""
    for package in json.loads((VENDOR / "lock.json").read_text())["packages"]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
        assert package["url"].startswith("https://registry.npmjs.org/")
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package["integrity"])
        text = (VENDOR / package["licence_file"]).read_text()
        assert "Permission is hereby granted" in text


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_every_file_is_short(path: Path) -> None:
    """No file of ours is longer than a person reads."""
    assert len(path.read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("path", WORDS, ids=name_of)
def test_no_markup_carries_code_or_style(path: Path) -> None:
    """No inline script, style or handler; nothing sets HTML; nothing comes from elsewhere."""
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|x-html|javascript:", text)
    assert not re.search(r"(src|href)=\"(https?:)?//", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_no_script_makes_markup_of_text(path: Path) -> None:
    """Nothing sets HTML from text, evaluates text or writes a style attribute."""
    text = path.read_text()
    made = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
    assert not re.search(made, text)
    assert not re.search(r"setAttribute\(\s*[\"']style", text)


def test_what_is_named_is_there() -> None:
    """Every asset that a page or a script names exists."""
    for path in [*WORDS, *SCRIPTS]:
        for name in re.findall(r"[\"'`]/static/([A-Za-z0-9_./-]+\.[a-z]+)[\"'`]", path.read_text()):
            assert (PAGE / name).is_file(), f"{name_of(path)} names {name}"
        if path.suffix == ".js":
            for name in re.findall(r"from \"(\.{1,2}/[^\"]+)\"", path.read_text()):
                assert (path.parent / name).resolve().is_file(), f"{name_of(path)} imports {name}"


def test_the_page_knows_every_kind_of_event() -> None:
    """What the store's triggers tell, the stream's listener listens for."""
    told = set(re.findall(r"VALUES \(.*?, '([a-z_]+)', substr", "\n".join(WEB)))
    listened = set(re.findall(r'"([a-z_]+)"', (PAGE / "stream.js").read_text()))
    assert told
    assert told <= listened


def test_both_tellings_of_dark_are_the_same() -> None:
    """The system's dark and the chosen dark have the same colours."""
    text = (PAGE / "tokens.css").read_text()
    blocks = re.findall(r"color-scheme: dark;(.*?)}", text, re.DOTALL)
    assert len(blocks) == 2
    first, second = (re.findall(r"--[a-z-]+: [^;]+", block) for block in blocks)
    assert first == second
