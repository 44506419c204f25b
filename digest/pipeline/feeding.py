"""Feeding: what makes a feed, the same for the files that are written and for the web that answers."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlencode

from digest.feeds import RENDERERS, TRENDING, FeedView, feed_from_issues, feed_from_papers
from digest.models import Subscriber
from digest.pipeline.browsing import Browser, SearchQuery, Span, TrendQuery
from digest.pipeline.compose import Composer
from digest.pipeline.feed_files import drop_feeds
from digest.pipeline.moment import Moment
from digest.storage import issues as issue_rows
from digest.storage import papers as paper_rows
from digest.storage import published as published_rows
from digest.storage import sources as source_rows
from digest.storage import stamps
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database
from digest.storage.published import FeedReader
from digest.storage.shown import ShownPapers
from digest.translation import ENGLISH, in_language, speaking
from digest.translation import gettext as _
from digest.types import FeedLinks, PaperView, SubscriberStatus
from digest.wording import spoken

__all__ = [
    "LISTS",
    "PERIODS",
    "RENDERERS",
    "SEARCH",
    "TRENDING",
    "FeedBody",
    "FeedMaker",
    "FeedShelf",
    "PublicFeed",
    "ReaderLeftError",
    "feed_addresses",
    "renew_feed",
    "source_names",
]

LISTED_PAPERS = 50
PRIVATE_ISSUES = 30


@dataclass(frozen=True, slots=True)
class FeedMaker:
    """Makes feeds of what is stored. Where they are found (``links``) is for the caller to say.

    ``domain`` is in every id, ``home_url`` where a person goes on to. What is for everybody is in
    ``language``, what is a reader's in theirs.
    """

    database: Database
    composer: Composer
    list_name: str
    domain: str
    language: str = ENGLISH

    def trending(self, moment: Moment, links: FeedLinks, home_url: str | None) -> FeedView:
        """What trends now, for everybody."""
        with speaking(self.language):
            return self.listed(
                self.composer.trending(moment, limit=LISTED_PAPERS),
                scope=TRENDING,
                title=_("trending"),
                description=_("The papers that trend now, best first."),
                links=links,
                home_url=home_url,
            )

    def listed(
        self,
        papers: Sequence[PaperView],
        *,
        scope: str,
        title: str,
        description: str,
        links: FeedLinks,
        home_url: str | None,
    ) -> FeedView:
        """A list of papers in the order given; ``scope`` names it in all ids."""
        return feed_from_papers(
            papers,
            authority=self.domain,
            scope=scope,
            title=f"{self.list_name}: {title}",
            description=description,
            links=links,
            home_url=home_url,
        )

    def private(
        self, reader: FeedReader, links: FeedLinks, home_url: str | None, shown: ShownPapers | None = None
    ) -> FeedView:
        """The issues of one reader, newest first, just as they were mailed.

        ``shown`` keeps papers from one reader to the next.
        """
        with self.database.read() as session:
            ids = [
                issue_id
                for number in reader.subscriptions
                for issue_id in issue_rows.list_issue_ids(session, number, limit=PRIVATE_ISSUES)
            ]
            views = issue_rows.load_issue_views(session, ids, shown)
        with speaking(in_language(reader.language, self.language)):
            return feed_from_issues(
                [spoken(views[issue_id]) for issue_id in ids],
                authority=self.domain,
                # Not the token: ids stay the same when the feed's address is replaced.
                scope=f"reader-{reader.subscriber_id}",
                title=_("%(title)s for you", title=self.list_name),
                description=_("The same papers as in your mail."),
                links=links,
                home_url=home_url,
            )


def renew_feed(database: Database, subscriber: Subscriber, feeds_dir: Path) -> None:
    """Give a reader's private feeds another name; the old one, and the files that have it, end at once."""
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    with database.write() as session:
        old = subscriber_rows.renew_feed_token(session, subscriber.id)
        if old is not None:
            drop_feeds(feeds_dir, old)


def source_names(database: Database) -> list[str]:
    """The sources by which a feed can be narrowed."""
    with database.read() as session:
        return [source.name for source in source_rows.list_sources(session)]


# --- feeds that are asked for ----------------------------------------------------------------------

