"""What sources showed: sources, pages, checks, papers, entries, observations."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Date, Index, UniqueConstraint
from sqlmodel import Field

from digest.models.base import Base, make_id, make_list, make_text, make_time


class Source(Base, table=True):
    """A site we read, with its health.

    ``next_try_at`` is when a failing source is worth another try; ``incident_at`` when its present row of
    failures began, as far as the operator was told; ``moved_to`` where it says it went for good.
    """

    __tablename__ = "sources"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    kind: str
    url: str = ""
    created_at: datetime = make_time("created_at")
    last_checked_at: datetime | None = make_time("last_checked_at", null=True)
    last_good_at: datetime | None = make_time("last_good_at", null=True)
    failures_in_row: int = 0
    last_verdict: str | None = None
    last_error: str | None = make_text("last_error", null=True)
    next_try_at: datetime | None = make_time("next_try_at", null=True)
    incident_at: datetime | None = make_time("incident_at", null=True)
    moved_to: str | None = make_text("moved_to", null=True)


class StoredPage(Base, table=True):
    """One fetched page, its bytes kept (gzip) under ``pages/`` so that it can be parsed again.

    ``role`` and ``carry`` are those of its request; ``check_id`` is the check it was read for.
    """

    __tablename__ = "pages"
    __table_args__ = (Index("ix_pages_source_id_url_fetched_at", "source_id", "url", "fetched_at"),)
    id: int | None = Field(default=None, primary_key=True)
    source_id: int = make_id("source_id", "sources.id")
    url: str = make_text("url")
    day: date | None = None
    fetched_at: datetime = make_time("fetched_at", index=True)
    status: int = 200
    content_type: str = ""
    etag: str | None = None
    last_modified: str | None = None
    sha256: str = ""
    size: int = 0
    path: str = ""
    verdict: str | None = None
    role: str = ""
    carry: list[list[str]] = make_list("carry")
    headers: list[list[str]] = make_list("headers")
    check_id: int | None = make_id("check_id", "checks.id", ondelete="SET NULL", null=True)


class Check(Base, table=True):
    """One row of a refresh: what was asked of a source for a day, and what that proved.

    ``evidence`` holds declared, parsed, overlap and usual (see ``digest.verdict``); ``ids`` is a hash of
    the ids that the page listed, so that a page parsed again can be held against it.
    """

    __tablename__ = "checks"
    __table_args__ = (Index("ix_checks_source_id_day_checked_at", "source_id", "day", "checked_at"),)
    id: int | None = Field(default=None, primary_key=True)
    source_id: int = make_id("source_id", "sources.id")
    day: date = Field(sa_column=Column("day", Date, nullable=False, index=True))
    checked_at: datetime = make_time("checked_at", index=True)
    verdict: str
    entries: int = 0
    declared: int | None = None
    new: int = 0
    modified: int = 0
    unchanged: int = 0
    error: str | None = make_text("error", null=True)
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column("evidence", JSON, nullable=False))
    ids: str | None = None


class Paper(Base, table=True):
    """The deduplicated work. ``fingerprint`` is that of title and abstract (see ``digest.text``).

    ``text_by`` is the kind of source whose title and abstract stand, ``summary_by`` who wrote the summary.
    """

    __tablename__ = "papers"
    id: int | None = Field(default=None, primary_key=True)
    arxiv_id: str | None = Field(default=None, unique=True)
    doi: str | None = Field(default=None, unique=True)
    fingerprint: str = Field(index=True)
    title: str = make_text("title")
    abstract: str = make_text("abstract")
    authors: list[str] = make_list("authors")
    authors_text: str = make_text("authors_text")
    organisation: str | None = None
    summary: str | None = make_text("summary", null=True)
    keywords: list[str] = make_list("keywords")
    categories: list[str] = make_list("categories")
    code_url: str | None = make_text("code_url", null=True)
    project_url: str | None = make_text("project_url", null=True)
    thumbnail_url: str | None = make_text("thumbnail_url", null=True)
    media_urls: list[str] = make_list("media_urls")
    published_on: date | None = None
    url: str | None = make_text("url", null=True)
    venue: str | None = None
    citations: int | None = None
    version: int | None = None
    withdrawn_at: datetime | None = make_time("withdrawn_at", null=True)
    text_by: str | None = None
    summary_by: str | None = None
    first_seen_at: datetime = make_time("first_seen_at", index=True)
    updated_at: datetime = make_time("updated_at")


class ListedEntry(Base, table=True):
    """A paper as one source listed it on one day, with the counts seen last.

    ``joined_by`` says why the entry is that paper, ``confidence`` (0 to 1) how sure that is; ``None`` where
    the entry made the paper.
    """

    __tablename__ = "entries"
    __table_args__ = (
        UniqueConstraint("source_id", "paper_id", "listed_on"),
        Index("ix_entries_listed_on_paper_id", "listed_on", "paper_id"),
        Index("ix_entries_source_id_source_ref", "source_id", "source_ref"),
    )
    id: int | None = Field(default=None, primary_key=True)
    source_id: int = make_id("source_id", "sources.id")
    paper_id: int = make_id("paper_id", "papers.id")
    listed_on: date
    source_ref: str | None = None
    position: int
    votes: int | None = None
    comments: int | None = None
    stars: int | None = None
    submitter: str | None = None
    joined_by: str | None = None
    confidence: float | None = None
    first_seen_at: datetime = make_time("first_seen_at")
    seen_at: datetime = make_time("seen_at")


class Observation(Base, table=True):
    """One (paper, source, time): what "new", "rising" and "back" come from."""

    __tablename__ = "observations"
    __table_args__ = (UniqueConstraint("paper_id", "source_id", "observed_at"),)
    id: int | None = Field(default=None, primary_key=True)
    paper_id: int = make_id("paper_id", "papers.id")
    source_id: int = make_id("source_id", "sources.id")
    observed_at: datetime = make_time("observed_at", index=True)
    votes: int | None = None
    position: int | None = None
    comments: int | None = None
    stars: int | None = None


# --- identity --------------------------------------------------------------------------------------


class PaperId(Base, table=True):
    """Another id of a paper, such as ``("pmid", "31452104")``; arXiv id and DOI are its own columns."""

    __tablename__ = "paper_ids"
    __table_args__ = (UniqueConstraint("kind", "value"),)
    id: int | None = Field(default=None, primary_key=True)
    paper_id: int = make_id("paper_id", "papers.id")
    kind: str
    value: str


class PaperVersion(Base, table=True):
    """The title and abstract a paper had before, with the source that told them."""

    __tablename__ = "paper_versions"
    id: int | None = Field(default=None, primary_key=True)
    paper_id: int = make_id("paper_id", "papers.id")
    version: int | None = None
    title: str = make_text("title")
    abstract: str = make_text("abstract")
    text_by: str | None = None
    seen_at: datetime = make_time("seen_at")


class PaperJoin(Base, table=True):
    """Two stored papers found to be one: ``gone_id`` no longer exists, what it had is ``paper_id``'s."""

    __tablename__ = "paper_joins"
    id: int | None = Field(default=None, primary_key=True)
    paper_id: int = make_id("paper_id", "papers.id")
    gone_id: int
    reason: str = make_text("reason")
    confidence: float
    joined_at: datetime = make_time("joined_at")


