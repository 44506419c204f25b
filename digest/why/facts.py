"""The facts an explanation is made from, and what comes out."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Self

from digest.types import Cadence, DeliveryStatus, IssueStatus, SubscriberStatus, Verdict

__all__ = ["Cause", "DeliveryFacts", "Explanation", "IssueFacts", "RunFacts", "SourceCheck", "WhyFacts"]


class Cause(StrEnum):
    """The machine words for why a digest came or did not."""

    SENT = "sent"
    IN_FEED = "in_feed"
    BEFORE_SUBSCRIPTION = "before_subscription"
    UNCONFIRMED = "unconfirmed"
    PAUSED = "paused"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    NO_SUCH_DATE = "no_such_date"
    NOT_ON_THIS_DAY = "not_on_this_day"
    NOT_DUE_YET = "not_due_yet"
    SCHEDULER_DID_NOT_RUN = "scheduler_did_not_run"
    NOT_COMPOSED = "not_composed"
    HELD = "held"
    TOO_LATE = "too_late"
    NOT_ACTIVE = "not_active"
    SCHEDULE_CHANGED = "schedule_changed"
    WAITING_TO_BE_SENT = "waiting_to_be_sent"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    EXPIRED = "expired"
    SKIPPED = "skipped"
    SOURCE_UNREACHABLE = "source_unreachable"
    SOURCE_BLOCKED = "source_blocked"
    SOURCE_BROKEN = "source_broken"
    SOURCE_STALE = "source_stale"
    SOURCE_PARTIAL = "source_partial"
    SOURCE_LATE = "source_late"
    NO_NEW_PAPERS = "no_new_papers"
    NO_NEW_PAPERS_WEEKEND = "no_new_papers_weekend"
    NO_NEW_PAPERS_HOLIDAY = "no_new_papers_holiday"
    ALL_SENT_BEFORE = "all_sent_before"
    NOTHING_ABOVE_THRESHOLD = "nothing_above_threshold"
    FORGOTTEN = "forgotten"


class Explanation(NamedTuple):
    """A cause and one sentence on it. ``str()`` is how an issue stores it: word, space, sentence."""

    code: Cause
    sentence: str

    def __str__(self) -> str:
        return f"{self.code} {self.sentence}"

    @classmethod
    def from_stored(cls, text: str | None) -> Self | None:
        """Read back what ``str()`` wrote; ``None`` for anything else."""
        code, _, sentence = (text or "").partition(" ")
        return cls(Cause(code), sentence) if code in list(Cause) and sentence else None


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """The latest check of one source's page of one day.

    ``label`` is the source's name for people. ``failing_since`` is when the source's present row of
    failures began, ``None`` while it is good.
    """

    label: str
    day: date
    verdict: Verdict
    checked_at: datetime
    entries: int = 0
    declared: int | None = None
    failing_since: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run of a use case: refresh, compose or deliver. ``ok`` is ``None`` if it never ended."""

    use_case: str
    started_at: datetime
    ok: bool | None = None


@dataclass(frozen=True, slots=True)
class IssueFacts:
    """The stored issue of that date. ``reason`` is an :class:`Explanation` as stored.

    ``papers`` counts all its papers, ``away`` those of them from days before that had no digest.
    ``is_put_away``: so old that its details, and how it was sent, are not kept.
    """

    status: IssueStatus
    composed_at: datetime
    papers: int = 0
    away: int = 0
    expires_at: datetime | None = None
    reason: str | None = None
    is_put_away: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """The delivery of that issue by mail. ``reply`` is the server's, ``reason`` tells of a failure."""

    status: DeliveryStatus
    recipient: str
    sending_at: datetime | None = None
    sent_at: datetime | None = None
    retry_at: datetime | None = None
    reply: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyFacts:
    """Everything known of one subscriber's digest of ``local_date``, a date in ``zone``.

    ``is_on``: the cadence includes that date. ``due_at`` is ``None`` where the date is never due; if the
    cadence includes it all the same, the date does not exist in that zone. ``window_h`` is how long the
    issue can still be made. ``composes`` are the compose runs that began within that window, ``last_*``
    the latest run of all. ``checks`` are the source checks of the days the digest looks back on.

    ``held_for`` names the sources that the issue waits for, until ``held_until`` at the latest.

    ``n_candidates`` counts the papers listed on those days, ``n_already_sent`` those of them this
    reader had before, ``n_below_threshold`` those of the rest that are too far from the interests, where
    the reader ``has_interests``.

    ``is_forgotten``: nothing is kept of what ran up to then.
    """

    local_date: date
    zone: str
    now: datetime
    email: str = ""
    status: SubscriberStatus = SubscriberStatus.ACTIVE
    paused_until: date | None = None
    created_at: datetime | None = None
    cadence: Cadence = Cadence.DAILY
    weekday: int = 0
    is_on: bool = True
    due_at: datetime | None = None
    next_due_at: datetime | None = None
    window_h: int = 20
    issue: IssueFacts | None = None
    delivery: DeliveryFacts | None = None
    composes: tuple[RunFacts, ...] = ()
    last_refresh: RunFacts | None = None
    last_compose: RunFacts | None = None
    last_deliver: RunFacts | None = None
    checks: tuple[SourceCheck, ...] = ()
    held_for: tuple[str, ...] = ()
    held_until: datetime | None = None
    n_candidates: int = 0
    n_already_sent: int = 0
    n_below_threshold: int = 0
    has_interests: bool = True
    is_forgotten: bool = False
