"""Frozen values that travel between rooms, and the enums. No behaviour beyond small derived facts.

Times are aware UTC ``datetime``; a reader's or a page's day is a ``date``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

# --- enums -----------------------------------------------------------------------------------------


class Verdict(StrEnum):
    """What a refresh proved about a page."""

    FRESH = "fresh"
    UNCHANGED = "unchanged"
    EMPTY = "empty"
    PARTIAL = "partial"
    STALE = "stale"
    BLOCKED = "blocked"
    BROKEN = "broken"
    UNREACHABLE = "unreachable"

    @property
    def is_good(self) -> bool:
        """Whether the page can be believed (an empty weekend is good)."""
        return self in (Verdict.FRESH, Verdict.UNCHANGED, Verdict.EMPTY)


class ChangeKind(StrEnum):
    """The outcome of holding one entry against what is stored."""

    NEW = "new"
    MODIFIED = "modified"
    UNCHANGED = "unchanged"


class Cadence(StrEnum):
    """How often a subscription is served."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"


class SubscriberStatus(StrEnum):
    """Where a subscriber stands. Only active ones are served."""

    UNCONFIRMED = "unconfirmed"
    ACTIVE = "active"
    PAUSED = "paused"
    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"


class FeedbackKind(StrEnum):
    """What a reader said of a paper."""

    MORE = "more"
    LESS = "less"
    SAVED = "saved"
    SEEN = "seen"


class Section(StrEnum):
    """A digest's sections, in the order they are shown; the value is the heading.

    Following leads, because followed authors rank first.
    """

    FOLLOWING = "Following"
    FOR_YOU = "For you"
    TRENDING = "Trending"
    RISING = "Rising"
    DIFFERENT = "Something different"
    AWAY = "While you were away"


class IssueStatus(StrEnum):
    """An issue's fate: composed with papers, a two-line notice, silent, too old to send, or never made.

    ``skipped`` is a date that exists and had no issue; its reason says why.
    """

    COMPOSED = "composed"
    NOTICE = "notice"
    EMPTY = "empty"
    EXPIRED = "expired"
    SKIPPED = "skipped"


class DeliveryStatus(StrEnum):
    """The history of one mail."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    SKIPPED = "skipped"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


# --- reading a source ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One request a source wants made. ``day`` is the page's day that was asked for, if any.

    ``role`` says in the kind's own words which of its requests this is, and ``carry`` what its parser
    wants to know again when the answer comes; both are kept with the page, so neither holds a secret.
    Secrets go into ``headers`` or ``body``, never into ``url``. An ``optional`` request may fail without
    harm to the rest. ``turn`` names hosts that are asked in turn, one at a time and ``spacing_s`` seconds
    apart at least (empty: the host by itself). ``documented``: the address belongs to an interface that
    the site offers to programs, so its robots.txt, which is for crawlers, does not govern it.
    """

    url: str
    day: date | None = None
    method: Literal["GET", "POST"] = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    role: str = ""
    carry: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    turn: str = ""
    spacing_s: float = 0.0
    documented: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """The bytes one fetch brought. ``not_modified``: the server said 304 and ``body`` is empty.

    ``moved_to`` is where a permanent redirect (301, 308) of the request's own address points to.
    ``headers`` are the answer's, names in lower case, without cookies, capped; kept as evidence.
    """

    url: str
    status: int
    body: bytes
    fetched_at: datetime
    content_type: str = ""
    etag: str | None = None
    last_modified: str | None = None
    not_modified: bool = False
    moved_to: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper as one source listed it on one page. All text is already plain, clean text.

    ``position`` counts from 1. ``listed_on`` is the day the page itself gives for this entry (its
    date of record), ``None`` where it gives none. ``source_ref`` is the source's own id of the
    paper. ``None`` counts mean "not told", which is not zero.

    ``other_ids`` are pairs such as ``("pmid", "31452104")``. ``url`` is a page about the paper, shown only
    where neither arXiv id nor DOI leads to one. An entry that does not ``announce`` (a replaced version,
    what an enricher found) updates a stored paper but does not list it on a day, and is dropped where the
    paper is not stored. ``summary_by`` says who wrote the summary where it is not the authors' own.
    """

    title: str
    position: int
    abstract: str = ""
    arxiv_id: str | None = None
    doi: str | None = None
    source_ref: str | None = None
    listed_on: date | None = None
    published_on: date | None = None
    votes: int | None = None
    comments: int | None = None
    stars: int | None = None
    authors: tuple[str, ...] = ()
    submitter: str | None = None
    organisation: str | None = None
    summary: str | None = None
    keywords: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    code_url: str | None = None
    project_url: str | None = None
    thumbnail_url: str | None = None
    media_urls: tuple[str, ...] = ()
    url: str | None = None
    other_ids: tuple[tuple[str, str], ...] = ()
    venue: str | None = None
    citations: int | None = None
    version: int | None = None
    withdrawn: bool = False
    announces: bool = True
    summary_by: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """What a parser found: entries in page order, and what the page says about itself.

    ``declared`` is the number of announcing entries that the whole list claims to have (of all its pages
    together), ``page_date`` the day it says it shows (``None``: it does not say). ``next_requests`` are
    further pages of the same list. ``skipped`` counts things that looked like entries but lacked a
    required field. ``disagreement`` says in words where two ways of reading this page differ.
    ``only_checks``: the page does not list, it tells ``declared`` and ``page_date`` and the ids that the
    list must have; its entries are not filed.
    """

    entries: tuple[Entry, ...]
    declared: int | None = None
    page_date: date | None = None
    next_requests: tuple[PageRequest, ...] = ()
    skipped: int = 0
    disagreement: str | None = None
    only_checks: bool = False


# --- identity and diff -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KnownPaper:
    """What the diff needs to know of a stored paper and its latest entry from the same source.

    ``fields`` are the stored values under the names of :class:`Entry`'s content fields;
    ``listed`` maps each day this source listed the paper on to the counts last seen there.
    """

    paper_id: int
    arxiv_id: str | None
    doi: str | None
    source_ref: str | None
    fingerprint: str
    fields: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    other_ids: tuple[tuple[str, str], ...] = ()
    text_by: str | None = None
    listed: Mapping[date, tuple[int | None, int | None, int | None]] = field(
        default_factory=lambda: MappingProxyType({})
    )


@dataclass(frozen=True, slots=True)
class Change:
    """One entry held against what is stored. ``paper_id`` is ``None`` for a new paper.

    ``listed_on`` is the day the entry is filed under; ``fields`` are the names that differ, sorted.
    ``joined_by`` says in words why this is that paper, ``confidence`` from 0 to 1 how sure that is.
    """

    kind: ChangeKind
    entry: Entry
    listed_on: date
    fingerprint: str
    paper_id: int | None = None
    fields: tuple[str, ...] = ()
    joined_by: str | None = None
    confidence: float | None = None


# --- ranking ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored paper as the ranking sees it."""

    paper_id: int
    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    organisation: str | None = None
    listed_on: date | None = None
    first_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One observation: what a source showed for a paper at a time."""

    paper_id: int
    source: str
    observed_at: datetime
    votes: int | None = None
    position: int | None = None
    comments: int | None = None
    stars: int | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A paper that speaks for (weight > 0) or against (weight < 0) an interest.

    ``origin`` says why it is here: ``example`` (given with the interest), ``about`` (what a reader wrote
    of the interest, as a title), ``more``, ``saved`` or ``less`` (feedback). ``liked_at`` is when feedback
    was given; what is given with an interest has no date.
    """

    title: str
    abstract: str = ""
    paper_id: int | None = None
    weight: float = 1.0
    origin: Literal["example", "about", "more", "saved", "less"] = "example"
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    liked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InterestSpec:
    """One interest, a topic of its own.

    ``weights`` holds the keywords (as they stand in ``keywords`` and ``must_keywords``) that count more or
    less than 1, from 0.1 to 10.
    """

    name: str
    interest_id: int | None = None
    keywords: tuple[str, ...] = ()
    must_keywords: tuple[str, ...] = ()
    not_keywords: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Profile:
    """A subscriber as the ranking sees them.

    ``trend_weight`` from 0 (taste only, no Trending or Rising section) to 1 (trend only).
    ``zone`` is an IANA name; days named in reasons are days there. ``hidden`` are sections not wanted.
    ``threshold`` is the least taste of a paper for the reader, ``None`` where nothing was learnt of it.
    """

    subscriber_id: int
    interests: tuple[InterestSpec, ...] = ()
    max_papers: int = 10
    trend_weight: float = 0.3
    zone: str = "UTC"
    hidden: frozenset[Section] = frozenset()
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One true sentence on why a paper is there, and the facts it was made from.

    ``kind`` is one of author, must, keyword, category, people, example, about, liked, votes, growth,
    different.
    """

    kind: str
    text: str
    facts: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A chosen paper: where it stands, how strongly, for which interest, and why.

    ``parts`` are the named parts the score was made from.
    """

    paper_id: int
    section: Section
    score: float
    interest: str | None = None
    interest_id: int | None = None
    reasons: tuple[Reason, ...] = ()
    parts: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


