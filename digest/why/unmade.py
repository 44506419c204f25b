"""Why no digest was made for a date."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from digest.translation import ENGLISH, language, weekday
from digest.translation import gettext as _
from digest.types import Cadence
from digest.why.days import WEEKDAYS, clock, full_day, joined, point
from digest.why.facts import Cause, Explanation, WhyFacts
from digest.why.phrases import at_time, digest_of, next_one
from digest.why.standing import standing_reason

__all__ = ["unmade_reason"]


def unmade_reason(facts: WhyFacts) -> Explanation:
    """Why there is no issue of that date: it was not due, or what should have made it did not."""
    zone, day = facts.zone, full_day(facts.local_date)
    if facts.created_at is not None:
        # Under a moved clock a reader may seem to have come later than now.
        began = min(facts.created_at, facts.now).astimezone(ZoneInfo(zone)).date()
        if facts.local_date < began:
            said = _("The subscription began on %(began)s, after %(day)s.", began=full_day(began), day=day)
            return Explanation(Cause.BEFORE_SUBSCRIPTION, said)
    if (refusal := standing_reason(facts)) is not None:
        return refusal
    if not facts.is_on:
        said = _("No digest is due on %(day)s: the subscription is for weekdays", day=day)
        if facts.cadence is not Cadence.WEEKDAYS:
            name = WEEKDAYS[facts.weekday] if language() == ENGLISH else weekday(facts.weekday)
            said = _(
                "No digest is due on %(day)s: the subscription is weekly, on %(weekday)ss",
                day=day,
                weekday=name,
            )
        return Explanation(Cause.NOT_ON_THIS_DAY, f"{said}{next_one(facts)}.")
    if facts.due_at is None:
        said = _("There was no %(day)s in %(zone)s: the clocks there skipped that date", day=day, zone=zone)
        return Explanation(Cause.NO_SUCH_DATE, f"{said}{next_one(facts)}.")
    if facts.now < facts.due_at:
        is_today = facts.now.astimezone(ZoneInfo(zone)).date() == facts.local_date
        present = clock(facts.now, zone) if is_today else point(facts.now, zone, facts.local_date)
        said = _(
            "%(digest)s is not due before %(due)s (%(zone)s); there it is %(present)s.",
            digest=digest_of(facts),
            due=clock(facts.due_at, zone),
            zone=zone,
            present=present,
        )
        return Explanation(Cause.NOT_DUE_YET, said)
    return _not_made(facts, facts.due_at)


def _not_made(facts: WhyFacts, due_at: datetime) -> Explanation:
    """It was due, but there is no row: nothing ran, or what ran did not get to it."""
    closes = due_at + timedelta(hours=facts.window_h)
    if facts.held_for and facts.held_until is not None and facts.now < facts.held_until:
        return Explanation(
            Cause.HELD,
            _(
                "%(digest)s waits for %(sources)s until %(until)s, and goes without after that.",
                digest=digest_of(facts),
                sources=joined(facts.held_for),
                until=point(facts.held_until, facts.zone, facts.local_date),
            ),
        )
    was_due = _(
        "%(digest)s was due %(when)s (%(zone)s)",
        digest=digest_of(facts),
        when=at_time(facts, due_at),
        zone=facts.zone,
    )
    if facts.composes:
        run = facts.composes[-1]
        ran = at_time(facts, run.started_at)
        if run.ok is False:
            how = _("compose ran %(when)s and failed", when=ran)
        elif run.ok is None:
            how = _("compose ran %(when)s and did not finish", when=ran)
        else:
            how = _("compose ran %(when)s without making it", when=ran)
        again = _("digest compose --date %(day)s tries again", day=facts.local_date.isoformat())
        return Explanation(Cause.NOT_COMPOSED, f"{was_due}; {how}; {again}.")
    last = facts.last_compose
    if last is None:
        words = _("the scheduler has never run; start digest run, best by cron or as a service")
    elif facts.now < closes:
        ran = at_time(facts, last.started_at)
        words = _(
            "the scheduler ran last %(when)s; start digest run, and check its cron line or service", when=ran
        )
    else:
        words = _(
            "the scheduler did not run before it was too late %(when)s; its last run was %(last)s; check its "
            "cron line or service",
            when=at_time(facts, closes),
            last=at_time(facts, last.started_at),
        )
    return Explanation(Cause.SCHEDULER_DID_NOT_RUN, _("%(due)s, but %(words)s.", due=was_due, words=words))