SEARCH = "search"
PERIODS = MappingProxyType({"trending-day": "day", "trending-week": "week", "trending-month": "month"})
LISTS = (TRENDING, *PERIODS, SEARCH)
# Bytes of feeds that are kept ready.
MAX_BYTES = 32 * 1024 * 1024
# Where very many papers are found, those of so many days are looked at.
SEARCHED = timedelta(days=30)
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class ReaderLeftError(Exception):
    """This feed was a reader's who unsubscribed."""


class PublicFeed(NamedTuple):
    """A feed for everybody: one of ``LISTS``, and what narrows it (empty: nothing does).

    Words, days and ``has`` (``code``) narrow a search only.
    """

    name: str
    query: str = ""
    category: str = ""
    source: str = ""
    since: str = ""
    until: str = ""
    has: str = ""

    @staticmethod
    def of_search(asked: SearchQuery) -> "PublicFeed":
        """The feed of that search; papers like one are a list of their own, so ``like`` does not count."""
        return PublicFeed(
            SEARCH,
            query=asked.text,
            category=asked.category or "",
            source=asked.source or "",
            since=asked.since.isoformat() if asked.since else "",
            until=asked.until.isoformat() if asked.until else "",
            has="code" if asked.has_code else "",
        )

    def as_search(self) -> SearchQuery:
        """The search that it is the feed of."""
        return SearchQuery(
            self.query,
            source=self.source or None,
            category=self.category or None,
            since=date.fromisoformat(self.since) if self.since else None,
            until=date.fromisoformat(self.until) if self.until else None,
            has_code=bool(self.has),
        )

    @property
    def scope(self) -> str:
        """What names this list in ids."""
        words = "/".join(f"{name}={value}" for name, value in self._words())
        # Of bounded length, and what somebody searched for is nothing to tell by an id.
        return f"{self.name}/{blake2b(words.encode(), digest_size=8).hexdigest()}" if words else self.name

    @property
    def title(self) -> str:
        """What the list is called."""
        named = {
            TRENDING: _("trending"),
            SEARCH: _("search for"),
            "trending-day": _("trending today"),
            "trending-week": _("trending this week"),
            "trending-month": _("trending this month"),
        }
        told = {"since": _("from %(day)s"), "until": _("until %(day)s"), "has": _("with code")}
        narrowed = " · ".join(
            told[name] % {"day": value} if name in told else value for name, value in self._words()
        )
        return f"{named[self.name]} {narrowed}".rstrip()

    @property
    def heading(self) -> str:
        """The same to begin with."""
        return self.title[:1].upper() + self.title[1:]

    @property
    def description(self) -> str:
        """What is in it, in a sentence."""
        if self.name == SEARCH:
            return _("Papers that the search finds, the newest first.")
        return _("The papers that trend, best first.")

    def links(self, base: str) -> FeedLinks:
        """The addresses of this feed, ``base`` in front."""
        words = urlencode([("q" if name == "query" else name, value) for name, value in self._words()])
        return feed_addresses(self.name, base, f"?{words}" if words else "")

    def _words(self) -> list[tuple[str, str]]:
        named = self._asdict()
        return [(name, value) for name, value in named.items() if value and name != "name"]


def feed_addresses(name: str, base: str, ending: str = "") -> FeedLinks:
    """Where the feeds of that name are on the web at ``base``."""
    return FeedLinks(**{kind: f"{base}/feeds/{name}.{kind}{ending}" for kind in RENDERERS})


class FeedBody(NamedTuple):
    """A feed as bytes. ``changed_at``: it has not changed since."""

    body: bytes
    tag: str
    changed_at: datetime


class _Kept(NamedTuple):
    mark: str
    made: FeedBody
    size: int


