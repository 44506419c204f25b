"""The one cause of a digest's coming or not coming, most telling first."""

from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from digest.translation import ENGLISH, gettext_noop, language, ngettext, weekday
from digest.translation import gettext as _
from digest.types import Cadence, DeliveryStatus, IssueStatus, SubscriberStatus, Verdict
from digest.why.coverage import latest_by_day
from digest.why.days import WEEKDAYS, clock, full_day, holiday, joined, one_line, point, since, when
from digest.why.facts import Cause, DeliveryFacts, Explanation, IssueFacts, SourceCheck, WhyFacts
from digest.why.forgotten import forgotten_reason

__all__ = ["empty_reason", "explain"]

_SATURDAY = 5
_FAULTS = {
    Verdict.UNREACHABLE: (Cause.SOURCE_UNREACHABLE, gettext_noop("could not be reached")),
    Verdict.BLOCKED: (Cause.SOURCE_BLOCKED, gettext_noop("refused us access")),
    Verdict.BROKEN: (Cause.SOURCE_BROKEN, gettext_noop("gave a page that could not be read")),
    Verdict.STALE: (Cause.SOURCE_STALE, gettext_noop("still showed an older day")),
    Verdict.PARTIAL: (Cause.SOURCE_PARTIAL, gettext_noop("gave only part of its list")),
}
_T = TypeVar("_T")


def explain(facts: WhyFacts) -> Explanation:
    """Why the digest of that date came or did not: one cause, one sentence, what to do where it helps."""
    if (forgotten := forgotten_reason(facts)) is not None:
        return forgotten
    if facts.issue is None:
        return _no_issue(facts)
    if facts.issue.status is IssueStatus.EMPTY:
        return Explanation.from_stored(facts.issue.reason) or empty_reason(facts)
    if facts.issue.status is IssueStatus.SKIPPED:
        return Explanation.from_stored(facts.issue.reason) or Explanation(
            Cause.SKIPPED,
            _("There was no digest of %(day)s; why was not recorded.", day=full_day(facts.local_date)),
        )
    if facts.delivery is not None:
        return _delivered(facts, facts.issue, facts.delivery)
    if facts.issue.status is IssueStatus.EXPIRED:
        return _expired(facts, facts.issue)
    what = _("a notice") if facts.issue.status is IssueStatus.NOTICE else _papers(facts.issue)
    return Explanation(
        Cause.IN_FEED,
        _(
            "%(digest)s is in the private feed, with %(what)s, and only there: the subscription is "
            "without mail.",
            digest=_digest(facts),
            what=what,
        ),
    )


def empty_reason(facts: WhyFacts) -> Explanation:
    """Why there is nothing to say on that date. Needs the checks and counts only; stored with the issue."""
    left = max(facts.n_candidates - facts.n_already_sent, facts.n_below_threshold)
    todays = [check for check in facts.checks if check.day >= facts.local_date]
    # What is left over from days before was passed over then; that this day brought nothing tells more.
    if left and not (todays and all(check.verdict is Verdict.EMPTY for check in todays)):
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


# --- nothing to say --------------------------------------------------------------------------------


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
        at = _on(facts, max(one.checked_at for one in late))
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
        ran = _("the last refresh ran %(when)s", when=_on(facts, last.started_at))
    return Explanation(
        Cause.SCHEDULER_DID_NOT_RUN,
        _(
            "No source was read for %(day)s: %(ran)s; start one with digest refresh.",
            day=full_day(facts.local_date),
            ran=ran,
        ),
    )


# --- an issue was made -----------------------------------------------------------------------------


def _delivered(facts: WhyFacts, issue: IssueFacts, delivery: DeliveryFacts) -> Explanation:
    match delivery.status:
        case DeliveryStatus.SENT:
            return _sent(facts, issue, delivery)
        case DeliveryStatus.UNCERTAIN:
            at = f" {_on(facts, delivery.sending_at)}" if delivery.sending_at else ""
            return Explanation(
                Cause.UNCERTAIN,
                _(
                    "%(digest)s was handed over for %(recipient)s%(when)s, but no answer came, so it "
                    "may have arrived; it is held and not sent again.",
                    digest=_digest(facts),
                    recipient=delivery.recipient,
                    when=at,
                ),
            )
        case DeliveryStatus.REFUSED:
            return Explanation(
                Cause.REFUSED,
                _(
                    "%(digest)s was refused for %(recipient)s and is not tried again: %(why)s.",
                    digest=_digest(facts),
                    recipient=delivery.recipient,
                    why=_words(delivery),
                ),
            )
        case DeliveryStatus.SKIPPED:
            return _skipped(facts, issue, delivery)
        case DeliveryStatus.BOUNCED | DeliveryStatus.COMPLAINED:
            return _came_back(facts, delivery)
    if issue.status is IssueStatus.EXPIRED or (
        issue.expires_at is not None and facts.now >= issue.expires_at
    ):
        return _expired(facts, issue)
    if (refusal := _status(facts)) is not None:
        return refusal
    if delivery.status is DeliveryStatus.DEFERRED:
        is_later = delivery.retry_at is not None and delivery.retry_at > facts.now
        again = _("digest deliver tries again")
        if is_later:
            again = _("the next try is %(when)s", when=_on(facts, _known(delivery.retry_at)))
        return Explanation(
            Cause.DEFERRED,
            _(
                "%(digest)s could not be handed over for %(recipient)s yet (%(why)s); %(again)s.",
                digest=_digest(facts),
                recipient=delivery.recipient,
                why=_words(delivery),
                again=again,
            ),
        )
    return _waiting(facts, issue, delivery)


