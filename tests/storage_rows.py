"""Invented rows to fill a database with."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlmodel import Session

from digest.models import Delivery, Interest, Issue, Subscriber, Subscription
from digest.storage import issues, papers, sources, subscribers
from digest.text import fingerprint, paper_url
from digest.types import Change, ChangeKind, Entry, PaperView, Reason, Recommendation, Section

NOW = datetime(2026, 8, 3, 6, 30, tzinfo=UTC)
TODAY = date(2026, 8, 3)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def make_entry(number: int = 1, **given: Any) -> Entry:
    """An invented entry; every number has its own ids and words."""
    values = {
        "title": f"Finding Thing {number} in Long Documents",
        "position": number,
        "abstract": f"We study how thing {number} is found.",
        "arxiv_id": f"2608.{number:05d}",
        "authors": ("Ada Example", "Bo Sample"),
        "votes": 10 * number,
    }
    return Entry(**(values | given))


def make_change(entry: Entry, **given: Any) -> Change:
    """The change a new entry of today is, unless told otherwise."""
    values = {
        "kind": ChangeKind.NEW,
        "listed_on": TODAY,
        "fingerprint": fingerprint(entry.title, entry.abstract),
    }
    return Change(entry=entry, **(values | given))


def add_source(s: Session, name: str = "hf", kind: str = "huggingface") -> int:
    """A stored source's id."""
    return sources.ensure_source(s, name, kind, "https://papers.example", NOW).id


def add_papers(
    s: Session,
    entries: Sequence[Entry],
    *,
    source_id: int | None = None,
    now: datetime = NOW,
    day: date = TODAY,
) -> list[int]:
    """File new papers, all listed on one day."""
    source_id = source_id or add_source(s)
    return papers.apply_changes(s, source_id, [make_change(one, listed_on=day) for one in entries], now)


def list_again(
    s: Session, paper_id: int, entry: Entry, *, now: datetime, source_id: int, day: date = TODAY
) -> None:
    """File that a source showed a stored paper again."""
    change = make_change(entry, kind=ChangeKind.MODIFIED, paper_id=paper_id, fields=("votes",), listed_on=day)
    papers.apply_changes(s, source_id, [change], now)


def add_reader(
    s: Session, email: str | None = "ada@example.org", *, status: str = "active"
) -> tuple[Subscriber, Subscription]:
    """A stored subscriber with one daily subscription."""
    subscriber = subscribers.add_subscriber(s, email=email, status=status, now=NOW)
    return subscriber, add_subscription(s, subscriber)


def add_subscription(s: Session, subscriber: Subscriber, **given: Any) -> Subscription:
    """A stored daily subscription."""
    values = {"cadence": "daily", "hour": 7, "zone": "Europe/Berlin", "created_at": NOW}
    return subscribers.add_subscription(s, Subscription(subscriber_id=subscriber.id, **(values | given)))


def add_interest(s: Session, subscriber: Subscriber, name: str, **given: Any) -> Interest:
    """A stored interest."""
    return subscribers.add_interest(
        s, Interest(subscriber_id=subscriber.id, name=name, created_at=NOW, **given)
    )


def make_view(paper_id: int, **given: Any) -> PaperView:
    """What is shown of an invented paper."""
    title = f"Finding Thing {paper_id}"
    values = {
        "paper_id": paper_id,
        "title": title,
        "abstract": "We find it.",
        "authors": ("Ada Example",),
        "url": paper_url(None, None, title),
    }
    return PaperView(**(values | given))


def make_recommendation(paper_id: int, position: int, **given: Any) -> Recommendation:
    """A recommendation, the better the earlier its position."""
    values: dict[str, Any] = {
        "paper_id": paper_id,
        "section": Section.FOR_YOU,
        "score": 1 / position,
        "interest": "Finding",
        "reasons": (Reason("keyword", "keyword “find”", {"keyword": "find"}),),
    }
    return Recommendation(**(values | given))


def make_delivery(message_id: str, **given: Any) -> Delivery:
    """A planned mail that is not stored yet."""
    values = {
        "issue_id": 0,
        "channel": "mail",
        "recipient": "ada@example.org",
        "message_id": message_id,
        "status": "planned",
        "planned_at": NOW,
    }
    return Delivery(**(values | given))


def add_issue(
    s: Session,
    subscription: Subscription,
    local_date: date = TODAY,
    *,
    paper_ids: Sequence[int] = (),
    delivery: Delivery | None = None,
    **given: Any,
) -> Issue:
    """A stored issue with its recommendations."""
    values = {"status": "composed", "composed_at": NOW, "expires_at": NOW + DAY}
    issue = Issue(subscription_id=subscription.id, local_date=local_date, **(values | given))
    recommendations = [make_recommendation(one, n) for n, one in enumerate(paper_ids, start=1)]
    views = {one: make_view(one) for one in paper_ids}
    (issue_id,) = issues.add_issues(s, [issues.NewIssue(issue, recommendations, views, delivery)])
    return s.get(Issue, issue_id)
