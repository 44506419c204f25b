"""Whose turn it is: which date is to be composed now, which were missed, and what to look back on.

Reads only. Every local date that exists, and that a subscription's cadence includes, ends up with exactly
one row: an issue, or a mark with its reason. The dates of readers who get nothing for a while are marked
when they come back.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from sqlmodel import Session

from digest.models import Subscriber, Subscription
from digest.pipeline.coverage import awaited_sources
from digest.pipeline.moment import Moment
from digest.schedule import (
    SubscriptionRule,
    due_at,
    due_date,
    hold_ends,
    local_date,
    missed_dates,
    next_due,
)
from digest.storage import days as day_rows
from digest.storage import issues as issue_rows
from digest.storage.days import DayRecord, RunRecord, SkippedDay
from digest.translation import in_language, language, speaking
from digest.types import Cadence, IssueStatus, SubscriberStatus
from digest.why import Cause, Explanation, MissedFacts, is_made_up, missed_reason

__all__ = ["Absence", "Turn", "hold_back", "is_held", "rule_of", "take_turns", "window_of"]

Pair = tuple[Subscriber, Subscription]
_DAY = timedelta(days=1)
WEEK = 7 * _DAY
# What was listed longer ago than this is not looked back on.
LOOK_BACK_DAYS = 60
SPOKEN = (IssueStatus.COMPOSED.value, IssueStatus.NOTICE.value, IssueStatus.EMPTY.value)


@dataclass(frozen=True, slots=True)
class Absence:
    """The days (both ends in) whose lists a reader has missed, directly before an issue."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Turn:
    """What there is to do for one subscription: compose ``day``, mark dates as skipped, or both.

    ``now`` is what time it is for it. ``after_gap``: the date before ``day`` brought nothing.
    ``waited_for`` names the sources that were waited for in vain.
    """

    subscriber: Subscriber
    subscription: Subscription
    now: datetime
    day: date | None = None
    skipped: tuple[SkippedDay, ...] = ()
    absence: Absence | None = None
    after_gap: bool = False
    waited_for: tuple[str, ...] = ()

    @property
    def pair(self) -> Pair:
        """Reader and subscription."""
        return self.subscriber, self.subscription


@dataclass(frozen=True, slots=True)
class _Gap:
    """A turn on the way: its rule, the last date accounted for before it, and the dates missed since."""

    turn: Turn
    rule: SubscriptionRule
    last: date | None
    missed: tuple[date, ...]

    @property
    def subscription_id(self) -> int:
        """The subscription's number."""
        assert self.turn.subscription.id is not None  # noqa: S101 - stored rows have ids
        return self.turn.subscription.id


def rule_of(subscription: Subscription, now: datetime) -> SubscriptionRule:
    """A subscription's schedule. Under a moved clock a reader may seem to have come later than now."""
    return SubscriptionRule(
        cadence=Cadence(subscription.cadence),
        weekday=subscription.weekday,
        hour=subscription.hour,
        zone=subscription.zone,
        created_at=min(subscription.created_at, now),
    )


def window_of(subscription: Subscription, window_days: int) -> int:
    """How many days of lists an issue is chosen from.

    A weekly one looks at its whole week and at what came on the day of the last one after that had gone.
    """
    return max(window_days, 8) if subscription.cadence == Cadence.WEEKLY else window_days


