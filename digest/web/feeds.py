"""Feeds: the public ones, those of searches, and each reader's own; and the page that lists them.

A feed is revalidated by its ETag, else by its date (RFC 9110, 13.2.2), and answered 304 as long as nothing
new came. A reader's own feed is found by its name alone, which is a secret of 256 bits: a name that nobody
has is answered as any other page that is not there.
"""

import gzip
import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from types import MappingProxyType

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from digest.errors import UsageError
from digest.models import Subscriber
from digest.pipeline.feeding import (
    LISTS,
    PERIODS,
    SEARCH,
    TRENDING,
    FeedBody,
    PublicFeed,
    ReaderLeftError,
    feed_addresses,
    renew_feed,
    source_names,
)
from digest.text import clean_text
from digest.translation import gettext as _
from digest.translation import gettext_noop
from digest.web.asked import asked_search
from digest.web.kept import GZIP_LEVEL, kept
from digest.web.pages import go_to, show, show_public
from digest.web.session import LinkNeededError, Owner, get_owner
from digest.web.site import Site, SiteDep, get_site

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

TYPES = MappingProxyType(
    {
        "rss": "application/rss+xml; charset=utf-8",
        "atom": "application/atom+xml; charset=utf-8",
        "json": "application/feed+json; charset=utf-8",
    }
)
NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
TAG = re.compile(r'(?:W/)?("[^"]*")')
MAX_QUERY = 500
MAX_WORD = 100
PUBLIC_MAX_AGE_S = 300
DESCRIPTIONS = MappingProxyType(
    {
        TRENDING: gettext_noop("The 50 papers that have most votes now, or gain them fastest."),
        "trending-day": gettext_noop("What has most votes of the newest day’s papers."),
        "trending-week": gettext_noop("What has most votes this week, from Monday on."),
        "trending-month": gettext_noop("What has most votes this month: for who looks in now and then."),
    }
)


FEED_PERIODS = {
    "day": gettext_noop("Today"),
    "week": gettext_noop("This week"),
    "month": gettext_noop("This month"),
}


@router.get("/feeds")
def list_feeds(
    request: Request,
    site: SiteDep,
    q: str = "",
    period: str = "",
    category: str = "",
    source: str = "",
) -> Response:
    """All feeds there are, and the address of one that is asked for."""
    base = _base(site, request)
    asked = _asked(q, period, category, source)
    owner = _owner(request)
    # One's own address may change at any time, so that page is never kept.
    page = show if owner else show_public
    return page(
        request,
        "web/feeds.html",
        public=[
            (PublicFeed(name), _(DESCRIPTIONS[name]), PublicFeed(name).links(base))
            for name in LISTS
            if name != SEARCH
        ],
        asked=asked,
        asked_links=asked.links(base) if asked else None,
        periods=[(name, _(FEED_PERIODS[span])) for name, span in PERIODS.items()],
        sources=source_names(site.app.database),
        private=feed_addresses(owner.feed_token, base) if owner else None,
    )


def _asked(query: str, period: str, category: str, source: str) -> PublicFeed | None:
    """The feed that somebody described in a form of the page."""
    if clean_text(query):
        return _public(SEARCH, query, "", "")
    return _public(period, "", category, source) if period in PERIODS else None


def _public(name: str, query: str, category: str, source: str) -> PublicFeed:
    """The feed of that name; what does not narrow it is left out."""
    if name == SEARCH:
        return PublicFeed(name, query=clean_text(query, limit=MAX_QUERY))
    if name not in PERIODS:
        return PublicFeed(name)
    return PublicFeed(
        name, category=clean_text(category, limit=MAX_WORD), source=clean_text(source, limit=MAX_WORD)
    )


def _owner(request: Request) -> Subscriber | None:
    """Whose page it is, if anybody's; a link for feedback alone shows no addresses."""
    with suppress(LinkNeededError):
        return get_owner(request)
    return None


def _base(site: Site, request: Request) -> str:
    return site.absolute("", request)


@router.post("/feeds/renew")
def renew(request: Request, site: SiteDep, owner: Owner) -> RedirectResponse:
    """Give one's own feed another address; the old one ends."""
    renew_feed(site.app.database, owner, site.app.feeds_dir)
    return go_to(request, "/feeds")


@router.get("/feeds/{file}")
def get_feed(
    request: Request, site: SiteDep, file: str, q: str = "", category: str = "", source: str = ""
) -> Response:
    """One feed, or 304 for who has it as it is."""
    name, _dot, kind = file.rpartition(".")
    if kind not in TYPES or not NAME.fullmatch(name):
        raise HTTPException(404, _("There is no such feed."))
    base = _base(site, request)
    if name in LISTS:
        wanted = _public(name, q, category, source)
        if name == SEARCH:
            wanted = PublicFeed.of_search(asked_search(request.query_params).query)
            if wanted == PublicFeed(SEARCH):
                raise UsageError(
                    _("a feed of a search needs its words or filters: add ?q=WORDS to the address")
                )
        made = site.feeds.public(wanted, kind, base, site.now())
    else:
        made = _private(site, name, kind, base)
    if made is None:
        raise HTTPException(404, _("There is no such feed."))
    return _answer(request, made, kind, is_private=name not in LISTS)


def _private(site: Site, name: str, kind: str, base: str) -> FeedBody | None:
    try:
        return site.feeds.private(name, kind, base)
    except ReaderLeftError:
        raise HTTPException(410, _("This feed has ended: its reader unsubscribed.")) from None


def _answer(request: Request, made: FeedBody, kind: str, *, is_private: bool) -> Response:
    changed_at = made.changed_at.astimezone(UTC).replace(microsecond=0)
    headers = {
        "ETag": made.tag,
        "Last-Modified": format_datetime(changed_at, usegmt=True),
        # Kept, but asked for anew each time: it costs a line, and nobody misses a morning.
        "Cache-Control": "private, no-cache" if is_private else f"public, max-age={PUBLIC_MAX_AGE_S}",
        "Vary": "Accept-Encoding",
    }
    if is_private:
        headers["X-Robots-Tag"] = "noindex"
    if _has_it(request, made.tag, changed_at):
        return Response(status_code=304, headers=headers)
    if not is_private and "gzip" in request.headers.get("accept-encoding", ""):
        packed = kept(
            get_site(request), ("feed", made.tag), lambda: gzip.compress(made.body, GZIP_LEVEL, mtime=0)
        )
        return Response(packed, media_type=TYPES[kind], headers=headers | {"Content-Encoding": "gzip"})
    del headers["Vary"]  # which is said by what packs it
    return Response(made.body, media_type=TYPES[kind], headers=headers)


def _has_it(request: Request, tag: str, changed_at: datetime) -> bool:
    """Whether who asks says that they have this state of it."""
    known = request.headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or tag.removeprefix("W/") in TAG.findall(known)
    since = request.headers.get("if-modified-since", "")
    try:
        told = parsedate_to_datetime(since)
    except (ValueError, TypeError, IndexError, OverflowError):
        return False  # no date, so as if nothing had been said
    return changed_at <= (told if told.tzinfo else told.replace(tzinfo=UTC))
