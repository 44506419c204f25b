"""Deliver: send what was composed. Nothing leaves that was not first written to the database.

A row goes ``planned → sending → sent``; ``sending`` is committed before the first byte leaves and
``sent`` right after the server took the mail. Whatever a killed run leaves in ``sending`` is settled
at the start of the next one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from digest.errors import DeliveryError
from digest.mailer import Channel
from digest.message import MessageParts, make_message, make_message_id
from digest.models import Delivery, Issue, Subscriber
from digest.pipeline.moment import Moment
from digest.render import FeedbackLinks, MailContext, mailto, render_html, render_text
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
            due = delivery_rows.list_due(session, moment.now)
        for number, (delivery, issue, subscriber) in enumerate(due, start=1):
            outcome = self._deliver_one(channel, delivery, issue, subscriber, moment)
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
                )
        return held

    def _deliver_one(
        self, channel: Channel, delivery: Delivery, issue: Issue, subscriber: Subscriber, moment: Moment
    ) -> str:
        if not is_served(subscriber, moment.today_in(issue.zone)):
            self._set(delivery, DeliveryStatus.SKIPPED, moment, reason=f"the reader is {subscriber.status}")
            return "skipped"
        if moment.now_in(issue.zone) >= issue.expires_at:
            self._expire(delivery, issue, moment)
            return "expired"
        assert issue.id is not None  # noqa: S101 - stored rows have ids
        with self.database.read() as session:
            view = issue_rows.load_issue_views(session, [issue.id])[issue.id]
        message = self.message(view, subscriber, delivery.recipient, delivery.message_id)
        self._set(delivery, DeliveryStatus.SENDING, moment, attempt=True)
        try:
            reply = channel.send(self.envelope.sender, delivery.recipient, message, delivery.message_id)
        except DeliveryError as error:
            return self._failed(delivery, error, moment)
        self._set(delivery, DeliveryStatus.SENT, moment, reply=reply)
        return "sent"

    def _failed(self, delivery: Delivery, error: DeliveryError, moment: Moment) -> str:
        if error.fatal:
            # Not this reader's fault: it stays due, and the run stops with the reason.
            self._set(delivery, DeliveryStatus.PLANNED, moment, reason=str(error))
            raise error
        if error.uncertain and self.uncertain == "hold":
            self._set(delivery, DeliveryStatus.UNCERTAIN, moment, reason=str(error))
            return "uncertain"
        if error.transient or error.uncertain:
            wait = min(FIRST_RETRY * 2 ** min(delivery.attempts, 10), MAX_RETRY)
            self._set(
                delivery, DeliveryStatus.DEFERRED, moment, reason=str(error), retry_at=moment.now + wait
            )
            return "deferred"
        self._set(delivery, DeliveryStatus.REFUSED, moment, reason=str(error))
        return "refused"

    def _expire(self, delivery: Delivery, issue: Issue, moment: Moment) -> None:
        assert issue.id is not None  # noqa: S101 - stored rows have ids
        assert delivery.id is not None  # noqa: S101
        with self.database.write() as session:
            delivery_rows.set_delivery(
                session,
                delivery.id,
                status=DeliveryStatus.SKIPPED,
                now=moment.now,
                reason=f"too old to send since {issue.expires_at:%Y-%m-%d %H:%M} UTC",
            )
            # Its papers were never received, so they may be recommended again.
            delivery_rows.expire_issue(session, issue.id)

    def _set(
        self,
        delivery: Delivery,
        status: DeliveryStatus,
        moment: Moment,
        *,
        reply: str | None = None,
        reason: str | None = None,
        retry_at: datetime | None = None,
        attempt: bool = False,
    ) -> None:
        assert delivery.id is not None  # noqa: S101 - stored rows have ids
        with self.database.write() as session:
            delivery_rows.set_delivery(
                session,
                delivery.id,
                status=status,
                now=moment.now,
                reply=reply,
                reason=reason,
                retry_at=retry_at,
                attempt=attempt,
            )

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


def is_served(subscriber: Subscriber, today: date) -> bool:
    """Whether mail may go to this reader on that day; asked again right before it does."""
    if subscriber.status == SubscriberStatus.PAUSED:
        return subscriber.paused_until is not None and subscriber.paused_until <= today
    return subscriber.status == SubscriberStatus.ACTIVE
