"""The one cause of a digest's coming or not coming, most telling first."""

from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from digest.types import Cadence, DeliveryStatus, IssueStatus, SubscriberStatus, Verdict
from digest.why.coverage import latest_by_day
from digest.why.days import WEEKDAYS, clock, full_day, holiday, joined, one_line, since, when
from digest.why.facts import Cause, DeliveryFacts, Explanation, IssueFacts, SourceCheck, WhyFacts

__all__ = ["empty_reason", "explain"]

_SATURDAY = 5
_FAULTS = {
    Verdict.UNREACHABLE: (Cause.SOURCE_UNREACHABLE, "could not be reached"),
    Verdict.BLOCKED: (Cause.SOURCE_BLOCKED, "refused us access"),
    Verdict.BROKEN: (Cause.SOURCE_BROKEN, "gave a page that could not be read"),
    Verdict.STALE: (Cause.SOURCE_STALE, "still showed an older day"),
    Verdict.PARTIAL: (Cause.SOURCE_PARTIAL, "gave only part of its list"),
}
_T = TypeVar("_T")


def explain(facts: WhyFacts) -> Explanation:
    """Why the digest of that date came or did not: one cause, one sentence, what to do where it helps."""
    if facts.issue is None:
        return _no_issue(facts)
    if facts.issue.status is IssueStatus.EMPTY:
        return Explanation.from_stored(facts.issue.reason) or empty_reason(facts)
    if facts.issue.status is IssueStatus.SKIPPED:
        return Explanation.from_stored(facts.issue.reason) or Explanation(
            Cause.SKIPPED, f"There was no digest of {full_day(facts.local_date)}; why was not recorded."
        )
    if facts.delivery is not None:
        return _delivered(facts, facts.issue, facts.delivery)
    if facts.issue.status is IssueStatus.EXPIRED:
        return _expired(facts, facts.issue)
    what = "a notice" if facts.issue.status is IssueStatus.NOTICE else _papers(facts.issue)
    return Explanation(
        Cause.IN_FEED,
        f"{_digest(facts)} is in the private feed, with {what}, and only there: the subscription is "
        "without mail.",
    )


