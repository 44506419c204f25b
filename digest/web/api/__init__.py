"""The interface for programs: JSON below ``/api``, described by OpenAPI, and a page that explains it.

It reads no cookie and sends no CORS headers: pages of other sites cannot ask it for a reader, and those of
this one do not need to.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from digest.web.api import me, papers
from digest.web.api.answers import Faults, Problem
from digest.web.pages import show_public
from digest.web.site import SiteDep

__all__ = ["router"]

router = APIRouter(
    responses={
        413: {"model": Problem, "description": "The body is too large."},
        422: {"model": Faults, "description": "Something in the address or the body is not as it should be."},
        503: {"model": Problem, "description": "The database is busy; try again in a moment."},
    }
)
router.include_router(papers.router)
router.include_router(me.router)


@router.get("/api", include_in_schema=False)
def explain(request: Request, site: SiteDep) -> Response:
    """The page that explains it."""
    return show_public(request, "web/api.html", base=site.absolute("", request))
