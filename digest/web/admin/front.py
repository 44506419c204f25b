"""The operator's first page, and the settings."""

from fastapi import Request
from fastapi.responses import Response

from digest.pipeline.overview import look_over
from digest.pipeline.overview_settings import list_settings
from digest.web.admin.routing import make_router, show_page
from digest.web.site import SiteDep

__all__ = ["router"]

router = make_router()


@router.get("/admin")
def show_front(request: Request, site: SiteDep) -> Response:
    """What happened in the last day, what is due, and what is wrong."""
    app = site.app
    front = look_over(app.database, app.sources(), site.now(), app.restored(), app.losses())
    return show_page(request, "front.html", front=front)


@router.get("/admin/settings")
def show_settings(request: Request, site: SiteDep) -> Response:
    """The effective settings, without secrets."""
    return show_page(request, "settings.html", lines=list_settings(site.settings))
