"""Deliver: send what was composed. Nothing leaves that was not first written to the database.

A row goes ``planned → sending → sent``. ``sending`` is committed before the first byte leaves, ``data_at``
before the mail's end does, and ``sent`` right after the server took it. So what a killed run leaves in
``sending`` tells at the start of the next one whether it can have arrived.
"""

import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlmodel import Session

from digest.errors import DeliveryError
from digest.mailer import Pacer
from digest.message import make_message_id
from digest.models import Letter
from digest.pipeline.assemble import Assembler, Envelope
from digest.pipeline.assembling import Maker, MakesMails
from digest.pipeline.assembling_beside import MakerBeside
from digest.pipeline.claims import Claims
from digest.pipeline.crew import Crew, Line
from digest.pipeline.ledger import Ledger
from digest.pipeline.moment import Moment
from digest.pipeline.outcomes import Outcomes
from digest.storage import deliveries as delivery_rows
from digest.storage import letters as letter_rows
from digest.storage import pace as pace_rows
from digest.storage.database import Database
from digest.storage.deliveries import Decision
from digest.storage.pace import Pace
from digest.types import DeliveryStatus

__all__ = ["Deliverer"]

# So many mails are claimed at a time; how reader and address stand is not looked at again after that.
CLAIM = 64
CLAIM_SLOWLY = 4
# From so many on, starting a second process (0.6 s, 70 MB) is worth it.
MANY = 500
# One that no person sets, and that goes on while the machine sleeps, where there is such a clock.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Stop = Callable[[], bool]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Sends planned mail over one line. Composes nothing, and never sends to who has left.

    ``uncertain`` says what becomes of a mail that may or may not have arrived: sent again, or held. Whoever
    calls sees to it that no other run sends meanwhile.
    """

    database: Database
    envelope: Envelope
    uncertain: Literal["resend", "hold"] = "resend"

    def deliver(
        self, line: Line, moment: Moment, *, stop: Stop = lambda: False, progress: Say = lambda _: None
    ) -> dict[str, int]:
        """Send everything that is due.

        Returns counts by outcome, and ``waiting`` where mails were left for later. ``stop`` ends it early.
        Raises ``DeliveryError`` (fatal) where the way of sending itself is broken; what was not sent then
        stays due.
        """
        held = self._settle(line)
        with self.database.read() as session:
            due = delivery_rows.list_due(session, moment.now)
        counts = self._send(line, moment, due, stop, progress)
        counts["uncertain"] += held
        return counts

    def send_letter(self, line: Line, letter: Letter, now: datetime) -> str:
        """Send a mail that is no issue, at once, with a row of its own; return the server's answer.

        The same (kind, recipient, key) is sent once only. Raises ``DeliveryError`` where it was not taken;
        then it is not tried again by itself, since whoever asked for it knows.
        """
        domain = self.envelope.sender.rpartition("@")[2]
        message_id = make_message_id(f"{letter.kind} {letter.recipient} {letter.key}", domain)
        with self.database.write() as session:
            number = letter_rows.plan_letter(session, letter, message_id=message_id, now=now)
        try:
            self._send(line, Moment.of(now), [number], lambda: False, lambda _: None)
        finally:
            with self.database.write() as session:
                row = delivery_rows.get_row(session, number)
                assert row is not None  # noqa: S101 - it was planned above, and letters are not deleted
                if row.status in delivery_rows.WAITING:
                    reason = row.reason or "it was not sent"
                    given_up = Decision(number, DeliveryStatus.SKIPPED, reason=reason)
                    delivery_rows.decide(session, [given_up])
        if row.status != DeliveryStatus.SENT:
            raise DeliveryError(row.reason or "The mail was not sent.", transient=False)
        return row.reply or ""

    def _settle(self, line: Line) -> int:
        """Decide on what a killed run left half sent; return how many are held as uncertain."""
        with self.database.write() as session:
            decisions = []
            for row in delivery_rows.list_stuck(session):
                assert row.id is not None  # noqa: S101 - stored rows have ids
                arrived = row.data_at is not None
                # A channel that finds its own earlier attempt can be asked again without harm.
                again = not arrived or line.idempotent or self.uncertain == "resend"
                status = DeliveryStatus.PLANNED if again else DeliveryStatus.UNCERTAIN
                how = "may have arrived" if arrived else "was not complete"
                reason = f"the run that sent it was interrupted; the mail {how}"
                decisions.append(Decision(row.id, status, reason=reason, may_have_arrived=arrived))
            delivery_rows.decide(session, decisions)
        return sum(one.status is DeliveryStatus.UNCERTAIN for one in decisions)

    def _pacer(self, line: Line, moment: Moment) -> Pacer | None:
        """What paces the whole run; what left before it, as far as that still counts, is counted in."""
        if line.window is None:
            return None
        since = moment.now - timedelta(seconds=line.window.period_s)
        with self.database.read() as session:
            before = delivery_rows.sent_times(session, since, limit=line.window.count)
        now = time.monotonic()
        ages = [(moment.now - when).total_seconds() for when in before]
        return Pacer(line.window, [now - age for age in ages], clock=time.monotonic)

    def _maker(self, line: Line, count: int) -> AbstractContextManager[MakesMails]:
        """What makes so many mails: a process of its own where that pays."""
        if count >= MANY and line.is_unpaced and _processors() > 1:
            return MakerBeside(self.database, self.envelope)
        return nullcontext(Maker(self.database, self.envelope))

    def _send(
        self, line: Line, moment: Moment, due: Sequence[int], stop: Stop, progress: Say
    ) -> dict[str, int]:
        clock = _clock(moment)
        with self.database.read() as session:
            paces = pace_rows.list_paces(session)
        with ExitStack() as stack:
            lease = secrets.token_hex(8)
            ledger = stack.enter_context(Ledger(self.database, lease, clock, group=line.connections))

            def keep_pace(domain: str, pace: Pace | None) -> None:
                ledger.add(lambda session: _keep_pace(session, domain, pace, clock()))

            outcomes = Outcomes(clock, self.uncertain, paces, keep_pace)
            maker = stack.enter_context(self._maker(line, len(due)))
            claims = Claims(self.database, Assembler(self.envelope), maker, ledger, outcomes)
            pacer = self._pacer(line, moment)
            crew = stack.enter_context(Crew(line, ledger, outcomes, pacer=pacer, stop=stop))
            size = CLAIM if line.is_unpaced else CLAIM_SLOWLY
            for first in range(0, len(due), size):
                if crew.is_done:
                    outcomes.count("waiting", len(due) - first)
                    break
                for waiting, mail in claims.take(due[first : first + size], replace(moment, now=clock())):
                    crew.put(waiting, mail)
                progress(f"{min(first + size, len(due))} of {len(due)}")
        if crew.error is not None:
            raise crew.error
        outcomes.close()
        if outcomes.broken is not None:
            raise outcomes.broken
        return outcomes.counts


def _keep_pace(session: Session, domain: str, pace: Pace | None, now: datetime) -> None:
    if pace is None:
        pace_rows.clear_pace(session, domain)
    else:
        pace_rows.set_pace(session, domain, pace, now)


def _processors() -> int:
    """How many processors this process may use, as far as the system says."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _clock(moment: Moment) -> Callable[[], datetime]:
    """The time of a run that may last long; a clock that a person has set stands still."""
    if moment.pinned or moment.day is not None:
        return lambda: moment.now
    began = time.clock_gettime(_CLOCK)
    return lambda: moment.now + timedelta(seconds=time.clock_gettime(_CLOCK) - began)
