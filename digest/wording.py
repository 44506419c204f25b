"""Why a paper is there, said in the reader's language from what the English sentence was made from.

The ranking room makes reasons in English, with their kind and facts; that is what is stored. Here they are
said anew where another language is spoken. A reason that this version does not know stays in English.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from digest.text import truncate
from digest.translation import ENGLISH, decimal, language, listed, ngettext, weekday, written_date
from digest.translation import gettext as _
from digest.types import IssueView, Reason

__all__ = ["said_reason", "spoken"]

# As in the English sentences.
TITLE_LENGTH = 60
MOST_WORDS = 4

Facts = Mapping[str, object]


def spoken(view: IssueView) -> IssueView:
    """The issue with its reasons in the language that is spoken; in English as it is."""
    if language() == ENGLISH:
        return view
    items = tuple(
        replace(item, reasons=tuple(said_reason(one, view.composed_at, view.zone) for one in item.told))
        if item.told
        else item
        for item in view.items
    )
    return replace(view, items=items)


def said_reason(reason: Reason, now: datetime, zone: str) -> str:
    """The reason in the language that is spoken; ``now`` and ``zone`` are the reader's when it was made."""
    if language() == ENGLISH:
        return reason.text
    try:
        return _SAID[reason.kind](reason.facts, now, ZoneInfo(zone)) or reason.text
    except (KeyError, TypeError, ValueError, IndexError):  # facts of another version
        return reason.text


def _author(facts: Facts, _now: datetime, _zone: ZoneInfo) -> str:
    if facts["exact"]:
        return _("followed author %(name)s", name=facts["followed"])
    return _(
        "author “%(listed)s” may be %(followed)s, whom you follow",
        listed=facts["listed"],
        followed=facts["followed"],
    )


def _must(facts: Facts, _now: datetime, _zone: ZoneInfo) -> str:
    return _("must-have %(keywords)s", keywords=_keywords(_words(facts["keywords"])[:2]))


def _keyword(facts: Facts, _now: datetime, _zone: ZoneInfo) -> str:
    if "interest" in facts:
        return _("close to your interest “%(interest)s”", interest=facts["interest"])
    asked = _words(facts["keywords"])
    if "words" not in facts:
        return _keywords(asked)
    words = _words(facts["words"])
    found = ", ".join(words[:MOST_WORDS])
    if len(asked) != 1:
        return ngettext(
            "word of your keywords: %(words)s", "words of your keywords: %(words)s", len(words), words=found
        )
    return ngettext(
        "word of “%(keyword)s”: %(words)s",
        "words of “%(keyword)s”: %(words)s",
        len(words),
        keyword=asked[0],
        words=found,
    )


def _keywords(words: Sequence[str]) -> str:
    quoted = listed([_("“%(word)s”", word=word) for word in words])
    return ngettext("keyword %(words)s", "keywords %(words)s", len(words), words=quoted)


def _category(facts: Facts, _now: datetime, _zone: ZoneInfo) -> str:
    return _("category %(category)s", category=facts["category"])


def _close(facts: Facts, _now: datetime, _zone: ZoneInfo) -> str:
    words = _words(facts["words"])
    by = f": {', '.join(words)}" if words else ""
    title = truncate(str(facts["title"]), TITLE_LENGTH)
    said = {
        "about": _("close to what you wrote"),
        "example": _("close to “%(title)s” that you gave as an example", title=title),
        "more": _("close to “%(title)s” that you marked “more”", title=title),
        "saved": _("close to “%(title)s” that you saved", title=title),
    }
    return said[str(facts["origin"])] + by


def _different(_facts: Facts, _now: datetime, _zone: ZoneInfo) -> str:
    return _("at the edge of this interest; “more” or “less” tells on which side")


def _votes(facts: Facts, _now: datetime, _zone: ZoneInfo) -> str:
    count, counted = _counted(facts)
    return _("%(count)s on %(source)s", count=_count(count, counted), source=facts["source"])


def _growth(facts: Facts, now: datetime, zone: ZoneInfo) -> str:
    _value, counted = _counted(facts)
    if "per_day" in facts:
        rates = {"rate": _rate(facts["per_day"]), "usual": _rate(facts["usual"])}
        if counted == "stars":
            return _("%(rate)s stars a day, where %(usual)s is usual at its age", **rates)
        return _("%(rate)s votes a day, where %(usual)s is usual at its age", **rates)
    gain = _whole(facts["to"]) - _whole(facts["from"])
    since = datetime.fromisoformat(str(facts["since"]))
    return _("+%(count)s since %(when)s", count=_count(gain, counted), when=_since(since, now, zone))


_SAID: Mapping[str, Callable[[Facts, datetime, ZoneInfo], str]] = {
    "author": _author,
    "must": _must,
    "keyword": _keyword,
    "category": _category,
    "example": _close,
    "about": _close,
    "liked": _close,
    "votes": _votes,
    "growth": _growth,
    "different": _different,
}


def _words(value: object) -> list[str]:
    """The words of a stored list, or of a mapping from words to weights."""
    if not isinstance(value, Sequence | Mapping) or isinstance(value, str):
        raise TypeError("these are no words")
    return [str(word) for word in value]


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("this is no count")
    return value


def _counted(facts: Facts) -> tuple[int, str]:
    """How many, and of what: ``votes`` or ``stars``."""
    counted = "votes" if "votes" in facts else "stars"
    return _whole(facts[counted]), counted


def _count(value: int, counted: str) -> str:
    if counted == "stars":
        return ngettext("%(num)s star", "%(num)s stars", value)
    return ngettext("%(num)s vote", "%(num)s votes", value)


def _rate(value: object) -> str:
    if not isinstance(value, int | float):
        raise TypeError("this is no rate")
    return decimal(round(value, 1) if value < 10 else round(value))


def _since(since: datetime, now: datetime, zone: ZoneInfo) -> str:
    """The hour today, the day's name within six days, else the day."""
    local, today = since.astimezone(zone), now.astimezone(zone).date()
    days = (today - local.date()).days
    if days <= 0:
        return f"{local:%H:%M}"
    return weekday(local.weekday()) if days <= 6 else written_date(local.date(), "MMMMd")