def _sent(facts: WhyFacts, issue: IssueFacts, delivery: DeliveryFacts) -> Explanation:
    at = f" {_on(facts, delivery.sent_at)}" if delivery.sent_at else ""
    way, hint = "", ""
    if delivery.reply and delivery.reply[:1].isdigit():
        way = f" ({_('the mail server said: %(reply)s', reply=one_line(delivery.reply))})"
        hint = _("; if it is not in the inbox, look among the spam")
    elif delivery.reply:
        way = f" ({one_line(delivery.reply)})"
    if issue.status is IssueStatus.NOTICE:
        reason = one_line((Explanation.from_stored(issue.reason) or empty_reason(facts)).sentence)
        what = _("A notice in place of the digest of %(day)s", day=full_day(facts.local_date))
        went = _(
            "%(digest)s went to %(recipient)s%(when)s", digest=what, recipient=delivery.recipient, when=at
        )
        return Explanation(Cause.SENT, f"{went}{way}: {reason}.")
    went = _(
        "%(digest)s went to %(recipient)s%(when)s with %(papers)s",
        digest=_digest(facts),
        recipient=delivery.recipient,
        when=at,
        papers=_papers(issue),
    )
    return Explanation(Cause.SENT, f"{went}{way}{hint}.")


def _came_back(facts: WhyFacts, delivery: DeliveryFacts) -> Explanation:
    at = f" {_on(facts, delivery.sent_at)}" if delivery.sent_at else ""
    went = _(
        "%(digest)s went to %(recipient)s%(when)s",
        digest=_digest(facts),
        recipient=delivery.recipient,
        when=at,
    )
    if delivery.status is DeliveryStatus.COMPLAINED:
        return Explanation(
            Cause.COMPLAINED,
            _("%(went)s, and was reported there as unwanted; that ends the subscription at once.", went=went),
        )
    words = _words(delivery)
    suspended = facts.status is SubscriberStatus.BOUNCED
    after = _("; no more is sent until the address works again") if suspended else ""
    said = _("%(went)s, but came back: %(why)s", went=went, why=words)
    return Explanation(Cause.BOUNCED, f"{said}{after}.")


def _skipped(facts: WhyFacts, issue: IssueFacts, delivery: DeliveryFacts) -> Explanation:
    if issue.status is IssueStatus.EXPIRED:
        return _expired(facts, issue)
    if (refusal := _status(facts)) is not None:
        return refusal
    words = one_line(delivery.reason or _("the reader was not to be served then"))
    return Explanation(
        Cause.SKIPPED,
        _(
            "%(digest)s was made but not sent to %(recipient)s: %(why)s.",
            digest=_digest(facts),
            recipient=delivery.recipient,
            why=words,
        ),
    )


def _expired(facts: WhyFacts, issue: IssueFacts) -> Explanation:
    until = f" {_on(facts, issue.expires_at)}" if issue.expires_at else ""
    return Explanation(
        Cause.EXPIRED,
        _(
            "%(digest)s was made %(made)s, but could not be sent before it was too old%(until)s; its papers "
            "may come in a later one.",
            digest=_digest(facts),
            made=_on(facts, issue.composed_at),
            until=until,
        ),
    )


def _waiting(facts: WhyFacts, issue: IssueFacts, delivery: DeliveryFacts) -> Explanation:
    made = _("%(digest)s was made %(when)s", digest=_digest(facts), when=_on(facts, issue.composed_at))
    if delivery.status is DeliveryStatus.SENDING:
        started = f" {_on(facts, delivery.sending_at)}" if delivery.sending_at else ""
        state = _(
            "and sending it began%(when)s; if that run was cut off, the next digest deliver settles it",
            when=started,
        )
    elif delivery.reason:
        state = _(
            "but it is not sent yet (%(why)s); digest deliver tries again", why=one_line(delivery.reason)
        )
    elif facts.last_deliver is None:
        state = _("but digest deliver has never run; start it, or digest run")
    elif facts.last_deliver.started_at < issue.composed_at:
        ran = _on(facts, facts.last_deliver.started_at)
        state = _("but digest deliver ran last %(when)s, before that; start it, or digest run", when=ran)
    else:
        state = _("and it waits for the next digest deliver")
    return Explanation(Cause.WAITING_TO_BE_SENT, f"{made}, {state}.")


