"""Which of the mails that are due may be sent now, and taking those: the last look before sending."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from digest.errors import DeliveryError
from digest.mailer import Mail
from digest.models import Letter
from digest.pipeline.assemble import Addressee, Assembler
from digest.pipeline.ledger import Ledger
from digest.pipeline.moment import Moment
from digest.pipeline.outcomes import Outcomes
from digest.schedule import is_served
from digest.storage import deliveries as delivery_rows
from digest.storage import issues as issue_rows
from digest.storage import letters as letter_rows
from digest.storage.database import Database
from digest.storage.deliveries import Decision, Waiting
from digest.storage.shown import ShownPapers
from digest.types import Cadence, DeliveryStatus, IssueView, SubscriberStatus

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
    if waiting.suppressed is not None:
        reason = f"the address is not written to: {waiting.suppressed} (digest suppression list)"
        return Decision(number, DeliveryStatus.SKIPPED, reason=reason)
    if waiting.reader_status is None:
        return LastLook.SEND
    if is_served(waiting.reader_status, waiting.paused_until, moment.today_in(waiting.zone)):
        return LastLook.SEND
    if waiting.reader_status == SubscriberStatus.PAUSED:
        return LastLook.WAIT
    return Decision(number, DeliveryStatus.SKIPPED, reason=f"the reader is {waiting.reader_status}")


@dataclass(frozen=True, slots=True)
class Claims:
    """Takes mails for the ledger's lease and makes them ready to be handed over."""

    database: Database
    assembler: Assembler
    ledger: Ledger
    outcomes: Outcomes
    _shown: ShownPapers = field(default_factory=ShownPapers)

    def take(self, delivery_ids: Sequence[int], moment: Moment) -> Iterator[tuple[Waiting, Mail]]:
        """Those of the mails that may be sent now, marked as being sent, and committed.

        All are marked before the first is given, and each is assembled when it is asked for.
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
        with self.database.read() as session:
            issues = [waiting.issue_id for waiting in taken if waiting.issue_id is not None]
            views = issue_rows.load_issue_views(session, issues, self._shown)
            letters = letter_rows.get_letters(session, [one.letter_id for one in taken if one.letter_id])
        for waiting in taken:
            try:
                message = self._message(waiting, views, letters)
            except KeyError:  # the reader was deleted since it was claimed, and this with them
                self.outcomes.count("withdrawn")
                continue
            except DeliveryError as error:
                self.ledger.complete(self.outcomes.failed(waiting, error))
                continue
            mail = Mail(senders[waiting.delivery_id], waiting.recipient, message, waiting.message_id)
            yield waiting, mail

    def _message(
        self, waiting: Waiting, views: Mapping[int, IssueView], letters: Mapping[int, Letter]
    ) -> bytes:
        """Raises ``KeyError`` where what is to be sent is there no more."""
        recipient, message_id = waiting.recipient, waiting.message_id
        if waiting.letter_id is not None:
            return self.assembler.letter(letters[waiting.letter_id], recipient, message_id)
        view = views[waiting.issue_id or 0]
        cadence = Cadence(waiting.cadence or Cadence.DAILY)
        reader = Addressee(waiting.subscriber_id or 0, waiting.token_version or 0, cadence)
        return self.assembler.message(view, reader, recipient, message_id)


def _is_old(waiting: Waiting, moment: Moment) -> bool:
    return moment.now_in(waiting.zone) >= waiting.expires_at
