"""What people ask to see: papers, readers, sources, and how things stand. Reads only."""

from datetime import UTC, date, datetime
from typing import Any

from sqlmodel import Session

from digest.config import IMPORTS
from digest.errors import UsageError
from digest.models import Delivery, Issue, Letter, Paper, Source
from digest.pipeline.claims import LastLook, judge
from digest.pipeline.moment import Moment
from digest.pipeline.readers import get_subscriber
from digest.pipeline.reading import ConfiguredSource
from digest.storage import deliveries as delivery_rows
from digest.storage import enrichments as enrichment_rows
from digest.storage import groups as group_rows
from digest.storage import issues as issue_rows
from digest.storage import overview as overview_rows
from digest.storage import papers as paper_rows
from digest.storage import runs as run_rows
from digest.storage import search as search_rows
from digest.storage import sources as source_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database
from digest.text import pdf_url
from digest.types import DeliveryStatus

__all__ = [
    "list_deliveries",
    "list_papers",
    "list_subscribers",
    "list_waiting",
    "search_papers",
    "show_paper",
    "source_report",
    "status_report",
]

USE_CASES = ("refresh", "compose", "deliver")


def list_papers(database: Database, *, limit: int, since: date | None) -> list[dict[str, Any]]:
    """Stored papers, newest first."""
    with database.read() as session:
        return _rows(session, paper_rows.list_papers(session, limit=limit, since=since))


def search_papers(database: Database, query: str, *, limit: int) -> list[dict[str, Any]]:
    """Stored papers that match, best first; any text is a query."""
    with database.read() as session:
        return _rows(session, search_rows.search_papers(session, query, limit=limit))


def show_paper(database: Database, text: str) -> dict[str, Any]:
    """Everything known of one paper; ``UsageError`` where no paper is that."""
    with database.read() as session:
        paper = paper_rows.find_paper(session, text)
        if paper is None:
            raise UsageError(f"no stored paper is {text!r} (digest papers search WORDS)")
        row = _rows(session, [paper])[0]
        return row | {
            "abstract": paper.abstract,
            "summary": paper.summary,
            "summary_by": paper.summary_by,
            "keywords": paper.keywords,
            "categories": paper.categories,
            "organisation": paper.organisation,
            "published_on": paper.published_on.isoformat() if paper.published_on else None,
            "url": paper_rows.address_of(paper),
            "pdf_url": pdf_url(paper.arxiv_id),
            "code_url": paper.code_url,
            "project_url": paper.project_url,
        }


def _rows(session: Session, papers: list[Paper]) -> list[dict[str, Any]]:
    votes = paper_rows.latest_votes(session, [paper.id for paper in papers if paper.id is not None])
    return [
        {
            "id": paper.id,
            "arxiv_id": paper.arxiv_id,
            "doi": paper.doi,
            "title": paper.title,
            "authors": paper.authors,
            "first_seen_at": paper.first_seen_at.isoformat(),
            "votes": votes.get(paper.id or 0),
        }
        for paper in papers
    ]


def list_subscribers(database: Database) -> list[dict[str, Any]]:
    """All readers, as far as a list needs; who stands for a group is none."""
    with database.read() as session:
        shared = group_rows.shared_ids(session)
        return [
            {"email": row.email, "status": row.status, "created_at": row.created_at.isoformat()}
            for row in subscriber_rows.list_subscribers(session)
            if row.id not in shared
        ]


def list_waiting(database: Database, moment: Moment) -> list[dict[str, Any]]:
    """The mails that would be sent now, recipients masked.

    ``interrupted`` ones were half sent by a run that was killed: they are sent again or held, as the
    channel and the setting ``uncertain`` say.
    """
    with database.read() as session:
        waiting = delivery_rows.list_waiting(session, delivery_rows.list_due(session, moment.now))
        due = [one.delivery_id for one in waiting if judge(one, moment) is LastLook.SEND]
        rows = [
            _mail(*row) | {"interrupted": False} for row in delivery_rows.list_deliveries(session, ids=due)
        ]
        stuck = delivery_rows.list_stuck(session)
    rows.reverse()  # in the order they go
    return rows + [
        {"recipient": _masked(row.recipient), "attempts": row.attempts, "interrupted": True} for row in stuck
    ]


