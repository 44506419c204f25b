"""Addresses that are not written to, and what came back, for the operator."""

from fastapi import Request
from fastapi.responses import Response

from digest.pipeline.overview_readers import list_suppressed
from digest.pipeline.suppressing import add_suppression, list_bounces, remove_suppression
from digest.web.admin.fields import query_of
from digest.web.admin.routing import as_number, make_router, show_page
from digest.web.forms import Form, text_of
from digest.web.pages import go_to
from digest.web.site import SiteDep

__all__ = ["router"]

router = make_router()

BOUNCES = 50
DONE = {
    "added": "That address is not written to any more, whoever adds it again.",
    "removed": "That address may be written to again. Its reader, if there is one, stays as they are.",
}


@router.get("/admin/suppression")
def list_all(
    request: Request, site: SiteDep, address: str = "", before: str = "", done: str = ""
) -> Response:
    """A page of addresses with their reasons, and the latest reports that came back."""
    sought = address.strip()[:200]
    since = as_number(before) if before else None
    found, following = list_suppressed(site.app.database, address=sought, before=since)
    return show_page(
        request,
        "suppression.html",
        found=found,
        address=sought,
        bounces=list_bounces(site.app.database, limit=BOUNCES),
        is_first=since is None,
        first_query=query_of({"address": sought}),
        next_query=query_of({"address": sought, "before": following}) if following else "",
        good=DONE.get(done, ""),
    )


@router.post("/admin/suppression")
def add(request: Request, site: SiteDep, form: Form) -> Response:
    """Write to an address no more."""
    add_suppression(site.app.database, text_of(form, "address"), detail=text_of(form, "note"), now=site.now())
    return go_to(request, "/admin/suppression?done=added")


@router.post("/admin/suppression/remove")
def remove(request: Request, site: SiteDep, form: Form) -> Response:
    """Let an address be written to again."""
    remove_suppression(site.app.database, text_of(form, "address"))
    return go_to(request, "/admin/suppression?done=removed")
