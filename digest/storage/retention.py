"""Rows that are too old to be kept, by kind: which they are, a page at a time, and their deletion.

What is needed for ever stays: which papers a reader was sent (so that none comes twice), which addresses are
not written to, and the papers that anybody was sent, saved or judged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, delete, exists, func, or_, select
from sqlmodel import Session, col

from digest.models import (
    Bounce,
    Check,
    Delivery,
    DomainPace,
    Enrichment,
    Feedback,
    Group,
    Interest,
    LearnedState,
    Letter,
    ListedEntry,
    Paper,
    Robots,
    Run,
    ShownPaper,
    SignUp,
    Source,
    StoredRecommendation,
    Subscriber,
)
from digest.storage.bulk import table
from digest.storage.evidence import newest_check_with_ids
from digest.storage.sources import first_failure_since_good, last_good_check
from digest.storage.waiting import UNSENT
from digest.types import IssueStatus, SubscriberStatus

__all__ = ["KINDS", "Limits", "delete_rows", "drop_unkeyed", "list_left", "old_ids"]

# Without papers that were received: they only say that there was nothing, or why.
SPEECHLESS = tuple(
    status.value
    for status in (IssueStatus.EMPTY, IssueStatus.SKIPPED, IssueStatus.EXPIRED, IssueStatus.NOTICE)
)


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on rows are kept.

    ``records``: checks, runs, enrichments, letters. ``left``: people who left, or never came. ``issues``,
    ``papers``: as they say. ``passing``: the kinds of letters that lead somewhere for a day only.
    """

    records: datetime
    left: datetime
    issues: datetime
    papers: datetime
    passing: tuple[str, ...] = ()


def old_ids(
    s: Session, kind: str, limits: Limits, *, after: int = 0, among: Sequence[int] | None = None, size: int
) -> list[int]:
    """Numbers of rows of that kind that may go, in order: above ``after``, at most ``size``.

    Only those ``among`` some, where they are given. None at all is the end.
    """
    number, query = KINDS[kind](limits)
    if among is not None:
        query = query.where(number.in_(among))
    kept = KEPT[kind](s) if kind in KEPT else frozenset()
    while True:
        found = [
            int(one) for one in s.execute(query.where(number > after).order_by(number).limit(size)).scalars()
        ]
        old = [one for one in found if one not in kept]
        if old or not found:
            return old
        after = found[-1]


def delete_rows(s: Session, kind: str, ids: Sequence[int]) -> None:
    """Delete these rows, and what belongs to them."""
    rows = table(kind)
    s.connection().execute(delete(rows).where(rows.c.id.in_(ids)))


def drop_unkeyed(s: Session, limits: Limits) -> dict[str, int]:
    """Delete what has no numbers: what was learnt of who left, and how servers are to be treated."""
    left = select(col(Subscriber.id)).where(col(Subscriber.status) == SubscriberStatus.UNSUBSCRIBED.value)
    statements = {
        "learned_states": delete(LearnedState).where(col(LearnedState.subscriber_id).in_(left)),
        "robots": delete(Robots).where(col(Robots.fetched_at) < limits.records),
        "domain_pace": delete(DomainPace).where(col(DomainPace.updated_at) < limits.records),
    }
    return {name: s.execute(statement).rowcount for name, statement in statements.items()}  # type: ignore[attr-defined]


def list_left(s: Session, before: datetime, *, limit: int) -> list[Subscriber]:
    """Readers who left before that time, or were asked before it and never said yes, by number.

    Who may still say yes stays.
    """
    may_answer = exists().where(
        col(SignUp.email_key) == col(Subscriber.email_key), col(SignUp.expires_at) >= before
    )
    query = select(Subscriber).where(
        or_(
            and_(
                col(Subscriber.status) == SubscriberStatus.UNSUBSCRIBED.value,
                col(Subscriber.left_at) < before,
            ),
            and_(
                col(Subscriber.status) == SubscriberStatus.UNCONFIRMED.value,
                col(Subscriber.created_at) < before,
                ~may_answer,
            ),
        ),
        # Who complained of a list's mail did not delete the group.
        col(Subscriber.id).not_in(select(col(Group.subscriber_id))),
    )
    return list(s.execute(query.order_by(col(Subscriber.id)).limit(limit)).scalars())


# --- which rows ------------------------------------------------------------------------------------

Chosen = tuple[Any, Select[Any]]


def _checks(limits: Limits) -> Chosen:
    return col(Check.id), select(col(Check.id)).where(col(Check.checked_at) < limits.records)


