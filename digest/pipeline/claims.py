"""Which of the mails that are due may be sent now, and taking those: the last look before sending."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from digest.errors import DeliveryError
from digest.mailer import Mail
from digest.pipeline.assemble import Assembler
from digest.pipeline.assembling import MakesMails, Order
from digest.pipeline.ledger import Ledger
from digest.pipeline.letters import CONFIRMATION, LIFTED, REMINDER
from digest.pipeline.moment import Moment
from digest.pipeline.outcomes import Outcomes
from digest.schedule import is_served
from digest.storage import deliveries as delivery_rows
from digest.storage.database import Database
from digest.storage.deliveries import Decision, Waiting
from digest.types import DeliveryStatus, SubscriberStatus

__all__ = ["Claims", "LastLook", "judge"]


class LastLook(Enum):
    """What the last look says: send it, or let it wait as it is."""

    SEND = "send"
    WAIT = "wait"


def judge(waiting: Waiting, moment: Moment) -> LastLook | Decision:
    """Whether a mail may be sent now: how its reader, its address and its age stand (pure).

    A reader who pauses keeps their mail waiting, until they are back or it is too old.
    """
    number = waiting.delivery_id
    if moment.now_in(waiting.zone) >= waiting.expires_at:
        reason = f"too old to send since {waiting.expires_at:%Y-%m-%d %H:%M} UTC"
        # What may have arrived counts as received: sending its papers again might be sending them twice.
        status = DeliveryStatus.UNCERTAIN if waiting.may_have_arrived else DeliveryStatus.SKIPPED
        return Decision(number, status, reason=reason)
    if waiting.suppressed is not None and not _may_still_be_asked(waiting):
        reason = f"the address is not written to: {waiting.suppressed} (digest suppression list)"
        return Decision(number, DeliveryStatus.SKIPPED, reason=reason)
    if waiting.reader_status is None:
        return LastLook.SEND
    if waiting.moved:
        return Decision(number, DeliveryStatus.SKIPPED, reason="its reader has another address by now")
    if is_served(waiting.reader_status, waiting.paused_until, moment.today_in(waiting.zone)):
        return LastLook.SEND
    if waiting.reader_status == SubscriberStatus.PAUSED:
        return LastLook.WAIT
    return Decision(number, DeliveryStatus.SKIPPED, reason=f"the reader is {waiting.reader_status}")


@dataclass(frozen=True, slots=True)
class Claims:
    """Takes mails for the ledger's lease and has them made ready to be handed over."""

    database: Database
    assembler: Assembler
    maker: MakesMails
    ledger: Ledger
    outcomes: Outcomes

    def take(self, delivery_ids: Sequence[int], moment: Moment) -> Iterator[tuple[Waiting, Mail]]:
        """Those of the mails that may be sent now, marked as being sent, and committed.

        All are marked before the first is given; who makes them goes no faster than they are asked for.
        """
        with self.database.write() as session:
            found = delivery_rows.list_waiting(session, delivery_ids)
            verdicts = [(waiting, self._verdict(waiting, moment)) for waiting in found]
            decided = [verdict for _, verdict in verdicts if isinstance(verdict, Decision)]
            delivery_rows.decide(session, decided)
            lost = {one.delivery_id for one in decided if one.status is DeliveryStatus.SKIPPED}
            # Its papers were never received, so they may be recommended again.
            delivery_rows.expire_issues(
                session, [one.issue_id for one in found if one.issue_id and one.delivery_id in lost]
            )
            taken = [waiting for waiting, verdict in verdicts if verdict is LastLook.SEND]
            senders = {waiting.delivery_id: self._sender(waiting) for waiting in taken}
            delivery_rows.claim(
                session, list(senders.items()), lease=self.ledger.lease, now=self.outcomes.clock()
            )
        put_off = sum(one.status is DeliveryStatus.DEFERRED for one in decided)
        self.outcomes.count("waiting", put_off)
        self.outcomes.count("expired", sum(_is_old(waiting, moment) for waiting in found))
        yield from self._assemble(taken, senders)

    def _verdict(self, waiting: Waiting, moment: Moment) -> LastLook | Decision:
        verdict = judge(waiting, moment)
        return (self.outcomes.blocked(waiting) or verdict) if verdict is LastLook.SEND else verdict

    def _sender(self, waiting: Waiting) -> str:
        # The same on every attempt, whatever the settings have become.
        return waiting.envelope_from or self.assembler.envelope_sender(waiting.message_id)

    def _assemble(
        self, taken: Sequence[Waiting], senders: Mapping[int, str]
    ) -> Iterator[tuple[Waiting, Mail]]:
        for waiting, made in zip(taken, self.maker.make([Order.of(one) for one in taken]), strict=True):
            if made is None:  # the reader was deleted since it was claimed, and this with them
                self.outcomes.count("withdrawn")
            elif isinstance(made, DeliveryError):
                self.ledger.complete(self.outcomes.failed(waiting, made))
            else:
                sender = senders[waiting.delivery_id]
                yield waiting, Mail(sender, waiting.recipient, made, waiting.message_id, is_canonical=True)


def _may_still_be_asked(waiting: Waiting) -> bool:
    """Whether a letter goes to its address although that is written to no more.

    Somebody asked for it there, and who left, or had a full mailbox, may be that somebody.
    """
    return waiting.letter_kind in (CONFIRMATION, REMINDER) and waiting.suppressed in LIFTED


def _is_old(waiting: Waiting, moment: Moment) -> bool:
    return moment.now_in(waiting.zone) >= waiting.expires_at
