"""A person's own strategy, by file or entry point: loaded for real, and all the ways to fail."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from candidate_views import CLEAN, candidate  # beside this file

from trading_cli.domain import Action, Reason, Token
from trading_cli.trading.orchestrator import decide
from trading_cli.trading.strategies import BUILT_IN, load, problems
from trading_cli.trading.strategies.foreign import load_foreign
from trading_cli.trading.vetoes import Sections

TIERS = tuple(Decimal(n) / 100 for n in (1, 2, 3, 4))
MINE = """
from decimal import Decimal
from trading_cli.trading.strategies import Action, Advice
class Mine:
    name, ceiling = "mine", Decimal("0.01")  # at most 1 % of equity
    def decide(self, data, symbol, current_price):
        rvr = data.feature("rvr").value or 0.0
        action = Action.BUY if rvr > 2 and current_price < 0.6 else Action.HOLD
        return Advice(action, strength=min(rvr / 10, 1), indicators={"rvr": rvr})
"""
README = Path(__file__).resolve().parents[2] / "README.md"


def write(folder: Path, text: str, name: str = "mine.py") -> str:
    """Write a strategy's file and return what the settings would say."""
    (folder / name).write_text(text, encoding="utf-8")
    return f"{name}:Mine"


def test_the_recipes_file_loads_and_decides(tmp_path: Path) -> None:
    """`strategies: [rvr_roc_hype, mine.py:Mine]`: it is asked, it buys, it has its own name."""
    strategies = load(("rvr_roc_hype", write(tmp_path, MINE)), TIERS, folder=tmp_path)
    assert [one.name for one in strategies] == ["rvr_roc_hype", "mine"]
    assert problems(strategies) == ()
    proposals = decide([CLEAN, candidate("m2", "e2", features={})], strategies[1:], Sections())
    bought, held = proposals
    assert (bought.action, bought.reason) == (Action.BUY, Reason.SIGNAL)
    assert (bought.signal.token, bought.signal.strength) == (Token.YES, 0.25)
    assert bought.signal.indicators == {"rvr": 2.5}
    assert (held.signal.market_id, held.reason) == ("m2", Reason.NO_EDGE)


def test_the_readme_shows_this_very_file() -> None:
    """What a person copies from the page is what was loaded above."""
    page = README.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    shown = [block.strip() for block in blocks if "def decide(" in block]
    if not shown:
        pytest.skip("the README has no recipe for a strategy yet")
    assert shown == [MINE.strip()]


def test_a_path_outside_the_home_is_read_where_it_is(tmp_path: Path) -> None:
    """An absolute path needs no home, and a dataclass with slots loads too."""
    text = (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from decimal import Decimal\n"
        "@dataclass(frozen=True, slots=True)\n"
        "class Mine:\n"
        "    name: str = 'slotted'\n"
        "    ceiling: Decimal = Decimal('0.02')\n"
        "    def decide(self, data, symbol, current_price): ...\n"
    )
    write(tmp_path, text)
    (one,) = load((f"{tmp_path / 'mine.py'}:Mine",), TIERS, folder=Path("/nowhere"))
    assert one.name == "slotted"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Mine:\n  x = 1 +", "SyntaxError"),
        ("import no_such_library", "No module named 'no_such_library'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("x = 1", "has no class 'Mine'"),
        ("class Mine:\n  def __init__(self, key): ...", "TypeError"),
        ("class Mine:\n  ...", "it has no name"),
        ("class Mine:\n  name = 'x'\n  ceiling = 0.01", "must be a Decimal above 0"),
        ("from decimal import Decimal\nclass Mine:\n  name='x'\n  ceiling=Decimal(1)", "no decide"),
        (MINE.replace('"mine"', '"early"'), "a name of ours"),
    ],
)
def test_what_does_not_load_says_why_and_stops_nobody(tmp_path: Path, text: str, said: str) -> None:
    """The others decide; its own decisions are STRATEGY_FAILED with the sentence."""
    strategies = load((write(tmp_path, text), "rvr_roc_hype"), TIERS, folder=tmp_path)
    (problem,) = problems(strategies)
    assert said in problem
    assert "mine.py:Mine" in problem
    reasons = {one.signal.strategy: one for one in decide([CLEAN], strategies, Sections())}
    assert reasons["rvr_roc_hype"].reason is Reason.SIGNAL
    failed = reasons["mine.py:Mine"]
    assert failed.reason is Reason.STRATEGY_FAILED
    assert said in str(failed.signal.indicators["error"])


def test_a_file_that_hangs_while_loading_stops_nobody(tmp_path: Path) -> None:
    """It is given up after its seconds; its thread is not joined by a second one."""
    name = write(tmp_path, "import threading\nthreading.Event().wait()\n", "slow.py")
    for said in ("no answer within 0.5 s", "it still hangs"):
        (problem,) = problems([load_foreign(name, tmp_path, seconds=0.5)])
        assert said in problem


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("mien.py:Mine",), "there is no file"),
        (("rvr_roc",), "neither built in, nor a file.py:Class, nor offered as"),
        (("early", "hype_only", "early"), "two strategies are called early"),
        (("price_only",), "for imported history: off in paper and live"),
    ],
)
def test_a_wrong_name_is_a_problem_with_a_sentence(
    tmp_path: Path, names: tuple[str, ...], said: str
) -> None:
    """A missing file, a misspelt name, a name twice, one that is off."""
    (problem,) = problems(load(names, TIERS, folder=tmp_path))
    assert said in problem


def test_all_of_ours_load_over_imported_history(tmp_path: Path) -> None:
    """The registry's names are the strategies' own, and price_only is there for a backtest."""
    strategies = load(tuple(BUILT_IN), TIERS, folder=tmp_path, history=True)
    assert problems(strategies) == ()
    assert [one.name for one in strategies] == list(BUILT_IN)
    assert all(0 < one.ceiling <= max(TIERS) for one in strategies)


def test_a_package_offers_one_as_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installed distribution with the group `trading_cli.strategies` is found by name."""
    (tmp_path / "their_package.py").write_text(MINE, encoding="utf-8")
    info = tmp_path / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[trading_cli.strategies]\ntheirs = their_package:Mine\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (one,) = load(("theirs",), TIERS, folder=tmp_path)
    (proposal,) = decide([CLEAN], [one], Sections())
    assert (one.name, proposal.action) == ("mine", Action.BUY)
