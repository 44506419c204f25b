"""Which local date is due for a subscription, which were missed, and when a date begins to be due and ends.

Pure: (rule, dates already served, now) in, dates out; whoever ticks asks again. Clock changes are
handled here and nowhere else: an hour that does not exist becomes the first instant after the gap, an
hour that comes twice is its first occurrence, and a date that a zone skipped (Apia, 2011-12-30) is due
never. It does not know whether the subscriber is active, nor whether there is anything to say.
"""

import difflib
import zoneinfo
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache

from digest.errors import UsageError
from digest.translation import LANGUAGES
from digest.translation import gettext as _
from digest.types import Cadence, SubscriberStatus

__all__ = [
    "MARKED_DAYS",
    "WEEKDAYS",
    "SubscriptionRule",
    "check_schedule",
    "check_zone",
    "due_at",
    "due_date",
    "end_of_day",
    "exists",
    "hold_ends",
    "is_on",
    "is_served",
    "last_at",
    "local_date",
    "missed_dates",
    "next_due",
    "on_dates",
    "reader_zones",
]

# As commands, tables and forms name them.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
# A weekly subscription whose day was skipped waits two weeks; one more week is room to spare.
_HORIZON_DAYS = 22
# How far back dates that had no issue are marked: a year and a day, and no more rows than that per reader.
MARKED_DAYS = 366
# Arithmetic with zone offsets must not leave what ``datetime`` can hold.
_FIRST_YEAR, _LAST_YEAR = 2, 9998
# These depend on the machine or carry leap seconds; a reader's zone must mean the same everywhere.
_NOT_FOR_READERS = ("posix/", "right/", "posixrules", "localtime", "Factory")


@dataclass(frozen=True, slots=True)
class SubscriptionRule:
    """When one subscription is served: cadence, local hour (0 to 23) and IANA zone.

    ``weekday`` counts from Monday = 0 and matters for a weekly cadence only. ``created_at`` is aware;
    no date before its local date is ever due.
    """

    cadence: Cadence
    weekday: int
    hour: int
    zone: str
    created_at: datetime


def check_zone(name: str) -> str:
    """Return ``name`` if it is an IANA time zone; raises ``UsageError`` with a near name if not."""
    try:
        if not name.startswith(_NOT_FOR_READERS):
            _zone(name)
            return name
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass  # not a zone; OSError where the name is a folder such as "America"
    near = _near_zone(name[:60])
    if near is not None:
        hint = _("Unknown time zone %(zone)r; did you mean %(near)s?", zone=name[:60], near=near)
    else:
        hint = _("Unknown time zone %(zone)r; names look like Europe/Berlin.", zone=name[:60])
    raise UsageError(hint)


def check_schedule(cadence: str, weekday: str, hour: int, zone: str, language: str | None) -> None:
    """Raise ``UsageError`` for a word, hour, zone or language that is none; no language is one."""
    if cadence not in list(Cadence):
        raise UsageError(
            _("%(word)r is no cadence; use one of %(words)s", word=cadence, words=", ".join(Cadence))
        )
    if weekday not in WEEKDAYS:
        raise UsageError(
            _("%(word)r is no weekday; use one of %(words)s", word=weekday, words=", ".join(WEEKDAYS))
        )
    if not 0 <= hour <= 23:
        raise UsageError(_("%(hour)s is no hour; use 0 to 23", hour=hour))
    check_zone(zone)
    if language is not None and language not in LANGUAGES:
        raise UsageError(
            _(
                "%(language)r is no language that is spoken here; use one of %(languages)s",
                language=language,
                languages=", ".join(LANGUAGES),
            )
        )


def reader_zones() -> list[str]:
    """Every zone a reader may choose, by name."""
    names = zoneinfo.available_timezones()
    return sorted(name for name in names if not name.startswith(_NOT_FOR_READERS))


def local_date(now: datetime, zone: str) -> date:
    """The date that an aware instant falls on in ``zone``. Raises ``UsageError`` for years out of reach."""
    _check_year(now)
    return now.astimezone(_zone(zone)).date()


def end_of_day(day: date, zone: str) -> datetime:
    """The last whole second, in UTC, at which the date in ``zone`` is not after ``day``.

    That is 23:59:59, its second occurrence where the clock is set back at midnight, and the second
    before the gap where 23:59:59 does not exist. For a skipped date it is the end of the date before.
    Raises ``UsageError`` for years out of reach.
    """
    _check_year(day)
    return _end_of_day(day, zone)


def exists(day: date, zone: str) -> bool:
    """Whether ``zone`` had (or will have) this date at all."""
    _check_year(day)
    return _exists(day, zone)


def is_on(rule: SubscriptionRule, day: date) -> bool:
    """Whether the cadence includes ``day``; says nothing on whether the date exists."""
    if rule.cadence is Cadence.WEEKLY:
        return day.weekday() == rule.weekday
    return rule.cadence is Cadence.DAILY or day.weekday() < 5


def is_served(status: str, paused_until: date | None, day: date) -> bool:
    """Whether a reader of that standing gets anything on ``day``, a date of theirs."""
    if status == SubscriberStatus.PAUSED:
        return paused_until is not None and paused_until <= day
    return status == SubscriberStatus.ACTIVE


def due_at(rule: SubscriptionRule, day: date) -> datetime | None:
    """The UTC instant from which the issue of ``day`` is due; ``None`` where it never is.

    Never: the cadence does not include the day, or the zone skipped it. The hour is its first
    occurrence, or the first instant after the gap that swallowed it, be that on the next date.
    """
    if not is_on(rule, day) or not exists(day, rule.zone):
        return None
    return _first_at(day, time(rule.hour), rule.zone)


