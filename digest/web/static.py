"""The few files that pages load: one stylesheet, one script, one picture."""

from functools import cache
from hashlib import blake2b
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.templating import templates_folder

__all__ = ["router", "version"]

router = APIRouter(include_in_schema=False)

FILES = {
    "style.css": "text/css; charset=utf-8",
    "keys.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
FOREVER = "public, max-age=31536000, immutable"


@cache
def _files() -> dict[str, bytes]:
    folder: Path = templates_folder() / "web" / "static"
    return {name: (folder / name).read_bytes() for name in FILES}


@cache
def version() -> str:
    """Another word whenever a file changes; it is part of their addresses."""
    return blake2b(b"".join(_files().values()), digest_size=6).hexdigest()


@router.get("/static/{made}/{name}")
def get_file(made: str, name: str) -> Response:
    """One file. Kept for ever by browsers if the address names this version."""
    if name not in FILES:
        raise HTTPException(404, "There is no such file.")
    kept = FOREVER if made == version() else "public, max-age=60"
    return Response(_files()[name], media_type=FILES[name], headers={"Cache-Control": kept})


@router.get("/favicon.ico")
def get_icon() -> Response:
    """The picture, for browsers that ask by this name."""
    return get_file("", "icon.svg")


@router.get("/robots.txt")
def get_robots() -> Response:
    """What crawlers may read: the public pages, and nothing that is a reader's or costs a search."""
    hidden = (
        *("/admin", "/api/", "/confirm", "/delete", "/export", "/f/", "/i/", "/issues", "/p/"),
        *("/preferences", "/rate", "/saved", "/search", "/subscribe", "/transfer", "/u/"),
    )
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in hidden)]
    kept = {"Cache-Control": "public, max-age=3600"}
    return Response("\n".join(lines) + "\n", media_type="text/plain; charset=utf-8", headers=kept)
