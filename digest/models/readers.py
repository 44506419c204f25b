"""Readers: who they are, what they like, when they are served."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Integer, UniqueConstraint
from sqlmodel import Field

from digest.models.base import Base, make_id, make_list, make_text, make_time


class Subscriber(Base, table=True):
    """A reader, with an address or by private feed only.

    ``email_key`` is the address case-folded, for finding it; ``feed_token`` names the private feeds.
    ``left_from`` is how they stood before they left, so that leaving can be undone exactly, and ``left_at``
    when that was, as long as they are gone. What they said before ``learn_from`` does not steer what they
    get. An ``id`` is never given again: links that are signed with it outlive a reader who was deleted.
    """

    __tablename__ = "subscribers"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - as SQLAlchemy wants it
    id: int | None = Field(default=None, primary_key=True)
    email: str | None = None
    email_key: str | None = Field(default=None, unique=True)
    status: str
    feed_token: str = Field(unique=True)
    token_version: int = 1
    paused_until: date | None = None
    created_at: datetime = make_time("created_at")
    confirmed_at: datetime | None = make_time("confirmed_at", null=True)
    left_from: dict[str, Any] | None = Field(
        default=None, sa_column=Column("left_from", JSON(none_as_null=True), nullable=True)
    )
    left_at: datetime | None = make_time("left_at", null=True)
    learn_from: datetime | None = make_time("learn_from", null=True)


class Interest(Base, table=True):
    """A topic of its own.

    ``examples`` are ``{"paper_id": int | null, "title": str, "abstract": str}``, with ``"told"`` where a
    library gave them: what it says besides (see :mod:`digest.pipeline.told`). ``about`` says in the reader's
    own sentences what it is about. ``only_examples``: it learns from what was given with it alone, no
    feedback joins it; feedback from before ``learn_from`` does not either.
    """

    __tablename__ = "interests"
    __table_args__ = (UniqueConstraint("subscriber_id", "name"),)
    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = make_id("subscriber_id", "subscribers.id")
    name: str
    about: str = make_text("about")
    keywords: list[str] = make_list("keywords")
    must_keywords: list[str] = make_list("must_keywords")
    not_keywords: list[str] = make_list("not_keywords")
    authors: list[str] = make_list("authors")
    categories: list[str] = make_list("categories")
    examples: list[dict[str, Any]] = make_list("examples")
    only_examples: bool = False
    learn_from: datetime | None = make_time("learn_from", null=True)
    created_at: datetime = make_time("created_at")


class Subscription(Base, table=True):
    """When and by which channels a subscriber is served. ``weekday`` counts from Monday = 0.

    ``max_papers`` and ``trend_weight`` are ``None`` where the settings' defaults hold; ``hidden_sections``
    are headings that the reader does not want. ``language`` is ``None`` where that of the installation holds.
    """

    __tablename__ = "subscriptions"
    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = make_id("subscriber_id", "subscribers.id")
    cadence: str
    weekday: int = 0
    hour: int
    zone: str
    mail: bool = True
    feed: bool = True
    max_papers: int | None = None
    trend_weight: float | None = None
    hidden_sections: list[str] = make_list("hidden_sections")
    language: str | None = None
    created_at: datetime = make_time("created_at")


class Feedback(Base, table=True):
    """What a subscriber said of a paper; goes to ``interest_id``, else to the nearest interest.

    ``note`` is what they wrote beside a paper that they saved.
    """

    __tablename__ = "feedback"
    __table_args__ = (UniqueConstraint("subscriber_id", "paper_id", "kind"),)
    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = make_id("subscriber_id", "subscribers.id")
    paper_id: int = make_id("paper_id", "papers.id")
    kind: str
    interest_id: int | None = make_id("interest_id", "interests.id", ondelete="SET NULL", null=True)
    note: str = make_text("note")
    created_at: datetime = make_time("created_at")


class SignUp(Base, table=True):
    """Somebody asked for a digest at this address; nothing happens until its owner says so.

    One row per (address, UTC day): asked again, the last ``wishes`` stand. The mail's link carries a token
    of 256 bits that is made from ``nonce`` and the secret key; only its SHA-256, ``token_hash``, is kept.
    ``kind`` is that of the letter: a confirmation, an invitation, or to who is known already a reminder,
    whose row confirms nothing. ``origin`` names the file that an invited reader was imported from.
    """

    __tablename__ = "sign_ups"
    __table_args__ = (UniqueConstraint("email_key", "asked_on"),)
    id: int | None = Field(default=None, primary_key=True)
    email: str
    email_key: str = Field(index=True)
    asked_on: date
    kind: str
    nonce: str
    token_hash: str = Field(unique=True)
    wishes: dict[str, Any] = Field(default_factory=dict, sa_column=Column("wishes", JSON, nullable=False))
    origin: str = make_text("origin")
    asked_at: datetime = make_time("asked_at", index=True)
    expires_at: datetime = make_time("expires_at")
    confirmed_at: datetime | None = make_time("confirmed_at", null=True)


class LearnedState(Base, table=True):
    """What was learnt of an interest (see :mod:`digest.ranking.keeping`), under a name of what it was learnt
    from. Losing it loses nothing but the time of learning it.
    """

    __tablename__ = "learned_states"
    subscriber_id: int = Field(
        sa_column=Column(
            "subscriber_id", Integer, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True
        )
    )
    fingerprint: str = Field(primary_key=True)
    state: bytes
