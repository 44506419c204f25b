"""Any feed: RSS and Atom (see ``feed_xml``), JSON Feed (see ``feed_json``)."""

from collections.abc import Sequence
from datetime import date
from typing import Literal
from urllib.parse import urljoin, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from digest.sources.decoding import decode
from digest.sources.feed_items import FeedItem, read_item
from digest.sources.feed_json import looks_like_json, read_json_feed
from digest.sources.feed_xml import read_xml_feed
from digest.text import safe_url
from digest.types import Entry, PageRequest, ParsedPage

__all__ = ["Feed", "FeedOptions"]

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, "
    "application/json;q=0.8, text/xml;q=0.8, */*;q=0.5"
)
# Feeds with pages go back to their first day; what is older than this is in no digest.
OLDEST_DAYS = 30
MAX_PAGES = 20
READ, PAGE = "read", "page"


class FeedOptions(BaseModel):
    """What a source of this kind may set.

    ``max_entries``: of more than that the newest are read. ``filed_under``: the day an entry belongs to; its
    ``own`` date, or, for feeds whose dates are those of a journal's issue, the day it is ``seen``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_entries: int = Field(default=500, ge=1, le=5000)
    filed_under: Literal["own", "seen"] = "own"


class Feed:
    """The kind ``feed``. Asked once per refresh; its address is read as it is.

    A feed is made for programs to read, so the rules of robots.txt for crawlers do not govern it.
    """

    kind = "feed"
    label = "Feed"
    default_url = ""
    exact_url = True
    lookback_days = 1
    trust = 30
    Options: type[BaseModel] = FeedOptions

    def is_dated(self, options: BaseModel) -> bool:  # noqa: ARG002
        """A feed shows what is newest, whatever the day."""
        return False

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        """The feed itself. Raises ``TypeError`` for another kind's options."""
        _own(options)
        return (("feed", _request(url, day)),)

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        """What a feed lists. Raises ``ParseError`` for what is no feed; one without entries is empty.

        A feed that stops before its end declares one entry more than it lists.
        """
        options = _own(options)
        text = decode(body, content_type)
        cut_off = False
        items: Sequence[FeedItem | None]
        if looks_like_json(text, content_type):
            items, following = read_json_feed(text)
        else:
            items, following, cut_off = read_xml_feed(text, request.url)
        before = _carried(request, READ)
        kept = _newest(items, max(options.max_entries - before, 0))
        entries, skipped = _entries(kept, request.day, by_own_day=options.filed_under == "own")
        more = () if cut_off else _next(following, request, kept, before + len(kept), options)
        declared = len(entries) + 1 if cut_off else None
        return ParsedPage(entries=entries, declared=declared, next_requests=more, skipped=skipped)


def _own(options: BaseModel) -> FeedOptions:
    if not isinstance(options, FeedOptions):
        raise TypeError(f"options of another kind: {type(options).__name__}")
    return options


def _request(url: str, day: date | None, read: int = 0, page: int = 1) -> PageRequest:
    return PageRequest(
        url=url,
        day=day,
        headers=(("Accept", ACCEPT),),
        carry=((READ, str(read)), (PAGE, str(page))),
        documented=True,
    )


def _carried(request: PageRequest, name: str) -> int:
    told = dict(request.carry).get(name, "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 9 else 0


def _newest(items: Sequence[FeedItem | None], limit: int) -> list[FeedItem | None]:
    """At most so many items, the newest, in the feed's order; one without a date counts as new."""
    if len(items) <= limit:
        return list(items)
    order = sorted(range(len(items)), key=lambda index: _day(items[index]), reverse=True)
    return [items[index] for index in sorted(order[:limit])]


def _day(item: FeedItem | None) -> date:
    return item.day if item and item.day else date.max


def _entries(
    items: Sequence[FeedItem | None], not_after: date | None, *, by_own_day: bool
) -> tuple[tuple[Entry, ...], int]:
    entries: list[Entry] = []
    for item in items:
        entry = item and read_item(item, len(entries) + 1, not_after=not_after, by_own_day=by_own_day)
        if entry:
            entries.append(entry)
    return tuple(entries), len(items) - len(entries)


def _next(
    following: str, request: PageRequest, items: Sequence[FeedItem | None], read: int, options: FeedOptions
) -> tuple[PageRequest, ...]:
    """The request for the feed's next page, where it is of the same site and may hold anything new."""
    page = _carried(request, PAGE) or 1
    if not following or not items or read >= options.max_entries or page >= MAX_PAGES:
        return ()
    if request.day and (request.day.toordinal() - max(map(_day, items)).toordinal()) > OLDEST_DAYS:
        return ()
    try:
        url = safe_url(urljoin(request.url, following))
    except ValueError:
        return ()
    if url is None or url == request.url or _origin(url) != _origin(request.url):
        return ()
    return (_request(url, request.day, read, page + 1),)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
