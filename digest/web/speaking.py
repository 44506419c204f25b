"""In which language a request is answered.

Pages speak the language of their reader's digests, which a cookie of this browser remembers from a link of
theirs on; to others the best of what the browser accepts; else the language of the installation. A page that
a link of a mail opens speaks its reader's language whatever the browser. The operator's pages and the
interface for programs are in English, feeds in the language of their list or reader.
"""

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from digest.translation import ENGLISH, LANGUAGES, in_language, preferred, speaking
from digest.web.site import Site, get_site

__all__ = ["COOKIE", "Speaking", "remember_language"]

COOKIE = "language"
YEAR_S = 365 * 24 * 3600
# Below these nobody reads a page of ours, or only the operator does.
IN_ENGLISH = ("/admin", "/api/", "/metrics")


class Speaking:
    """ASGI: has each request answered in its language."""

    def __init__(self, inner: ASGIApp, site: Site) -> None:
        self._inner = inner
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        with speaking(self._language(scope)):
            await self._inner(scope, receive, send)

    def _language(self, scope: Scope) -> str:
        path = scope["path"].removeprefix(self._site.prefix)
        if path.startswith(IN_ENGLISH):
            return ENGLISH
        headers = Headers(scope=scope)
        chosen = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        if chosen in LANGUAGES:
            return str(chosen)
        return preferred(headers.get("accept-language", "")) or self._site.settings.language


def remember_language(request: Request, answer: Response, chosen: str | None) -> None:
    """Let this browser show pages in the language of a reader's digests: ``chosen``, else the usual one."""
    answer.set_cookie(
        COOKIE,
        in_language(chosen, get_site(request).settings.language),
        max_age=YEAR_S,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
