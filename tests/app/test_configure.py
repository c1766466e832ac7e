"""The settings as a person meets them."""

from pathlib import Path

import pytest

from trading_cli.app.configure import config_explain, config_init, config_show
from trading_cli.app.settings import Settings, load, render_config
from trading_cli.core.errors import ConfigError, UsageError

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_file_is_the_rendered_one():
    """config.yaml of the repository says every default, and nothing else."""
    assert (ROOT / "config.yaml").read_text(encoding="utf-8") == render_config()


def test_init_writes_a_private_file_that_means_the_defaults_once(home):
    """What init writes loads as the defaults, is ours alone, and is never overwritten."""
    path = home / "config.yaml"
    config_init(path)
    assert load(path).settings == Settings()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="there already"):
        config_init(path)
    assert list(home.iterdir()) == [path]


@pytest.mark.usefixtures("home")
def test_an_unknown_key_is_told_with_the_nearest():
    """A typing error gets the key that was meant."""
    with pytest.raises(UsageError) as told:
        config_explain(None, "database.pth")
    assert "database.path" in told.value.hint


@pytest.mark.usefixtures("home")
def test_show_names_the_origin(monkeypatch):
    """A variable is the origin of what it sets; the rest are defaults."""
    monkeypatch.setenv("TRADING__DATABASE__BACKUP_KEEP", "3")
    rows = {row["key"]: row for row in config_show(None)}
    assert rows["database.backup_keep"]["value"] == 3
    assert rows["database.backup_keep"]["origin"] == "TRADING__DATABASE__BACKUP_KEEP"
    assert rows["mode"]["origin"] == "default"


def test_without_a_path_it_is_written_into_the_home(home, tmp_path, monkeypatch):
    """TRADING_HOME says where, not the folder one happens to be in; the path is told whole."""
    monkeypatch.chdir(tmp_path)
    assert config_init(None) == home / "config.yaml"
    assert load(None).config == home / "config.yaml"
    monkeypatch.delenv("TRADING_HOME")
    assert config_init(None) == tmp_path / "config.yaml"
    with pytest.raises(ConfigError, match="there already"):
        config_init(None)
