"""Steering: what readers change about themselves, by their own link."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from digest.errors import UsageError
from digest.models import Subscriber
from digest.pipeline.compose import Composer
from digest.pipeline.explain import explain_day
from digest.pipeline.leaving import return_to
from digest.pipeline.moment import Moment
from digest.pipeline.readers import get_subscriber, pause_subscriber
from digest.pipeline.wishes import Wishes, load_wishes, store_wishes
from digest.schedule import local_date
from digest.storage import bounces as bounce_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.storage.database import Database
from digest.translation import gettext as _
from digest.types import SubscriberStatus

__all__ = [
    "changed_parts",
    "for_reader",
    "pause",
    "resume",
    "revoke_links",
    "save_wishes",
    "why_days",
    "wishes_of",
]

LONGEST_PAUSE = timedelta(days=731)
# What only the operator can do.
_COMMAND = re.compile(r"\bdigest (?:run|refresh|deliver|compose|interest|subscriber)\b|\bcron\b")
_FILED = re.compile(r" \(stored (?:on this machine )?(?:as|in) [^()]*\)")
# What can be changed, by the fields of ``Wishes`` that say it.
PARTS: Mapping[str, tuple[str, ...]] = {
    "interests": ("interests",),
    "schedule": ("cadence", "weekday", "hour", "zone"),
    "size": ("max_papers", "trend_weight"),
    "sections": ("hidden_sections",),
    "channels": ("mail", "feed"),
    "language": ("language",),
}


def wishes_of(database: Database, subscriber_id: int) -> Wishes:
    """What a subscriber chose."""
    with database.read() as session:
        return load_wishes(session, subscriber_id)


def changed_parts(before: Wishes, after: Wishes) -> list[str]:
    """Which of interests, schedule, size, sections, channels and language differ."""
    return [
        part
        for part, fields in PARTS.items()
        if any(getattr(before, name) != getattr(after, name) for name in fields)
    ]


def save_wishes(
    database: Database, subscriber_id: int, wishes: Wishes, *, renamed: Mapping[str, str], now: datetime
) -> list[str]:
    """Store what a subscriber wishes from now on and return which parts changed (see ``changed_parts``).

    ``renamed`` as in ``store_wishes``. Raises ``UsageError`` for impossible wishes.
    """
    wishes = wishes.checked()
    with database.write() as session:
        subscriber = get_subscriber(session, subscriber_id)
        changed = changed_parts(load_wishes(session, subscriber_id), wishes)
        if changed:
            store_wishes(session, subscriber, wishes, now, renamed=renamed)
            subscriber.left_from = None  # what was chosen in place of leaving is settled by this
        return changed


def pause(database: Database, subscriber_id: int, *, until: date | None, now: datetime) -> Subscriber:
    """Send nothing until that day of the reader's, or until they resume. Raises ``UsageError``."""
    today = local_date(now, wishes_of(database, subscriber_id).zone)
    if until is not None and not today < until <= today + LONGEST_PAUSE:
        raise UsageError(_("a pause ends on a day from tomorrow on, within two years"))
    return pause_subscriber(database, subscriber_id, until=until, now=now)


def resume(database: Database, subscriber_id: int, now: datetime) -> Subscriber:
    """Serve a subscriber again who paused, or whose mail bounced; who left stands as before they did.

    Raises ``UsageError`` for who never confirmed, and for an address that only the operator can free.
    """
    with database.write() as session:
        subscriber = get_subscriber(session, subscriber_id)
        if subscriber.confirmed_at is None and subscriber.status != SubscriberStatus.UNSUBSCRIBED:
            raise UsageError(_("this address was never confirmed; open the link of the mail that asks"))
        if subscriber.status == SubscriberStatus.UNSUBSCRIBED:
            return_to(session, subscriber, now)
            return subscriber
        if subscriber.email is not None:
            suppression_rows.delete_suppression(session, subscriber.email, reasons=("bounced",))
            if suppression_rows.get_suppression(session, subscriber.email) is not None:
                raise UsageError(_("only the operator can let this address be written to again; ask them"))
        bounce_rows.forgive_bounces(session, subscriber_id)
        subscriber.left_from = None
        subscriber_rows.set_status(session, subscriber, SubscriberStatus.ACTIVE, now=now)
        return subscriber


def why_days(
    composer: Composer, subscriber: Subscriber, moment: Moment, *, days: int
) -> list[tuple[date, str]]:
    """For each of the reader's last days, today first: why a digest came or did not, in a sentence for them.

    As ``digest why`` says it, without what only the operator can do.
    """
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    with composer.database.read() as session:
        (row, *_) = subscriber_rows.list_subscriptions(session, subscriber.id)
    today, first = moment.today_in(row.zone), local_date(row.created_at, row.zone)
    told = []
    for back in range(days):
        day = today - timedelta(days=back)
        if day < first and back:
            break
        found = explain_day(composer, subscriber.id, replace(moment, day=day, pinned=True))
        told.append((day, for_reader(found["sentence"])))
    return told


def for_reader(sentence: str) -> str:
    """A sentence on why something came or did not, without what only the operator can do about it."""
    first, *rest = _FILED.sub("", sentence).removesuffix(".").split("; ")
    kept = [first, *(part for part in rest if not _COMMAND.search(part))]
    return "; ".join(kept).replace("digest deliver", _("sending")) + "."


def revoke_links(database: Database, subscriber_id: int) -> Subscriber:
    """Take every link, session and token of a subscriber out of use; those made from now on count.

    By an old mail one can still leave, and nothing else.
    """
    with database.write() as session:
        subscriber = get_subscriber(session, subscriber_id)
        subscriber.token_version += 1
        return subscriber
