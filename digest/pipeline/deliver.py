"""Deliver: send what was composed. Nothing leaves that was not first written to the database.

A row goes ``planned → sending → sent``; ``sending`` is committed before the first byte leaves and
``sent`` right after the server took the mail. Whatever a killed run leaves in ``sending`` is settled
at the start of the next one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlmodel import Session

from digest.errors import DeliveryError
from digest.mailer import Channel
from digest.message import MessageParts, make_message, make_message_id
from digest.models import Delivery, Issue, Subscriber
from digest.pipeline.moment import Moment
from digest.render import FeedbackLinks, MailContext, mailto, render_html, render_text
from digest.schedule import is_served
from digest.storage import deliveries as delivery_rows
from digest.storage import issues as issue_rows
from digest.storage.database import Database
from digest.tokens import make_token
from digest.types import DeliveryStatus, IssueView, SubscriberStatus

__all__ = ["Deliverer", "Envelope"]

FIRST_RETRY = timedelta(minutes=5)
MAX_RETRY = timedelta(hours=4)
COUNTED = ("sent", "deferred", "refused", "uncertain", "expired")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all mails of this installation have in common."""

    sender: str
    list_name: str
    unsubscribe_address: str
    base_url: str | None
    secret: bytes


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Sends planned mail over one channel. Composes nothing, and never sends to who has left.

    ``uncertain`` says what becomes of a mail that may or may not have arrived: sent again, or held.
    """

    database: Database
    envelope: Envelope
    uncertain: Literal["resend", "hold"] = "resend"

    def deliver(
        self, channel: Channel, moment: Moment, *, progress: Callable[[str], None] = lambda _: None
    ) -> dict[str, int]:
        """Send everything that is due.

        Returns counts by outcome. Raises ``DeliveryError`` (fatal) where the way of sending itself is
        broken; what was not sent then stays due.
        """
        counts = dict.fromkeys(COUNTED, 0)
        counts["uncertain"] = self._settle(channel, moment)
        with self.database.read() as session:
            due = [delivery.id for delivery, _, _ in delivery_rows.list_due(session, moment.now)]
        for number, delivery_id in enumerate(due, start=1):
            assert delivery_id is not None  # noqa: S101 - stored rows have ids
            outcome = self._deliver_one(channel, delivery_id, moment)
            if outcome in counts:
                counts[outcome] += 1
            progress(f"{number} of {len(due)}")
        return counts

    def _settle(self, channel: Channel, moment: Moment) -> int:
        """Decide on what a killed run left half sent; return how many are held as uncertain."""
        held = 0
        with self.database.write() as session:
            for delivery in delivery_rows.list_stuck(session):
                assert delivery.id is not None  # noqa: S101 - stored rows have ids
                # A channel that finds its own earlier attempt can be asked again without harm.
                again = channel.idempotent or self.uncertain == "resend"
                held += not again
                delivery_rows.set_delivery(
                    session,
                    delivery.id,
                    status=DeliveryStatus.PLANNED if again else DeliveryStatus.UNCERTAIN,
                    now=moment.now,
                    reason="the run that sent it was interrupted",
                    may_have_arrived=True,
                )
        return held

    def _deliver_one(self, channel: Channel, delivery_id: int, moment: Moment) -> str:
        """Send one mail, if it is still to be sent; return what became of it."""
        with self.database.read() as session:
            found = delivery_rows.get_waiting(session, delivery_id)
            if found is None:
                return "gone"
            delivery, issue, subscriber = found
            assert issue.id is not None  # noqa: S101 - stored rows have ids
            view = issue_rows.load_issue_views(session, [issue.id])[issue.id]
        try:
            message = self.message(view, subscriber, delivery.recipient, delivery.message_id)
            claimed = self._claim(delivery_id, moment)
            if claimed != "claimed":
                return claimed
            reply = channel.send(self.envelope.sender, delivery.recipient, message, delivery.message_id)
        except DeliveryError as error:
            return self._failed(delivery, error, moment)
        self._set(delivery_id, DeliveryStatus.SENT, moment, reply=reply)
        return "sent"

    def _claim(self, delivery_id: int, moment: Moment) -> str:
        """Look once more at how reader, issue and delivery stand now; mark it as being sent if they agree.

        Committed before the first byte leaves. A reader who pauses keeps their mail waiting, until they
        are back or it is too old.
        """
        with self.database.write() as session:
            found = delivery_rows.get_waiting(session, delivery_id)
            if found is None:
                return "gone"
            delivery, issue, subscriber = found
            if moment.now_in(issue.zone) >= issue.expires_at:
                return _expire(session, delivery, issue, moment)
            if is_served(subscriber.status, subscriber.paused_until, moment.today_in(issue.zone)):
                status, reason = DeliveryStatus.SENDING, None
            elif subscriber.status == SubscriberStatus.PAUSED:
                return "skipped"
            else:
                status, reason = DeliveryStatus.SKIPPED, f"the reader is {subscriber.status}"
            is_sending = status is DeliveryStatus.SENDING
            delivery_rows.set_delivery(
                session, delivery_id, status=status, now=moment.now, reason=reason, attempt=is_sending
            )
            return "claimed" if is_sending else "skipped"

    def _failed(self, delivery: Delivery, error: DeliveryError, moment: Moment) -> str:
        assert delivery.id is not None  # noqa: S101 - stored rows have ids
        if error.fatal:
            # Not this reader's fault: it stays due, and the run stops with the reason.
            self._set(delivery.id, DeliveryStatus.PLANNED, moment, reason=str(error))
            raise error
        arrived = error.uncertain
        if arrived and self.uncertain == "hold":
            self._set(delivery.id, DeliveryStatus.UNCERTAIN, moment, reason=str(error), may_have_arrived=True)
            return "uncertain"
        if error.transient or arrived:
            wait = min(FIRST_RETRY * 2 ** min(delivery.attempts, 10), MAX_RETRY)
            retry_at = moment.now + wait
            self._set(
                delivery.id,
                DeliveryStatus.DEFERRED,
                moment,
                reason=str(error),
                retry_at=retry_at,
                may_have_arrived=arrived,
            )
            return "deferred"
        self._set(delivery.id, DeliveryStatus.REFUSED, moment, reason=str(error))
        return "refused"

    def _set(self, delivery_id: int, status: DeliveryStatus, moment: Moment, **facts: Any) -> None:
        with self.database.write() as session:
            delivery_rows.set_delivery(session, delivery_id, status=status, now=moment.now, **facts)

    def message(self, view: IssueView, subscriber: Subscriber, recipient: str, message_id: str) -> bytes:
        """One issue as the bytes that go over the wire; the same on every attempt."""
        context = self.context(view, subscriber)
        envelope = self.envelope
        domain = envelope.sender.rpartition("@")[2]
        return make_message(
            MessageParts(
                message_id=message_id,
                date=view.composed_at,
                from_name=envelope.list_name,
                from_address=envelope.sender,
                to_address=recipient,
                subject=view.subject,
                text=render_text(view, context),
                html=render_html(view, context),
                list_name=envelope.list_name,
                list_id=f"digest.{domain}",
                unsubscribe_url=context.unsubscribe_url,
                unsubscribe_mailto=context.unsubscribe_mailto,
            )
        )

    def context(self, view: IssueView, subscriber: Subscriber) -> MailContext:
        """What a mail shows besides the issue: how to leave, how to say more or less of a paper.

        Without a web of ours there is no link to us; everything then goes by mail.
        """
        base, address = self.envelope.base_url, self.envelope.unsubscribe_address
        leave = self._token("unsubscribe", subscriber)
        say = self._token("feedback", subscriber)
        return MailContext(
            list_name=self.envelope.list_name,
            base_url=base,
            unsubscribe_url=f"{base}/u/{leave}" if base else None,
            unsubscribe_mailto=mailto(address, subject=f"unsubscribe {leave}"),
            preferences_url=f"{base}/p/{self._token('preferences', subscriber)}" if base else None,
            feedback={
                item.paper.paper_id: FeedbackLinks(
                    more=mailto(address, subject=f"more {item.paper.paper_id} {say}"),
                    less=mailto(address, subject=f"less {item.paper.paper_id} {say}"),
                )
                for item in view.items
            },
        )

    def _token(self, purpose: str, subscriber: Subscriber) -> str:
        return make_token(self.envelope.secret, purpose, str(subscriber.id), subscriber.token_version)

    def send_test(self, channel: Channel, recipient: str, now: datetime) -> str:
        """Send a short mail that proves the way; return the server's answer. Raises ``DeliveryError``."""
        envelope = self.envelope
        domain = envelope.sender.rpartition("@")[2]
        message_id = make_message_id(f"test {recipient} {now.isoformat()}", domain)
        words = "This is a test: mail from your paper digest arrives. The first digest follows."
        message = make_message(
            MessageParts(
                message_id=message_id,
                date=now,
                from_name=envelope.list_name,
                from_address=envelope.sender,
                to_address=recipient,
                subject=f"{envelope.list_name}: a test",
                text=f"{words}\n",
                html=f'<!DOCTYPE html><html lang="en"><title>Test</title><p>{words}</p></html>\n',
                list_name=envelope.list_name,
                list_id=f"digest.{domain}",
                unsubscribe_url=None,
                unsubscribe_mailto=mailto(envelope.unsubscribe_address, subject="unsubscribe"),
            )
        )
        return channel.send(envelope.sender, recipient, message, message_id)


def _expire(session: Session, delivery: Delivery, issue: Issue, moment: Moment) -> str:
    """Give up on a mail that is too old to send."""
    assert issue.id is not None  # noqa: S101 - stored rows have ids
    assert delivery.id is not None  # noqa: S101
    reason = f"too old to send since {issue.expires_at:%Y-%m-%d %H:%M} UTC"
    if delivery.may_have_arrived:
        # Its papers count as received: sending them again might be sending them twice.
        status = DeliveryStatus.UNCERTAIN
        delivery_rows.set_delivery(session, delivery.id, status=status, now=moment.now, reason=reason)
        return "expired"
    status = DeliveryStatus.SKIPPED
    delivery_rows.set_delivery(session, delivery.id, status=status, now=moment.now, reason=reason)
    # Its papers were never received, so they may be recommended again.
    delivery_rows.expire_issue(session, issue.id)
    return "expired"
