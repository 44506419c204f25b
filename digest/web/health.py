"""Whether the process lives, and whether it can do its work: for service managers and load balancers.

Everybody may ask, so the answers name what is not well and nothing more; ``digest doctor`` says what to do.
"""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from digest.pipeline.readiness import State
from digest.web.site import SiteDep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def get_health(site: SiteDep) -> JSONResponse:
    """200 while the process answers and the loop that works in it comes round, else 503: then restart it."""
    return _told(site.readiness.alive())


@router.get("/readyz")
def get_readiness(site: SiteDep) -> JSONResponse:
    """200 while it can also do its work (database, disk), else 503: then restarting it does not help."""
    return _told(site.readiness.look())


def _told(state: State) -> JSONResponse:
    return JSONResponse(state.as_dict(), 200 if state.ok else 503)