def empty_reason(facts: WhyFacts) -> Explanation:
    """Why there is nothing to say on that date. Needs the checks and counts only; stored with the issue."""
    left = max(facts.n_candidates - facts.n_already_sent, facts.n_below_threshold)
    todays = [check for check in facts.checks if check.day >= facts.local_date]
    # What is left over from days before was passed over then; that this day brought nothing tells more.
    if left and not (todays and all(check.verdict is Verdict.EMPTY for check in todays)):
        some = f"None of the {left} papers" if left > 1 else "The one paper"
        were, is_close = ("were", "is") if left > 1 else ("was", "is not")
        return Explanation(
            Cause.NOTHING_ABOVE_THRESHOLD,
            f"{some} up to {full_day(facts.local_date)} that {were} not sent before {is_close} close enough "
            f"to the interests; to widen them: digest interest add {facts.email or 'EMAIL'}.",
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
    parts = [f"{names} {words}"]
    if worst.verdict in (Verdict.STALE, Verdict.PARTIAL):
        parts.append(
            f"for {full_day(worst.day)} when last read {when(worst.checked_at, facts.zone, facts.local_date)}"
        )
    elif worst.failing_since is not None:
        parts.append(since(worst.failing_since, facts.zone, facts.local_date))
    if worst.error:
        parts.append(f"({one_line(worst.error, 160)})")
    sentence = " ".join(parts)
    return Explanation(
        code, f"{sentence}, and there was nothing else to send; what appears there comes once it can be read."
    )


def _quiet(facts: WhyFacts, standings: list[SourceCheck]) -> Explanation:
    """Every source is fine: nothing new was listed, or the reader had it all."""
    day = full_day(facts.local_date)
    is_listed = any(one.entries and one.day >= facts.local_date for one in standings)
    rest = _rest(facts.local_date)
    if rest and not is_listed and facts.cadence is not Cadence.WEEKLY:
        code, what = rest
        return Explanation(
            code, f"There were no new papers: {day} is {what}, when sources list few papers or none."
        )
    late = [one for one in standings if one.verdict is Verdict.EMPTY and one.day >= facts.local_date]
    if late:
        at = _on(facts, max(one.checked_at for one in late))
        return Explanation(
            Cause.SOURCE_LATE,
            f"{joined([one.label for one in late])} had listed nothing for {day} when last read {at}; "
            "what comes later is in the next digest.",
        )
    if facts.n_already_sent:
        some = f"All {facts.n_already_sent} papers" if facts.n_already_sent > 1 else "The one paper"
        return Explanation(
            Cause.ALL_SENT_BEFORE, f"{some} of the days up to {day} had been sent to this reader before."
        )
    names = joined([one.label for one in standings])
    return Explanation(Cause.NO_NEW_PAPERS, f"{names} listed no papers in the days up to {day}.")


def _rest(day: date) -> tuple[Cause, str] | None:
    """Whether that is a day on which little is published, and what it is."""
    if day.weekday() >= _SATURDAY:
        return Cause.NO_NEW_PAPERS_WEEKEND, "a weekend day"
    name = holiday(day)
    return (Cause.NO_NEW_PAPERS_HOLIDAY, f"a holiday ({name})") if name else None


def _nothing_read(facts: WhyFacts) -> Explanation:
    last = facts.last_refresh
    ran = f"the last refresh ran {_on(facts, last.started_at)}" if last else "no refresh has run yet"
    return Explanation(
        Cause.SCHEDULER_DID_NOT_RUN,
        f"No source was read for {full_day(facts.local_date)}: {ran}; start one with digest refresh.",
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
                f"{_digest(facts)} was handed over for {delivery.recipient}{at}, but no answer came, so it "
                "may have arrived; it is held and not sent again.",
            )
        case DeliveryStatus.REFUSED:
            return Explanation(
                Cause.REFUSED,
                f"{_digest(facts)} was refused for {delivery.recipient} and is not tried again: "
                f"{_words(delivery)}.",
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
        again = (
            f"the next try is {_on(facts, _known(delivery.retry_at))}"
            if is_later
            else "digest deliver tries again"
        )
        return Explanation(
            Cause.DEFERRED,
            f"{_digest(facts)} could not be handed over for {delivery.recipient} yet "
            f"({_words(delivery)}); {again}.",
        )
    return _waiting(facts, issue, delivery)


def _sent(facts: WhyFacts, issue: IssueFacts, delivery: DeliveryFacts) -> Explanation:
    at = f" {_on(facts, delivery.sent_at)}" if delivery.sent_at else ""
    way, hint = "", ""
    if delivery.reply and delivery.reply[:1].isdigit():
        way = f" (the mail server said: {one_line(delivery.reply)})"
        hint = "; if it is not in the inbox, look among the spam"
    elif delivery.reply:
        way = f" ({one_line(delivery.reply)})"
    if issue.status is IssueStatus.NOTICE:
        reason = one_line((Explanation.from_stored(issue.reason) or empty_reason(facts)).sentence)
        what = f"A notice in place of the digest of {full_day(facts.local_date)}"
        return Explanation(Cause.SENT, f"{what} went to {delivery.recipient}{at}{way}: {reason}.")
    return Explanation(
        Cause.SENT,
        f"{_digest(facts)} went to {delivery.recipient}{at} with {_papers(issue)}{way}{hint}.",
    )


def _came_back(facts: WhyFacts, delivery: DeliveryFacts) -> Explanation:
    at = f" {_on(facts, delivery.sent_at)}" if delivery.sent_at else ""
    went = f"{_digest(facts)} went to {delivery.recipient}{at}"
    if delivery.status is DeliveryStatus.COMPLAINED:
        return Explanation(
            Cause.COMPLAINED,
            f"{went}, and was reported there as unwanted; that ends the subscription at once.",
        )
    words = _words(delivery)
    suspended = facts.status is SubscriberStatus.BOUNCED
    after = "; no more is sent until the address works again" if suspended else ""
    return Explanation(Cause.BOUNCED, f"{went}, but came back: {words}{after}.")


def _skipped(facts: WhyFacts, issue: IssueFacts, delivery: DeliveryFacts) -> Explanation:
    if issue.status is IssueStatus.EXPIRED:
        return _expired(facts, issue)
    if (refusal := _status(facts)) is not None:
        return refusal
    words = one_line(delivery.reason or "the reader was not to be served then")
    return Explanation(
        Cause.SKIPPED, f"{_digest(facts)} was made but not sent to {delivery.recipient}: {words}."
    )


def _expired(facts: WhyFacts, issue: IssueFacts) -> Explanation:
    until = f" {_on(facts, issue.expires_at)}" if issue.expires_at else ""
    return Explanation(
        Cause.EXPIRED,
        f"{_digest(facts)} was made {_on(facts, issue.composed_at)}, but could not be sent before it was "
        f"too old{until}; its papers may come in a later one.",
    )


def _waiting(facts: WhyFacts, issue: IssueFacts, delivery: DeliveryFacts) -> Explanation:
    made = f"{_digest(facts)} was made {_on(facts, issue.composed_at)}"
    if delivery.status is DeliveryStatus.SENDING:
        started = f" {_on(facts, delivery.sending_at)}" if delivery.sending_at else ""
        state = f"and sending it began{started}; if that run was cut off, the next digest deliver settles it"
    elif delivery.reason:
        state = f"but it is not sent yet ({one_line(delivery.reason)}); digest deliver tries again"
    elif facts.last_deliver is None:
        state = "but digest deliver has never run; start it, or digest run"
    elif facts.last_deliver.started_at < issue.composed_at:
        ran = _on(facts, facts.last_deliver.started_at)
        state = f"but digest deliver ran last {ran}, before that; start it, or digest run"
    else:
        state = "and it waits for the next digest deliver"
    return Explanation(Cause.WAITING_TO_BE_SENT, f"{made}, {state}.")


# --- no issue was made -----------------------------------------------------------------------------


def _no_issue(facts: WhyFacts) -> Explanation:
    zone, day = facts.zone, full_day(facts.local_date)
    if facts.created_at is not None:
        # Under a moved clock a reader may seem to have come later than now.
        began = min(facts.created_at, facts.now).astimezone(ZoneInfo(zone)).date()
        if facts.local_date < began:
            return Explanation(
                Cause.BEFORE_SUBSCRIPTION, f"The subscription began on {full_day(began)}, after {day}."
            )
    if (refusal := _status(facts)) is not None:
        return refusal
    if not facts.is_on:
        cadence = (
            "for weekdays" if facts.cadence is Cadence.WEEKDAYS else f"weekly, on {WEEKDAYS[facts.weekday]}s"
        )
        return Explanation(
            Cause.NOT_ON_THIS_DAY, f"No digest is due on {day}: the subscription is {cadence}{_next(facts)}."
        )
    if facts.due_at is None:
        return Explanation(
            Cause.NO_SUCH_DATE,
            f"There was no {day} in {zone}: the clocks there skipped that date{_next(facts)}.",
        )
    if facts.now < facts.due_at:
        is_today = facts.now.astimezone(ZoneInfo(zone)).date() == facts.local_date
        present = clock(facts.now, zone) if is_today else f"{_on(facts, facts.now).removeprefix('on ')}"
        due = clock(facts.due_at, zone)
        return Explanation(
            Cause.NOT_DUE_YET, f"{_digest(facts)} is not due before {due} ({zone}); there it is {present}."
        )
    return _not_made(facts, facts.due_at)


def _not_made(facts: WhyFacts, due_at: datetime) -> Explanation:
    """It was due, but there is no row: nothing ran, or what ran did not get to it."""
    closes = due_at + timedelta(hours=facts.window_h)
    if facts.held_for and facts.held_until is not None and facts.now < facts.held_until:
        return Explanation(
            Cause.HELD,
            f"{_digest(facts)} waits for {joined(facts.held_for)} until {_until(facts, facts.held_until)}, "
            "and goes without after that.",
        )
    was_due = f"{_digest(facts)} was due {_on(facts, due_at)} ({facts.zone})"
    if facts.composes:
        run = facts.composes[-1]
        how = (
            "and failed"
            if run.ok is False
            else "and did not finish"
            if run.ok is None
            else "without making it"
        )
        again = f"digest compose --date {facts.local_date.isoformat()} tries again"
        return Explanation(
            Cause.NOT_COMPOSED, f"{was_due}; compose ran {_on(facts, run.started_at)} {how}; {again}."
        )
    last = facts.last_compose
    if last is None:
        words = "the scheduler has never run; start digest run, best by cron or as a service"
    elif facts.now < closes:
        ran = _on(facts, last.started_at)
        words = f"the scheduler ran last {ran}; start digest run, and check its cron line or service"
    else:
        words = (
            f"the scheduler did not run before it was too late {_on(facts, closes)}; its last run was "
            f"{_on(facts, last.started_at)}; check its cron line or service"
        )
    return Explanation(Cause.SCHEDULER_DID_NOT_RUN, f"{was_due}, but {words}.")


def _status(facts: WhyFacts) -> Explanation | None:
    """The reader's standing where that alone is the cause."""
    who = facts.email or "the reader"
    activate = f"digest subscriber activate {facts.email or 'EMAIL'}"
    none = f"There is no digest of {full_day(facts.local_date)}"
    match facts.status:
        case SubscriberStatus.UNCONFIRMED:
            return Explanation(
                Cause.UNCONFIRMED, f"{none}: {who} has not confirmed the subscription; {activate} does it."
            )
        case SubscriberStatus.BOUNCED:
            return Explanation(
                Cause.BOUNCED,
                f"{none}: mail to {who} came back for good; once the address works again: {activate}.",
            )
        case SubscriberStatus.UNSUBSCRIBED:
            return Explanation(Cause.UNSUBSCRIBED, f"{none}: {who} has unsubscribed.")
        case SubscriberStatus.PAUSED if facts.paused_until is None:
            return Explanation(Cause.PAUSED, f"{none}: the subscription is paused; {activate} ends that.")
        case SubscriberStatus.PAUSED if facts.local_date < _known(facts.paused_until):
            until = full_day(_known(facts.paused_until))
            return Explanation(Cause.PAUSED, f"{none}: the subscription is paused until {until}.")
    return None


# --- words -----------------------------------------------------------------------------------------


def _digest(facts: WhyFacts) -> str:
    return f"The digest of {full_day(facts.local_date)}"


def _on(facts: WhyFacts, at: datetime | None) -> str:
    return when(_known(at), facts.zone, facts.local_date)


def _until(facts: WhyFacts, at: datetime) -> str:
    return _on(facts, at).removeprefix("at ").removeprefix("on ")


def _next(facts: WhyFacts) -> str:
    if facts.next_due_at is None:
        return ""
    return f"; the next is due {when(facts.next_due_at, facts.zone, facts.local_date)}"


def _papers(issue: IssueFacts) -> str:
    away = f", {issue.away} of them from days before that had no digest" if issue.away else ""
    return f"{_count(issue.papers, 'paper')}{away}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _words(delivery: DeliveryFacts) -> str:
    return one_line(delivery.reason or delivery.reply or "no reason was recorded")


def _known(value: _T | None) -> _T:
    assert value is not None  # noqa: S101 - the caller has looked
    return value
