"""Whether the web lives."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from digest.errors import StorageError
from digest.web.site import SiteDep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def get_health(site: SiteDep) -> JSONResponse:
    """200 while the database answers, else 503."""
    try:
        is_current = site.app.database.is_current()
    except StorageError:
        is_current = False
    return JSONResponse({"ok": is_current}, 200 if is_current else 503)
