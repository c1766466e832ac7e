"""Who was let in, and for how long: sessions among foreign cookies, tokens that change, streams."""

import json
import time

import httpx
import pytest
from reading import Api, asking  # beside this

from trading_cli.web import stream
from trading_cli.web.api import create_app
from trading_cli.web.here import Here

OLD, NEW = "a-token-of-the-owner-0123456789", "another-token-of-the-owner-98765"
FOREIGN = ('cc={"a":1}; ', "foo; ", "a=b c; ", 'x="; ', "=; ", "tr\u00e4ding=1; ")


def written(config, text):
    """Put *text* into the secrets beside *config*."""
    secrets = config.parent / "secrets.env"
    secrets.touch(mode=0o600)
    secrets.write_text(text)


def until(ready):
    """Wait for what *ready* says: the server looks at its settings twice a second."""
    end = time.monotonic() + 30
    while not (found := ready()):
        assert time.monotonic() < end
    return found


def refused(here):
    """Return whether settings were seen that are not taken."""
    return here.loaded and here._refused != here._seen


@pytest.mark.parametrize("before", FOREIGN)
def test_a_session_is_found_among_the_cookies_of_others(api, before):
    """Every server of this machine shares the browser's cookies: theirs never keep a stop off."""
    token = api.enter()
    (name, value), *_ = api.client.cookies.items()
    with httpx.Client(base_url=api.url, trust_env=False) as browser:
        cookie = {"cookie": f"{before}{name}={value}".encode()}
        reply = Api(api.url, browser).post("session/end", {}, headers={**token, **cookie})
    assert reply.status_code == 200


def test_another_token_ends_the_sessions_of_the_one_before(own_home):
    """Whoever changes a token that leaked has changed it for everybody."""
    written(own_home, f"TRADING_SERVE_TOKEN={OLD}\n")
    with asking(create_app(own_home, {})) as api:
        headers = api.enter()
        told = api.post("session", {"token": OLD}, headers=headers).json()["data"]
        assert api.get("status").status_code == 200
        written(own_home, f"TRADING_SERVE_TOKEN={NEW}\n")
        until(lambda: api.get("status").status_code == 401)
        csrf = {"X-CSRF-Token": told["csrf"]}
        assert api.post("kill", {"reason": "x"}, headers=csrf).status_code == 401
        assert api.data("session")["authenticated"] is False
        assert api.post("session", {"token": NEW}, headers=api.enter()).status_code == 200
        assert api.get("status").status_code == 200


@pytest.mark.parametrize("later", ["", "TRADING_SERVE_TOKEN=\n", "TRADING_SERVE_TOKEN=abc\n"])
def test_nothing_opens_while_it_runs(own_home, later):
    """A token that is taken away, emptied or made guessable is still asked for, and masked."""
    written(own_home, f"TRADING_SERVE_TOKEN={OLD}\n")
    app = create_app(own_home, {})
    here = app.state.here
    with asking(app) as api:
        written(own_home, later)
        until(lambda: refused(here))
        assert api.get("status").status_code == 401
        assert OLD not in here.mask.text(f"it is {OLD}")
        written(own_home, f"TRADING_SERVE_TOKEN={NEW}\n")
        until(lambda: here.token() == NEW)
        right = {"authorization": f"Bearer {NEW}"}
        assert api.get("status", headers=right).status_code == 200


def test_nobody_outside_is_let_in_by_an_edit(own_home):
    """An address for others needs a token while it runs, as it does at the start."""
    app = create_app(own_home, {})
    here = app.state.here
    with asking(app) as api:
        own_home.write_text("dashboard:\n  public_url: https://trading.example.org\n")
        until(lambda: refused(here))
        outside = {"host": "trading.example.org"}
        assert api.get("status", headers=outside).status_code == 403
        written(own_home, f"TRADING_SERVE_TOKEN={OLD}\n")
        until(lambda: api.get("status", headers=outside).status_code == 401)


def test_a_stream_ends_with_its_session(own_home, monkeypatch):
    """Who logs out hears nothing more where the cookie was copied to; a word says why."""
    monkeypatch.setattr(stream, "BEAT_S", 0.05)
    written(own_home, f"TRADING_SERVE_TOKEN={OLD}\n")
    with asking(create_app(own_home, {})) as api:
        told = api.post("session", {"token": OLD}, headers=api.enter()).json()["data"]
        kept = dict(api.client.cookies)
        with (
            httpx.Client(base_url=api.url, trust_env=False, cookies=kept) as thief,
            thief.stream("GET", "/api/v1/stream", timeout=30) as heard,
        ):
            lines = heard.iter_lines()
            until(lambda: next(lines) == ": beat")
            api.post("session/end", {}, headers={"X-CSRF-Token": told["csrf"]})
            *_, last = (line for line in lines if line.startswith("data: "))
        assert json.loads(last.removeprefix("data: "))["reason"] == stream.OUT


def test_wrong_settings_are_told_once(own_home, caplog):
    """However often they are looked at."""
    here = Here(own_home, {}, None)
    own_home.write_text("nonsense: 1\n")
    caplog.set_level("WARNING")
    until(lambda: refused(here))
    for _ in range(3):
        here._looked = 0.0
        assert here.loaded
    assert sum("settings not taken" in one.message for one in caplog.records) == 1
