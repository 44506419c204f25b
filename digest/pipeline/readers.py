"""Readers: who is served, when, and what they care about."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from email_validator import EmailNotValidError, validate_email
from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Feedback, Interest, Paper, Subscriber, Subscription
from digest.pipeline.consent import Way, record_consent, show_consents
from digest.pipeline.examples import resolve_paper
from digest.pipeline.feed_files import drop_feeds
from digest.pipeline.interest_wish import WORD_LISTS, check_words
from digest.schedule import WEEKDAYS, check_schedule
from digest.storage import bounces as bounce_rows
from digest.storage import groups as group_rows
from digest.storage import papers as paper_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.storage.database import Database
from digest.text import clean_text
from digest.translation import gettext as _
from digest.types import Cadence, FeedbackKind, SubscriberStatus

__all__ = [
    "DEFAULT_LANGUAGE",
    "InterestWords",
    "Schedule",
    "activate_subscriber",
    "add_feedback",
    "add_interest",
    "add_subscriber",
    "change_schedule",
    "check_email",
    "check_suppression",
    "get_subscriber",
    "pause_subscriber",
    "remove_interest",
    "remove_subscriber",
    "show_subscriber",
    "show_subscriber_basics",
]

MAX_WORDS = 200
# Why an address is not written to, in words that a date may follow.
SUPPRESSED = {
    "bounced": "its mail bounced",
    "complained": "its owner called the mail spam",
    "unsubscribed": "its owner left",
    "operator": "the operator suppressed it",
}


# Said for "as the installation is set".
DEFAULT_LANGUAGE = "default"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a subscriber is served; ``weekday`` (mon … sun) counts for weekly only.

    And in which ``language``; ``None`` is the installation's.
    """

    cadence: str = Cadence.DAILY
    weekday: str = "mon"
    hour: int = 7
    zone: str = "UTC"
    language: str | None = None

    def checked(self) -> "Schedule":
        """The same, or ``UsageError`` for a word, hour, zone or language that is none."""
        check_schedule(self.cadence, self.weekday, self.hour, self.zone, self.language)
        return self


@dataclass(frozen=True, slots=True)
class InterestWords:
    """What a person says an interest is made of. ``examples`` are ids or titles.

    The rest is as :class:`~digest.pipeline.interest_wish.InterestWish` has it.
    """

    keywords: tuple[str, ...] = ()
    must_keywords: tuple[str, ...] = ()
    not_keywords: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    only_examples: bool = False


def check_email(address: str) -> str:
    """The address as it is written to, or ``UsageError`` with the reason why it is none."""
    try:
        # Strict, as the mailer is: what is taken here can be mailed.
        valid = validate_email(address, check_deliverability=False, globally_deliverable=False, strict=True)
    except EmailNotValidError as error:
        raise UsageError(_("%(address)r is no mail address: %(why)s", address=address, why=error)) from error
    # Other letters before the @ stay as they are: servers that offer SMTPUTF8 take them.
    return valid.ascii_email or f"{valid.local_part}@{valid.ascii_domain}"


def add_subscriber(
    database: Database,
    email: str,
    schedule: Schedule,
    *,
    active: bool,
    now: datetime,
    feed_only: bool = False,
) -> Subscriber:
    """Store a new subscriber with one subscription.

    Raises ``UsageError`` for a wrong address, a wrong schedule, an address that is there already, and one
    that is not to be written to (unless it only names a private feed).
    """
    address = check_email(email)
    schedule = schedule.checked()
    with database.write() as session:
        if subscriber_rows.get_subscriber(session, address) is not None:
            raise UsageError(
                f"{address} is a subscriber already (digest subscriber show or change {address})"
            )
        if not feed_only:
            check_suppression(session, address)
        status = SubscriberStatus.ACTIVE if active else SubscriberStatus.UNCONFIRMED
        subscriber = subscriber_rows.add_subscriber(session, email=address, status=status, now=now)
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        row = Subscription(
            subscriber_id=subscriber.id,
            cadence=schedule.cadence,
            weekday=WEEKDAYS.index(schedule.weekday),
            hour=schedule.hour,
            zone=schedule.zone,
            language=schedule.language,
            mail=not feed_only,
            created_at=now,
        )
        subscriber_rows.add_subscription(session, row)
        if active:
            record_consent(session, subscriber.id, Way.COMMAND, now)
        return subscriber


