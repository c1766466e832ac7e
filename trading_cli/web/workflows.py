"""Jobs and the stop: two of the three things a page may write. Each is the command's own doing.

`POST /workflows` keeps a row and starts a `trading` process, `DELETE` of it belongs to that write:
it notes who wants the process to end, and it is ended. `POST /kill` stops at the highest level and
can do nothing else: there is no way back from here.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from trading_cli.app import halting, jobs
from trading_cli.app.foreman import Foreman
from trading_cli.core.errors import TradingError
from trading_cli.core.foreign import clean_text
from trading_cli.web.here import here_of
from trading_cli.web.openapi import documented
from trading_cli.web.problems import Problem
from trading_cli.web.replies import (
    CACHE,
    JSON,
    NOT_KEPT,
    answer,
    enveloped,
    etag_of,
    linked,
    written,
)

HIGHEST = 4
ACTOR = "page"
UNSEEN = "a reason that cannot be seen"
router = APIRouter()

Number = Annotated[int, Path(ge=1, le=2**53, description="The job's number.")]


class Wanted(BaseModel):
    """What is asked for: a workflow by name, and its parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    workflow: str = Field(
        min_length=1,
        max_length=40,
        description="collection, analysis, validation, backtest or monte-carlo.",
        examples=["backtest"],
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        max_length=20,
        description="A cycle takes none; the others as their schemas say.",
        examples=[{"fees": "zero", "seed": 1}],
    )


class Stop(BaseModel):
    """Why everything is to be stopped."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reason: str = Field(
        min_length=1, max_length=500, pattern=r"\S", description="Why.", examples=["it looks wrong"]
    )


def foreman_of(request: Request) -> Foreman:
    """Return the one foreman of this server: it is made when it is first asked for."""
    state, here = request.app.state, here_of(request)
    found = getattr(state, "foreman", None)
    if found is None:
        found = state.foreman = Foreman(here.loaded, here.env, clock=here.clock)
    assert isinstance(found, Foreman)  # noqa: S101  # what stands there is ours
    return found


@router.post(
    "/workflows",
    status_code=202,
    **documented("api.workflow", "Begin a job.", status=202, method="POST"),
)
def begin(request: Request, wanted: Wanted) -> Response:
    """Begin a job: a `trading` process of its own. `Location` is where it is looked at."""
    path = request.url.path.rstrip("/")
    try:
        data = foreman_of(request).ask(wanted.workflow, wanted.parameters, by=ACTOR)
    except jobs.JobUnderWay as error:
        where = {"location": f"{path}/{error.job}"}
        raise Problem(409, error.code, error.message, hint=error.hint, headers=where) from None
    reply = written(request, "api.workflow", data, status=202)
    reply.headers["location"] = f"{path}/{data['id']}"
    return reply


@router.get("/workflows", **documented("api.workflows", "The jobs.", pages=True))
def listed(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100, description="So many.")] = 20,
    after: Annotated[
        int | None, Query(ge=1, le=2**53, description="Only those asked for before this job.")
    ] = None,
) -> Response:
    """List the jobs, the newest first."""
    data = jobs.listed(here_of(request).loaded, before=after, limit=limit)
    more = data["next"]
    return linked(
        answer(request, "api.workflows", data), request, None if more is None else str(more)
    )


@router.get("/workflows/{job}", **documented("api.workflow", "One job.", errors=(404,)))
def one(request: Request, job: Number) -> Response:
    """Show one job: how far it is, or how it ended."""
    try:
        data = jobs.one(here_of(request).loaded, job)
    except jobs.NoSuchJob as error:
        raise _absent(error) from None
    return answer(request, "api.workflow", data)


@router.get(
    "/workflows/{job}/result",
    **documented(
        ("cycle", "backtest", "monte-carlo"),
        "What a job answered: its command's envelope.",
        errors=(404, 409),
    ),
)
def result(request: Request, job: Number) -> Response:
    """Return the envelope that the job's command printed, as it did."""
    here = here_of(request)
    try:
        text = jobs.result(here.loaded, job)
    except (jobs.NoSuchJob, jobs.NoResult) as error:
        raise _absent(error) from None
    except jobs.StillAtWork as error:
        raise Problem(409, error.code, error.message, hint=error.hint) from None
    masked = here.mask.text(text.decode("utf-8", "replace"))
    headers = {"etag": etag_of(f"workflow {job}", masked), "cache-control": CACHE}
    return Response(masked, headers=headers, media_type=JSON)


@router.delete(
    "/workflows/{job}",
    status_code=202,
    **documented(
        "api.workflow", "Cancel a job: 202 while it ends, 200 once it has.",
        status=202, also=(200,), errors=(404,), method="DELETE",
    ),
)  # fmt: skip
def cancel(request: Request, job: Number) -> Response:
    """End a job's processes as Ctrl-C does; after 8 s they are made to. Again is no matter."""
    try:
        data, at_work = foreman_of(request).cancel(job, by=ACTOR)
    except jobs.NoSuchJob as error:
        raise _absent(error) from None
    return written(request, "api.workflow", data, status=202 if at_work else 200)


def _absent(error: TradingError) -> Problem:
    return Problem(404, error.code, error.message, hint=error.hint)


@router.post("/kill", **documented("kill", "Stop everything, now: level 4.", method="POST"))
def kill(request: Request, stop: Stop) -> Response:
    """Stop trading at once, wholly. The way back is a command, not an address."""
    here = here_of(request)
    reason = clean_text(stop.reason) or UNSEEN  # whoever can stop is not kept from it by spelling
    data, troubles = halting.halt(
        here.config, here.env, level=HIGHEST, reason=reason, actor=ACTOR, now=here.clock.now()
    )
    reply = enveloped(request, "kill", data, troubles)
    reply.headers["cache-control"] = NOT_KEPT
    return reply
