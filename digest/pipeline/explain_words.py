"""Why a paper is in a reader's digest or is not, in one or two sentences. Pure; knows no tables."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from digest.ranking.breakdown import InterestPart
from digest.ranking.explaining import Cause, PaperExplanation
from digest.types import FeedbackKind, Section
from digest.why.days import full_day, joined, one_line, when

__all__ = ["WORDS", "Outside", "Told", "sentence_of"]

TITLE: Final = 80
SAID: Final = {
    FeedbackKind.MORE.value: "marked “more”",
    FeedbackKind.LESS.value: "marked “less”",
    FeedbackKind.SAVED.value: "saved",
    FeedbackKind.SEEN.value: "brought along as received elsewhere",
}


class Outside(StrEnum):
    """Causes that lie outside the choice."""

    NOT_STORED = "not_stored"
    WITHDRAWN = "withdrawn"
    NOT_LISTED = "not_listed"
    JUDGED = "judged"
    CHANGED_SINCE = "changed_since"


@dataclass(frozen=True, slots=True)
class Told:
    """What is known about one paper and one digest, that of ``day``.

    ``stored_at`` is when that digest was made, ``None`` if it is not. ``window`` are the first and the last
    day of the lists it looks at; ``listed`` the last day up to then that lists the paper, and the next.
    ``sent_on`` and ``said`` (its kind and day) are of the paper, or of the one that says the same.
    """

    asked: str
    day: date
    zone: str
    cause: Cause | Outside
    stored_at: datetime | None = None
    section: Section | None = None
    place: int = 0
    papers: int = 0
    interest: str | None = None
    window: tuple[date, date] | None = None
    listed: tuple[date | None, date | None] = (None, None)
    withdrawn_on: date | None = None
    sent_on: date | None = None
    said: tuple[str, date] | None = None
    found: PaperExplanation | None = None

    @property
    def digest(self) -> str:
        """The digest as a sentence names it."""
        return f"the digest of {full_day(self.day)}"


def sentence_of(told: Told) -> str:
    """The cause in words. All facts that its cause needs must be there."""
    return WORDS[told.cause](told)


def _not_stored(told: Told) -> str:
    return f"No stored paper is “{one_line(told.asked, TITLE)}” (digest papers search WORDS finds others)."


def _withdrawn(told: Told) -> str:
    since = f" (known since {full_day(told.withdrawn_on)})" if told.withdrawn_on else ""
    return f"It was withdrawn{since}; withdrawn papers are not recommended."


def _not_listed(told: Told) -> str:
    assert told.window is not None  # noqa: S101 - it is known for every digest
    first, last = map(full_day, told.window)
    looks = f"{told.digest} looks at the lists from {first} to {last}"
    before, after = told.listed
    if before is not None:
        return f"It was last listed on {full_day(before)}, and {looks}."
    if after is not None:
        return f"It was first listed on {full_day(after)}, and {looks}."
    return "No source has listed it on any day, and only what is listed is recommended."


def _shown(told: Told) -> str:
    assert told.section is not None  # noqa: S101 - what is shown stands in a section
    stands = "is" if told.stored_at else "would be"
    where = f"paper {told.place} of {told.papers} in {told.digest}, under “{told.section}”"
    interest = f", for the interest “{told.interest}”" if told.interest else ""
    now = "" if told.stored_at else ", were it made now"
    return f"It {stands} {where}{interest}{now}."


def _sent(told: Told) -> str:
    assert told.sent_on is not None  # noqa: S101 - that is the cause
    return f"It was sent on {full_day(told.sent_on)}, and no paper is sent twice."


def _word(told: Told) -> str:
    assert told.said is not None  # noqa: S101 - that is the cause
    kind, day = told.said
    return f"the reader {SAID[kind]} on {full_day(day)}"


def _judged(told: Told) -> str:
    return f"It is a paper that {_word(told)}; what a reader knows does not come again."


def _given(told: Told) -> str:
    found = _found(told)
    if found.origin in SAID:
        return f"It is a paper that the reader {SAID[found.origin]}; what a reader knows does not come again."
    of = f" of the interest “{found.interest.name}”" if found.interest else ""
    return f"It is an example{of}; what a reader knows does not come again."


def _like_known(told: Told) -> str:
    found = _found(told)
    if told.sent_on:
        why = f"was sent on {full_day(told.sent_on)}"
    elif told.said:
        why = _word(told).removeprefix("the reader ")
        return f"It says the same as {_other(found)}, which the reader {why}."
    elif found.origin == "sent":
        why = "is looked at in its place"
    else:
        of = f" of the interest “{found.interest.name}”" if found.interest else ""
        why = f"is an example{of}"
    return f"It says the same as {_other(found)}, which {why}."


def _like_shown(told: Told) -> str:
    return f"It says the same as {_other(_found(told))}, which is shown; of such papers one is."


def _hidden(told: Told) -> str:
    return f"It would be under “{_found(told).section}”, a section that the reader hides."


def _crowded_out(told: Told) -> str:
    found = _found(told)
    good = "It is good enough"
    if found.interest is not None and found.section is Section.FOLLOWING:
        good = f"It is by somebody followed (interest “{found.interest.name}”)"
    elif found.interest is not None:
        good = f"It is good enough for “{found.interest.name}” ({_tastes(told, found.interest)})"
    elif found.trend.trending_place is not None:
        good = f"It has votes (place {found.trend.trending_place} of all)"
    if not found.taken:
        return f"{good}, but all places of the digest went to other sections."
    places = f"the {found.taken} places" if found.taken > 1 else "the one place"
    rest = found.taken - found.better
    if not rest:
        return f"{good}, but {places} under “{found.section}” went to papers that score higher."
    score = f"{found.better} of them score{'s' if found.better == 1 else ''} higher; " if found.better else ""
    others = "the others are" if found.better else "they are"
    return (
        f"{good}, but {places} under “{found.section}” went to others: {score}{others} for interests that "
        f"had fewer, or less like those already chosen."
    )


def _unwanted(told: Told) -> str:
    part = _interest(told)
    words = joined([f"“{word}”" for word in part.unwanted])
    which = "keywords" if len(part.unwanted) > 1 else "keyword"
    return f"It has the unwanted {which} {words} of the interest “{part.name}” ({_without(told, part)})."


def _no_must(told: Told) -> str:
    part = _interest(told)
    return f"It has none of the must-have keywords of the interest “{part.name}” ({_without(told, part)})."


def _below(told: Told) -> str:
    part, found = _interest(told), _found(told)
    text = f"It is not close enough to what the reader wants: for “{part.name}”, {_tastes(told, part)}."
    if part.lowered_by:
        before = part.taste / (1 - part.parts["less"])
        title = one_line(part.lowered_by[0].title, TITLE)
        text += f" Without “{title}”, marked “less”, it would be {two(before)}."
    if found.trend.trending_place is not None and (taken := _under(found, Section.TRENDING)):
        text += f" By votes it is number {found.trend.trending_place}; “Trending” shows {taken}."
    return text


def _no_votes(told: Told) -> str:
    return f"Nobody has voted on it, and {told.digest} goes by votes alone."


def _nothing(told: Told) -> str:
    return f"The reader names nothing to look for and wants no trends: {told.digest} has nothing to go by."


def _changed(told: Told) -> str:
    assert told.stored_at is not None  # noqa: S101 - only such a digest can differ from now
    at = when(told.stored_at, told.zone, told.day)
    return (
        f"It was not chosen when {told.digest} was made {at}, and would be now: interests, likes, papers or "
        f"votes have changed since."
    )


def two(value: float) -> str:
    """A figure from 0 to 1 as it is shown: two digits."""
    return f"{value:.2f}"


def _tastes(told: Told, part: InterestPart) -> str:
    return f"taste {two(part.taste)}, where {two(_found(told).threshold)} is enough"


def _without(told: Told, part: InterestPart) -> str:
    return f"but for that: {_tastes(told, part)}"


def _under(found: PaperExplanation, section: Section) -> int:
    return sum(one.section is section for one in found.papers)


def _other(found: PaperExplanation) -> str:
    return f"“{one_line(found.other_title, TITLE)}” (#{found.other})"


def _found(told: Told) -> PaperExplanation:
    assert told.found is not None  # noqa: S101 - such a cause was found in the choice
    return told.found


def _interest(told: Told) -> InterestPart:
    part = _found(told).interest
    assert part is not None  # noqa: S101 - such a cause speaks of an interest
    return part


WORDS: Final[dict[Cause | Outside, Callable[[Told], str]]] = {
    Outside.NOT_STORED: _not_stored,
    Outside.WITHDRAWN: _withdrawn,
    Outside.NOT_LISTED: _not_listed,
    Outside.JUDGED: _judged,
    Outside.CHANGED_SINCE: _changed,
    Cause.SHOWN: _shown,
    Cause.SENT: _sent,
    Cause.GIVEN: _given,
    Cause.LIKE_KNOWN: _like_known,
    Cause.LIKE_SHOWN: _like_shown,
    Cause.SECTION_HIDDEN: _hidden,
    Cause.CROWDED_OUT: _crowded_out,
    Cause.UNWANTED_KEYWORD: _unwanted,
    Cause.NO_MUST_KEYWORD: _no_must,
    Cause.BELOW_THRESHOLD: _below,
    Cause.NO_VOTES: _no_votes,
    Cause.NOTHING_WANTED: _nothing,
}
