"""The stored nouns. Tables only: no queries, no rules, no relationships.

SQLModel tables validate nothing on construction; values are checked where they enter the program.
"""

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

__all__ = [
    "Bounce",
    "Check",
    "Delivery",
    "DomainPace",
    "Feedback",
    "Interest",
    "Issue",
    "Letter",
    "ListedEntry",
    "Observation",
    "Paper",
    "Run",
    "ShownPaper",
    "Source",
    "StoredPage",
    "StoredRecommendation",
    "Subscriber",
    "Subscription",
    "Suppression",
    "UtcDateTime",
    "metadata",
]

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Stores aware datetimes as UTC and returns them aware; SQLite alone would drop the zone.

    Raises ``ValueError`` for a naive datetime.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC; on SQLite without the zone it would not keep."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database: aware, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(SQLModel):
    """Common base: one metadata with a naming convention, so that migrations can name constraints."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


metadata = Base.metadata


def _id(name: str, target: str, *, ondelete: str = "CASCADE", null: bool = False) -> Any:
    column = Column(name, Integer, ForeignKey(target, ondelete=ondelete), nullable=null, index=True)
    return Field(default=None, sa_column=column) if null else Field(sa_column=column)


def _time(name: str, *, null: bool = False, index: bool = False) -> Any:
    column: Column[datetime] = Column(name, UtcDateTime(), nullable=null, index=index)
    return Field(default=None, sa_column=column) if null else Field(sa_column=column)


def _list(name: str) -> Any:
    # JSON changed in place is not saved: always assign a new list.
    return Field(default_factory=list, sa_column=Column(name, JSON, nullable=False))


def _text(name: str, *, null: bool = False) -> Any:
    column = Column(name, Text, nullable=null)
    return Field(default=None, sa_column=column) if null else Field(default="", sa_column=column)


# --- what sources showed ---------------------------------------------------------------------------


class Source(Base, table=True):
    """A site we read, with its health."""

    __tablename__ = "sources"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    kind: str
    url: str = ""
    created_at: datetime = _time("created_at")
    last_checked_at: datetime | None = _time("last_checked_at", null=True)
    last_good_at: datetime | None = _time("last_good_at", null=True)
    failures_in_row: int = 0
    last_verdict: str | None = None
    last_error: str | None = _text("last_error", null=True)


class StoredPage(Base, table=True):
    """One fetched page, its bytes kept (gzip) under ``pages/`` so that it can be parsed again."""

    __tablename__ = "pages"
    __table_args__ = (Index("ix_pages_source_id_url_fetched_at", "source_id", "url", "fetched_at"),)
    id: int | None = Field(default=None, primary_key=True)
    source_id: int = _id("source_id", "sources.id")
    url: str = _text("url")
    day: date | None = None
    fetched_at: datetime = _time("fetched_at", index=True)
    status: int = 200
    content_type: str = ""
    etag: str | None = None
    last_modified: str | None = None
    sha256: str = ""
    size: int = 0
    path: str = ""
    verdict: str | None = None


class Check(Base, table=True):
    """One row of a refresh: what was asked of a source for a day, and what that proved."""

    __tablename__ = "checks"
    __table_args__ = (Index("ix_checks_source_id_day_checked_at", "source_id", "day", "checked_at"),)
    id: int | None = Field(default=None, primary_key=True)
    source_id: int = _id("source_id", "sources.id")
    day: date = Field(sa_column=Column("day", Date, nullable=False, index=True))
    checked_at: datetime = _time("checked_at", index=True)
    verdict: str
    entries: int = 0
    declared: int | None = None
    new: int = 0
    modified: int = 0
    unchanged: int = 0
    error: str | None = _text("error", null=True)


class Paper(Base, table=True):
    """The deduplicated work. ``fingerprint`` is that of title and abstract (see ``digest.text``)."""

    __tablename__ = "papers"
    id: int | None = Field(default=None, primary_key=True)
    arxiv_id: str | None = Field(default=None, unique=True)
    doi: str | None = Field(default=None, unique=True)
    fingerprint: str = Field(index=True)
    title: str = _text("title")
    abstract: str = _text("abstract")
    authors: list[str] = _list("authors")
    authors_text: str = _text("authors_text")
    organisation: str | None = None
    summary: str | None = _text("summary", null=True)
    keywords: list[str] = _list("keywords")
    categories: list[str] = _list("categories")
    code_url: str | None = _text("code_url", null=True)
    project_url: str | None = _text("project_url", null=True)
    thumbnail_url: str | None = _text("thumbnail_url", null=True)
    media_urls: list[str] = _list("media_urls")
    published_on: date | None = None
    first_seen_at: datetime = _time("first_seen_at", index=True)
    updated_at: datetime = _time("updated_at")


class ListedEntry(Base, table=True):
    """A paper as one source listed it on one day, with the counts seen last."""

    __tablename__ = "entries"
    __table_args__ = (
        UniqueConstraint("source_id", "paper_id", "listed_on"),
        Index("ix_entries_listed_on_paper_id", "listed_on", "paper_id"),
        Index("ix_entries_source_id_source_ref", "source_id", "source_ref"),
    )
    id: int | None = Field(default=None, primary_key=True)
    source_id: int = _id("source_id", "sources.id")
    paper_id: int = _id("paper_id", "papers.id")
    listed_on: date
    source_ref: str | None = None
    position: int
    votes: int | None = None
    comments: int | None = None
    stars: int | None = None
    submitter: str | None = None
    first_seen_at: datetime = _time("first_seen_at")
    seen_at: datetime = _time("seen_at")


class Observation(Base, table=True):
    """One (paper, source, time): what "new", "rising" and "back" come from."""

    __tablename__ = "observations"
    __table_args__ = (UniqueConstraint("paper_id", "source_id", "observed_at"),)
    id: int | None = Field(default=None, primary_key=True)
    paper_id: int = _id("paper_id", "papers.id")
    source_id: int = _id("source_id", "sources.id")
    observed_at: datetime = _time("observed_at", index=True)
    votes: int | None = None
    position: int | None = None
    comments: int | None = None
    stars: int | None = None


# --- readers ---------------------------------------------------------------------------------------


class Subscriber(Base, table=True):
    """A reader, with an address or by private feed only.

    ``email_key`` is the address case-folded, for finding it; ``feed_token`` names the private feeds.
    """

    __tablename__ = "subscribers"
    id: int | None = Field(default=None, primary_key=True)
    email: str | None = None
    email_key: str | None = Field(default=None, unique=True)
    status: str
    feed_token: str = Field(unique=True)
    token_version: int = 1
    paused_until: date | None = None
    created_at: datetime = _time("created_at")
    confirmed_at: datetime | None = _time("confirmed_at", null=True)


class Interest(Base, table=True):
    """A topic of its own. ``examples`` are ``{"paper_id": int | null, "title": str, "abstract": str}``."""

    __tablename__ = "interests"
    __table_args__ = (UniqueConstraint("subscriber_id", "name"),)
    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = _id("subscriber_id", "subscribers.id")
    name: str
    keywords: list[str] = _list("keywords")
    must_keywords: list[str] = _list("must_keywords")
    not_keywords: list[str] = _list("not_keywords")
    authors: list[str] = _list("authors")
    categories: list[str] = _list("categories")
    examples: list[dict[str, Any]] = _list("examples")
    created_at: datetime = _time("created_at")


class Subscription(Base, table=True):
    """When and by which channels a subscriber is served. ``weekday`` counts from Monday = 0.

    ``max_papers`` and ``trend_weight`` are ``None`` where the settings' defaults hold.
    """

    __tablename__ = "subscriptions"
    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = _id("subscriber_id", "subscribers.id")
    cadence: str
    weekday: int = 0
    hour: int
    zone: str
    mail: bool = True
    feed: bool = True
    max_papers: int | None = None
    trend_weight: float | None = None
    created_at: datetime = _time("created_at")


class Feedback(Base, table=True):
    """What a subscriber said of a paper; goes to ``interest_id``, else to the nearest interest."""

    __tablename__ = "feedback"
    __table_args__ = (UniqueConstraint("subscriber_id", "paper_id", "kind"),)
    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = _id("subscriber_id", "subscribers.id")
    paper_id: int = _id("paper_id", "papers.id")
    kind: str
    interest_id: int | None = _id("interest_id", "interests.id", ondelete="SET NULL", null=True)
    created_at: datetime = _time("created_at")


# --- issues and deliveries -------------------------------------------------------------------------


class Issue(Base, table=True):
    """One dated digest of one subscription; composed, a notice, or empty with its reason.

    ``reason`` is a machine word plus sentence for ``digest why``; ``coverage`` what was looked at.
    """

    __tablename__ = "issues"
    __table_args__ = (UniqueConstraint("subscription_id", "local_date"),)
    id: int | None = Field(default=None, primary_key=True)
    subscription_id: int = _id("subscription_id", "subscriptions.id")
    local_date: date
    status: str
    subject: str = _text("subject")
    coverage: str = _text("coverage")
    notice: str | None = _text("notice", null=True)
    reason: str | None = _text("reason", null=True)
    interests: list[str] = _list("interests")
    zone: str = "UTC"
    composed_at: datetime = _time("composed_at", index=True)
    expires_at: datetime = _time("expires_at")


class ShownPaper(Base, table=True):
    """What is shown of a paper, frozen (``shown`` is a ``PaperView`` as JSON); shared by many issues.

    ``digest`` is a hash of ``shown``: the same is stored once.
    """

    __tablename__ = "shown_papers"
    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True)
    shown: dict[str, Any] = Field(default_factory=dict, sa_column=Column("shown", JSON, nullable=False))


class StoredRecommendation(Base, table=True):
    """One paper of one issue, frozen with what is shown of it."""

    __tablename__ = "recommendations"
    __table_args__ = (UniqueConstraint("issue_id", "paper_id"), UniqueConstraint("issue_id", "position"))
    id: int | None = Field(default=None, primary_key=True)
    issue_id: int = _id("issue_id", "issues.id")
    paper_id: int = _id("paper_id", "papers.id")
    position: int
    section: str
    score: float
    interest: str | None = None
    interest_id: int | None = _id("interest_id", "interests.id", ondelete="SET NULL", null=True)
    reasons: list[dict[str, Any]] = _list("reasons")
    parts: dict[str, float] = Field(default_factory=dict, sa_column=Column("parts", JSON, nullable=False))
    shown_id: int = _id("shown_id", "shown_papers.id", ondelete="RESTRICT")


class Letter(Base, table=True):
    """A mail that is no issue (a confirmation, a test, a word to the operator), frozen when planned.

    Unique per (kind, recipient, key): asked for twice, it is sent once.
    """

    __tablename__ = "letters"
    __table_args__ = (UniqueConstraint("kind", "recipient", "key"),)
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    recipient: str
    key: str
    subject: str = _text("subject")
    text: str = _text("text")
    html: str = _text("html")
    created_at: datetime = _time("created_at")
    expires_at: datetime = _time("expires_at")


class Delivery(Base, table=True):
    """The history of sending one issue, or one letter, on one channel.

    Recipient and Message-ID are frozen when planned, ``envelope_from`` at the first attempt. While it is
    ``sending``, ``lease`` names the run that sends it, and nobody else may change it; ``data_at`` is
    committed before the end of the data leaves, so that without it the mail cannot have arrived in this
    attempt. ``may_have_arrived``: an attempt ended without an answer after that.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("issue_id", "channel"),
        UniqueConstraint("letter_id", "channel"),
        Index("ix_deliveries_status_retry_at", "status", "retry_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    issue_id: int | None = _id("issue_id", "issues.id", null=True, ondelete="CASCADE")
    letter_id: int | None = _id("letter_id", "letters.id", null=True, ondelete="CASCADE")
    channel: str
    recipient: str
    message_id: str = Field(unique=True)
    status: str
    attempts: int = 0
    may_have_arrived: bool = False
    envelope_from: str | None = None
    lease: str | None = None
    planned_at: datetime = _time("planned_at")
    sending_at: datetime | None = _time("sending_at", null=True)
    data_at: datetime | None = _time("data_at", null=True)
    sent_at: datetime | None = _time("sent_at", null=True, index=True)
    retry_at: datetime | None = _time("retry_at", null=True)
    reply: str | None = _text("reply", null=True)
    reason: str | None = _text("reason", null=True)


class Bounce(Base, table=True):
    """One report that came back: a failed delivery or a complaint. ``digest`` is a hash of the report."""

    __tablename__ = "bounces"
    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True)
    delivery_id: int | None = _id("delivery_id", "deliveries.id", ondelete="SET NULL", null=True)
    subscriber_id: int | None = _id("subscriber_id", "subscribers.id", ondelete="CASCADE", null=True)
    kind: str
    code: str | None = None
    diagnostic: str = _text("diagnostic")
    received_at: datetime = _time("received_at", index=True)


class Suppression(Base, table=True):
    """An address that is not written to. It outlives its reader, and every import.

    ``email_key`` is the address case-folded; ``reason`` is bounced, complained, unsubscribed or operator.
    """

    __tablename__ = "suppressions"
    id: int | None = Field(default=None, primary_key=True)
    email_key: str = Field(unique=True)
    reason: str
    detail: str = _text("detail")
    created_at: datetime = _time("created_at")


class DomainPace(Base, table=True):
    """How slowly to go with the mail servers of one recipient domain: not before ``not_before``."""

    __tablename__ = "domain_pace"
    domain: str = Field(primary_key=True)
    failures: int = 0
    not_before: datetime = _time("not_before")
    updated_at: datetime = _time("updated_at")


class Run(Base, table=True):
    """One run of a use case (refresh, compose, deliver), so that "it did not run" can be told."""

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_use_case_started_at", "use_case", "started_at"),)
    id: int | None = Field(default=None, primary_key=True)
    use_case: str
    started_at: datetime = _time("started_at")
    finished_at: datetime | None = _time("finished_at", null=True)
    ok: bool | None = None
    outcome: dict[str, Any] = Field(default_factory=dict, sa_column=Column("outcome", JSON, nullable=False))