def change_schedule(
    database: Database,
    email: str | int,
    *,
    cadence: str | None = None,
    weekday: str | None = None,
    hour: int | None = None,
    zone: str | None = None,
    language: str | None = None,
) -> Schedule:
    """Change what is given of a reader's schedule and return it whole. Raises ``UsageError``.

    The language ``DEFAULT_LANGUAGE`` is the installation's. One that is stored stays, be it known no more.
    """
    with database.write() as session:
        subscriber = get_subscriber(session, email)
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        row = subscriber_rows.list_subscriptions(session, subscriber.id)[0]
        schedule = Schedule(
            cadence=cadence or row.cadence,
            weekday=weekday or WEEKDAYS[row.weekday],
            hour=row.hour if hour is None else hour,
            zone=zone or row.zone,
            language=None if language == DEFAULT_LANGUAGE else language,
        ).checked()
        row.cadence, row.weekday = schedule.cadence, WEEKDAYS.index(schedule.weekday)
        row.hour, row.zone = schedule.hour, schedule.zone
        if language is not None:
            row.language = schedule.language
        subscriber_rows.add_subscription(session, row)
        return replace(schedule, language=row.language)


def get_subscriber(session: Session, email: str | int) -> Subscriber:
    """The subscriber of that address, however it is spelt, or number; ``UsageError`` where there is none."""
    if isinstance(email, int):
        found = subscriber_rows.get_by_id(session, email)
        if found is None:
            raise UsageError(f"there is no subscriber number {email}")
        return found
    stored = email
    with suppress(UsageError):
        stored = check_email(email)
    subscriber = subscriber_rows.get_subscriber(session, stored)
    if subscriber is None:
        raise UsageError(f"nobody is subscribed as {email!r} (digest subscriber list)")
    return subscriber


def pause_subscriber(
    database: Database, email: str | int, *, until: date | None, now: datetime
) -> Subscriber:
    """Send nothing until that day, or until the subscriber is activated again."""
    with database.write() as session:
        subscriber = get_subscriber(session, email)
        if subscriber.status not in (SubscriberStatus.ACTIVE, SubscriberStatus.PAUSED):
            who = subscriber.email or email
            raise UsageError(f"{who} is {subscriber.status}, so there is nothing to pause")
        _check_not_listless(session, subscriber)
        subscriber_rows.set_status(session, subscriber, SubscriberStatus.PAUSED, paused_until=until, now=now)
        return subscriber


def activate_subscriber(
    database: Database, email: str | int, *, now: datetime, way: Way = Way.COMMAND
) -> Subscriber:
    """Serve a subscriber who was unconfirmed, paused, or suspended because their mail bounced.

    For who had not agreed, or had left, the operator vouches in that ``way``. The address counts as
    mended, and earlier bounces no more. Raises ``UsageError`` for a group without a list, and for an address
    that its owner wants no mail at: that only ``digest suppression remove`` lifts.
    """
    with database.write() as session:
        subscriber = get_subscriber(session, email)
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        _check_not_listless(session, subscriber)
        if subscriber.email is not None:
            suppression_rows.delete_suppression(session, subscriber.email, reasons=("bounced",))
            check_suppression(session, subscriber.email)
        bounce_rows.forgive_bounces(session, subscriber.id)
        # Whose invitation bounced never agreed either: who once was active did.
        has_agreed = subscriber.confirmed_at is not None
        if not has_agreed or subscriber.status == SubscriberStatus.UNSUBSCRIBED:
            record_consent(session, subscriber.id, way, now)
        subscriber_rows.set_status(session, subscriber, SubscriberStatus.ACTIVE, now=now)
        return subscriber


def _check_not_listless(session: Session, subscriber: Subscriber) -> None:
    """Raise ``UsageError`` for the subscriber of a group without a list, which nobody is served by."""
    if subscriber.email is None and group_rows.is_group(session, subscriber.id or 0):
        raise UsageError("this group has no list to send to (digest group change NAME --list ADDRESS)")


def check_suppression(session: Session, address: str) -> None:
    """Raise ``UsageError`` for an address that is not to be written to."""
    row = suppression_rows.get_suppression(session, address)
    if row is not None:
        reason = SUPPRESSED.get(row.reason, row.reason)
        raise UsageError(
            f"{address} is not written to: {reason} on {row.created_at:%Y-%m-%d} "
            f"(if its owner wants mail again: digest suppression remove {address})"
        )


def remove_subscriber(database: Database, email: str | int, feeds_dir: Path) -> None:
    """Delete a subscriber, all that is stored about them, and their private feeds.

    Raises ``StorageError`` where a feed cannot be deleted; then the subscriber stays.
    """
    with database.write() as session:
        subscriber = get_subscriber(session, email)
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        if group_rows.is_group(session, subscriber.id):
            raise UsageError(f"{email} stands for a group (digest group delete, or change --no-list)")
        # The feeds first: without the reader nobody would know whose they are. Of one who stays they are
        # written again.
        drop_feeds(feeds_dir, subscriber.feed_token)
        subscriber_rows.delete_subscriber(session, subscriber)


