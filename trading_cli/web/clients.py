"""Who asks, as far as wrong tokens are counted: an address, or who a proxy of ours says it is.

Behind a proxy every request comes from loopback, and one who guesses would lock everybody out. So
where `dashboard.public_url` says that there is a proxy, a request that came to that name over
loopback is counted by the last address of X-Forwarded-For, which the proxy itself wrote. For the
case that it did not, all such addresses together have a bound too: guessing stays limited.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from trading_cli.app.serving import is_loopback
from trading_cli.web.here import Here
from trading_cli.web.sessions import ATTEMPTS, Door

FORWARDED = "x-forwarded-for"
TOGETHER = "forwarded"
MOST_TOGETHER = 60
_NETWORK = 64  # an IPv6 network of one owner


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and whether a proxy said so."""

    name: str
    forwarded: bool

    def barred_s(self, door: Door) -> int:
        """Return for how many seconds no token of it is looked at; 0, it may try."""
        alone = door.barred_s(self.name)
        every = door.barred_s(TOGETHER, MOST_TOGETHER) if self.forwarded else 0
        return max(alone, every)

    def failed(self, door: Door) -> None:
        """Count a wrong token."""
        door.failed(self.name, ATTEMPTS)
        if self.forwarded:
            door.failed(TOGETHER, MOST_TOGETHER)


def client_of(here: Here, scope: Scope) -> Client:
    """Return who sent a request."""
    peer = str((scope.get("client") or ("",))[0])
    told = _forwarded(Headers(scope=scope)) if _by_our_proxy(here, scope, peer) else ""
    return Client(told or peer, bool(told))


def _by_our_proxy(here: Here, scope: Scope, peer: str) -> bool:
    public = urlsplit(here.loaded.settings.dashboard.public_url)
    asked = urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname
    return bool(public.hostname) and asked == public.hostname and is_loopback(peer)


def _forwarded(headers: Headers) -> str:
    """Return the last address of X-Forwarded-For, an IPv6 one's network; "" where it is none."""
    last = ",".join(headers.getlist(FORWARDED)).rpartition(",")[2].strip()
    try:
        found = ipaddress.ip_address(last)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(found), _NETWORK), strict=False))
    return str(found)
