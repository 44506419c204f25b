"""The threads that send: each has a connection of its own and takes the next mail when it is done."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from digest.errors import DeliveryError, StorageError
from digest.logs import with_tags
from digest.mailer import CanBeCut, Channel, Mail, Pacer, Rate, parse_rate
from digest.pipeline.ledger import Ledger, NotOursError
from digest.pipeline.outcomes import Outcomes
from digest.storage.deliveries import Decision, Waiting
from digest.types import DeliveryStatus

__all__ = ["Crew", "Line"]

Given = tuple[Waiting, Mail]

# Waiting longer for a rate limit is not waited for: what is left stays due for the next run.
MAX_WAIT_S = 60.0
LOOK_S = 0.25
# What servers say at the door to who has too many connections open already.
TOO_MANY = 421
PATIENCE_S = (0.5, 2.0)
# So many mails may wait for each connection: enough for none to stand idle while others are claimed.
AHEAD = 8
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

    @property
    def is_unpaced(self) -> bool:
        """Whether it goes as fast as it can."""
        return not (self.rate or self.connection_rate)

    def connection_pacer(self) -> Pacer | None:
        """What paces one connection."""
        rate = self.connection_rate
        return Pacer(parse_rate(rate), clock=time.monotonic) if rate else None


class Crew:
    """Sends what it is given over the connections of a line. Use as a context manager.

    Every mail it was given is sent, refused or given back as planned, and that is recorded in the ledger;
    but for one whose server does not answer when the end was asked for. ``stop`` is asked between mails;
    then, and after an error that stops the run, nothing more is begun. ``pacer`` paces all connections
    together.
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
        # Two plain queues, because one with a size takes its time for every mail. Who gives a mail
        # takes a place, and who takes it makes one.
        self._queue: queue.SimpleQueue[Given | None] = queue.SimpleQueue()
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(AHEAD * line.connections):
            self._places.put(None)
        # What connections that were turned away had in hand, for those that are left.
        self._returned: list[Given] = []
        self._turn = threading.Lock()
        self._at_work = line.connections
        self._limited = False
        self._channels: list[Channel] = []
        self.error: BaseException | None = None
        self._threads = [
            threading.Thread(target=with_tags(self._work), name=f"sender-{number}", daemon=True)
            for number in range(1, line.connections + 1)
        ]

    def __enter__(self) -> "Crew":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the mails that were given, or after a stop for those already being sent."""
        if self.is_done:
            self._empty()
        for _thread in self._threads:
            self._queue.put(None)
        if not self._join(self._stop, GRACE_S):
            for channel in list(self._channels):
                if isinstance(channel, CanBeCut):
                    channel.cut()
            # Whoever still waits then leaves its mail marked as being sent; the next run settles it.
            self._join(lambda: True, CUT_S)
        self._empty()

    @property
    def is_done(self) -> bool:
        """Whether nothing more is to be begun: asked to stop, broken, or at the limit of the rate."""
        return self.error is not None or self._outcomes.broken is not None or self._limited or self._stop()

    def put(self, waiting: Waiting, mail: Mail) -> None:
        """Give a mail that was claimed; waits while all connections are busy."""
        while not self._give_back(waiting):
            with contextlib.suppress(queue.Empty):
                self._places.get(timeout=LOOK_S)
                self._queue.put((waiting, mail))
                return

    def _empty(self) -> None:
        """Give back everything that no connection has taken yet; the ends that were put stay."""
        ends, left = 0, list(self._returned)
        self._returned.clear()
        with contextlib.suppress(queue.Empty):
            while True:
                given = self._queue.get_nowait()
                ends += given is None
                left += [] if given is None else [given]
                self._places.put(None)
        for _ in range(ends):
            self._queue.put(None)
        for waiting, _mail in left:
            with contextlib.suppress(StorageError):  # the ledger tells it when it is closed
                self._hand_back(waiting)

    def _join(self, is_urgent: Callable[[], bool], grace_s: float) -> bool:
        """Wait for the threads to end; ``False`` where that takes longer than the grace, once urgent."""
        deadline: float | None = None
        for thread in self._threads:
            while thread.is_alive():
                thread.join(LOOK_S)
                if deadline is None and is_urgent():
                    deadline = time.monotonic() + grace_s
                if deadline is not None and time.monotonic() > deadline:
                    return False
        return True

    # --- one connection ---

    def _work(self) -> None:
        channel: Channel | None = None
        pacer = self._line.connection_pacer()
        try:
            while (given := self._next()) is not None:
                if self._give_back(given[0]) or not self._wait_for_turn(given[0], pacer):
                    continue
                if channel is None:
                    channel = self._line.open_channel()
                    self._channels.append(channel)
                if not self._send(channel, given):
                    break
        except BaseException as error:  # of any kind: it is raised again where the run ends
            self.error = self.error or error
            self._drain()
        finally:
            if channel is not None:
                with contextlib.suppress(DeliveryError):
                    channel.close()

    def _next(self) -> Given | None:
        """The next mail, those first that another connection could not send; ``None`` at the end."""
        with self._turn:
            if self._returned:
                return self._returned.pop()
        given = self._queue.get()
        if given is not None:
            self._places.put(None)
            return given
        with self._turn:
            if self._returned:
                self._queue.put(None)  # this end is for later
                return self._returned.pop()
            self._at_work -= 1
            return None

    def _give_back(self, waiting: Waiting) -> bool:
        """Leave a mail for later if it is not to be begun now."""
        decision = self._outcomes.blocked(waiting)
        if decision is not None and not self.is_done:
            self._outcomes.count("waiting")
            self._ledger.complete(replace(decision, untried=True))
            return True
        if self.is_done:
            self._hand_back(waiting)
            return True
        return False

    def _hand_back(self, waiting: Waiting) -> None:
        """Leave a mail as if it had not been touched."""
        self._outcomes.count("waiting")
        self._ledger.complete(Decision(waiting.delivery_id, DeliveryStatus.PLANNED, untried=True))

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
            self._places.put(None)
            with contextlib.suppress(Exception):
                self._hand_back(given[0])

    def _send(self, channel: Channel, given: Given) -> bool:
        """Send one mail and have its fate written down; ``False`` where this connection is one too many."""
        waiting, mail = given
        for patience_s in (*PATIENCE_S, None):
            try:
                reply = channel.send(mail, lambda: self._ledger.mark_data(waiting.delivery_id))
            except NotOursError:
                self._outcomes.count("withdrawn")
                return True
            except DeliveryError as error:
                if _is_turned_away(error) and self._leaves_to_others(given):
                    return False
                if _is_turned_away(error) and self._outcomes.counts["sent"] and patience_s is not None:
                    time.sleep(patience_s)  # the last, and the others have just hung up
                    continue
                decision = self._outcomes.failed(waiting, error)
            else:
                decision = self._outcomes.taken(waiting, reply)
            self._ledger.complete(decision)
            break
        return True

    def _leaves_to_others(self, given: Given) -> bool:
        """Hand a mail to the connections that are left; ``False`` where this is the last."""
        with self._turn:
            if self._at_work <= 1:
                return False
            self._at_work -= 1
            self._returned.append(given)
            return True


def _is_turned_away(error: DeliveryError) -> bool:
    """Whether the server had no room for one more connection, and perhaps has for fewer."""
    return error.fatal and error.transient and error.stage == "session" and error.code == TOO_MANY