# --- no issue was made -----------------------------------------------------------------------------


def _no_issue(facts: WhyFacts) -> Explanation:
    zone, day = facts.zone, full_day(facts.local_date)
    if facts.created_at is not None:
        # Under a moved clock a reader may seem to have come later than now.
        began = min(facts.created_at, facts.now).astimezone(ZoneInfo(zone)).date()
        if facts.local_date < began:
            said = _("The subscription began on %(began)s, after %(day)s.", began=full_day(began), day=day)
            return Explanation(Cause.BEFORE_SUBSCRIPTION, said)
    if (refusal := _status(facts)) is not None:
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
        return Explanation(Cause.NOT_ON_THIS_DAY, f"{said}{_next(facts)}.")
    if facts.due_at is None:
        said = _("There was no %(day)s in %(zone)s: the clocks there skipped that date", day=day, zone=zone)
        return Explanation(Cause.NO_SUCH_DATE, f"{said}{_next(facts)}.")
    if facts.now < facts.due_at:
        is_today = facts.now.astimezone(ZoneInfo(zone)).date() == facts.local_date
        present = clock(facts.now, zone) if is_today else point(facts.now, zone, facts.local_date)
        said = _(
            "%(digest)s is not due before %(due)s (%(zone)s); there it is %(present)s.",
            digest=_digest(facts),
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
                digest=_digest(facts),
                sources=joined(facts.held_for),
                until=point(facts.held_until, facts.zone, facts.local_date),
            ),
        )
    was_due = _(
        "%(digest)s was due %(when)s (%(zone)s)",
        digest=_digest(facts),
        when=_on(facts, due_at),
        zone=facts.zone,
    )
    if facts.composes:
        run = facts.composes[-1]
        ran = _on(facts, run.started_at)
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
        ran = _on(facts, last.started_at)
        words = _(
            "the scheduler ran last %(when)s; start digest run, and check its cron line or service", when=ran
        )
    else:
        words = _(
            "the scheduler did not run before it was too late %(when)s; its last run was %(last)s; check its "
            "cron line or service",
            when=_on(facts, closes),
            last=_on(facts, last.started_at),
        )
    return Explanation(Cause.SCHEDULER_DID_NOT_RUN, _("%(due)s, but %(words)s.", due=was_due, words=words))


def _status(facts: WhyFacts) -> Explanation | None:
    """The reader's standing where that alone is the cause."""
    who = facts.email or _("the reader")
    activate = f"digest subscriber activate {facts.email or 'EMAIL'}"
    none = _("There is no digest of %(day)s", day=full_day(facts.local_date))
    match facts.status:
        case SubscriberStatus.UNCONFIRMED:
            said = _(
                "%(who)s has not confirmed the subscription; %(command)s does it", who=who, command=activate
            )
            return Explanation(Cause.UNCONFIRMED, f"{none}: {said}.")
        case SubscriberStatus.BOUNCED:
            said = _(
                "mail to %(who)s came back for good; once the address works again: %(command)s",
                who=who,
                command=activate,
            )
            return Explanation(Cause.BOUNCED, f"{none}: {said}.")
        case SubscriberStatus.UNSUBSCRIBED:
            return Explanation(Cause.UNSUBSCRIBED, f"{none}: {_('%(who)s has unsubscribed', who=who)}.")
        case SubscriberStatus.PAUSED if facts.paused_until is None:
            said = _("the subscription is paused; %(command)s ends that", command=activate)
            return Explanation(Cause.PAUSED, f"{none}: {said}.")
        case SubscriberStatus.PAUSED if facts.local_date < _known(facts.paused_until):
            until = full_day(_known(facts.paused_until))
            said = _("the subscription is paused until %(day)s", day=until)
            return Explanation(Cause.PAUSED, f"{none}: {said}.")
    return None


# --- words -----------------------------------------------------------------------------------------


def _digest(facts: WhyFacts) -> str:
    return _("The digest of %(day)s", day=full_day(facts.local_date))


def _on(facts: WhyFacts, at: datetime | None) -> str:
    return when(_known(at), facts.zone, facts.local_date)


def _next(facts: WhyFacts) -> str:
    if facts.next_due_at is None:
        return ""
    return _("; the next is due %(when)s", when=when(facts.next_due_at, facts.zone, facts.local_date))


def _papers(issue: IssueFacts) -> str:
    papers = ngettext("%(count)s paper", "%(count)s papers", issue.papers, count=f"{issue.papers}")
    if not issue.away:
        return papers
    return _(
        "%(papers)s, %(away)s of them from days before that had no digest", papers=papers, away=issue.away
    )


def _words(delivery: DeliveryFacts) -> str:
    return one_line(delivery.reason or delivery.reply or _("no reason was recorded"))


def _known(value: _T | None) -> _T:
    assert value is not None  # noqa: S101 - the caller has looked
    return value