def list_deliveries(
    database: Database, *, email: str | None = None, local_date: date | None = None, limit: int = 1000
) -> list[dict[str, Any]]:
    """Who got what, and why not: deliveries, newest first, of one reader, of one date, or all.

    Dates without an issue stand among them, as ``skipped`` with their reason, where a reader is asked for.
    Raises ``UsageError`` for an unknown reader.
    """
    with database.read() as session:
        subscriber = get_subscriber(session, email) if email is not None else None
        reader_id = subscriber.id if subscriber is not None else None
        found = delivery_rows.list_deliveries(
            session, subscriber_id=reader_id, local_date=local_date, limit=limit
        )
        rows = [_delivery(*row) for row in found]
        if reader_id is not None:
            unsent = issue_rows.list_without_delivery(session, reader_id, local_date=local_date, limit=limit)
            rows += [_undelivered(issue) for issue in unsent]
    return sorted(rows, key=lambda row: row["local_date"] or row["planned_at"][:10], reverse=True)[:limit]


def _mail(delivery: Delivery, issue: Issue | None, letter: Letter | None) -> dict[str, Any]:
    return {
        "recipient": _masked(delivery.recipient),
        "attempts": delivery.attempts,
        "local_date": issue.local_date.isoformat() if issue else None,
        "subject": issue.subject if issue else letter.subject if letter else "",
    }


def _delivery(delivery: Delivery, issue: Issue | None, letter: Letter | None) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "kind": letter.kind if letter else "issue",
        "local_date": issue.local_date.isoformat() if issue else None,
        "recipient": delivery.recipient,
        "subject": issue.subject if issue else letter.subject if letter else "",
        "status": delivery.status,
        "attempts": delivery.attempts,
        "may_have_arrived": delivery.may_have_arrived,
        "planned_at": _iso(delivery.planned_at),
        "sending_at": _iso(delivery.sending_at),
        "sent_at": _iso(delivery.sent_at),
        "retry_at": _iso(delivery.retry_at),
        "reply": delivery.reply,
        "reason": delivery.reason,
        "message_id": delivery.message_id,
    }


def _undelivered(issue: Issue) -> dict[str, Any]:
    """A date on which nothing was to be sent, in the same form."""
    reason = issue.reason or "the subscription is without mail"
    return {
        "id": None,
        "recipient": None,
        "sending_at": None,
        "sent_at": None,
        "retry_at": None,
        "reply": None,
        "message_id": None,
        "kind": "issue",
        "local_date": issue.local_date.isoformat(),
        "subject": issue.subject,
        "status": issue.status,
        "attempts": 0,
        "may_have_arrived": False,
        "planned_at": issue.composed_at.isoformat(),
        "reason": reason.partition(" ")[2] if issue.reason else reason,
    }


def _masked(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def source_report(database: Database, configured: list[ConfiguredSource]) -> list[dict[str, Any]]:
    """The configured sources with their health, and those that are stored but no longer configured."""
    with database.read() as session:
        stored = {row.name: row for row in source_rows.list_sources(session)}
    rows = [
        _health(source.name, source.kind.kind, source.url, stored.pop(source.name, None), configured=True)
        for source in configured
    ]
    return rows + [
        _health(row.name, row.kind, row.url, row, configured=row.name == IMPORTS) for row in stored.values()
    ]


def _health(name: str, kind: str, url: str, row: Source | None, *, configured: bool) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "url": url,
        "last_checked_at": _iso(row.last_checked_at if row else None),
        "last_good_at": _iso(row.last_good_at if row else None),
        "last_verdict": row.last_verdict if row else None,
        "failures_in_row": row.failures_in_row if row else 0,
        "last_error": row.last_error if row else None,
        "next_try_at": _iso(row.next_try_at if row else None),
        "moved_to": row.moved_to if row else None,
        "configured": configured,
    }


def _enrichers(session: Session, now: datetime) -> dict[str, dict[str, Any]]:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    report = enrichment_rows.count_outcomes(session, since=today)
    return {name: row | {"last_asked_at": _iso(row["last_asked_at"])} for name, row in report.items()}


def status_report(database: Database, configured: list[ConfiguredSource], now: datetime) -> dict[str, Any]:
    """How things stand: papers, readers, sources, what was sent, and when it all ran last."""
    sources = source_report(database, configured)
    with database.read() as session:
        deliveries = delivery_rows.count_by_status(session)
        runs = {use_case: run_rows.last_run(session, use_case, now) for use_case in USE_CASES}
        return {
            "papers": paper_rows.count_papers(session),
            "subscribers": overview_rows.count_readers(session),
            "sources": sources,
            "enrichers": _enrichers(session, now),
            "deliveries": deliveries,
            "bounced": deliveries.get(DeliveryStatus.BOUNCED, 0),
            "complained": deliveries.get(DeliveryStatus.COMPLAINED, 0),
            "runs": {
                use_case: {"started_at": _iso(run.started_at), "ok": run.ok, "outcome": run.outcome}
                if run
                else None
                for use_case, run in runs.items()
            },
        }


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None
