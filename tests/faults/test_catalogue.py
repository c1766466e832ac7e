"""The catalogue of faults: every item, every proof there is, and the page says the same."""

import ast
from collections.abc import Iterator
from pathlib import Path

import catalogue  # beside this
import pytest
from catalogue import CATALOGUE

ROOT = Path(__file__).resolve().parent.parent.parent


def named_in(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield each test of a file, and whether it is a nightly one."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = " ".join(ast.unparse(one) for one in node.decorator_list)
            yield node.name, "pytest.mark.nightly" in marks.split("parametrize")[0]


def test_every_item_is_there_once():
    """1 to 37, each with a promise and a figure."""
    assert [one.number for one in CATALOGUE] == list(range(1, 38))
    assert all(one.promise and one.figure and one.tiers for one in CATALOGUE)


@pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: str(one.number))
def test_every_proof_exists(one):
    """Each named test and script is there; a nightly one is called so."""
    nightly = False
    for proof in one.proofs:
        name, _, test = proof.partition("::")
        assert (ROOT / name).is_file(), proof
        if test:
            found = dict(named_in(ROOT / name))
            assert test in found, proof
            nightly |= found[test]
    assert nightly == ("nightly" in one.tiers)
    assert one.proofs or "not here" in one.tiers


def test_the_page_shows_the_catalogue():
    """The README's table is this one."""
    assert catalogue.as_markdown() in (ROOT / "README.md").read_text()
