"""Groups of readers, who belongs to them, and why each reader may be written to."""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer
from sqlmodel import Field

from digest.models.base import Base, make_id, make_text, make_time


class Group(Base, table=True):
    """A group under its ``name``. What it cares about are the interests of a subscriber of its own.

    That subscriber has the group's list address and hour, where all get one shared digest; without a list
    address it is paused for good. Deleting it deletes the group.
    """

    __tablename__ = "reader_groups"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    subscriber_id: int = Field(
        sa_column=Column(
            "subscriber_id",
            Integer,
            ForeignKey("subscribers.id", ondelete="CASCADE"),
            unique=True,
            nullable=False,
        )
    )
    created_at: datetime = make_time("created_at")


class Membership(Base, table=True):
    """A reader belongs to a group: its interests join theirs."""

    __tablename__ = "memberships"
    group_id: int = Field(
        sa_column=Column(
            "group_id", Integer, ForeignKey("reader_groups.id", ondelete="CASCADE"), primary_key=True
        )
    )
    subscriber_id: int = Field(
        sa_column=Column(
            "subscriber_id",
            Integer,
            ForeignKey("subscribers.id", ondelete="CASCADE"),
            primary_key=True,
            index=True,
        )
    )
    joined_at: datetime = make_time("joined_at")


class Consent(Base, table=True):
    """A reader, or the operator for them, said yes to being written to.

    ``way`` is how (see :mod:`digest.pipeline.consent`); ``origin`` from where: on the web the network
    (/24, /48), for an import the file's name; ``word`` what the operator says of it; ``wording`` the version
    and language of the sentences that were agreed to, empty where none were shown.
    """

    __tablename__ = "consents"
    id: int | None = Field(default=None, primary_key=True)
    subscriber_id: int = make_id("subscriber_id", "subscribers.id")
    given_at: datetime = make_time("given_at")
    way: str
    origin: str = make_text("origin")
    word: str = make_text("word")
    wording: str = ""