class PaperSplit(Base, table=True):
    """Two papers that a person told apart; they are never joined again. ``paper_id`` < ``other_id``."""

    __tablename__ = "paper_splits"
    __table_args__ = (UniqueConstraint("paper_id", "other_id"),)
    id: int | None = Field(default=None, primary_key=True)
    paper_id: int = make_id("paper_id", "papers.id")
    other_id: int = make_id("other_id", "papers.id")
    split_at: datetime = make_time("split_at")


# --- asking politely, and for more -----------------------------------------------------------------


class Robots(Base, table=True):
    """The robots.txt of one origin. ``status`` 0 where no answer came."""

    __tablename__ = "robots"
    origin: str = Field(primary_key=True)
    status: int
    body: str = make_text("body")
    fetched_at: datetime = make_time("fetched_at")


class Enrichment(Base, table=True):
    """What one enricher was asked of one paper. ``outcome``: found, nothing, failed.

    A failed one is asked again from ``next_try_at`` on; ``cost`` is in the currency the operator counts in.
    """

    __tablename__ = "enrichments"
    __table_args__ = (
        UniqueConstraint("paper_id", "enricher"),
        Index("ix_enrichments_enricher_asked_at", "enricher", "asked_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    paper_id: int = make_id("paper_id", "papers.id")
    enricher: str
    outcome: str
    attempts: int = 0
    asked_at: datetime = make_time("asked_at")
    next_try_at: datetime | None = make_time("next_try_at", null=True)
    cost: float = 0.0
    error: str | None = make_text("error", null=True)
