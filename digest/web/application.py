"""The application put together: the site's rooms as routers, and around them what every answer needs."""

import importlib
import logging
from dataclasses import dataclass

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from digest import __version__
from digest.app import App
from digest.errors import StorageError, UsageError
from digest.web.forms import prove_form
from digest.web.guard import PEER, Guard
from digest.web.pages import show_error
from digest.web.session import LinkNeededError
from digest.web.site import Site

__all__ = ["ROOMS", "Web", "make_web"]

_log = logging.getLogger(__name__)

# The modules that bring routes, each with a ``router``; the first route that matches answers.
ROOMS = ("static", "health")
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
        # Who is at the other end of the line, before a proxy's word on whom it speaks for.
        scope[PEER] = (scope.get("client") or ("", 0))[0]
        await self.outer(scope, receive, send)


def make_web(app: App) -> Web:
    """The web of one installation. Listens nowhere; makes the secret key where there is none yet."""
    site = Site(app)
    inner = FastAPI(
        title=app.settings.list_name,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        root_path=site.prefix,
        dependencies=[Depends(prove_form)],
    )
    inner.state.site = site
    for room in ROOMS:
        inner.include_router(importlib.import_module(f"digest.web.{room}").router)
    _add_handlers(inner)
    zipped = GZipMiddleware(Guard(inner, site), minimum_size=GZIP_FROM, compresslevel=GZIP_LEVEL)
    return Web(inner, site, ProxyHeadersMiddleware(zipped, trusted_hosts=list(site.trusted_proxies)))  # type: ignore[arg-type]


def _add_handlers(inner: FastAPI) -> None:
    """How errors are told: in words, never with a trace."""

    @inner.exception_handler(HTTPException)
    def _refused(request: Request, error: HTTPException) -> Response:
        return show_error(request, error.status_code, str(error.detail), headers=error.headers)

    @inner.exception_handler(RequestValidationError)
    def _malformed(request: Request, error: RequestValidationError) -> Response:
        return show_error(
            request, 422, "Something in that address or form is not as it should be.", error=error
        )

    @inner.exception_handler(UsageError)
    def _impossible(request: Request, error: UsageError) -> Response:
        return show_error(request, 400, f"{str(error)[:1].upper()}{str(error)[1:]}.")

    @inner.exception_handler(LinkNeededError)
    def _unknown_reader(request: Request, error: LinkNeededError) -> Response:
        return show_error(request, 401, str(error), template="web/link_needed.html")

    @inner.exception_handler(StorageError)
    def _no_database(request: Request, error: StorageError) -> Response:
        _log.error("the web cannot use the database: %s", error)
        retry = {"Retry-After": "30"}
        return show_error(request, 503, "The database is busy. Please try again in a moment.", headers=retry)

    @inner.exception_handler(Exception)
    def _bug(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette raises it on, for the log
        return show_error(request, 500, "Something broke here. It has been written to the log.")
