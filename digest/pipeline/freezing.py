"""Freezing a draft: the rows of an issue, and of the mail that is planned with it."""

from datetime import timedelta
from hashlib import blake2b

from sqlmodel import Session

from digest.message import make_message_id
from digest.models import Delivery, Issue
from digest.pipeline.compose_rules import ComposeRules
from digest.pipeline.draft import Draft
from digest.pipeline.moment import Moment
from digest.storage import issues as issue_rows
from digest.types import DeliveryStatus, IssueStatus

__all__ = ["MAIL", "freeze"]

MAIL = "mail"


def freeze(session: Session, draft: Draft, moment: Moment, rules: ComposeRules) -> issue_rows.NewIssue:
    """One issue with all that belongs to it, ready to be stored."""
    assert draft.subscription.id is not None  # noqa: S101 - stored rows have ids
    status, notice = IssueStatus.COMPOSED, None
    if not draft.recommendations:
        silent = issue_rows.silent_days(session, draft.subscription.id, draft.local_date)
        speak = rules.when_empty == "mail" or silent >= rules.silent_days
        status = IssueStatus.NOTICE if speak else IssueStatus.EMPTY
        notice = draft.notice if speak else None
    # An issue of a day gone by that somebody asks for today is not old news, so its time counts
    # from when it is made; a restored backup's issues keep the time they were made at.
    expires = max(draft.now, moment.now) + timedelta(hours=rules.issue_window_h)
    issue = Issue(
        subscription_id=draft.subscription.id,
        local_date=draft.local_date,
        status=status,
        subject=draft.subject,
        coverage=draft.coverage,
        notice=notice,
        reason=str(draft.reason) if draft.reason else None,
        interests=[interest.name for interest in draft.profile.interests],
        zone=draft.subscription.zone,
        composed_at=draft.now,
        expires_at=expires,
    )
    delivery = _plan(draft, rules) if status is not IssueStatus.EMPTY else None
    return issue_rows.NewIssue(issue, draft.recommendations, draft.views, delivery)


def _plan(draft: Draft, rules: ComposeRules) -> Delivery | None:
    subscriber, subscription = draft.subscriber, draft.subscription
    if not subscription.mail or subscriber.email is None:
        return None
    # Hashed: the Message-ID is seen by others, the feed's name is the reader's secret.
    key = f"{subscription.id} {draft.local_date} {subscriber.feed_token}".encode()
    return Delivery(
        channel=MAIL,
        recipient=subscriber.email,
        message_id=make_message_id(blake2b(key, digest_size=16).hexdigest(), rules.mail_domain),
        status=DeliveryStatus.PLANNED,
        planned_at=draft.now,
    )
