"""The way in and out: the one page for the operator that everybody may open."""

import logging

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.web.admin.routing import AdminRoute, make_router
from digest.web.admin.session import LogInNeededError, end_session, has_password, network_of, start_session
from digest.web.forms import Form
from digest.web.pages import go_to, show
from digest.web.site import SiteDep, get_site

__all__ = ["inside", "outside"]

_log = logging.getLogger(__name__)


def need_password(request: Request) -> None:
    """``LogInNeededError`` where only a proxy lets people in."""
    if not has_password(get_site(request)):
        raise LogInNeededError(request)


outside = APIRouter(include_in_schema=False, route_class=AdminRoute, dependencies=[Depends(need_password)])
inside = make_router()


@outside.get("/admin/login")
def show_login(request: Request) -> Response:
    """Ask for the password."""
    return show(request, "web/admin/login.html", wrong=False)


@outside.post("/admin/login")
def log_in(request: Request, site: SiteDep, form: Form) -> Response:
    """Let in who knows the password, for half a day; anybody else sees the same page again."""
    given = form.get("password")  # as it is: blanks are letters of it
    stored = site.settings.admin_password_hash
    if not isinstance(given, str) or stored is None:
        raise HTTPException(400, "There is no password in this form.")
    network = network_of(request.client.host if request.client is not None else "")
    if not site.door.opens(stored.get_secret_value(), given, network):
        _log.warning("a wrong password was given at /admin/login from %s", network)
        return show(request, "web/admin/login.html", status=401, wrong=True)
    answer = go_to(request, "/admin")
    start_session(request, answer)
    return answer


@inside.post("/admin/logout")
def log_out(request: Request) -> Response:
    """End this browser's session."""
    answer = go_to(request, "/")
    end_session(request, answer)
    return answer