def _kept_checks(s: Session) -> frozenset[int]:
    """What tells of each source how it stands: its newest check, the last good one, and how it went since."""
    kept: set[int | None] = set()
    for number in s.execute(select(col(Source.id))).scalars():
        assert number is not None  # noqa: S101 - stored rows have ids
        of_source = select(col(Check.id)).where(col(Check.source_id) == number).limit(1)
        newest = (col(Check.checked_at).desc(), col(Check.id).desc())
        kept |= {s.execute(of_source.order_by(*newest)).scalar()}
        kept |= {s.execute(of_source.order_by(col(Check.day).desc(), *newest)).scalar()}
        told = (last_good_check, first_failure_since_good, newest_check_with_ids)
        kept |= {found.id for found in (look(s, number) for look in told) if found is not None}
    return frozenset(one for one in kept if one is not None)


def _runs(limits: Limits) -> Chosen:
    newest = select(func.max(col(Run.id))).group_by(col(Run.use_case))
    old = select(col(Run.id)).where(col(Run.started_at) < limits.records, col(Run.id).not_in(newest))
    return col(Run.id), old


def _enrichments(limits: Limits) -> Chosen:
    return col(Enrichment.id), select(col(Enrichment.id)).where(col(Enrichment.asked_at) < limits.records)


def _sign_ups(limits: Limits) -> Chosen:
    old = select(col(SignUp.id)).where(
        col(SignUp.expires_at) < limits.left, col(SignUp.confirmed_at).is_(None)
    )
    return col(SignUp.id), old


def _letters(limits: Limits) -> Chosen:
    waits = exists().where(col(Delivery.letter_id) == col(Letter.id), col(Delivery.status).in_(UNSENT))
    old = select(col(Letter.id)).where(
        or_(
            col(Letter.created_at) < limits.records,
            col(Letter.kind).in_(limits.passing) & (col(Letter.created_at) < limits.left),
        ),
        ~waits,
    )
    return col(Letter.id), old


def _bounces(limits: Limits) -> Chosen:
    return col(Bounce.id), select(col(Bounce.id)).where(col(Bounce.received_at) < limits.issues)


def _silent_issues(limits: Limits) -> Chosen:
    """Issues without papers; never the newest of a subscription, which says up to where it was served."""
    issues = table("issues")
    later = issues.alias()
    is_newest = ~exists().where(
        later.c.subscription_id == issues.c.subscription_id, later.c.local_date > issues.c.local_date
    )
    old = select(issues.c.id).where(
        # As long as what ran is known: else a day of which nothing is kept would seem to be one that nothing
        # was done on.
        issues.c.composed_at < min(limits.issues, limits.records),
        issues.c.status.in_(SPEECHLESS),
        ~is_newest,
    )
    return issues.c.id, old


def _unshown(_: Limits) -> Chosen:
    used = exists().where(col(StoredRecommendation.shown_id) == col(ShownPaper.id))
    return col(ShownPaper.id), select(col(ShownPaper.id)).where(~used)


def _papers(limits: Limits) -> Chosen:
    """Papers that nobody was sent, saved or judged, and that no source lists any more."""
    listed = exists().where(
        col(ListedEntry.paper_id) == col(Paper.id), col(ListedEntry.listed_on) >= limits.papers.date()
    )
    sent = exists().where(col(StoredRecommendation.paper_id) == col(Paper.id))
    judged = exists().where(col(Feedback.paper_id) == col(Paper.id))
    old = select(col(Paper.id)).where(col(Paper.first_seen_at) < limits.papers, ~sent, ~judged, ~listed)
    return col(Paper.id), old


def _examples(s: Session) -> frozenset[int]:
    """The papers that interests are described by."""
    numbers = set()
    for examples in s.execute(select(col(Interest.examples))).scalars():
        numbers |= {one["paper_id"] for one in examples if one.get("paper_id") is not None}
    return frozenset(numbers)


# In the order in which they go: what others refer to last.
KINDS: dict[str, Callable[[Limits], Chosen]] = {
    "checks": _checks,
    "runs": _runs,
    "enrichments": _enrichments,
    "sign_ups": _sign_ups,
    "letters": _letters,
    "bounces": _bounces,
    "issues": _silent_issues,
    "shown_papers": _unshown,
    "papers": _papers,
}
# What is kept whatever its age, where a query cannot tell it. Looked up each time: it may have come since.
KEPT: dict[str, Callable[[Session], frozenset[int]]] = {"checks": _kept_checks, "papers": _examples}