# --- showing ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PaperView:
    """A paper ready to be shown: plain text, safe addresses, nothing left to look up.

    ``url`` is built from the paper's ids (abstract page); ``pdf_url``, ``code_url``, ``project_url``
    and ``discussion_url`` may be ``None``. ``votes_history`` are (time, votes) pairs, oldest first.
    """

    paper_id: int
    title: str
    abstract: str
    authors: tuple[str, ...]
    url: str
    organisation: str | None = None
    summary: str | None = None
    keywords: tuple[str, ...] = ()
    arxiv_id: str | None = None
    doi: str | None = None
    pdf_url: str | None = None
    code_url: str | None = None
    project_url: str | None = None
    discussion_url: str | None = None
    votes: int | None = None
    comments: int | None = None
    stars: int | None = None
    listed_on: date | None = None
    published_on: date | None = None
    first_seen_at: datetime | None = None
    votes_history: tuple[tuple[datetime, int], ...] = ()
    summary_by: str | None = None


@dataclass(frozen=True, slots=True)
class IssueItem:
    """One recommendation of an issue, frozen with all that is shown of it.

    ``shown_id`` numbers what is shown of the paper: the same number, the same ``paper``. ``told`` is what
    the ``reasons``, which are English, were made from, where they are to be said in another language.
    """

    paper: PaperView
    section: Section
    score: float
    interest: str | None = None
    reasons: tuple[str, ...] = ()
    shown_id: int | None = None
    told: tuple[Reason, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class IssueView:
    """One dated digest, ready to be rendered as mail or feed.

    ``items`` are in reading order, sections already contiguous. ``coverage`` is the sentence on
    what was looked at; ``notice`` replaces the items where there is nothing to say. ``language`` is the
    reader's choice now, ``None`` where there was none.
    """

    issue_id: int
    local_date: date
    subject: str
    items: tuple[IssueItem, ...]
    coverage: str
    notice: str | None
    composed_at: datetime
    zone: str = "UTC"
    interests: tuple[str, ...] = ()
    language: str | None = None


@dataclass(frozen=True, slots=True)
class FeedLinks:
    """Where a published list is found: one address or ``file:`` address per format."""

    rss: str
    atom: str
    json: str
