"""What the operator's pages share: routes that are not there while they are off, and how a page is shown."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from digest.web.admin.session import form_proof, get_admin, is_on, prove_admin_form
from digest.web.pages import show

__all__ = ["AdminRoute", "as_number", "make_router", "show_page"]

ROOMS = (
    ("/admin", "Overview"),
    ("/admin/sources", "Sources"),
    ("/admin/sent", "Sent"),
    ("/admin/subscribers", "Subscribers"),
    ("/admin/suppression", "Suppression"),
    ("/admin/settings", "Settings"),
)


class AdminRoute(APIRoute):
    """A route that matches nothing while the operator's pages are off, and is never indexed or kept."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As any route, but nothing while the pages are off: nobody can tell then that there are any."""
        return super().matches(scope) if is_on(scope["app"].state.site) else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the headers that all of these pages have."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Robots-Tag"] = "noindex, nofollow"
                headers["Cache-Control"] = "private, no-store"
            await send(message)

        await super().handle(scope, receive, sending)


def make_router() -> APIRouter:
    """A router that lets nobody to its routes but who is logged in, and no form without its page's token."""
    guarded = [Depends(get_admin), Depends(prove_admin_form)]
    return APIRouter(include_in_schema=False, route_class=AdminRoute, dependencies=guarded)


def show_page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """One of the operator's pages; ``template`` is a name such as ``sources.html``."""
    admin = get_admin(request)
    return show(
        request,
        f"web/admin/{template}",
        status=status,
        rooms=ROOMS,
        admin=admin,
        admin_token=form_proof(request, admin),
        **values,
    )


def as_number(text: str) -> int:
    """A number in an address or a form; 404 for anything else, and for one that no row can have."""
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and 0 < int(text) < 2**31):
        raise HTTPException(404, "There is nothing of that number.")
    return int(text)
