"""What we publish: RSS 2.0, Atom 1.0 (RFC 4287) and JSON Feed 1.1, of an issue list or a paper list.

Pure: the same values give the same bytes. Ids are ``tag:`` URIs (RFC 4151) that never change, so that a
reader is told of a paper once. All three formats carry the same items in the same order.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import MappingProxyType
from urllib.parse import quote

from digest.cards import Card, card_paragraphs, make_card
from digest.templating import legal, one_line, render_template, safe_link, section_name
from digest.translation import ENGLISH, language, speaking
from digest.translation import gettext as _
from digest.types import FeedLinks, IssueItem, IssueView, PaperView

__all__ = [
    "RENDERERS",
    "TRENDING",
    "FeedItem",
    "FeedView",
    "feed_from_issues",
    "feed_from_papers",
    "feed_id",
    "issue_item_id",
    "paper_item_id",
    "render_atom",
    "render_json",
    "render_rss",
]

# The feed of what trends, for everybody, goes by that name.
TRENDING = "trending"

# A tag: URI names a day on which its authority was in use; it is part of the id and must never change.
TAG_YEAR = "2026"
TTL_MINUTES = 60
# What a feed without items was last changed at, so that it has the same bytes on every run.
NEVER = datetime(2026, 1, 1, tzinfo=UTC)
MAX_AUTHORS = 50


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One item. ``html`` is markup (escaped by the formats), ``text`` the same in plain text."""

    item_id: str
    title: str
    url: str | None
    html: str
    text: str
    published_at: datetime
    updated_at: datetime
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedView:
    """A feed, in whatever format, in ``language``. ``items`` are in the order they are shown."""

    feed_id: str
    title: str
    description: str
    home_url: str | None
    self_links: FeedLinks
    updated_at: datetime
    items: tuple[FeedItem, ...]
    language: str = ENGLISH


# --- ids -------------------------------------------------------------------------------------------


def feed_id(authority: str, scope: str) -> str:
    """The feed's own id. ``authority`` is our domain (or list id), ``scope`` names the list."""
    return _tag(authority, scope)


def paper_item_id(authority: str, scope: str, paper_id: int) -> str:
    """The id of a paper in the list ``scope``."""
    return _tag(authority, f"{scope}/paper/{paper_id}")


def issue_item_id(authority: str, scope: str, issue_id: int) -> str:
    """The id of an issue that is one item, because it has no papers."""
    return _tag(authority, f"{scope}/issue/{issue_id}")


def _tag(authority: str, specific: str) -> str:
    return f"tag:{quote(authority.lower(), safe='.-_@')},{TAG_YEAR}:{quote(specific, safe='/.-_~')}"


# --- building --------------------------------------------------------------------------------------


def feed_from_issues(
    issues: Sequence[IssueView],
    *,
    authority: str,
    scope: str,
    title: str,
    description: str,
    links: FeedLinks,
    home_url: str | None = None,
) -> FeedView:
    """A reader's private list: the newest issue first, each in its own order; a notice is one item.

    Feed readers sort by time, so each item is dated a second before the one above it.
    """
    items: list[FeedItem] = []
    for issue in sorted(issues, key=lambda issue: (issue.composed_at, issue.issue_id), reverse=True):
        if issue.items:
            shown = [_issue_item(item, issue, authority, scope) for item in issue.items]
            items += _spaced(shown, issue.composed_at)
        else:
            items.append(_notice_item(issue, authority, scope, home_url))
    return _feed(items, feed_id(authority, scope), title, description, links, home_url)


def feed_from_papers(
    papers: Sequence[PaperView],
    *,
    authority: str,
    scope: str,
    title: str,
    description: str,
    links: FeedLinks,
    home_url: str | None = None,
) -> FeedView:
    """A list of papers in the order given (the trending list), each dated when it was first seen."""
    items = [
        _card_item(
            make_card(paper),
            paper_item_id(authority, scope, paper.paper_id),
            paper.authors,
            paper.keywords,
            paper.first_seen_at or NEVER,
        )
        for paper in papers
    ]
    return _feed(items, feed_id(authority, scope), title, description, links, home_url)


def _feed(
    items: Sequence[FeedItem],
    its_id: str,
    title: str,
    description: str,
    links: FeedLinks,
    home_url: str | None,
) -> FeedView:
    return FeedView(
        feed_id=its_id,
        title=one_line(title),
        description=one_line(description),
        home_url=safe_link(home_url),
        self_links=links,
        updated_at=max((item.updated_at for item in items), default=NEVER),
        # An id stands once in a feed; of two, the newer.
        items=tuple({item.item_id: item for item in reversed(items)}.values())[::-1],
        language=language(),
    )


