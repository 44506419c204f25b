"""The front page: what trends, by day, week or month."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from digest.pipeline.browsing import Sort, Span, TrendPage, TrendQuery
from digest.pipeline.feeding import PublicFeed
from digest.translation import gettext as _
from digest.translation import gettext_noop
from digest.web.asked import asked_trend, trend_path
from digest.web.kept import show_kept
from digest.web.session import read_session
from digest.web.site import Site, SiteDep

__all__ = ["router", "said_of"]

router = APIRouter(include_in_schema=False)

SPANS = {Span.DAY: gettext_noop("Day"), Span.WEEK: gettext_noop("Week"), Span.MONTH: gettext_noop("Month")}
SORTS = {Sort.VOTES: gettext_noop("Votes"), Sort.RISE: gettext_noop("Rise"), Sort.NEW: gettext_noop("Newest")}
ACTIONS = ("more", "less", "save")


@router.get("/")
def show_trending(request: Request, site: SiteDep) -> Response:
    """The papers that trend in the period asked for; the newest day where nothing is asked for."""
    asked = asked_trend(request.query_params)
    key = (asked.query, asked.notes)
    return show_kept(request, "web/trending.html", key, lambda: _values(request, site, asked))


def _values(request: Request, site: Site, asked: Any) -> dict[str, Any]:
    page = site.browser.trending(asked.query, site.now())
    query = page.query
    notes = [*asked.notes, *page.notes]
    if asked.query.page > page.pages:
        notes.append(_("There is no such page; this is the last."))
    return {
        "page": page,
        "notes": notes,
        "steps": _steps(page),
        "spans": [
            (_(label), trend_path(query, span=span), span == query.span) for span, label in SPANS.items()
        ],
        "sorts": [
            (_(label), trend_path(query, sort=sort), sort == query.sort) for sort, label in SORTS.items()
        ],
        "sort_names": {sort: _(label) for sort, label in SORTS.items()},
        "span_names": {span: _(label) for span, label in SPANS.items()},
        "feed_links": feed_of(query).links(site.prefix),
        "actions": ACTIONS if read_session(request) else (),
        "said": said_of(request, site, [story.view.paper_id for story in page.stories]),
        "back": trend_path(query, page=query.page),
    }


def _steps(page: TrendPage) -> dict[str, str]:
    """Where previous and next lead, and the pages before and after; what is not is left out."""
    query = page.query
    steps = {}
    if page.previous is not None:
        steps["previous"] = trend_path(query, day=page.previous)
    if page.next is not None:
        steps["next"] = trend_path(query, day=page.next)
    if query.page > 1:
        steps["page_before"] = trend_path(query, page=query.page - 1)
    if query.page < page.pages:
        steps["page_after"] = trend_path(query, page=query.page + 1)
    return steps


def feed_of(query: TrendQuery) -> PublicFeed:
    """The feed of such a list."""
    return PublicFeed(f"trending-{query.span}", category=query.category or "", source=query.source or "")


def said_of(request: Request, site: Site, paper_ids: list[int]) -> dict[int, frozenset[str]]:
    """What the reader whose session this is said of these papers; nothing for a visitor."""
    session = read_session(request)
    if session is None:
        return {}
    return dict(site.browser.said(session.subscriber_id, session.version, paper_ids))
