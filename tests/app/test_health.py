"""Every part's ping."""

from trading_cli.app.health import doctor


def test_a_broken_config_is_a_finding_and_the_rest_is_examined(home):
    """Wrong settings do not stop the examination."""
    (home / "config.yaml").write_text("nonsense: 1\n")
    (home / "config.yaml").chmod(0o600)
    parts = {part["part"]: part for part in doctor(None, offline=True)}
    assert parts["config"]["state"] == "fail"
    assert {"disk", "database", "limits", "schedule"} <= set(parts)