def _issue_item(item: IssueItem, issue: IssueView, authority: str, scope: str) -> FeedItem:
    card = make_card(item.paper, interest=item.interest, reasons=item.reasons, zone=issue.zone)
    item_id = paper_item_id(authority, scope, item.paper.paper_id)
    categories = (section_name(item.section), item.interest or "")
    return _card_item(card, item_id, item.paper.authors, categories, issue.composed_at)


def _card_item(
    card: Card, item_id: str, authors: Iterable[str], categories: Iterable[str], at: datetime
) -> FeedItem:
    links = [f"{link.caption}: {link.url}" for link in card.links]
    return FeedItem(
        item_id=item_id,
        title=card.title,
        url=card.url,
        html=render_template("feed/item.html", card=card).strip(),
        text="\n".join([*card_paragraphs(card), *links]),
        published_at=at,
        updated_at=at,
        authors=_distinct(authors)[:MAX_AUTHORS],
        categories=_distinct(categories),
    )


def _notice_item(issue: IssueView, authority: str, scope: str, home_url: str | None) -> FeedItem:
    lines = [line for line in map(one_line, (issue.notice or "").split("\n")) if line]
    lines += [one_line(issue.coverage)] if issue.coverage else []
    return FeedItem(
        item_id=issue_item_id(authority, scope, issue.issue_id),
        title=one_line(issue.subject) or _("Nothing new"),
        url=safe_link(home_url),
        html=render_template("feed/notice.html", lines=lines).strip(),
        text="\n".join(lines),
        published_at=issue.composed_at,
        updated_at=issue.composed_at,
    )


def _spaced(items: Sequence[FeedItem], at: datetime) -> list[FeedItem]:
    times = [at - timedelta(seconds=place) for place in range(len(items))]
    return [
        replace(item, published_at=time, updated_at=time) for item, time in zip(items, times, strict=True)
    ]


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in map(one_line, names) if name))


# --- formats ---------------------------------------------------------------------------------------


def render_rss(feed: FeedView) -> str:
    """The feed as RSS 2.0, UTF-8. Authors are ``dc:creator``, since RSS's own wants mail addresses."""
    return _render_xml("feed/rss.xml", feed, lambda at: format_datetime(at.astimezone(UTC), usegmt=True))


def render_atom(feed: FeedView) -> str:
    """The feed as Atom 1.0, UTF-8."""
    return _render_xml("feed/atom.xml", feed, _rfc3339)


def render_json(feed: FeedView) -> str:
    """The feed as JSON Feed 1.1, UTF-8."""
    made = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home_url,
        "feed_url": feed.self_links.json,
        "description": feed.description,
        "language": feed.language,
        "items": [_json_item(item) for item in feed.items],
    }
    kept = {name: value for name, value in made.items() if value not in (None, "")}
    return json.dumps(_legal(kept), ensure_ascii=False, indent=1) + "\n"


def _json_item(item: FeedItem) -> dict[str, object]:
    made: dict[str, object] = {
        "id": item.item_id,
        "url": item.url,
        "title": item.title,
        "content_html": item.html,
        "content_text": item.text,
        "date_published": _rfc3339(item.published_at),
        "date_modified": _rfc3339(item.updated_at),
        "authors": [{"name": name} for name in item.authors],
        "tags": list(item.categories),
    }
    return {name: value for name, value in made.items() if value not in (None, [])}


def _legal(value: object) -> object:
    if isinstance(value, str):
        return legal(value)
    if isinstance(value, list):
        return [_legal(one) for one in value]
    if isinstance(value, dict):
        return {name: _legal(one) for name, one in value.items()}
    return value


def _render_xml(name: str, feed: FeedView, written: Callable[[datetime], str]) -> str:
    items = [
        {
            "item_id": item.item_id,
            "title": item.title,
            "url": item.url,
            "html": item.html,
            "authors": item.authors,
            "categories": item.categories,
            "published": written(item.published_at),
            "updated": written(item.updated_at),
        }
        for item in feed.items
    ]
    with speaking(feed.language):
        return render_template(
            name, feed=feed, items=items, updated=written(feed.updated_at), ttl=TTL_MINUTES
        )


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# By kind, which is also how the file's name ends.
RENDERERS = MappingProxyType({"rss": render_rss, "atom": render_atom, "json": render_json})
