"""Issues and deliveries: what was composed, what left, and what came back."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field

from digest.models.base import Base, make_id, make_list, make_text, make_time


class Issue(Base, table=True):
    """One dated digest of one subscription; composed, a notice, or empty with its reason.

    ``reason`` is a machine word plus sentence for ``digest why``; ``coverage`` what was looked at.
    """

    __tablename__ = "issues"
    __table_args__ = (UniqueConstraint("subscription_id", "local_date"),)
    id: int | None = Field(default=None, primary_key=True)
    subscription_id: int = make_id("subscription_id", "subscriptions.id")
    local_date: date
    status: str
    subject: str = make_text("subject")
    coverage: str = make_text("coverage")
    notice: str | None = make_text("notice", null=True)
    reason: str | None = make_text("reason", null=True)
    interests: list[str] = make_list("interests")
    zone: str = "UTC"
    composed_at: datetime = make_time("composed_at", index=True)
    expires_at: datetime = make_time("expires_at")


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
    issue_id: int = make_id("issue_id", "issues.id")
    paper_id: int = make_id("paper_id", "papers.id")
    position: int
    section: str
    score: float
    interest: str | None = None
    interest_id: int | None = make_id("interest_id", "interests.id", ondelete="SET NULL", null=True)
    reasons: list[dict[str, Any]] = make_list("reasons")
    parts: dict[str, float] = Field(default_factory=dict, sa_column=Column("parts", JSON, nullable=False))
    shown_id: int = make_id("shown_id", "shown_papers.id", ondelete="RESTRICT")


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
    subject: str = make_text("subject")
    text: str = make_text("text")
    html: str = make_text("html")
    created_at: datetime = make_time("created_at")
    expires_at: datetime = make_time("expires_at")


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
    issue_id: int | None = make_id("issue_id", "issues.id", null=True, ondelete="CASCADE")
    letter_id: int | None = make_id("letter_id", "letters.id", null=True, ondelete="CASCADE")
    channel: str
    recipient: str
    message_id: str = Field(unique=True)
    status: str
    attempts: int = 0
    may_have_arrived: bool = False
    envelope_from: str | None = None
    lease: str | None = None
    planned_at: datetime = make_time("planned_at")
    sending_at: datetime | None = make_time("sending_at", null=True)
    data_at: datetime | None = make_time("data_at", null=True)
    sent_at: datetime | None = make_time("sent_at", null=True, index=True)
    retry_at: datetime | None = make_time("retry_at", null=True)
    reply: str | None = make_text("reply", null=True)
    reason: str | None = make_text("reason", null=True)


class Bounce(Base, table=True):
    """One report that came back: a failed delivery or a complaint. ``digest`` is a hash of the report."""

    __tablename__ = "bounces"
    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True)
    delivery_id: int | None = make_id("delivery_id", "deliveries.id", ondelete="SET NULL", null=True)
    subscriber_id: int | None = make_id("subscriber_id", "subscribers.id", ondelete="CASCADE", null=True)
    kind: str
    code: str | None = None
    diagnostic: str = make_text("diagnostic")
    received_at: datetime = make_time("received_at", index=True)


class Suppression(Base, table=True):
    """An address that is not written to. It outlives its reader, and every import.

    ``email_key`` is the address case-folded; ``reason`` is bounced, complained, unsubscribed or operator.
    """

    __tablename__ = "suppressions"
    id: int | None = Field(default=None, primary_key=True)
    email_key: str = Field(unique=True)
    reason: str
    detail: str = make_text("detail")
    created_at: datetime = make_time("created_at")


class DomainPace(Base, table=True):
    """How slowly to go with the mail servers of one recipient domain: not before ``not_before``."""

    __tablename__ = "domain_pace"
    domain: str = Field(primary_key=True)
    failures: int = 0
    not_before: datetime = make_time("not_before")
    updated_at: datetime = make_time("updated_at")


class Run(Base, table=True):
    """One run of a use case (refresh, compose, deliver), so that "it did not run" can be told."""

    __tablename__ = "runs"
    __table_args__ = (Index("ix_runs_use_case_started_at", "use_case", "started_at"),)
    id: int | None = Field(default=None, primary_key=True)
    use_case: str
    started_at: datetime = make_time("started_at")
    finished_at: datetime | None = make_time("finished_at", null=True)
    ok: bool | None = None
    outcome: dict[str, Any] = Field(default_factory=dict, sa_column=Column("outcome", JSON, nullable=False))
