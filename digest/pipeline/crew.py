"""The threads that send: each has a connection of its own and takes the next mail when it is done."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlmodel import Session

from digest.errors import DeliveryError
from digest.mailer import CanBeCut, Channel, Mail, Pacer, Rate, parse_rate
from digest.pipeline.ledger import Ledger, NotOursError
from digest.pipeline.outcomes import Outcomes
from digest.storage import deliveries as delivery_rows
from digest.storage.deliveries import Decision, Waiting
from digest.types import DeliveryStatus

__all__ = ["Crew", "Line"]

# Waiting longer for a rate limit is not waited for: what is left stays due for the next run.
MAX_WAIT_S = 60.0
LOOK_S = 0.25
# What servers say at the door to who has too many connections open already.
TOO_MANY = 421
# So many mails may wait for each connection: enough for none to stand idle while others are claimed.
AHEAD = 4
# How long what is being sent may take to end once the end was asked for; then its line is cut.
GRACE_S = 5.0
CUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """A way to send: how to open a connection, how many at once, and how fast.

    ``idempotent``: sending the same Message-ID again is without effect (see ``Channel``). The rates are
    texts such as ``20 per second``, for all connections together and for each.
    """

    open_channel: Callable[[], Channel]
    name: str = "mail"
    idempotent: bool = False
    connections: int = 1
    rate: str | None = None
    connection_rate: str | None = None

    @property
    def window(self) -> Rate | None:
        """The rate of all connections together."""
        return parse_rate(self.rate) if self.rate else None

    def connection_pacer(self) -> Pacer | None:
        """What paces one connection."""
        rate = self.connection_rate
        return Pacer(parse_rate(rate), clock=time.monotonic) if rate else None


class Crew:
    """Sends what it is given over the connections of a line. Use as a context manager.

    Every mail it was given is either sent, or given back as planned, and recorded in the ledger. ``stop``
    is asked between mails; then, and after an error that stops the run, nothing more is begun. ``pacer``
    paces all connections together.
    """

    def __init__(
        self,
        line: Line,
        ledger: Ledger,
        outcomes: Outcomes,
        *,
        pacer: Pacer | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._line = line
        self._pacer = pacer
        self._ledger = ledger
        self._outcomes = outcomes
        self._stop = stop
        self._queue: queue.Queue[tuple[Waiting, Mail] | None] = queue.Queue(maxsize=AHEAD * line.connections)
        self._turn = threading.Lock()
        self._left = line.connections
        self._limited = False
        self._channels: list[Channel] = []
        self.error: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"sender-{number}", daemon=True)
            for number in range(1, line.connections + 1)
        ]

    def __enter__(self) -> "Crew":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the mails that were given, or after a stop for those already being sent."""
        for _thread in self._threads:
            self._put(None)
        if not self._join(self._stop):
            for channel in list(self._channels):
                if isinstance(channel, CanBeCut):
                    channel.cut()
            # Whoever still waits then leaves its mail marked as being sent; the next run settles it.
            self._join(lambda: True, CUT_S)
        while not self._queue.empty():
            self._make_room()

    def _join(self, is_urgent: Callable[[], bool], grace_s: float | None = None) -> bool:
        """Wait for the threads to end; ``False`` where that takes longer than the grace, once urgent."""
        deadline: float | None = None
        for thread in self._threads:
            while thread.is_alive():
                thread.join(LOOK_S)
                if deadline is None and is_urgent():
                    deadline = time.monotonic() + (GRACE_S if grace_s is None else grace_s)
                if deadline is not None and time.monotonic() > deadline:
                    return False
        return True

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to be begun: asked to stop, broken, or at the limit of the rate."""
        return self.error is not None or self._outcomes.broken is not None or self._limited or self._stop()

    def put(self, waiting: Waiting, mail: Mail) -> None:
        """Give a mail that was claimed; waits while all connections are busy."""
        if not (self.is_done and self._give_back(waiting)):
            self._put((waiting, mail))

    def _put(self, given: tuple[Waiting, Mail] | None) -> None:
        while True:
            try:
                return self._queue.put(given, timeout=LOOK_S)
            except queue.Full:
                if self.is_done:  # all may be waiting for a server that does not answer
                    self._make_room()

    def _make_room(self) -> None:
        with contextlib.suppress(queue.Empty):
            given = self._queue.get_nowait()
            if given is not None:
                self._give_back(given[0])

    def _work(self) -> None:
        channel: Channel | None = None
        pacer = self._line.connection_pacer()
        try:
            while (given := self._queue.get()) is not None:
                waiting, mail = given
                if self._give_back(waiting) or not self._wait_for_turn(waiting, pacer):
                    continue
                if channel is None:
                    channel = self._line.open_channel()
                    self._channels.append(channel)
                if not self._send(channel, waiting, mail):
                    break
        except BaseException as error:  # of any kind: it is raised again where the run ends
            self.error = self.error or error
            self._drain()
        finally:
            if channel is not None:
                with contextlib.suppress(DeliveryError):
                    channel.close()

    def _give_back(self, waiting: Waiting) -> bool:
        """Leave a mail for later that is not to be begun now; it counts as not tried."""
        decision = self._outcomes.blocked(waiting)
        if self.is_done:
            decision = Decision(waiting.delivery_id, DeliveryStatus.PLANNED, untried=True)
        if decision is None:
            return False
        self._outcomes.count("waiting")
        self._ledger.complete(decision)
        return True

    def _wait_for_turn(self, waiting: Waiting, own: Pacer | None) -> bool:
        """Wait until the rates allow one more mail; ``False`` where that takes too long, or the end came."""
        pacers = [pacer for pacer in (self._pacer, own) if pacer is not None]
        while pacers:
            with self._turn:
                wait_s = max(pacer.delay() for pacer in pacers)
                if wait_s <= 0:
                    for pacer in pacers:
                        pacer.take()
                    break
            self._limited = self._limited or wait_s > MAX_WAIT_S
            if self._give_back(waiting):
                return False
            time.sleep(min(wait_s, LOOK_S))
        return True

    def _drain(self) -> None:
        """Take what is still given, so that who gives does not wait for ever."""
        while (given := self._queue.get()) is not None:
            with contextlib.suppress(Exception):
                self._give_back(given[0])

    def _send(self, channel: Channel, waiting: Waiting, mail: Mail) -> bool:
        """Send one mail and have its fate written down; ``False`` where this connection is one too many."""
        try:
            reply = channel.send(mail, lambda: self._ledger.mark_data(waiting.delivery_id))
        except NotOursError:
            self._outcomes.count("withdrawn")
            return True
        except DeliveryError as error:
            if self._is_one_too_many(error):
                self._queue.put((waiting, mail))
                return False
            decisions = self._outcomes.failed(waiting, error)
        else:
            decisions = self._outcomes.taken(waiting, reply)
        for decision in decisions:
            if decision.delivery_id == waiting.delivery_id:
                self._ledger.complete(decision)
            else:
                self._ledger.add(partial(_decide, decision))
        return True

    def _is_one_too_many(self, error: DeliveryError) -> bool:
        """Whether the server turned away this connection only: others of ours are at work."""
        if not (error.fatal and error.transient and error.stage == "session" and error.code == TOO_MANY):
            return False
        with self._turn:
            if self._left <= 1 or not self._outcomes.counts["sent"]:
                return False
            self._left -= 1
            return True


def _decide(decision: Decision, session: Session) -> None:
    delivery_rows.decide(session, [decision])
