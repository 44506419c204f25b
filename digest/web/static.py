"""The few files that pages load: one stylesheet, one script, one picture."""

from functools import cache, lru_cache
from hashlib import blake2b
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.branding import PLAIN, Look
from digest.templating import templates_folder
from digest.translation import gettext as _
from digest.web.site import SiteDep

__all__ = ["router", "version"]

router = APIRouter(include_in_schema=False)

FILES = {
    "style.css": "text/css; charset=utf-8",
    "keys.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
FOREVER = "public, max-age=31536000, immutable"
# An installation's own: a style sheet, and a picture whose name begins so.
LOOK, LOGO = "look.css", "logo-"
ALONE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@cache
def _files() -> dict[str, bytes]:
    folder: Path = templates_folder() / "web" / "static"
    return {name: (folder / name).read_bytes() for name in FILES}


@lru_cache(maxsize=16)
def version(look: Look) -> str:
    """Another word whenever a file or the look changes; it is part of their addresses."""
    logo = look.logo.name if look.logo else ""
    own = (look_sheet(look) + logo).encode() if look != PLAIN else b""
    return blake2b(b"".join(_files().values()) + own, digest_size=6).hexdigest()


def look_sheet(look: Look) -> str:
    """The style sheet that says an installation's own colours, in both schemes."""
    light = f"--accent: {look.accent}; --on-accent: {look.on_accent};"
    dark = f"--accent: {look.accent_dark}; --on-accent: {look.on_accent_dark};"
    return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{\n  :root {{ {dark} }}\n}}\n"


@router.get("/static/{made}/{name}")
def get_file(site: SiteDep, made: str, name: str) -> Response:
    """One file. Kept for ever by browsers if the address names this version."""
    body, media_type = _file(site.look, name)
    kept = FOREVER if made == version(site.look) else "public, max-age=60"
    headers = {"Cache-Control": kept}
    if name.startswith(LOGO):
        # Mails show it, wherever they are read; a picture that is opened by itself runs and loads nothing.
        headers |= {"Cross-Origin-Resource-Policy": "cross-origin", "Content-Security-Policy": ALONE}
    return Response(body, media_type=media_type, headers=headers)


def _file(look: Look, name: str) -> tuple[bytes, str]:
    """A file's bytes and what it is; raises ``HTTPException`` (404) for one that there is not."""
    if name in FILES:
        return _files()[name], FILES[name]
    if name == LOOK and look.has_own_colour:
        return look_sheet(look).encode(), FILES["style.css"]
    if look.logo is not None and name == LOGO + look.logo.name:
        return look.logo.body, look.logo.media_type
    raise HTTPException(404, _("There is no such file."))


@router.get("/favicon.ico")
def get_icon(site: SiteDep) -> Response:
    """The picture, for browsers that ask by this name."""
    return get_file(site, "", "icon.svg")


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
