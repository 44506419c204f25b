"""Search over everything stored: words, authors, exact ids, papers like one, and filters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import ceil

from sqlmodel import Session

from digest.pipeline.browsing.calendar import Calendar
from digest.pipeline.browsing.likeness import Likeness
from digest.pipeline.browsing.marking import Pieces, Words, excerpt_of, mark_words
from digest.pipeline.browsing.stories import Story, make_story
from digest.storage import browsing as rows
from digest.storage import papers as paper_rows
from digest.storage import search as search_rows
from digest.storage.search import Wanted
from digest.text import clean_text
from digest.translation import gettext_noop
from digest.types import PaperView

__all__ = ["MOST", "PER_PAGE", "Found", "Hit", "SearchPage", "SearchQuery", "find", "show"]

PER_PAGE = 20
# So many are counted and can be paged through.
MOST = 500
# Of more papers than that only the newest are put in order, and all that have the words in the title.
NEWEST = 2000
MAX_TEXT = 500
# A shorter word has to stand as it is: too many begin with it.
LEAST_BEGINNING = 3
AUTHOR = re.compile(r'\bauthors?:\s*(?:"([^"]{0,200})"?|([^\s"]{1,200}))', re.IGNORECASE)
# Scripts that write without spaces, so that a word is found inside of others only.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003134f]"
)


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for; with ``like`` papers like that one, and ``text`` does not count."""

    text: str = ""
    source: str | None = None
    category: str | None = None
    since: date | None = None
    until: date | None = None
    has_code: bool = False
    like: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is asked for."""
        return self == SearchQuery()


@dataclass(frozen=True, slots=True)
class Found:
    """The ids that were found, the best first, at most ``MOST``; ``has_more`` beyond.

    ``is_exact``: the text is an id and this is its paper. ``notes`` are sentences on how it was understood.
    """

    ids: tuple[int, ...] = ()
    has_more: bool = False
    is_exact: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: ``title`` and ``excerpt`` in pieces, the words marked; both empty where there are none."""

    story: Story
    title: Pieces = ()
    excerpt: Pieces = ()


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of results; ``like`` is the paper that they are like."""

    query: SearchQuery
    page: int
    pages: int
    hits: tuple[Hit, ...]
    found: Found
    sources: tuple[tuple[str, str], ...]
    categories: tuple[str, ...]
    like: PaperView | None = None

    @property
    def total(self) -> int:
        """How many were found, counted up to ``MOST``."""
        return len(self.found.ids)


def find(session: Session, query: SearchQuery, calendar: Calendar, likeness: Likeness, stamp: str) -> Found:
    """What is found. Any text is a query."""
    notes = []
    source_id = calendar.numbers.get(query.source) if query.source is not None else None
    if query.source is not None and source_id is None:
        notes.append(gettext_noop("There is no such source; all are searched."))
    filters = rows.Filters(source_id, query.category, query.since, query.until, query.has_code)
    text = clean_text(query.text, limit=MAX_TEXT)
    if query.like is not None:
        ids = rows.keep_those(session, likeness.similar(session, query.like, stamp), filters)
        return Found(tuple(ids), notes=tuple(notes))
    exact = None if text.isdigit() else search_rows.find_by_id(session, text)
    if exact is not None and exact.id is not None and rows.keep_those(session, [exact.id]):
        return Found((exact.id,), is_exact=True, notes=tuple(notes))
    words, authors = _parts(text)
    if not words and not authors:
        if filters == rows.EVERYTHING or text:
            return Found(notes=tuple(notes))
        newest = rows.list_newest(session, filters, limit=MOST + 1)
        return Found(tuple(newest[:MOST]), len(newest) > MOST, notes=tuple(notes))
    wanted = Wanted(words, authors)
    ids, has_more = _ordered(session, wanted, filters)
    if len(ids) < PER_PAGE and _may_begin(words):
        # Whoever is still writing the last word finds what it may become, after what has it already.
        begun, has_more = _ordered(session, replace(wanted, beginning=True), filters)
        ids = list(dict.fromkeys([*ids, *begun]))
    if not ids:
        ids, has_more, note = _second_try(session, wanted, filters)
        notes += [note] if note else []
    return Found(tuple(ids[:MOST]), has_more or len(ids) > MOST, notes=tuple(notes))


def _parts(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words for any field, and words of authors' names."""
    authors = " ".join(quoted or bare for quoted, bare in AUTHOR.findall(text))
    return search_rows.words_of(AUTHOR.sub(" ", text)), search_rows.words_of(authors)


def _may_begin(words: Sequence[str]) -> bool:
    return bool(words) and len(words[-1]) >= LEAST_BEGINNING


def _ordered(session: Session, wanted: Wanted, filters: rows.Filters) -> tuple[list[int], bool]:
    """The ids in order, and whether there are more than were looked at."""
    hits, looked_at = search_rows.find_hits(session, wanted, filters, newest=NEWEST, most=MOST + 1)
    if looked_at < NEWEST:
        return [paper_id for paper_id, _ in hits], False
    if wanted.words:
        titled = replace(wanted, title_only=True)
        known = dict(hits)
        in_title, _ = search_rows.find_hits(session, titled, filters, newest=NEWEST, most=MOST)
        known |= {paper_id: min(rank, known.get(paper_id, rank)) for paper_id, rank in in_title}
        hits = sorted(known.items(), key=lambda one: (one[1], -one[0]))
    return [paper_id for paper_id, _ in hits], True


def _second_try(session: Session, wanted: Wanted, filters: rows.Filters) -> tuple[list[int], bool, str]:
    """Words inside of words for scripts without spaces, else papers that hold some of the words."""
    if UNSPACED.search("".join(wanted.words)) and not wanted.authors:
        ids = search_rows.find_inside(session, wanted.words, limit=MOST + 1)
        return rows.keep_those(session, ids, filters), False, ""
    if len(wanted.words) < 2:
        return [], False, ""
    ids, has_more = _ordered(session, replace(wanted, any_word=True), filters)
    return ids, has_more, gettext_noop("No paper holds all of these words; these hold some.") if ids else ""


def show(
    session: Session,
    query: SearchQuery,
    found: Found,
    page: int,
    calendar: Calendar,
    categories: Sequence[str],
    now: datetime,
) -> SearchPage:
    """One page of what was found; the last one where there are not so many."""
    pages = max(ceil(len(found.ids) / PER_PAGE), 1)
    page = min(page, pages)
    ids = found.ids[(page - 1) * PER_PAGE : page * PER_PAGE]
    wanted = [*ids, *([query.like] if query.like is not None else [])]
    views = paper_rows.get_views(session, wanted, until=now)
    words = _marked(query, found)
    return SearchPage(
        query=query,
        page=page,
        pages=pages,
        hits=tuple(_hit(views[paper_id], words) for paper_id in ids if paper_id in views),
        found=found,
        sources=tuple(calendar.labels.items()),
        categories=tuple(categories),
        like=views.get(query.like) if query.like is not None else None,
    )


def _marked(query: SearchQuery, found: Found) -> Words:
    if query.like is not None or found.is_exact:
        return Words(())
    words, _ = _parts(clean_text(query.text, limit=MAX_TEXT))
    return Words(words, beginning=_may_begin(words))


def _hit(view: PaperView, words: Words) -> Hit:
    story = make_story(view)
    if not words:
        return Hit(story)
    return Hit(story, mark_words(story.card.title, words), excerpt_of(view.abstract, words))
