"""The public archive of what trended."""

import re

from fastapi import APIRouter, Request
from fastapi.responses import Response

from digest.translation import gettext as _
from digest.web.asked import asked_day
from digest.web.kept import show_kept
from digest.web.site import SiteDep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")


@router.get("/archive")
def show_archive(request: Request, site: SiteDep) -> Response:
    """One month, day by day, and all months; the newest where none is asked for."""
    text = request.query_params.get("month", "").strip()
    month = asked_day(f"{text}-01") if MONTH.fullmatch(text) else None
    notes = (_("That is no month (write it as 2026-03); this is the newest."),) if text and not month else ()
    return show_kept(
        request,
        "web/archive.html",
        (month, notes),
        lambda: {"found": site.browser.archive(month, site.now()), "notes": notes},
    )
