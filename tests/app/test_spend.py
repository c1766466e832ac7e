"""Talk that costs money: the cap is the day's, whatever number of runs it is spread over."""

from homes import Exchange, MakeHome  # beside this

TOKEN = {"TRADING_X_TOKEN": "a-key-for-the-pretend-x"}


def _posts_cost(home: object) -> float:
    rows = home.rows("SELECT value FROM meta WHERE name LIKE 'talk.spent.%'")  # type: ignore[attr-defined]
    return sum(float(value) for (value,) in rows)


def test_the_cap_of_a_day_holds_over_its_runs(make_home: MakeHome, exchange: Exchange):
    """Eight runs of one day together never spend more than the cap of that day."""
    section = {
        "enabled": True,
        "url": f"{exchange.url}/x",
        "requests_per_minute": None,
        "spend_cap_usd": 0.4,
    }
    home = make_home(env=TOKEN, x=section)
    home.collect()
    said: list[str] = []
    costs = []
    for turn in range(1, 9):
        home.at(turn)
        report = home.collect(sources=("x",), talk=True)
        said.append(report.sources["x"].message)
        costs.append(_posts_cost(home))
    assert costs == sorted(costs)
    assert 0 < costs[-1] <= 0.4
    assert any("spend cap" in message for message in said)


def test_a_run_killed_while_asking_has_been_charged(make_home: MakeHome, exchange: Exchange):
    """What the next requests could cost at worst is written down before they are sent."""
    section = {"enabled": True, "url": f"{exchange.url}/x", "requests_per_minute": None}
    home = make_home("killed", env=TOKEN, x=section)
    home.collect()
    seen: list[float] = []

    def listen(_text: str) -> None:
        seen.append(_posts_cost(home))

    home.at(1)
    home.collect(sources=("x",), talk=True, progress=listen)
    assert max(seen) >= _posts_cost(home) > 0
