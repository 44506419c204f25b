"""Why a reader's digest came or did not: the facts gathered for one reader and date."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import Session

from digest.models import Delivery, Issue, Run, Subscriber, Subscription
from digest.pipeline.compose import Composer
from digest.pipeline.coverage import awaited_sources, load_checks
from digest.pipeline.due import is_held, rule_of, window_of
from digest.pipeline.freezing import MAIL
from digest.pipeline.moment import Moment
from digest.pipeline.readers import get_subscriber
from digest.schedule import due_at, hold_ends, is_on, next_due
from digest.storage import deliveries as delivery_rows
from digest.storage import issues as issue_rows
from digest.storage import runs as run_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.thinning import PUT_AWAY
from digest.types import Cadence, DeliveryStatus, IssueStatus, Section, SubscriberStatus
from digest.why import DeliveryFacts, IssueFacts, RunFacts, WhyFacts, explain

__all__ = ["explain_day"]

# The records of runs are kept for longer than this, whatever the settings.
FORGOTTEN = timedelta(days=59)


def explain_day(composer: Composer, email: str | int, moment: Moment) -> dict[str, Any]:
    """The one cause: ``date``, ``zone``, ``cause``, ``sentence``. ``UsageError`` for an unknown reader."""
    with composer.database.read() as session:
        subscriber = get_subscriber(session, email)
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        subscription = subscriber_rows.list_subscriptions(session, subscriber.id)[0]
        day = moment.today_in(subscription.zone)
        facts = _facts(session, composer, subscriber, subscription, day, moment)
    found = explain(facts)
    return {
        "date": day.isoformat(),
        "zone": facts.zone,
        "cause": found.code.value,
        "sentence": found.sentence,
    }


def _facts(
    session: Session,
    composer: Composer,
    subscriber: Subscriber,
    subscription: Subscription,
    day: date,
    moment: Moment,
) -> WhyFacts:
    assert subscription.id is not None  # noqa: S101 - stored rows have ids
    now = moment.now  # not the end of that day: what is to come is not yet to be blamed
    rule = rule_of(subscription, now)
    due = due_at(rule, day)
    window_h = composer.rules.issue_window_h
    issue = issue_rows.get_issue(session, subscription.id, day)
    held_until = hold_ends(due, composer.rules.hold_h, window_h) if due and issue is None else None
    is_waiting = due and held_until and is_held(session, due, held_until, now)
    return WhyFacts(
        local_date=day,
        zone=subscription.zone,
        now=now,
        email=subscriber.email or "",
        status=SubscriberStatus(subscriber.status),
        paused_until=subscriber.paused_until,
        created_at=subscription.created_at,
        cadence=Cadence(subscription.cadence),
        weekday=subscription.weekday,
        is_on=is_on(rule, day),
        due_at=due,
        next_due_at=next_due(rule, now)[1],
        window_h=window_h,
        issue=_issue(session, issue),
        delivery=_delivery(session, issue),
        composes=_composes(session, due, min(now, due + timedelta(hours=window_h))) if due else (),
        last_refresh=_run(run_rows.last_run(session, "refresh")),
        last_compose=_run(run_rows.last_run(session, "compose")),
        last_deliver=_run(run_rows.last_run(session, "deliver")),
        checks=load_checks(session, day, now, window_of(subscription, composer.rules.window_days)),
        held_for=awaited_sources(session, composer.rules.sources, now) if is_waiting else (),
        held_until=held_until,
        is_forgotten=due is not None
        and subscription.created_at < due < now - FORGOTTEN
        and not run_rows.began_before(session, due),
    )


def _issue(session: Session, issue: Issue | None) -> IssueFacts | None:
    if issue is None or issue.id is None:
        return None
    chosen = issue_rows.list_recommendations(session, issue.id)
    return IssueFacts(
        status=IssueStatus(issue.status),
        composed_at=issue.composed_at,
        papers=len(chosen),
        away=sum(one.section == Section.AWAY for one in chosen),
        expires_at=issue.expires_at,
        reason=issue.reason,
        is_put_away=issue.coverage == PUT_AWAY,
    )


def _delivery(session: Session, issue: Issue | None) -> DeliveryFacts | None:
    row: Delivery | None = None
    if issue is not None and issue.id is not None:
        row = delivery_rows.get_delivery(session, issue.id, MAIL)
    if row is None:
        return None
    return DeliveryFacts(
        status=DeliveryStatus(row.status),
        recipient=row.recipient,
        sending_at=row.sending_at,
        sent_at=row.sent_at,
        retry_at=row.retry_at,
        reply=row.reply,
        reason=row.reason,
    )


def _composes(session: Session, first: datetime, last: datetime) -> tuple[RunFacts, ...]:
    rows = run_rows.list_runs(session, "compose", first=first, last=last)
    return tuple(RunFacts(row.use_case, row.started_at, row.ok) for row in rows)


def _run(row: Run | None) -> RunFacts | None:
    return None if row is None else RunFacts(row.use_case, row.started_at, row.ok)
