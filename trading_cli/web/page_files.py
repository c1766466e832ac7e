"""The page and its assets, from the package: read once, sent with an ETag, packed where taken."""

import gzip
from dataclasses import dataclass, field
from hashlib import blake2b
from os.path import isfile
from pathlib import Path

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from trading_cli.web.problems import Problem

FOLDER = Path(__file__).parent / "page"
INDEX = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_PACKED = frozenset({".html", ".js", ".mjs", ".css", ".json", ".svg", ".txt", ".webmanifest"})
_CACHE = "no-cache"  # asked again each time, answered 304: a new version is there at once
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent: its bytes, plain and packed, its type and what stands for it."""

    body: bytes
    packed: bytes
    media: str
    etag: str
    stamp: tuple[int, int]


@dataclass(slots=True)
class Shelf:
    """The files of a folder by the path below it, read again when they change."""

    folder: Path = FOLDER
    _held: dict[str, Asset] = field(default_factory=dict)

    def take(self, name: str) -> Asset | None:
        """Return the file *name*; ``None`` of what is not below the folder, or of no known type."""
        path = self._path(name)
        if path is None:
            return None
        info = path.stat()
        stamp = (info.st_mtime_ns, info.st_size)
        held = self._held.get(name)
        if held is None or held.stamp != stamp:
            body = path.read_bytes()
            packed = gzip.compress(body, 9, mtime=0) if path.suffix in _PACKED else b""
            etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
            held = Asset(body, packed, TYPES[path.suffix], etag, stamp)
            self._held[name] = held
        return held

    def _path(self, name: str) -> Path | None:
        parts = name.split("/")
        if any(part in {"", ".", ".."} or part.startswith(".") or "\\" in part for part in parts):
            return None
        path = self.folder.joinpath(*parts)
        known = path.suffix in TYPES and isfile(path)  # noqa: PTH113  # no error of a long name
        inside = known and path.resolve().is_relative_to(self.folder.resolve())
        return path if inside else None


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """Return the page."""
    return await _file(request, INDEX)


@router.api_route("/static/{name:path}", methods=["GET", "HEAD"])
async def static(request: Request, name: str) -> Response:
    """Return one of the page's assets."""
    return await _file(request, name)


async def _file(request: Request, name: str) -> Response:
    shelf: Shelf = request.app.state.shelf
    found = await run_in_threadpool(shelf.take, name)
    if found is None:
        raise Problem(404, "not_found", "there is nothing at this address")
    headers = {"etag": found.etag, "cache-control": _CACHE, "vary": "accept-encoding"}
    asked = request.headers.get("if-none-match", "")
    if found.etag in {one.strip().removeprefix("W/") for one in asked.split(",")}:
        return Response(status_code=304, headers=headers)
    packed = found.packed and "gzip" in request.headers.get("accept-encoding", "")
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(found.packed if packed else found.body, 200, headers, found.media)
