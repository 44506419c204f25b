"""The application put together: the site's rooms as routers, and around them what every answer needs."""

import importlib
import logging
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from digest.app import App
from digest.errors import StorageError, TooManyError, UsageError
from digest.heartbeat import Heartbeat
from digest.pipeline.programs import NotThereError
from digest.translation import gettext as _
from digest.web.forms import prove_form
from digest.web.guard import PEER, Guard
from digest.web.pages import is_api, show_error, show_fault
from digest.web.session import LinkNeededError
from digest.web.site import Site
from digest.web.speaking import Speaking
from digest.web.watched import Watched

__all__ = ["ROOMS", "Web", "make_web"]

_log = logging.getLogger(__name__)

# The modules that bring routes, each with a ``router``; the first route that matches answers, so ``papers``,
# which takes all that is below /papers/, stays last.
ROOMS = (
    *("static", "health", "metrics", "feeds", "api", "admin", "trending", "searching", "archive"),
    *("confirming", "leaving", "rating", "rate_ten", "subscribing", "preferences"),
    *("saved", "own_issues", "transfer"),
    "papers",
)
# Of the interface for programs; the program's own is nobody's business.
API_VERSION = "1"
API_WORDS = (
    "Papers, searches and what trends for everybody; one’s own wishes, digests and feedback by a token, "
    "which stands on the page of preferences."
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# An answer smaller than this is not worth packing.
GZIP_FROM = 600
GZIP_LEVEL = 6


@dataclass(frozen=True)
class Web:
    """An ASGI application. ``inner`` is FastAPI's, for who wants to know its routes."""

    inner: FastAPI
    site: Site
    outer: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # Where a proxy puts us; routes are matched below it.
        scope["root_path"] = self.site.prefix
        # Who is at the other end of the line, before a proxy's word on whom it speaks for.
        scope[PEER] = (scope.get("client") or ("", 0))[0]
        await self.outer(scope, receive, send)


def make_web(app: App, heartbeat: Heartbeat | None = None) -> Web:
    """The web of one installation. Listens nowhere; makes the secret key where there is none yet.

    ``heartbeat`` is that of the loop that works in the same process, if one does: health is its health too.
    """
    site = Site(app, heartbeat)
    inner = FastAPI(
        title=app.settings.list_name,
        version=API_VERSION,
        docs_url=None,
        redoc_url=None,
        description=API_WORDS,
        openapi_url="/api/openapi.json",
        dependencies=[Depends(prove_form)],
    )
    inner.state.site = site
    for room in ROOMS:
        inner.include_router(importlib.import_module(f"digest.web.{room}").router)
    _add_handlers(inner)
    guarded = Speaking(Guard(Watched(inner, site.metrics), site), site)
    zipped = GZipMiddleware(guarded, minimum_size=GZIP_FROM, compresslevel=GZIP_LEVEL)
    return Web(inner, site, ProxyHeadersMiddleware(zipped, trusted_hosts=list(site.trusted_proxies)))  # type: ignore[arg-type]


def _add_handlers(inner: FastAPI) -> None:
    """How errors are told: in words, never with a trace."""

    @inner.exception_handler(HTTPException)
    def _refused(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = _allowed(inner, request)
        return show_error(request, error.status_code, _sentence(request, error), headers=headers)

    @inner.exception_handler(NotThereError)
    def _missing(request: Request, error: NotThereError) -> Response:
        return show_error(request, 404, str(error))

    @inner.exception_handler(RequestValidationError)
    def _malformed(request: Request, error: RequestValidationError) -> Response:
        return show_error(
            request, 422, _("Something in that address or form is not as it should be."), error=error
        )

    @inner.exception_handler(UsageError)
    def _impossible(request: Request, error: UsageError) -> Response:
        sentence = f"{str(error)[:1].upper()}{str(error)[1:]}."
        return show_fault(request, sentence) if is_api(request) else show_error(request, 400, sentence)

    @inner.exception_handler(TooManyError)
    def _too_often(request: Request, error: TooManyError) -> Response:
        return show_error(request, 429, str(error), headers={"Retry-After": str(error.retry_after_s)})

    @inner.exception_handler(LinkNeededError)
    def _unknown_reader(request: Request, error: LinkNeededError) -> Response:
        return show_error(request, 401, str(error), template="web/link_needed.html")

    @inner.exception_handler(StorageError)
    def _no_database(request: Request, error: StorageError) -> Response:
        _log.error("the web cannot use the database: %s", error)
        retry = {"Retry-After": "30"}
        return show_error(
            request, 503, _("The database is busy. Please try again in a moment."), headers=retry
        )

    @inner.exception_handler(Exception)
    def _bug(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette raises it on, for the log
        return show_error(request, 500, _("Something broke here. It has been written to the log."))


def _sentence(request: Request, error: HTTPException) -> str:
    """What is told of it: of an address that no route takes, more than the framework's two words."""
    if not is_api(request) and error.detail == HTTPStatus(error.status_code).phrase:
        if error.status_code == 404:
            return _("No page has this address. Perhaps a part of it got lost on the way.")
        if error.status_code == 405:
            return _("This address cannot be used in that way.")
    return str(error.detail)


def _allowed(inner: FastAPI, request: Request) -> str:
    """The methods that this address takes (RFC 9110, 15.5.6); each route knows only its own."""
    asked = [dict(request.scope) | {"method": method} for method in METHODS]
    taken = [one["method"] for one in asked if any(r.matches(one)[0] is Match.FULL for r in inner.routes)]
    return ", ".join(taken + (["HEAD"] if "GET" in taken else []))