def take_turns(
    session: Session, pairs: Sequence[Pair], moment: Moment, *, window_h: int, early: bool = False
) -> list[Turn]:
    """What is to be done for these readers now; those for whom there is nothing are left out.

    ``early``: the day asked for is due even before the reader's hour.
    """
    ids = [subscription.id for _, subscription in pairs if subscription.id is not None]
    since = (moment.day or moment.now.date()) - max(window_h // 24 + 3, 8) * _DAY
    known = issue_rows.served_dates(session, ids, since=since)
    ahead = day_rows.skipped_ahead(session, moment.now)
    lasts = _last_dates(session, pairs, known, moment)
    gaps: list[_Gap] = []
    whole: list[_Gap] = []
    for subscriber, subscription in pairs:
        now = moment.now_in(subscription.zone)
        rule, number = rule_of(subscription, now), subscription.id or 0
        dates, last = known[number], lasts.get(number)
        taken = {day for day in dates if (number, day) not in ahead}
        if moment.day is None:
            day = due_date(rule, now, taken, window_h)
        else:
            day = _asked_for(rule, moment.day, now, dates, early=early)
        missed = missed_dates(
            _since_first(subscription, rule, now, last), now, last=last, due=day, window_h=window_h
        )
        if day is None and not missed:
            continue
        before = max((one for one in dates if day is None or one < day), default=None)
        after_gap = bool(missed) or (before is not None and dates[before] not in SPOKEN)
        turn = Turn(subscriber, subscription, now, day, after_gap=after_gap)
        gap = _Gap(turn, rule, last, tuple(missed))
        is_whole = before is not None and not after_gap
        (whole if is_whole else gaps).append(gap)
    return [gap.turn for gap in whole] + _explained(session, gaps, window_h)


def hold_back(
    session: Session,
    turns: Sequence[Turn],
    sources: Collection[str],
    now: datetime,
    hold_h: float,
    window_h: int,
) -> tuple[list[Turn], int]:
    """The turns that need not wait for a source any more, and how many others do.

    None waits after a date that brought nothing: where compose runs once a day, to wait is to lose the
    date, and that must never happen twice in a row.
    """
    labels = awaited_sources(session, sources, now)
    if not labels:
        return list(turns), 0
    runs: list[RunRecord] | None = None
    ready, held = [], 0
    for turn in turns:
        begins = due_at(rule_of(turn.subscription, turn.now), turn.day) if turn.day else None
        ends = hold_ends(begins, hold_h, window_h) if begins else None
        if begins is None or ends is None or (now < ends and turn.after_gap):
            ready.append(turn)
            continue
        if now < ends:
            held += 1
            continue
        if runs is None:
            runs = day_rows.list_run_records(
                session, "compose", first=now - timedelta(hours=window_h), last=now
            )
        waited = any(run.held and begins <= run.started_at < ends for run in runs)
        ready.append(replace(turn, waited_for=labels) if waited else turn)
    return ready, held


def is_held(session: Session, begins: datetime, ends: datetime, now: datetime) -> bool:
    """Whether compose let readers wait, since an issue due from ``begins``, and may still do so."""
    runs = (
        day_rows.list_run_records(session, "compose", first=begins, last=now) if begins <= now < ends else []
    )
    return any(run.held for run in runs)


# --- on the way ------------------------------------------------------------------------------------


def _asked_for(
    rule: SubscriptionRule, day: date, now: datetime, dates: Mapping[date, str], *, early: bool
) -> date | None:
    """The day somebody named, if its issue can be made; one that was skipped can be made after all."""
    begins = due_at(rule, day)
    is_open = dates.get(day) in (None, IssueStatus.SKIPPED.value)
    return day if begins is not None and (early or begins <= now) and is_open else None


def _last_dates(
    session: Session, pairs: Sequence[Pair], known: Mapping[int, Mapping[date, str]], moment: Moment
) -> dict[int, date]:
    """For each subscription the latest date, not after its today, that is accounted for."""
    found: dict[int, date] = {}
    unknown: dict[date, list[int]] = defaultdict(list)
    for _, subscription in pairs:
        number = subscription.id or 0
        today = local_date(moment.now_in(subscription.zone), subscription.zone)
        last = max((day for day in known[number] if day <= today), default=None)
        if last is None:
            unknown[today].append(number)
        else:
            found[number] = last
    for today, numbers in unknown.items():
        found |= day_rows.last_dates(session, numbers, until=today)
    return found


def _since_first(
    subscription: Subscription, rule: SubscriptionRule, now: datetime, last: date | None
) -> SubscriptionRule:
    """The rule as of the first row, where a moved clock makes a reader come later than their own issues."""
    if subscription.created_at <= now or last is None:
        return rule
    return replace(rule, created_at=min(rule.created_at, datetime.combine(last, time(), UTC)))


def _explained(session: Session, gaps: Sequence[_Gap], window_h: int) -> list[Turn]:
    """The turns with reasons for the dates that were missed, and with what is looked back on."""
    if not gaps:
        return []
    since = min(gap.turn.day or gap.missed[-1] for gap in gaps) - LOOK_BACK_DAYS * _DAY - WEEK
    records = day_rows.list_days(session, [gap.subscription_id for gap in gaps], since=since)
    runs = _Runs.load(session, gaps)
    turns = []
    for gap in gaps:
        history = records[gap.subscription_id]
        facts = [_facts(gap, day, history, runs, window_h) for day in gap.missed]
        causes = {one.local_date: _reason(one).code for one in facts}
        absence = _absence(gap, history, causes, since)
        made_up_on = gap.turn.day if absence else None
        skipped = []
        for one in facts:
            told = replace(one, made_up_on=made_up_on) if is_made_up(causes[one.local_date]) else one
            reason = _said(told, in_language(gap.turn.subscription.language, language()))
            skipped.append(SkippedDay(gap.subscription_id, one.local_date, one.zone, reason))
        turns.append(replace(gap.turn, skipped=tuple(skipped), absence=absence))
    return turns


@lru_cache(maxsize=16384)
def _said(facts: MissedFacts, code: str) -> str:
    """The reason as it is stored, in that language."""
    with speaking(code):
        return str(missed_reason(facts))


# Readers of one hour and zone missed the same dates for the same reasons.
_reason = lru_cache(maxsize=16384)(missed_reason)


@dataclass(frozen=True, slots=True)
class _Runs:
    """The compose runs around the dates that were missed, oldest first."""

    records: Sequence[RunRecord]
    started: Sequence[datetime]

    @staticmethod
    def load(session: Session, gaps: Sequence[_Gap]) -> "_Runs":
        oldest = min((gap.missed[0] for gap in gaps if gap.missed), default=None)
        if oldest is None:
            return _Runs((), ())
        # One week more, so that the last run before a gap is known too.
        first = datetime.combine(oldest, time(), UTC) - WEEK
        last = max(gap.turn.now for gap in gaps)
        records = day_rows.list_run_records(session, "compose", first=first, last=last)
        return _Runs(records, [one.started_at for one in records])


def _facts(gap: _Gap, day: date, history: Sequence[DayRecord], runs: _Runs, window_h: int) -> MissedFacts:
    """What is known of a date that was missed."""
    subscriber, rule, now = gap.turn.subscriber, gap.rule, gap.turn.now
    begins = due_at(rule, day)
    assert begins is not None  # noqa: S101 - only dates that exist are missed
    closes = min(begins + timedelta(hours=window_h), next_due(rule, begins)[1])
    first, end = bisect_left(runs.started, begins), bisect_left(runs.started, closes)
    within = runs.records[first:end]
    ran_ok = any(run.ok for run in within)
    confirmed = subscriber.confirmed_at
    return MissedFacts(
        local_date=day,
        zone=rule.zone,
        due_at=begins,
        closed_at=closes,
        status=SubscriberStatus(subscriber.status),
        confirmed_on=local_date(confirmed, rule.zone) if confirmed and confirmed <= now else None,
        paused_until=subscriber.paused_until,
        was_changed=_was_off(gap, day, history) or (ran_ok and _was_moved(gap, day, history, window_h)),
        ran=bool(within),
        ran_ok=ran_ok,
        held=bool(within and within[-1].held),
        ran_before=runs.started[first - 1] if first else None,
        ran_after=runs.started[end] if end < len(runs.started) else now,
    )


def _was_off(gap: _Gap, day: date, history: Sequence[DayRecord]) -> bool:
    """Whether the cadence did not include that weekday until lately: the week before the gap lacks it.

    Every date of a cadence has a row, so a weekday without one was not in it.
    """
    if gap.last is None or not history or history[0].local_date > gap.last - WEEK + _DAY:
        return False
    week = {one.local_date.weekday() for one in history if gap.last - WEEK < one.local_date <= gap.last}
    return bool(week) and day.weekday() not in week


def _was_moved(gap: _Gap, day: date, history: Sequence[DayRecord], window_h: int) -> bool:
    """Whether the row right before was made in another zone, or at a time that today's hour does not give."""
    before = next((one for one in history if one.local_date == gap.last), None)
    if before is None or day - before.local_date > 2 * _DAY:
        return False
    begins = due_at(gap.rule, before.local_date)
    is_in_time = begins is not None and begins <= before.composed_at < begins + timedelta(hours=window_h)
    return before.zone != gap.rule.zone or (before.status in SPOKEN and not is_in_time)


def _absence(
    gap: _Gap, history: Sequence[DayRecord], causes: Mapping[date, Cause], since: date
) -> Absence | None:
    """What was missed between the last issue that was made for this reader and the one to be made now.

    It begins on the day of that last issue, for what was listed after it had gone. Who never had an issue
    was not away.
    """
    day = gap.turn.day
    if day is None:
        return None
    before = [one for one in history if one.local_date < day]
    first = max((one.local_date for one in before if one.status in SPOKEN), default=None)
    if first is None:
        is_older = gap.last is not None and (not before or before[0].local_date < since + WEEK)
        if not is_older:
            return None
        first = since
    missed = [one for one, cause in causes.items() if one < day and is_made_up(cause)]
    missed += [one.local_date for one in before if one.local_date > first and _is_missed(one)]
    oldest = day - (LOOK_BACK_DAYS - 1) * _DAY
    last = max(missed, default=None)
    return Absence(max(first, oldest), last) if last is not None and last >= oldest else None


def _is_missed(record: DayRecord) -> bool:
    """Whether a date brought the reader nothing that another schedule would not explain."""
    if record.status == IssueStatus.EXPIRED:
        return True
    reason = Explanation.from_stored(record.reason)
    return record.status == IssueStatus.SKIPPED and (reason is None or is_made_up(reason.code))
