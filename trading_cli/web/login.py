"""The session: who is asking, logging in with the token, logging out."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from trading_cli.web.guard import WHO, check_token
from trading_cli.web.here import here_of
from trading_cli.web.openapi import documented
from trading_cli.web.replies import written
from trading_cli.web.sessions import Door, Session

router = APIRouter(prefix="/api/v1")


class Given(BaseModel):
    """A body: nothing but what is named."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Login(Given):
    """The owner's token."""

    token: Annotated[str, Field(min_length=1, max_length=1_000, description="The owner's token.")]


class Logout(Given):
    """Nothing has to be said to leave."""


@router.get("/session", **documented("api.session", "Who is asking, and the CSRF token."))
def session(request: Request) -> Response:
    """Return the session of this browser, a new one where it has none."""
    known: Session | None = request.scope[WHO]
    return _told(request, known or _door(request).begin())


@router.post("/session", **documented("api.session", "Log in with the token.", method="POST"))
def log_in(request: Request, body: Login) -> Response:
    """Return a new session whose owner has shown the token."""
    check_token(_door(request), here_of(request), request.scope, body.token)
    old: Session | None = request.scope[WHO]
    if old is not None:
        _door(request).end(old)
    return _told(request, _door(request).begin(body.token))


@router.post("/session/end", **documented("api.session", "Log out.", method="POST"))
def log_out(request: Request, body: Logout) -> Response:
    """End the session, here and wherever its cookie was copied to; its streams end, too."""
    del body
    old: Session | None = request.scope[WHO]
    if old is not None:
        _door(request).end(old)
    return _told(request, _door(request).begin())


def _door(request: Request) -> Door:
    found: Door = request.app.state.door
    return found


def _told(request: Request, one: Session) -> Response:
    here, door = here_of(request), _door(request)
    token = here.token()
    welcome = not token or door.knows(one, token)
    data = {
        "csrf": door.csrf_of(one),
        "authenticated": welcome,
        "token_needed": bool(token),
        "telegram": (welcome and here.loaded.settings.alerts.telegram.chat_url) or None,
    }
    reply = written(request, "api.session", data)
    public = here.loaded.settings.dashboard.public_url
    secure = public.startswith("https://") and request.headers["host"] in public
    reply.headers["set-cookie"] = door.cookie_of(one, secure=secure)
    return reply
