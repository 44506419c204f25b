"""What every request must satisfy and every answer carries, whatever route it is for.

Cross-site requests. A browser says where a request comes from: ``Sec-Fetch-Site`` (Fetch Metadata) on
trustworthy origins, else ``Origin``. An unsafe request from elsewhere is refused. One of which neither is
known (plain http on a home network sends ``Origin: null``, since our pages send no referrer) has to prove
itself by the token of its form (``forms.prove_form``). The one-click address of RFC 8058 is exempt: mail
providers send neither, and the address itself is the proof.
"""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.translation import gettext as _
from digest.web.site import Site

__all__ = ["MAX_BODY", "ONE_CLICK", "PEER", "SAFE", "UNPROVEN", "Guard"]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
ONE_CLICK = "/u/"
API = "/api/"
# Under these names the scope tells routes what is known of a request.
PEER = "digest.peer"
UNPROVEN = "digest.unproven"

# Bytes of a request's body: most forms are small, some bring a library.
MAX_BODY = 256 * 1024
MAX_UPLOAD = 8 * 1024 * 1024
# Characters of a path: the longest is a link's token. Routes read any number in it, however long.
MAX_PATH = 2000
UPLOADS = ("/subscribe", "/preferences", "/import")

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        # What a route does not call public is nobody else's.
        "Cache-Control": "private, no-store",
    }
)
A_YEAR = "max-age=31536000"


class Guard:
    """ASGI: refuses what comes from elsewhere or is too large, and adds the headers."""

    def __init__(self, inner: ASGIApp, site: Site) -> None:
        self._inner = inner
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        answer = _with_headers(scope, send)
        refused = self._refusal(scope)
        if refused is not None:
            await refused(scope, receive, answer)
            return
        if scope["method"] == "HEAD":  # FastAPI's routes know only GET
            scope, answer = dict(scope) | {"method": "GET"}, _without_body(answer)
        await self._inner(scope, _bounded(receive, self._limit(scope)), answer)

    def _told(self, scope: Scope, sentence: str, status: int) -> Response:
        if self._path(scope).startswith(API):
            return JSONResponse({"detail": sentence}, status)
        return PlainTextResponse(f"{sentence}\n", status)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:18]) > self._limit(scope):
            return self._told(scope, _("This is too large."), 413)
        if len(scope["path"]) > MAX_PATH:
            return self._told(scope, _("This address is too long."), 414)
        if scope["method"] in SAFE or self._path(scope).startswith(ONE_CLICK):
            return None
        came_from = self._came_from(scope, headers)
        if came_from == "elsewhere":
            return self._told(scope, _("This came from another site, so nothing was done."), 403)
        scope[UNPROVEN] = came_from == "unknown"
        return None

    def _came_from(self, scope: Scope, headers: Headers) -> str:
        site = headers.get("sec-fetch-site")
        if site is not None:
            return "here" if site in ("same-origin", "none") else "elsewhere"
        origin = headers.get("origin")
        if origin is None or origin == "null":
            return "unknown"
        ours = {self._site.origin, f"{scope['scheme']}://{headers.get('host', '')}"}
        return "here" if origin in ours else "elsewhere"

    def _limit(self, scope: Scope) -> int:
        return MAX_UPLOAD if self._path(scope).startswith(UPLOADS) else MAX_BODY

    def _path(self, scope: Scope) -> str:
        path: str = scope["path"]
        return path.removeprefix(self._site.prefix) if path.startswith(f"{self._site.prefix}/") else path


def _bounded(receive: Receive, limit: int) -> Receive:
    """``receive``, which ends with 413 once a body without a true length grows too large."""
    had = 0

    async def bounded() -> Message:
        nonlocal had
        message = await receive()
        had += len(message.get("body", b""))
        if had > limit:
            raise HTTPException(413, _("This is too large."))
        return message

    return bounded


def _with_headers(scope: Scope, send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if scope["scheme"] == "https":
                headers.setdefault("Strict-Transport-Security", A_YEAR)
        await send(message)

    return sending


def _without_body(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = dict(message) | {"body": b""}
        await send(message)

    return sending
