"""The settings of the sources, and the budgets made of them."""

import pytest
from pydantic import ValidationError

from trading_cli.sources import (
    DataCollectionSection,
    GdeltSection,
    PolymarketRates,
    PolymarketSection,
    is_loopback,
)
from trading_cli.sources.polymarket import clob_rates, data_rates, gamma_rates

DOCUMENTED = {
    "/markets": 300,
    "/events": 500,
    "/books": 500,
    "/book": 1500,
    "/prices-history": 1000,
    "/markets/{condition_id}": 9000,
    "/time": 9000,
    "data": 200,
}


def budgets(section: PolymarketSection) -> dict:
    """Return the budgets of all three services."""
    return gamma_rates(section) | clob_rates(section) | data_rates(section)


def test_no_budget_is_above_half_of_the_documented_limit():
    """Neither the defaults nor the highest values allowed exceed half of any limit."""
    default = budgets(PolymarketSection())
    assert set(default) == set(DOCUMENTED)
    for name, rate in default.items():
        assert rate.requests <= DOCUMENTED[name] / 2
        assert rate.per_s == 10
    assert default["data"].requests == 20
    for name in PolymarketRates.model_fields:
        with pytest.raises(ValidationError):
            PolymarketRates.model_validate({name: 4501})


def test_unlimited_is_for_loopback_alone():
    """A null budget needs an address on this machine; the address alone lifts nothing."""
    here = "http://127.0.0.1:8000/gamma"
    lifted = PolymarketSection.model_validate(
        {"gamma_url": here, "requests_per_10s": {"markets": None}}
    )
    assert gamma_rates(lifted)["/markets"].requests > 1e6
    assert gamma_rates(PolymarketSection(gamma_url=here))["/markets"].requests == 150
    with pytest.raises(ValidationError, match="only for a service on loopback"):
        PolymarketSection.model_validate({"requests_per_10s": {"markets": None}})
    with pytest.raises(ValidationError, match="only for a service on loopback"):
        GdeltSection.model_validate({"requests_per_minute": None})
    assert GdeltSection.model_validate({"url": here, "requests_per_minute": None})


@pytest.mark.parametrize("url", ["polymarket.com", "ftp://x", "https://u:p@x", "https://x/?q=1"])
def test_an_address_that_is_none(url):
    """An address that a path cannot be appended to is refused."""
    with pytest.raises(ValidationError):
        PolymarketSection(gamma_url=url)


def test_loopback():
    """Only this machine is loopback, whatever a name pretends."""
    assert is_loopback("http://localhost:1")
    assert is_loopback("http://[::1]/x")
    assert not is_loopback("http://127.0.0.1.evil.example")


def test_every_setting_explains_itself():
    """Each field of each section has a description and a default."""
    sections = [DataCollectionSection]
    for section in sections:
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"
            assert not field.is_required()
            if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
                sections.append(field.annotation)
