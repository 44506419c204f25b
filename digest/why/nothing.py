"""Why there is nothing to say on a date: what the sources gave, and what was sent before."""

from datetime import date, timedelta

from digest.translation import gettext as _
from digest.translation import gettext_noop, ngettext
from digest.types import Cadence, Verdict
from digest.why.coverage import latest_by_day
from digest.why.days import full_day, holiday, joined, one_line, since, when
from digest.why.facts import Cause, Explanation, SourceCheck, WhyFacts
from digest.why.phrases import at_time

__all__ = ["empty_reason"]

_SATURDAY = 5
_FAULTS = {
    Verdict.UNREACHABLE: (Cause.SOURCE_UNREACHABLE, gettext_noop("could not be reached")),
    Verdict.BLOCKED: (Cause.SOURCE_BLOCKED, gettext_noop("refused us access")),
    Verdict.BROKEN: (Cause.SOURCE_BROKEN, gettext_noop("gave a page that could not be read")),
    Verdict.STALE: (Cause.SOURCE_STALE, gettext_noop("still showed an older day")),
    Verdict.PARTIAL: (Cause.SOURCE_PARTIAL, gettext_noop("gave only part of its list")),
}


def empty_reason(facts: WhyFacts) -> Explanation:
    """Why there is nothing to say on that date. Needs the checks and counts only; stored with the issue."""
    left = max(facts.n_candidates - facts.n_already_sent, facts.n_below_threshold)
    todays = [check for check in facts.checks if check.day >= facts.local_date]
    # What is left over from days before was passed over then; that this day brought nothing tells more.
    if left and not (todays and all(check.verdict is Verdict.EMPTY for check in todays)):
        if not facts.has_interests:
            return _nothing_named(facts)
        return Explanation(
            Cause.NOTHING_ABOVE_THRESHOLD,
            ngettext(
                "The one paper up to %(day)s that was not sent before is not close enough to the interests; "
                "to widen them: digest interest add %(email)s.",
                "None of the %(count)s papers up to %(day)s that were not sent before is close enough to the "
                "interests; to widen them: digest interest add %(email)s.",
                left,
                count=f"{left}",
                day=full_day(facts.local_date),
                email=facts.email or "EMAIL",
            ),
        )
    # A source's day may lag behind a reader's date by one, east of Greenwich.
    if all(check.day < facts.local_date - timedelta(days=1) for check in facts.checks):
        return _nothing_read(facts)
    labels = list(dict.fromkeys(check.label for check in facts.checks))
    sources = [latest_by_day([one for one in facts.checks if one.label == label]) for label in labels]
    standings = [_standing(days) for days in sources]
    faults = [one for one in standings if not one.verdict.is_good]
    if faults:
        return _faulty(facts, faults)
    return _quiet(facts, standings)


def _nothing_named(facts: WhyFacts) -> Explanation:
    """There were papers, but the reader has no interests, and no trend decides either."""
    return Explanation(
        Cause.NOTHING_ABOVE_THRESHOLD,
        _(
            "This reader names no interests, and there is nothing else by which to choose among the papers "
            "up to %(day)s; to name one: digest interest add %(email)s.",
            day=full_day(facts.local_date),
            email=facts.email or "EMAIL",
        ),
    )


def _standing(days: list[SourceCheck]) -> SourceCheck:
    """How a source stands: its newest day; one that is empty gives way to a fault before it."""
    telling = [day for day in days if day.verdict is not Verdict.EMPTY]
    if days[-1].verdict is Verdict.EMPTY and telling and not telling[-1].verdict.is_good:
        return telling[-1]
    return days[-1]


def _faulty(facts: WhyFacts, faults: list[SourceCheck]) -> Explanation:
    order = list(_FAULTS)
    worst = min(faults, key=lambda one: order.index(one.verdict))
    code, words = _FAULTS[worst.verdict]
    same = [one for one in faults if one.verdict is worst.verdict]
    names = joined([one.label for one in same])
    parts = [f"{names} {_(words)}"]
    if worst.verdict in (Verdict.STALE, Verdict.PARTIAL):
        read = when(worst.checked_at, facts.zone, facts.local_date)
        parts.append(_("for %(day)s when last read %(when)s", day=full_day(worst.day), when=read))
    elif worst.failing_since is not None:
        parts.append(since(worst.failing_since, facts.zone, facts.local_date))
    if worst.error:
        parts.append(f"({one_line(worst.error, 160)})")
    sentence = " ".join(parts)
    return Explanation(
        code,
        _(
            "%(fault)s, and there was nothing else to send; what appears there comes once it can be read.",
            fault=sentence,
        ),
    )


def _quiet(facts: WhyFacts, standings: list[SourceCheck]) -> Explanation:
    """Every source is fine: nothing new was listed, or the reader had it all."""
    day = full_day(facts.local_date)
    is_listed = any(one.entries and one.day >= facts.local_date for one in standings)
    rest = _rest(facts.local_date)
    if rest and not is_listed and facts.cadence is not Cadence.WEEKLY:
        code, what = rest
        return Explanation(
            code,
            _(
                "There were no new papers: %(day)s is %(what)s, when sources list few papers or none.",
                day=day,
                what=what,
            ),
        )
    late = [one for one in standings if one.verdict is Verdict.EMPTY and one.day >= facts.local_date]
    if late:
        at = at_time(facts, max(one.checked_at for one in late))
        return Explanation(
            Cause.SOURCE_LATE,
            _(
                "%(sources)s had listed nothing for %(day)s when last read %(when)s; "
                "what comes later is in the next digest.",
                sources=joined([one.label for one in late]),
                day=day,
                when=at,
            ),
        )
    if facts.n_already_sent:
        return Explanation(
            Cause.ALL_SENT_BEFORE,
            ngettext(
                "The one paper of the days up to %(day)s had been sent to this reader before.",
                "All %(count)s papers of the days up to %(day)s had been sent to this reader before.",
                facts.n_already_sent,
                count=f"{facts.n_already_sent}",
                day=day,
            ),
        )
    names = joined([one.label for one in standings])
    said = _("%(sources)s listed no papers in the days up to %(day)s.", sources=names, day=day)
    return Explanation(Cause.NO_NEW_PAPERS, said)


def _rest(day: date) -> tuple[Cause, str] | None:
    """Whether that is a day on which little is published, and what it is."""
    if day.weekday() >= _SATURDAY:
        return Cause.NO_NEW_PAPERS_WEEKEND, _("a weekend day")
    name = holiday(day)
    return (Cause.NO_NEW_PAPERS_HOLIDAY, _("a holiday (%(name)s)", name=name)) if name else None


def _nothing_read(facts: WhyFacts) -> Explanation:
    last = facts.last_refresh
    ran = _("no refresh has run yet")
    if last:
        ran = _("the last refresh ran %(when)s", when=at_time(facts, last.started_at))
    return Explanation(
        Cause.SCHEDULER_DID_NOT_RUN,
        _(
            "No source was read for %(day)s: %(ran)s; start one with digest refresh.",
            day=full_day(facts.local_date),
            ran=ran,
        ),
    )
