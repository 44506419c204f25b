"""Pages: a template, what every page shows, and how a page is answered."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from digest.templating import legal, render_template
from digest.translation import gettext as _
from digest.translation import gettext_noop
from digest.web.forms import form_token
from digest.web.session import read_session
from digest.web.site import get_site
from digest.web.static import version

__all__ = ["go_to", "is_api", "show", "show_error", "show_fault", "show_public", "with_etag"]

MAX_NAME = 200
HTML = "text/html; charset=utf-8"
# For so long the form on a page for everybody is the same.
PUBLIC_STEP_S = 3600

TITLES = {
    400: gettext_noop("That cannot be done"),
    401: gettext_noop("Who are you?"),
    403: gettext_noop("Not from here"),
    404: gettext_noop("There is nothing here"),
    405: gettext_noop("Not that way"),
    410: gettext_noop("This has ended"),
    413: gettext_noop("Too large"),
    422: gettext_noop("That cannot be read"),
    429: gettext_noop("Too many at once"),
    500: gettext_noop("Something broke"),
    503: gettext_noop("In a moment"),
}


def show(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page that is made for who asks. ``template`` is a name such as ``web/search.html``."""
    return HTMLResponse(_render(request, template, values), status)


def show_public(request: Request, template: str, *, max_age_s: int = 60, **values: Any) -> Response:
    """A page that is the same for everybody who has no session; answered 304 where it did not change."""
    return with_etag(request, public_page(request, template, **values), HTML, max_age_s=max_age_s)


def public_page(request: Request, template: str, **values: Any) -> bytes:
    """The same page, to be kept: it stays as it is for the rest of the hour."""
    return _render(request, template, values, form_step_s=PUBLIC_STEP_S).encode()


def with_etag(request: Request, body: bytes, media_type: str, *, max_age_s: int) -> Response:
    """``body``, or 304 for who has it. Kept by shared caches only where nobody's session is in it."""
    tag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
    who = "private" if read_session(request) else "public"
    headers = {"ETag": tag, "Cache-Control": f"{who}, max-age={max_age_s}", "Vary": "Cookie, Accept-Language"}
    known = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known or tag.removeprefix("W/") in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def go_to(request: Request, path: str) -> RedirectResponse:
    """Send the browser to one of our own paths, as ``/search?q=x``; never anywhere else."""
    if not path.startswith("/") or path.startswith("//") or "\\" in path:
        path = "/"
    return RedirectResponse(get_site(request).prefix + path, 303)


def show_error(
    request: Request,
    status: int,
    message: str,
    *,
    template: str = "web/error.html",
    headers: Mapping[str, str] | None = None,
    error: RequestValidationError | None = None,
) -> Response:
    """An error in words: as a page, or as JSON below ``/api``."""
    if is_api(request):
        detail: Any = message
        if error is not None:
            detail = [_fault(one["loc"], one["msg"]) for one in error.errors()]
        return JSONResponse({"detail": detail}, status, dict(headers or {}))
    title = _(TITLES.get(status, gettext_noop("That did not work")))
    page = _render(request, template, {"title": title, "message": message, "status": status})
    return HTMLResponse(page, status, dict(headers or {}))


def show_fault(request: Request, what: str) -> Response:
    """What a program sent can be read, but cannot be."""
    assert is_api(request)  # noqa: S101 - people are told otherwise
    return JSONResponse({"detail": [_fault((), what)]}, 422)


def _fault(where: Sequence[str | int], what: str) -> dict[str, Any]:
    """One fault, in text that any encoding takes: names of fields may be the sender's own."""
    names = [legal(name)[:MAX_NAME] if isinstance(name, str) else name for name in where]
    return {"where": names, "what": legal(what)}


def is_api(request: Request) -> bool:
    """Whether a program asks, which wants JSON."""
    path: str = request.scope["path"]
    return path.removeprefix(get_site(request).prefix).startswith("/api/")


def _render(request: Request, template: str, values: Mapping[str, Any], *, form_step_s: int = 1) -> str:
    site = get_site(request)
    return render_template(
        template,
        site.look,
        site=site,
        prefix=site.prefix,
        path=request.scope["path"].removeprefix(site.prefix),
        session=read_session(request),
        form_token=form_token(request, step_s=form_step_s),
        version=version(site.look),
        **values,
    )
