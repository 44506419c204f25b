"""Papers that readers were sent lately, each with what was said of it: thresholds are learnt from them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, and_, exists, false, func, or_, select
from sqlmodel import Session

from digest.storage.bulk import in_batches, table
from digest.types import FeedbackKind, IssueStatus

__all__ = ["SentPaper", "list_verdicts"]

SAID: Final = (FeedbackKind.MORE.value, FeedbackKind.LESS.value, FeedbackKind.SAVED.value)
# More of a reader's issues would hardly move what is learnt from them.
NEWEST: Final = 20


class SentPaper(NamedTuple):
    """The stored parts of a paper's score, and the last word on it: more, less, saved, or ``None``."""

    parts: Mapping[str, float]
    said: str | None


def list_verdicts(
    s: Session, subscriber_ids: Iterable[int], *, since: datetime
) -> dict[int, list[SentPaper]]:
    """For each reader who judged papers, all papers of their last 20 issues since then with a judged one.

    What was sent before a reader, or the interest it was for, began to learn anew is left out, and what was
    for an interest that learns from nothing but its examples.
    """
    owners: dict[int, int] = {}
    for batch in in_batches(subscriber_ids):
        owners |= _judged_issues(s, _judges(s, batch, since), since)
    found: dict[int, dict[int, SentPaper]] = defaultdict(dict)
    last: dict[tuple[int, int], datetime] = {}
    for batch in in_batches(owners):
        for issue_id, paper_id, parts, said, said_at in s.connection().execute(_sent(batch)):
            key = owners[issue_id], paper_id
            if key not in last or said_at > last[key]:
                found[key[0]][paper_id] = SentPaper(parts, said)
            if said_at is not None:
                last[key] = said_at
    return {who: [papers[number] for number in sorted(papers)] for who, papers in found.items()}


def _judges(s: Session, subscriber_ids: Sequence[int], since: datetime) -> list[int]:
    said = table("feedback").c
    query = select(said.subscriber_id).distinct()
    query = query.where(said.subscriber_id.in_(subscriber_ids), said.kind.in_(SAID), said.created_at >= since)
    return list(s.connection().execute(query).scalars())


def _judged_issues(s: Session, subscriber_ids: Sequence[int], since: datetime) -> dict[int, int]:
    """The issues with their readers."""
    chosen, said = table("recommendations"), table("feedback")
    issues, subscriptions, readers = table("issues"), table("subscriptions"), table("subscribers")
    # Asked of each paper of each issue: the other way round, from what was said to who was sent the paper,
    # leads through all readers of a paper that many were sent.
    is_said = exists().where(
        said.c.subscriber_id == subscriptions.c.subscriber_id,
        said.c.paper_id == chosen.c.paper_id,
        said.c.kind.in_(SAID),
    )
    is_judged = exists().where(chosen.c.issue_id == issues.c.id, is_said)
    query = (
        select(issues.c.id, subscriptions.c.subscriber_id)
        .join(subscriptions, subscriptions.c.id == issues.c.subscription_id)
        .join(readers, readers.c.id == subscriptions.c.subscriber_id)
        .where(
            subscriptions.c.subscriber_id.in_(subscriber_ids),
            issues.c.status == IssueStatus.COMPOSED.value,
            issues.c.composed_at >= since,
            or_(readers.c.learn_from.is_(None), issues.c.composed_at >= readers.c.learn_from),
            is_judged,
        )
        .order_by(issues.c.local_date.desc(), issues.c.id.desc())
    )
    of_reader: dict[int, list[int]] = defaultdict(list)
    for issue_id, subscriber_id in s.connection().execute(query):
        of_reader[subscriber_id].append(issue_id)
    return {issue_id: who for who, own in of_reader.items() for issue_id in own[:NEWEST]}


def _sent(issue_ids: Sequence[int]) -> Select[Any]:
    chosen, issues, subscriptions = table("recommendations"), table("issues"), table("subscriptions")
    interests, said = table("interests"), table("feedback")
    of_paper = and_(
        said.c.subscriber_id == subscriptions.c.subscriber_id,
        said.c.paper_id == chosen.c.paper_id,
        said.c.kind.in_(SAID),
    )
    return (
        select(chosen.c.issue_id, chosen.c.paper_id, chosen.c.parts, said.c.kind, said.c.created_at)
        .join(issues, issues.c.id == chosen.c.issue_id)
        .join(subscriptions, subscriptions.c.id == issues.c.subscription_id)
        .outerjoin(interests, interests.c.id == chosen.c.interest_id)
        .outerjoin(said, of_paper)
        .where(
            chosen.c.issue_id.in_(issue_ids),
            func.coalesce(interests.c.only_examples, false()).is_(false()),
            or_(interests.c.learn_from.is_(None), issues.c.composed_at >= interests.c.learn_from),
        )
    )
