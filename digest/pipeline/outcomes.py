"""What an answer means for a mail, for its domain and for the run. Decides; sends and writes nothing."""

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
    _policy: list[Decision] = field(default_factory=list)
    _put_off: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def count(self, word: str, number: int = 1) -> None:
        """Add to a count."""
        with self._lock:
            self.counts[word] = self.counts.get(word, 0) + number

    def blocked(self, waiting: Waiting) -> Decision | None:
        """What becomes of a mail whose domain is to be left alone for now; ``None`` where it is not."""
        domain = _domain(waiting.recipient)
        with self._lock:
            pace = self.paces.get(domain)
        if pace is None or pace.not_before <= self.clock():
            return None
        reason = f"the mail servers of {domain} asked to be gone slowly with"
        return Decision(
            waiting.delivery_id,
            DeliveryStatus.DEFERRED,
            reason=reason,
            retry_at=pace.not_before,
            untried=True,
        )

    def taken(self, waiting: Waiting, reply: str) -> list[Decision]:
        """The mail was taken: whoever refuses others for reasons of policy means those."""
        domain = _domain(waiting.recipient)
        with self._lock:
            self._policy.clear()
            self.count("sent")
            if self.paces.pop(domain, None) is not None:
                self.keep_pace(domain, None)
        return [Decision(waiting.delivery_id, DeliveryStatus.SENT, reply=reply, sent_at=self.clock())]

    def failed(self, waiting: Waiting, error: DeliveryError) -> list[Decision]:
        """What becomes of a mail that was not taken, and of others for its sake."""
        with self._lock:
            decisions = self._judge(waiting, error)
            if len(decisions) == 1 and decisions[0].status in _WORDS:
                self.count(_WORDS[decisions[0].status])
            return decisions

    def _judge(self, waiting: Waiting, error: DeliveryError) -> list[Decision]:
        number, reason = waiting.delivery_id, str(error)
        match classify(error):
            case Outcome.BROKEN:
                # Not this reader's fault: it stays due, and the run stops with the reason.
                self.broken = self.broken or error
                return [Decision(number, DeliveryStatus.PLANNED, reason=reason)]
            case Outcome.UNCERTAIN if self.uncertain == "hold":
                return [Decision(number, DeliveryStatus.UNCERTAIN, reason=reason, may_have_arrived=True)]
            case Outcome.UNCERTAIN:
                return [replace(self._later(waiting, reason), may_have_arrived=True)]
            case Outcome.SLOW_DOMAIN:
                return [self._slow_down(waiting, reason)]
            case Outcome.LATER:
                return [self._later(waiting, reason)]
            case Outcome.POLICY:
                return self._refused_by_policy(Decision(number, DeliveryStatus.REFUSED, reason=reason), error)
            case Outcome.REFUSED:
                return [Decision(number, DeliveryStatus.REFUSED, reason=reason)]
        raise AssertionError("an answer of no known kind")

    def _later(self, waiting: Waiting, reason: str) -> Decision:
        """Try this mail again, the later the more often it, or any at its domain, was put off before."""
        domain, now = _domain(waiting.recipient), self.clock()
        pace = self.paces.get(domain, Pace(0, now))
        if domain not in self._put_off:  # many mails put off in one run count once
            self._put_off.add(domain)
            pace = self.paces[domain] = Pace(pace.failures + 1, pace.not_before)
            self.keep_pace(domain, pace)
        retry_at = now + backoff(max(pace.failures, waiting.attempts + 1), domain)
        return Decision(waiting.delivery_id, DeliveryStatus.DEFERRED, reason=reason, retry_at=retry_at)

    def _slow_down(self, waiting: Waiting, reason: str) -> Decision:
        domain, now = _domain(waiting.recipient), self.clock()
        pace = self.paces.get(domain)
        # Connections that were at it at the same time are told the same; that counts once.
        if pace is None or pace.not_before <= now:
            failures = pace.failures + 1 if pace else 1
            pace = Pace(failures, now + backoff(failures, domain))
            self.paces[domain] = pace
            self.keep_pace(domain, pace)
        return Decision(waiting.delivery_id, DeliveryStatus.DEFERRED, reason=reason, retry_at=pace.not_before)

    def _refused_by_policy(self, decision: Decision, error: DeliveryError) -> list[Decision]:
        self._policy.append(decision)
        if len(self._policy) < POLICY_LIMIT:
            return [decision]
        self.broken = self.broken or DeliveryError(
            f"{len(self._policy)} mails in a row were refused for reasons of policy, so it is not the "
            f"readers but how mail is sent; nothing more was sent (digest mail check). The last answer: "
            f"{error}",
            transient=False,
            code=error.code,
            enhanced=error.enhanced,
            fatal=True,
        )
        again = self.clock() + POLICY_RETRY
        # Those refused before stand as refused already: they are taken back too.
        taken_back = [replace(one, status=DeliveryStatus.DEFERRED, retry_at=again) for one in self._policy]
        self.count("refused", 1 - len(self._policy))
        self.count("deferred", len(self._policy))
        self._policy.clear()
        return taken_back


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()
