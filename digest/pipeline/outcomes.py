"""What an answer means for a mail, for its domain and for the run. Decides; sends and writes nothing."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from digest.errors import DeliveryError
from digest.mailer import Outcome, backoff, classify
from digest.storage.deliveries import Decision, Waiting
from digest.storage.pace import Pace
from digest.types import DeliveryStatus

__all__ = ["Outcomes"]

# So many refusals for reasons of policy, with no mail taken in between, are about us and not about readers.
POLICY_LIMIT = 3
POLICY_RETRY = timedelta(hours=1)
# So many mails in a row that were handed over and not answered, and the server is not well.
UNANSWERED_LIMIT = 5
# Longer than any domain is left alone.
MAX_PAUSE = timedelta(hours=6)
_GREYLISTED = re.compile(r"gr[ae]y.?list", re.IGNORECASE)

COUNTED = ("sent", "deferred", "refused", "uncertain", "expired")
_WORDS = {
    DeliveryStatus.SENT: "sent",
    DeliveryStatus.DEFERRED: "deferred",
    DeliveryStatus.REFUSED: "refused",
    DeliveryStatus.UNCERTAIN: "uncertain",
}


@dataclass(slots=True)
class Outcomes:
    """The outcomes of one run so far. Safe to be used by several threads.

    ``paces`` are the domains that are gone slowly with; ``keep_pace`` is told of every change (``None``:
    the domain is as any other again).
    """

    clock: Callable[[], datetime]
    uncertain: Literal["resend", "hold"]
    paces: dict[str, Pace]
    keep_pace: Callable[[str, Pace | None], None]
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    broken: DeliveryError | None = None
    _policy: int = 0
    _unanswered: int = 0
    _last_policy: DeliveryError | None = None
    _put_off: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def count(self, word: str, number: int = 1) -> None:
        """Add to a count."""
        with self._lock:
            self.counts[word] = self.counts.get(word, 0) + number

    def blocked(self, waiting: Waiting) -> Decision | None:
        """What becomes of a mail whose domain is to be left alone for now; ``None`` where it is not."""
        domain, now = _domain(waiting.recipient), self.clock()
        with self._lock:
            pace = self.paces.get(domain)
        # Farther off than anybody is ever told to wait: a clock was wrong.
        if pace is None or not now < pace.not_before <= now + MAX_PAUSE:
            return None
        reason = f"the mail servers of {domain} asked to be gone slowly with"
        return self._deferred(waiting, reason, pace.not_before)

    def taken(self, waiting: Waiting, reply: str) -> Decision:
        """The mail was taken: whoever refuses others for reasons of policy means those."""
        domain, now = _domain(waiting.recipient), self.clock()
        with self._lock:
            self._policy = self._unanswered = 0
            self.count("sent")
            pace = self.paces.get(domain)
            # One that was on its way when the domain asked for patience takes nothing of that back.
            if pace is not None and pace.not_before <= now:
                del self.paces[domain]
                self.keep_pace(domain, None)
        return Decision(waiting.delivery_id, DeliveryStatus.SENT, reply=reply, sent_at=now)

    def failed(self, waiting: Waiting, error: DeliveryError) -> Decision:
        """What becomes of a mail that was not taken."""
        with self._lock:
            decision = self._judge(waiting, error)
            if decision.status in _WORDS:
                self.count(_WORDS[decision.status])
            return decision

    def close(self) -> None:
        """At the end of the run: where all were refused for policy, however few, it is not the readers."""
        if self._policy and not self.counts["sent"]:
            self._stop_for_policy()

    def _judge(self, waiting: Waiting, error: DeliveryError) -> Decision:
        number, reason = waiting.delivery_id, str(error)
        match classify(error):
            case Outcome.BROKEN:
                # Not this reader's fault: it stays due, and the run stops with the reason.
                self.broken = self.broken or error
                return Decision(number, DeliveryStatus.PLANNED, reason=reason)
            case Outcome.UNCERTAIN:
                return self._uncertain(waiting, error)
            case Outcome.SLOW_DOMAIN if _GREYLISTED.search(reason) is None:
                return self._slow_down(waiting, reason)
            case Outcome.SLOW_DOMAIN | Outcome.LATER:
                return self._later(waiting, reason)
            case Outcome.POLICY:
                return self._refused_by_policy(waiting, error)
            case Outcome.REFUSED:
                return Decision(number, DeliveryStatus.REFUSED, reason=reason)
        raise AssertionError("an answer of no known kind")

    def _uncertain(self, waiting: Waiting, error: DeliveryError) -> Decision:
        self._unanswered += 1
        if self._unanswered >= UNANSWERED_LIMIT:
            self.broken = self.broken or DeliveryError(
                f"{self._unanswered} mails in a row were handed over whole and not answered; nothing more "
                f"was sent. {error}",
                transient=True,
                fatal=True,
            )
        # Sent again once; a server that never answers would otherwise get it again and again.
        if self.uncertain == "hold" or waiting.may_have_arrived:
            status = DeliveryStatus.UNCERTAIN
            return Decision(waiting.delivery_id, status, reason=str(error), may_have_arrived=True)
        return replace(self._later(waiting, str(error)), may_have_arrived=True)

    def _later(self, waiting: Waiting, reason: str) -> Decision:
        """Try this mail again, the later the more often it, or any at its domain, was put off before."""
        domain, now = _domain(waiting.recipient), self.clock()
        pace = self.paces.get(domain, Pace(0, now))
        if domain not in self._put_off:  # many mails put off in one run count once
            self._put_off.add(domain)
            pace = self.paces[domain] = Pace(pace.failures + 1, pace.not_before)
            self.keep_pace(domain, pace)
        wait = backoff(max(pace.failures, waiting.attempts + 1), domain)
        return self._deferred(waiting, reason, now + wait)

    def _slow_down(self, waiting: Waiting, reason: str) -> Decision:
        domain, now = _domain(waiting.recipient), self.clock()
        pace = self.paces.get(domain)
        # Connections that were at it at the same time are told the same; that counts once.
        if pace is None or not now < pace.not_before <= now + MAX_PAUSE:
            failures = pace.failures + 1 if pace else 1
            pace = Pace(failures, now + backoff(failures, domain))
            self.paces[domain] = pace
            self.keep_pace(domain, pace)
        return self._deferred(waiting, reason, pace.not_before)

    def _refused_by_policy(self, waiting: Waiting, error: DeliveryError) -> Decision:
        """Refused for good only beside others that were taken; else it may be about us, and waits."""
        self._policy += 1
        self._last_policy = error
        if self._policy >= POLICY_LIMIT:
            self._stop_for_policy()
        if self.broken is None and self.counts["sent"]:
            return Decision(waiting.delivery_id, DeliveryStatus.REFUSED, reason=str(error))
        wait = POLICY_RETRY * 2 ** min(waiting.attempts, 3)
        return self._deferred(waiting, str(error), self.clock() + wait)

    def _stop_for_policy(self) -> None:
        error = self._last_policy
        assert error is not None  # noqa: S101 - it is counted with it
        many = "The mail was" if self._policy == 1 else f"{self._policy} mails in a row were"
        self.broken = self.broken or DeliveryError(
            f"{many} refused for reasons of policy, so it is not the readers but how mail is sent; nothing "
            f"more was sent (digest mail check). The last answer: {error}",
            transient=False,
            code=error.code,
            enhanced=error.enhanced,
            fatal=True,
        )

    def _deferred(self, waiting: Waiting, reason: str, until: datetime) -> Decision:
        # Not beyond the time when it is too old to send: then that is to be seen, and said.
        until = min(until, max(waiting.expires_at, self.clock()))
        return Decision(waiting.delivery_id, DeliveryStatus.DEFERRED, reason=reason, retry_at=until)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()