def show_subscriber(
    session: Session, subscriber: Subscriber, *, base_url: str | None, feeds_dir: Path
) -> dict[str, Any]:
    """All that is known of a subscriber, JSON-ready."""
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    token = subscriber.feed_token
    return {
        "email": subscriber.email,
        "status": subscriber.status,
        "paused_until": subscriber.paused_until.isoformat() if subscriber.paused_until else None,
        "created_at": subscriber.created_at.isoformat(),
        **show_subscriber_basics(session, subscriber.id),
        "groups": [
            group.name for group in group_rows.list_groups_of(session, [subscriber.id])[subscriber.id]
        ],
        "consents": show_consents(session, subscriber.id),
        "feeds": {
            kind: f"{base_url}/feeds/{token}.{kind}" if base_url else str(feeds_dir / f"{token}.{kind}")
            for kind in ("rss", "atom", "json")
        },
    }


def show_subscriber_basics(session: Session, subscriber_id: int) -> dict[str, Any]:
    """When a subscriber is served and what they care about, JSON-ready."""
    return {
        "subscriptions": [
            {
                "cadence": row.cadence,
                "weekday": WEEKDAYS[row.weekday],
                "hour": row.hour,
                "zone": row.zone,
                "language": row.language,
                "mail": row.mail,
                "feed": row.feed,
            }
            for row in subscriber_rows.list_subscriptions(session, subscriber_id)
        ],
        "interests": [
            {"name": row.name}
            | {name: getattr(row, name) for name in WORD_LISTS}
            | {"examples": [example["title"] for example in row.examples]}
            | {"only_examples": row.only_examples}
            for row in subscriber_rows.list_interests(session, subscriber_id)
        ],
    }


def add_interest(
    database: Database, email: str | int, name: str, words: InterestWords, *, now: datetime
) -> tuple[Interest, list[str]]:
    """Add an interest, or add to the one of that name.

    Returns it with the examples that match no stored paper: an id counts as soon as its paper is
    read, a title counts by its words. Raises ``UsageError`` for an interest made of nothing, and for a
    title that several papers have.
    """
    name = clean_text(name, limit=MAX_WORDS)
    if not name:
        raise UsageError("an interest needs a name (--name)")
    check_words((*words.keywords, *words.must_keywords), words.authors)
    with database.write() as session:
        subscriber = get_subscriber(session, email)
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        rows = {row.name: row for row in subscriber_rows.list_interests(session, subscriber.id)}
        asks = (words.keywords, words.must_keywords, words.authors, words.categories, words.examples)
        if not (any(asks) or name in rows):
            raise UsageError("a new interest needs at least one keyword, author, category or example")
        row = rows.get(name) or Interest(subscriber_id=subscriber.id, name=name, created_at=now)
        for field in WORD_LISTS:
            setattr(row, field, _union(getattr(row, field), getattr(words, field)))
        row.only_examples = row.only_examples or words.only_examples
        examples = [resolve_paper(session, text) for text in words.examples]
        row.examples = row.examples + [dict(one) for one in examples if one not in row.examples]
        subscriber_rows.add_interest(session, row)
        return row, [example["title"] for example in examples if example["paper_id"] is None]


def _union(have: Sequence[str], more: Sequence[str]) -> list[str]:
    cleaned = (clean_text(word, limit=MAX_WORDS) for word in more)
    return list(dict.fromkeys([*have, *(word for word in cleaned if word)]))


def remove_interest(database: Database, email: str | int, name: str, *, who: str = "") -> None:
    """Delete an interest; ``UsageError`` where there is none of that name. ``who`` is whose, in words."""
    with database.write() as session:
        subscriber = get_subscriber(session, email)
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        if not subscriber_rows.delete_interest(session, subscriber.id, name):
            names = ", ".join(row.name for row in subscriber_rows.list_interests(session, subscriber.id))
            raise UsageError(f"{who or email} has no interest named {name!r}; there is: {names or 'none'}")


def add_feedback(
    database: Database, email: str, paper: str, kind: str, *, interest: str | None, now: datetime
) -> Paper:
    """Record what a subscriber says of a paper (id, arXiv id, DOI or exact title)."""
    if kind not in list(FeedbackKind):
        raise UsageError(f"{kind!r} is no feedback; use one of {', '.join(FeedbackKind)}")
    with database.write() as session:
        subscriber = get_subscriber(session, email)
        row = paper_rows.find_paper(session, paper)
        if row is None:
            raise UsageError(f"no stored paper is {paper!r} (digest papers search WORDS)")
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        assert row.id is not None  # noqa: S101
        interests = {one.name: one.id for one in subscriber_rows.list_interests(session, subscriber.id)}
        if interest is not None and interest not in interests:
            raise UsageError(f"{email} has no interest named {interest!r}")
        said = Feedback(
            subscriber_id=subscriber.id,
            paper_id=row.id,
            kind=kind,
            interest_id=interests[interest] if interest else _interest_of(session, subscriber.id, row.id),
            created_at=now,
        )
        subscriber_rows.add_feedback(session, said)
        return row


def _interest_of(session: Session, subscriber_id: int, paper_id: int) -> int | None:
    """The interest that the paper was recommended for, if it was."""
    return subscriber_rows.recommended_interest(session, subscriber_id, paper_id)
