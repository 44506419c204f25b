"""One paper, whole. Comes after all rooms that have something of their own below ``/papers/``."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.pipeline.browsing import PaperPage
from digest.text import clean_text
from digest.translation import gettext as _
from digest.web.kept import show_kept
from digest.web.pages import go_to, show
from digest.web.session import read_session
from digest.web.site import Site, SiteDep
from digest.web.trending import ACTIONS, said_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

MAX_REF = 300


@router.get("/papers/{ref:path}")
def show_paper(request: Request, site: SiteDep, ref: str) -> Response:
    """The paper by our number; any other id of it, and a number that was joined to it, lead there."""
    number = site.browser.resolve(ref)
    if number is None:
        return show(request, "web/no_paper.html", status=404, ref=clean_text(ref, limit=MAX_REF))
    if ref != str(number):
        return go_to(request, f"/papers/{number}")
    return show_kept(request, "web/paper_page.html", (number,), lambda: _values(request, site, number))


def _values(request: Request, site: Site, number: int) -> dict[str, Any]:
    found: PaperPage | None = site.browser.paper(number, site.now())
    if found is None:
        raise HTTPException(404, _("There is no such paper here."))
    shown = [number, *(story.view.paper_id for story in found.similar)]
    said = said_of(request, site, shown)
    if not found.is_public and number not in said:
        raise HTTPException(404, _("There is no such paper here."))
    return {
        "found": found,
        "actions": ACTIONS if read_session(request) else (),
        "said": said,
        "back": f"/papers/{number}",
    }
