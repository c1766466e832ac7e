"""Nothing reaches a broker around the gateway: read off the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "trading_cli"
BROKERS = PACKAGE / "trading" / "brokers.py"
GATEWAY = "app/execution.py"
REHEARSAL = "trading/backtest/dealing.py"  # the same gateway over the past: nothing leaves it
GATEWAYS = {GATEWAY, REHEARSAL}
POOLS = {"pool", "super()"}  # threads; and the cluster's backend, which hands on to joblib's


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Yield (file, tree) of every module but the brokers' own."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path != BROKERS:
            yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text(encoding="utf-8"))


def test_only_the_gateway_makes_a_broker() -> None:
    """No other module imports PaperBroker or the guard."""
    makers = {
        name
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and {alias.name for alias in node.names} & {"PaperBroker", "GuardedBroker"}
    }
    assert makers <= GATEWAYS


def test_only_the_gateway_sends() -> None:
    """``submit`` of anything but a pool of workers is called in one module."""
    senders = {
        name
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "submit"
        and ast.unparse(node.func.value) not in POOLS
    }
    assert senders <= GATEWAYS


@pytest.mark.parametrize("gateway", sorted(GATEWAYS))
def test_the_gateway_reviews_before_it_sends(gateway: str) -> None:
    """It makes one paper broker, inside one guard, and asks the risk rules once."""
    path = PACKAGE / gateway
    called = [
        node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    once = ("PaperBroker", "GuardedBroker", "submit", "review")
    assert {name: called.count(name) for name in once} == dict.fromkeys(once, 1)