def last_at(at: time, zone: str, now: datetime) -> datetime:
    """The latest UTC instant, ``now`` at the latest, at which that time of day began in ``zone``.

    Each date has one at most: the first where it comes twice, the end of the gap where it does not exist.
    """
    today = local_date(now, zone)
    for back in range(3):
        day = today - back * _DAY
        if exists(day, zone) and (begins := _first_at(day, at, zone)) <= now:
            return begins
    raise AssertionError("a zone skips one date at a time")


def due_date(rule: SubscriptionRule, now: datetime, served: Collection[date], window_h: int) -> date | None:
    """The one local date whose issue is to be made now, or ``None``.

    It is the latest date with ``due_at <= now < due_at + window_h``, unless that one is among
    ``served``: then nothing is due, because an older issue must not follow a newer one. Dates before
    the subscription was made are never due.
    """
    today = local_date(now, rule.zone)
    first = local_date(rule.created_at, rule.zone)
    window = timedelta(hours=window_h)
    # Two days more than the window: a due hour may fall on the next date, and a date may be skipped.
    for back in range(window_h // 24 + 3):
        day = today - back * _DAY
        if day < first:
            return None
        begins = due_at(rule, day)
        if begins is not None and begins <= now:
            return day if now < begins + window and day not in served else None
    return None


def missed_dates(
    rule: SubscriptionRule, now: datetime, *, last: date | None, due: date | None, window_h: int
) -> list[date]:
    """The dates after ``last`` whose issue will not be made any more, in order.

    Theirs is over, or they lie before ``due``, the date that is served now. ``last`` is the latest date not
    after today that was served or marked before: whoever marks these each time leaves no gap before it.
    Dates before the subscription was made are not among them, nor those more than ``MARKED_DAYS`` ago.
    """
    today = local_date(now, rule.zone)
    earliest = max(today.toordinal() - MARKED_DAYS, date(_FIRST_YEAR, 1, 1).toordinal())
    start = max(local_date(rule.created_at, rule.zone), date.fromordinal(earliest))
    if last is not None:
        start = max(start, last + _DAY)
    window = timedelta(hours=window_h)
    found = []
    for day in on_dates(rule, start, today):
        begins = due_at(rule, day)
        assert begins is not None  # noqa: S101 - such a date exists
        if day != due and begins <= now and (now >= begins + window or (due is not None and day < due)):
            found.append(day)
    return found


def on_dates(rule: SubscriptionRule, first: date, last: date) -> list[date]:
    """The dates of the span (both ends in) that exist and that the cadence includes, in order."""
    days = (first + n * _DAY for n in range((last - first).days + 1))
    return [day for day in days if is_on(rule, day) and exists(day, rule.zone)]


def hold_ends(begins: datetime, hold_h: float, window_h: int) -> datetime:
    """Until when an issue due from ``begins`` may wait for a source; never so long that it is too late."""
    return begins + timedelta(hours=min(hold_h, window_h / 2))


def next_due(rule: SubscriptionRule, now: datetime) -> tuple[date, datetime]:
    """The first date that becomes due after ``now``, and the UTC instant it does."""
    start = max(local_date(now, rule.zone), local_date(rule.created_at, rule.zone))
    for ahead in range(_HORIZON_DAYS):
        day = start + ahead * _DAY
        begins = due_at(rule, day)
        if begins is not None and begins > now:
            return day, begins
    raise AssertionError("a cadence has a day within three weeks")


def _check_year(day: date) -> None:
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise UsageError(f"The year {day.year} is out of reach; dates go from {_FIRST_YEAR} to {_LAST_YEAR}.")


@cache
def _folded_zones() -> dict[str, str]:
    return {known.casefold(): known for known in zoneinfo.available_timezones()}


@lru_cache(maxsize=1024)
def _near_zone(name: str) -> str | None:
    # Kept, since it compares with hundreds of names: a table of people may have one mistake in each line.
    near = difflib.get_close_matches(name.replace(" ", "_").casefold(), _folded_zones(), n=1)
    return _folded_zones()[near[0]] if near else None


@lru_cache(maxsize=1024)
def _zone(name: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(name)


@lru_cache(maxsize=4096)
def _end_of_day(day: date, zone: str) -> datetime:
    last = datetime.combine(day, time(23, 59, 59, fold=1), _zone(zone))
    return last.astimezone(UTC) if _is_real(last) else _gap_end(last) - _SECOND


@lru_cache(maxsize=4096)
def _exists(day: date, zone: str) -> bool:
    return _end_of_day(day, zone).astimezone(_zone(zone)).date() == day


@lru_cache(maxsize=4096)
def _first_at(day: date, at: time, zone: str) -> datetime:
    wanted = datetime.combine(day, at, _zone(zone))
    return wanted.astimezone(UTC) if _is_real(wanted) else _gap_end(wanted)


def _is_real(local: datetime) -> bool:
    """Whether a clock in that zone ever showed this: the way to UTC and back returns it."""
    there_and_back = local.astimezone(UTC).astimezone(local.tzinfo)
    return there_and_back.replace(tzinfo=None) == local.replace(tzinfo=None)


def _gap_end(local: datetime) -> datetime:
    """The first UTC second after the gap that ``local`` lies in.

    In a gap ``fold=1`` reads the time with the offset after it, which is an instant before the change,
    and ``fold=0`` one after it (PEP 495); between them the clock jumps past ``local`` once.
    """
    before = local.replace(fold=1).astimezone(UTC)
    after = local.replace(fold=0).astimezone(UTC)
    while after - before > _SECOND:
        middle = before + (after - before) // (2 * _SECOND) * _SECOND
        if middle.astimezone(local.tzinfo).replace(tzinfo=None) > local.replace(tzinfo=None):
            after = middle
        else:
            before = middle
    return after
