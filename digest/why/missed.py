"""Why a date that is over had no digest at all, said once, when it is marked as skipped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from digest.translation import gettext as _
from digest.translation import ngettext
from digest.types import SubscriberStatus
from digest.why.days import full_day, joined, point, when
from digest.why.facts import Cause, Explanation

__all__ = ["MissedFacts", "is_made_up", "missed_reason", "waited_sentence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedFacts:
    """What is known of a date without an issue, which could be made from ``due_at`` until ``closed_at``.

    ``confirmed_on`` and ``paused_until`` are the reader's dates. ``was_changed``: what came before shows
    another schedule than today's. ``ran_ok``: compose ended well at least once meanwhile; ``ran``: it began;
    ``held``: it let readers wait for a source. ``ran_before`` and ``ran_after`` are the runs on both sides
    of a time without any. ``made_up_on``: the date whose digest looks back on this one.
    """

    local_date: date
    zone: str
    due_at: datetime
    closed_at: datetime
    status: SubscriberStatus = SubscriberStatus.ACTIVE
    confirmed_on: date | None = None
    paused_until: date | None = None
    was_changed: bool = False
    ran: bool = False
    ran_ok: bool = False
    held: bool = False
    ran_before: datetime | None = None
    ran_after: datetime | None = None
    made_up_on: date | None = None


def missed_reason(facts: MissedFacts) -> Explanation:
    """The one cause, in one sentence: the reader's own standing first, then what did not run."""
    code, words = _cause(facts)
    look_back = ""
    if facts.made_up_on is not None:
        look_back = _("; the digest of %(day)s looks back on it", day=full_day(facts.made_up_on))
    said = _("There was no digest of %(day)s: %(why)s", day=full_day(facts.local_date), why=words)
    return Explanation(code, f"{said}{look_back}.")


def is_made_up(code: Cause) -> bool:
    """Whether a later digest looks back on a date that was missed for this cause."""
    return code not in (Cause.SCHEDULE_CHANGED, Cause.UNCONFIRMED)


def waited_sentence(labels: Sequence[str], hold_h: float) -> str:
    """What a digest says that went without a source it had waited for."""
    return _(
        "This digest waited %(hours)s for %(sources)s, which could not be read.",
        hours=_hours(hold_h),
        sources=joined(labels),
    )


def _cause(facts: MissedFacts) -> tuple[Cause, str]:
    day = facts.local_date
    if facts.confirmed_on is not None and day < facts.confirmed_on:
        confirmed = full_day(facts.confirmed_on)
        return Cause.UNCONFIRMED, _("the subscription was confirmed on %(day)s only", day=confirmed)
    is_paused = facts.status is SubscriberStatus.PAUSED
    if is_paused and facts.paused_until is not None and day < facts.paused_until:
        return Cause.PAUSED, _("the subscription was paused until %(day)s", day=full_day(facts.paused_until))
    if facts.was_changed:
        return Cause.SCHEDULE_CHANGED, _("the reader's hour, days or time zone were changed around it")
    if not facts.ran:
        return Cause.SCHEDULER_DID_NOT_RUN, _("%(gap)s, and by then it was too late", gap=_gap(facts))
    closed = when(facts.closed_at, facts.zone, day)
    if facts.held:
        return (
            Cause.TOO_LATE,
            _(
                "it waited for a source, and nothing ran after that before it was too late %(when)s",
                when=closed,
            ),
        )
    if facts.ran_ok:
        return Cause.NOT_ACTIVE, _("the subscription was not active then")
    return Cause.TOO_LATE, _("compose ran but failed until it was too late %(when)s", when=closed)


def _gap(facts: MissedFacts) -> str:
    day, zone = facts.local_date, facts.zone
    if facts.ran_after is None:
        return _("nothing ran after it was due %(when)s", when=when(facts.due_at, zone, day))
    after = when(facts.ran_after, zone, day)
    if facts.ran_before is None:
        return _("nothing ran before the run %(when)s", when=after)
    return _(
        "nothing ran between %(first)s and %(last)s",
        first=point(facts.ran_before, zone, day),
        last=point(facts.ran_after, zone, day),
    )


def _hours(hours: float) -> str:
    named = {
        0.5: _("half an hour"),
        1.0: _("an hour"),
        2.0: _("two hours"),
        3.0: _("three hours"),
        4.0: _("four hours"),
    }
    if hours in named:
        return named[hours]
    if hours >= 1:
        return _("%(hours)s hours", hours=f"{hours:g}")
    return ngettext("%(num)s minute", "%(num)s minutes", round(hours * 60))
