"""Days and times in words, in the language that is spoken, and the days on which little is published."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from digest.translation import ENGLISH, gettext_noop, language, listed, ngettext, weekday, written_date
from digest.translation import gettext as _

__all__ = [
    "WEEKDAYS",
    "clock",
    "full_day",
    "holiday",
    "joined",
    "on_days",
    "one_line",
    "point",
    "short_day",
    "since",
    "when",
]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


def full_day(day: date) -> str:
    """``Monday 3 August 2026``."""
    if language() != ENGLISH:
        return written_date(day, "full")
    return f"{WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def short_day(day: date, today: date) -> str:
    """``Thursday`` within the last week, else ``12 July``, with its year if that is another one."""
    if _is_recent(day, today):
        return weekday(day.weekday()) if language() != ENGLISH else WEEKDAYS[day.weekday()]
    if language() != ENGLISH:
        return written_date(day, "MMMMd" if day.year == today.year else "long")
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day.day} {_MONTHS[day.month - 1]}{year}"


def _is_recent(day: date, today: date) -> bool:
    return timedelta() <= today - day < timedelta(days=7)


def on_days(days: Sequence[date], today: date) -> str:
    """``Thursday and Friday``; more than three are counted."""
    if len(days) > 3:
        return ngettext("%(num)s day", "%(num)s days", len(days))
    return joined([short_day(day, today) for day in days])


def clock(at: datetime, zone: str) -> str:
    """``08:00``, as a clock in that zone shows it."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"


def when(at: datetime, zone: str, today: date) -> str:
    """``at 08:00`` on that date, ``on Tuesday 4 August 2026 at 08:00`` on another."""
    day, time = at.astimezone(ZoneInfo(zone)).date(), clock(at, zone)
    if day == today:
        return _("at %(clock)s", clock=time)
    return _("on %(day)s at %(clock)s", day=full_day(day), clock=time)


def point(at: datetime, zone: str, today: date) -> str:
    """``08:00`` on that date, ``Tuesday 4 August 2026 at 08:00`` on another."""
    day, time = at.astimezone(ZoneInfo(zone)).date(), clock(at, zone)
    return time if day == today else _("%(day)s at %(clock)s", day=full_day(day), clock=time)


def since(at: datetime, zone: str, today: date) -> str:
    """``since 06:12`` on that date, ``since Thursday`` within a week, else ``since 12 July``."""
    day = at.astimezone(ZoneInfo(zone)).date()
    if day == today:
        return _("since %(clock)s", clock=clock(at, zone))
    if _is_recent(day, today):
        return _("since %(weekday)s", weekday=short_day(day, today))
    return _("since %(day)s", day=short_day(day, today))


def joined(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return listed(words)


def one_line(text: str, limit: int = 300) -> str:
    """Other people's words made fit to stand inside a sentence: printable, on one line, no full stop."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split()).rstrip(".")
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def holiday(day: date) -> str | None:
    """The name of a holiday on which the paper lists rest, as far as its date can be computed."""
    fixed = {
        (1, 1): gettext_noop("New Year's Day"),
        (6, 19): gettext_noop("Juneteenth"),
        (7, 4): gettext_noop("Independence Day"),
        (12, 24): gettext_noop("Christmas Eve"),
        (12, 25): gettext_noop("Christmas Day"),
        (12, 26): gettext_noop("Boxing Day"),
        (12, 31): gettext_noop("New Year's Eve"),
    }
    # Of the holidays of the arXiv and the sites that follow it: (month, weekday) and which one.
    week = (day.day - 1) // 7 + 1
    is_last = (day + timedelta(days=7)).month != day.month
    moving = {
        (1, 0): gettext_noop("Martin Luther King Day") if week == 3 else None,
        (5, 0): gettext_noop("Memorial Day") if is_last else None,
        (9, 0): gettext_noop("Labor Day") if week == 1 else None,
        (11, 3): gettext_noop("Thanksgiving") if week == 4 else None,
    }
    name = fixed.get((day.month, day.day)) or moving.get((day.month, day.weekday()))
    return _(name) if name else None
