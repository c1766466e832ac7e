"""The others: budgets, every host that is on, the clock, Telegram."""

from collections.abc import Iterator

from trading_cli.app.health.parts import Part, Patient, finding
from trading_cli.core.errors import TradingError

RETRY = "mend `ping clob`, then `trading doctor` again"
CLOCK_WARN_S = 2.0
CLOCK_FAIL_S = 30.0
PATIENCE_S = 8.0


def limits(patient: Patient) -> Iterator[Part]:
    """Say what the shared budgets went through, and which host is left alone for a while."""
    from trading_cli.core.ratelimit import default_limits_path, report_of  # noqa: PLC0415

    path = patient.loaded.limits or default_limits_path(patient.env)
    if not path.exists():
        yield finding("limits", "ok", f"{path}: no request was ever sent")
        return
    budgets = report_of(path)
    shut = sorted({one.host for one in budgets if one.circuit == "open"})
    told = f"{sum(one.requests for one in budgets)} requests, "
    told += f"{sum(one.throttled for one in budgets)} times told to wait"
    if shut:
        told += f"; not asked for a while: {', '.join(shut)}"
    yield finding("limits", "warn" if shut else "ok", told, "wait some minutes" * bool(shut))


def hosts(patient: Patient) -> Iterator[Part]:
    """Ask every host that is on one small question, and hold our clock against the venue's."""
    if patient.offline:
        yield finding("hosts", "off", "not asked: --offline")
        return
    from trading_cli.app.pings import COSTS, fix_of, ping_all  # noqa: PLC0415  # paid when used
    from trading_cli.app.toolkit import Toolkit  # noqa: PLC0415

    with Toolkit(patient.loaded, clock=patient.clock, env=patient.env) as kit:
        voices, absent = kit.voices()
        found = ping_all(kit, voices)
    yield _clock(found["clob"][1].offset_s)
    for name, (question, heard) in found.items():
        if not heard.code:
            yield finding(
                f"ping {name}", "ok", f"answered in {heard.seconds} s", latency=heard.seconds
            )
        else:
            state = "fail" if heard.sent else "warn"
            yield finding(f"ping {name}", state, heard.detail, fix_of(question, heard))
    for name in voices.keys() - found.keys():
        yield finding(f"ping {name}", "off", COSTS)
    for name, why in absent.items():
        yield finding(f"ping {name}", "off", why)


def _clock(offset: float | None) -> Part:
    if offset is None:
        return finding("clock", "warn", "not compared: the venue did not tell the time", RETRY)
    off = abs(offset)
    state = "fail" if off > CLOCK_FAIL_S else "warn" if off > CLOCK_WARN_S else "ok"
    fix = "" if state == "ok" else "timedatectl set-ntp true"
    return finding("clock", state, f"{off:.0f} s apart from the venue's", fix)


def trading_allowed(patient: Patient) -> Iterator[Part]:
    """Ask the venue whether trading is allowed from here. Paper trading needs no permission."""
    if patient.offline:
        yield finding("geoblock", "off", "not asked: --offline")
        return
    from trading_cli.app.geoblock import ask  # noqa: PLC0415  # paid when used
    from trading_cli.app.toolkit import Toolkit  # noqa: PLC0415

    with Toolkit(patient.loaded, clock=patient.clock, env=patient.env) as kit:
        try:
            told = ask(kit, deadline=patient.clock.monotonic() + PATIENCE_S)
        except TradingError as error:
            fix = "look at data_collection.polymarket.site_url"
            yield finding("geoblock", "warn", f"not known: {error.message}", fix)
            return
    where = told.country or "here"
    if told.blocked:
        said = f"the venue allows no trading from {where}; paper is all"
        yield finding("geoblock", "warn", said, "nothing to mend: stay with `mode: paper`")
    else:
        yield finding("geoblock", "ok", f"trading is allowed from {where}")


def telegram(patient: Patient) -> Iterator[Part]:
    """Ask Telegram who our bot is: the token is good, and somebody answers. Nothing is sent."""
    section, secrets = patient.loaded.settings.alerts.telegram, patient.loaded.secrets
    if not section.enabled or secrets.telegram_token is None or not section.chat_id:
        told = "alerts.telegram.enabled, its chat_id and TRADING_TELEGRAM_TOKEN belong together"
        yield finding("telegram", "off", told if section.enabled else "alerts.telegram is off")
        return
    if patient.offline:
        yield finding("telegram", "off", "not asked: --offline")
        return
    from trading_cli.alerts.telegram import Telegram  # noqa: PLC0415  # paid when used

    token = secrets.telegram_token.get_secret_value()
    bot = Telegram(token, api_url=section.api_url, chat_id=section.chat_id)
    began = patient.clock.monotonic()
    try:
        who = bot.who()
    except TradingError as error:
        fix = error.hint or "trading alerts test"
        yield finding("telegram", "fail", error.message.replace(token, "***"), fix)
    else:
        took = round(patient.clock.monotonic() - began, 3)
        yield finding("telegram", "ok", f"our bot is {who}", latency=took)
    finally:
        bot.close()
