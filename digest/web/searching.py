"""Search over everything stored."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from digest.pipeline.browsing import SearchPage
from digest.pipeline.feeding import PublicFeed
from digest.translation import gettext as _
from digest.web.asked import asked_search, search_path
from digest.web.kept import show_kept
from digest.web.session import read_session
from digest.web.site import Site, SiteDep
from digest.web.trending import ACTIONS, said_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/search")
def show_search(request: Request, site: SiteDep) -> Response:
    """What is found; how to search where nothing is asked for."""
    asked = asked_search(request.query_params)
    key = (asked.query, asked.page, asked.notes)
    return show_kept(request, "web/search.html", key, lambda: _values(request, site, asked))


def _values(request: Request, site: Site, asked: Any) -> dict[str, Any]:
    page = site.browser.search(asked.query, site.now(), page=asked.page)
    notes = [*asked.notes, *map(_, page.found.notes)]
    if asked.query.like is not None and page.query.like is None:
        notes.append(_("There is no paper of that number."))
    if asked.page > page.pages:
        notes.append(_("There is no such page; this is the last."))
    return {
        "page": page,
        "notes": notes,
        "steps": _steps(page),
        "without_like": search_path(page.query) if page.query.like is None else "/search",
        "feed_links": PublicFeed.of_search(page.query).links(site.prefix) if _has_feed(page) else None,
        "actions": ACTIONS if read_session(request) else (),
        "said": said_of(request, site, [hit.story.view.paper_id for hit in page.hits]),
        "back": search_path(page.query, page.page),
    }


def _has_feed(page: SearchPage) -> bool:
    query = page.query
    is_source = query.source is None or query.source in dict(page.sources)
    return is_source and query.like is None and not query.is_empty


def _steps(page: SearchPage) -> dict[str, str]:
    steps = {}
    if page.page > 1:
        steps["page_before"] = search_path(page.query, page.page - 1)
    if page.page < page.pages:
        steps["page_after"] = search_path(page.query, page.page + 1)
    return steps