class FeedShelf:
    """Feeds kept ready for one process; safe for several threads.

    Whether one is still true is asked of the database each time, by its stamp, which is cheap. What trends is
    as it stood when a source was looked at last, so that the same bytes come until something new does.
    """

    def __init__(self, maker: FeedMaker, browser: Browser, *, max_bytes: int = MAX_BYTES) -> None:
        self._maker = maker
        self._browser = browser
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()
        self._bytes = 0
        self._shelf, self._turn = threading.Lock(), threading.Lock()

    def public(self, wanted: PublicFeed, kind: str, base: str, now: datetime) -> FeedBody | None:
        """A feed for everybody, as ``kind`` (a name in ``RENDERERS``); ``base`` is our address.

        ``None`` where it names a source that is not there.
        """
        with self._maker.database.read() as session:
            stamp, read_at = stamps.papers_stamp(session), stamps.read_at(session)
        as_of = min(now, read_at or ALWAYS)
        mark, key = f"{stamp} {as_of}", (wanted, base)
        found = self._find((*key, kind), mark)
        if found is not None:
            return found
        with self._turn:  # one at a time: many who ask at once shall not make it many times
            found = self._find((*key, kind), mark)
            if found is None:
                with speaking(self._maker.language):
                    feed = self._feed(wanted, Moment(as_of), base)
                if feed is None:
                    return None
                made = {name: _body(feed, name, as_of) for name in RENDERERS}
                for name, body in made.items():
                    self._keep((*key, name), mark, body)
                found = made[kind]
        return found

    def private(self, token: str, kind: str, base: str) -> FeedBody | None:
        """The feed of the reader whose it is by that name; ``None`` where there is none.

        Raises ``ReaderLeftError`` for one who unsubscribed.
        """
        with self._maker.database.read() as session:
            reader = published_rows.get_feed_reader(session, token)
            if reader is None:
                return None
            if reader.status == SubscriberStatus.UNSUBSCRIBED:
                raise ReaderLeftError
            marks = published_rows.list_marks(session, since=ALWAYS, after=0, only=reader.subscriptions)
        mark = ";".join(f"{number} {marks.get(number, '')}" for number in reader.subscriptions)
        mark = f"{mark};{reader.language or ''}"
        found = self._find((token, base, kind), mark)
        if found is None:
            feed = self._maker.private(reader, feed_addresses(token, base), base)
            found = _body(feed, kind, feed.updated_at)
            self._keep((token, base, kind), mark, found)
        return found

    def _find(self, key: tuple[object, ...], mark: str) -> FeedBody | None:
        with self._shelf:
            kept = self._kept.get(key)
            if kept is None or kept.mark != mark:
                return None
            self._kept.move_to_end(key)
            return kept.made

    def _feed(self, wanted: PublicFeed, moment: Moment, base: str) -> FeedView | None:
        """The feed as it stands at that moment; ``None`` where it names a source that is not there."""
        if wanted.name == TRENDING:
            return self._maker.trending(moment, wanted.links(base), base)
        papers = self._searched(wanted, moment) if wanted.name == SEARCH else self._trending(wanted, moment)
        if papers is None:
            return None
        return self._maker.listed(
            papers,
            scope=wanted.scope,
            title=wanted.title,
            description=wanted.description,
            links=wanted.links(base),
            home_url=base,
        )

    def _trending(self, wanted: PublicFeed, moment: Moment) -> list[PaperView] | None:
        span, source = Span(PERIODS[wanted.name]), wanted.source or None
        query = TrendQuery(span=span, source=source, category=wanted.category or None)
        page = self._browser.trending(query, moment.now, per_page=LISTED_PAPERS)
        return [story.view for story in page.stories] if page.query.source == source else None

    def _searched(self, wanted: PublicFeed, moment: Moment) -> list[PaperView] | None:
        """The newest papers that are found: in a feed of the best, new ones would hardly ever stand."""
        query = wanted.as_search()
        page = self._browser.search(query, moment.now)
        if query.source is not None and query.source not in dict(page.sources):
            return None
        found = page.found
        if found.has_more and query.text:  # without words the newest come first as it is
            begin = moment.now.date() - SEARCHED
            recent = replace(query, since=max(query.since or begin, begin))
            found = self._browser.search(recent, moment.now).found
        # What holds only some of the words is told in a note; it would drown what is followed.
        ids = sorted(found.ids, reverse=True)[:LISTED_PAPERS] if not found.notes else []
        with self._maker.database.read() as session:
            views = paper_rows.get_views(session, ids, until=moment.now)
        return [views[number] for number in ids if number in views]

    def _keep(self, key: tuple[object, ...], mark: str, made: FeedBody) -> None:
        with self._shelf:
            self._drop(key)
            self._kept[key] = _Kept(mark, made, len(made.body) + len(repr(key)))
            self._bytes += self._kept[key].size
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[object, ...]) -> None:
        gone = self._kept.pop(key, None)
        self._bytes -= gone.size if gone else 0


def _body(feed: FeedView, kind: str, changed_at: datetime) -> FeedBody:
    body = RENDERERS[kind](feed).encode()
    # Weak: the same feed packed by gzip has other bytes.
    tag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
    return FeedBody(body, tag, max(changed_at, feed.updated_at))
