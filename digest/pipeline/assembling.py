"""From the mails that were claimed to their bytes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from digest.errors import DeliveryError
from digest.models import Letter
from digest.pipeline.assemble import Addressee, Assembler, Envelope
from digest.storage import issues as issue_rows
from digest.storage import letters as letter_rows
from digest.storage.database import Database
from digest.storage.deliveries import Waiting
from digest.storage.shown import ShownPapers
from digest.types import Cadence, IssueView

__all__ = ["Made", "Maker", "MakesMails", "Order"]

# The mail, why there can be none, or ``None`` where what was to be sent is there no more.
Made = bytes | DeliveryError | None


class Order(NamedTuple):
    """A mail to be made: of an issue for its reader, or of a letter."""

    issue_id: int | None
    letter_id: int | None
    reader: Addressee
    recipient: str
    message_id: str

    @classmethod
    def of(cls, waiting: Waiting) -> "Order":
        """The mail of that delivery."""
        cadence = Cadence(waiting.cadence or Cadence.DAILY)
        reader = Addressee(waiting.subscriber_id or 0, waiting.token_version or 0, cadence, waiting.shared)
        return cls(waiting.issue_id, waiting.letter_id, reader, waiting.recipient, waiting.message_id)


class MakesMails(Protocol):
    """What makes mails."""

    def make(self, orders: Sequence[Order]) -> Iterator[Made]:
        """What comes of each order, in their order. Raises ``StorageError``."""


class Maker:
    """Makes mails here, each when it is asked for. Not for several threads at once."""

    def __init__(self, database: Database, envelope: Envelope) -> None:
        self._database = database
        self._assembler = Assembler(envelope)
        self._shown = ShownPapers()

    def make(self, orders: Sequence[Order]) -> Iterator[Made]:
        """As :meth:`MakesMails.make`."""
        with self._database.read() as session:
            issues = [order.issue_id for order in orders if order.issue_id is not None]
            views = issue_rows.load_issue_views(session, issues, self._shown)
            letters = letter_rows.get_letters(session, [one.letter_id for one in orders if one.letter_id])
        for order in orders:
            try:
                yield self._message(order, views, letters)
            except KeyError:  # the reader was deleted since it was claimed, and this with them
                yield None
            except DeliveryError as error:
                yield error

    def _message(self, order: Order, views: Mapping[int, IssueView], letters: Mapping[int, Letter]) -> bytes:
        """Raises ``KeyError`` where what is to be sent is there no more."""
        if order.letter_id is not None:
            return self._assembler.letter(letters[order.letter_id], order.recipient, order.message_id)
        view = views[order.issue_id or 0]
        return self._assembler.message(view, order.reader, order.recipient, order.message_id)
