"""Wishes: what a person says they want to get, as one value: on a form, in an export, in a sign-up.

Reads and writes the stored rows of one subscriber; knows no form and no file format.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Interest, Subscriber, Subscription
from digest.pipeline.interest_wish import (
    MAX_ABOUT,
    MAX_ABSTRACT,
    MAX_EXAMPLES,
    MAX_TITLE,
    MAX_WORD,
    MAX_WORDS,
    WORD_LISTS,
    ExamplePaper,
    InterestWish,
    check_words,
    clean_interest,
    example_paper,
    read_interest,
)
from digest.schedule import WEEKDAYS, check_schedule
from digest.storage import subscribers as subscriber_rows
from digest.translation import decimal
from digest.translation import gettext as _
from digest.types import Cadence, Section

__all__ = [
    "HIDEABLE",
    "MAX_ABOUT",
    "MAX_ABSTRACT",
    "MAX_EXAMPLES",
    "MAX_TITLE",
    "MAX_WORD",
    "MAX_WORDS",
    "ExamplePaper",
    "InterestWish",
    "Wishes",
    "clean_interest",
    "example_paper",
    "interest_rows",
    "leaves_nothing",
    "load_wishes",
    "old_names",
    "store_wishes",
    "subscription_row",
    "with_told",
]

# The sections that a reader can do without; the other one is what they missed.
HIDEABLE = (Section.FOLLOWING, Section.FOR_YOU, Section.TRENDING, Section.RISING, Section.DIFFERENT)
MAX_INTERESTS = 50
MAX_EXAMPLES_IN_ALL = 50_000
NOTHING_RENAMED: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Wishes:
    """Everything a reader can choose; ``None`` where the settings' default holds."""

    interests: tuple[InterestWish, ...] = ()
    cadence: str = Cadence.DAILY
    weekday: str = "mon"
    hour: int = 7
    zone: str = "UTC"
    mail: bool = True
    feed: bool = True
    max_papers: int | None = None
    trend_weight: float | None = None
    hidden_sections: tuple[str, ...] = field(default=())
    language: str | None = None

    def checked(self) -> "Wishes":
        """The same with clean, bounded text; ``UsageError`` in words for what cannot be."""
        self._check_types()
        check_schedule(self.cadence, self.weekday, self.hour, self.zone, self.language)
        if self.max_papers is not None and not 1 <= self.max_papers <= 50:
            raise UsageError(_("a digest has 1 to 50 papers"))
        if self.trend_weight is not None and not 0 <= self.trend_weight <= 1:
            raise UsageError(_("trend weighs from 0 (taste only) to 1 (trend only)"))
        hidden = tuple(section.value for section in HIDEABLE if section.value in self.hidden_sections)
        if leaves_nothing(hidden):
            raise UsageError(_("with every section hidden there is nothing to send; leave one, or pause"))
        return replace(self, interests=_checked(self.interests), hidden_sections=hidden)

    def _check_types(self) -> None:
        """What comes from a file can be anything."""
        numbers = (self.max_papers, self.hour)
        if any(one is not None and type(one) is not int for one in numbers):
            raise UsageError(_("hours and papers are counted in whole numbers"))
        if type(self.trend_weight) not in (float, int, type(None)):
            raise UsageError(_("how much trend weighs is a number from 0 to 1"))
        if type(self.mail) is not bool or type(self.feed) is not bool:
            raise UsageError(_("mail and feed are wanted (true) or not (false)"))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; ``from_dict`` reads it again."""
        return asdict(self)

    @staticmethod
    def from_dict(given: Mapping[str, Any]) -> "Wishes":
        """Wishes as ``as_dict`` gave them or a person wrote them; ``UsageError`` for anything else."""
        try:
            known = {name: given[name] for name in Wishes.__slots__ if name in given}
            interests = tuple(read_interest(one) for one in known.pop("interests", ()))
            hidden = tuple(str(one) for one in known.pop("hidden_sections", ()))
            return Wishes(interests=interests, hidden_sections=hidden, **known).checked()
        except (AttributeError, KeyError, TypeError) as error:
            raise UsageError(
                "these are no wishes: an interest or a paper of one is not what it should be"
            ) from error
        except ValueError as error:
            raise UsageError(f"these are no wishes: {error}") from error


def leaves_nothing(hidden: Container[str]) -> bool:
    """Whether nothing is left of a digest without these sections; one paper to learn from is none."""
    return all(one.value in hidden for one in HIDEABLE if one is not Section.DIFFERENT)


def _checked(interests: Sequence[InterestWish]) -> tuple[InterestWish, ...]:
    if len(interests) > MAX_INTERESTS:
        raise UsageError(_("at most %(most)s interests are kept; join some of them", most=MAX_INTERESTS))
    kept: list[InterestWish] = []
    names: set[str] = set()
    for one in interests:
        clean = clean_interest(one)
        if clean.is_empty:
            continue
        if not clean.name:
            raise UsageError(_("an interest needs a name"))
        if clean.name in names:
            raise UsageError(_("two interests are called %(name)r; give each its own name", name=clean.name))
        check_words((*clean.keywords, *clean.must_keywords), clean.authors)
        names.add(clean.name)
        kept.append(clean)
    if sum(len(one.examples) for one in kept) > MAX_EXAMPLES_IN_ALL:
        raise UsageError(
            _("at most %(most)s example papers are kept; remove some", most=decimal(MAX_EXAMPLES_IN_ALL))
        )
    return tuple(kept)


def with_told(wishes: Wishes, before: Wishes) -> Wishes:
    """The wishes; of an example that was there before, what was told of it, which no form carries."""
    told = {
        one["paper_id"] or one["title"]: one["told"]
        for interest in before.interests
        for one in interest.examples
        if "told" in one
    }

    def again(one: ExamplePaper) -> ExamplePaper:
        kept = one.get("told") or told.get(one["paper_id"] or one["title"])
        return example_paper(one["paper_id"], one["title"], one["abstract"], kept)

    return replace(
        wishes,
        interests=tuple(replace(one, examples=tuple(map(again, one.examples))) for one in wishes.interests),
    )


# --- rows ------------------------------------------------------------------------------------------


def load_wishes(session: Session, subscriber_id: int) -> Wishes:
    """What a subscriber chose."""
    row = subscriber_rows.list_subscriptions(session, subscriber_id)[0]
    return Wishes(
        interests=tuple(map(_wish, subscriber_rows.list_interests(session, subscriber_id))),
        cadence=row.cadence,
        weekday=WEEKDAYS[row.weekday],
        hour=row.hour,
        zone=row.zone,
        mail=row.mail,
        feed=row.feed,
        max_papers=row.max_papers,
        trend_weight=row.trend_weight,
        hidden_sections=tuple(row.hidden_sections),
        language=row.language,
    )


def _wish(row: Interest) -> InterestWish:
    words: dict[str, Any] = {name: tuple(getattr(row, name)) for name in WORD_LISTS}
    return InterestWish(
        name=row.name,
        about=row.about,
        examples=tuple(
            example_paper(one.get("paper_id"), one.get("title", ""), one.get("abstract", ""), one.get("told"))
            for one in row.examples
        ),
        only_examples=row.only_examples,
        **words,
    )


def store_wishes(
    session: Session,
    subscriber: Subscriber,
    wishes: Wishes,
    now: datetime,
    *,
    renamed: Mapping[str, str] = NOTHING_RENAMED,
) -> None:
    """Make the subscriber's rows say what the wishes say.

    An interest that keeps its name keeps its row, and with it the feedback that was said for it; so does one
    that is ``renamed`` (new name to the stored one).
    """
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    rows = subscriber_rows.list_subscriptions(session, subscriber.id)
    row = _fill(rows[0], wishes) if rows else subscription_row(wishes, subscriber.id, now)
    subscriber_rows.add_subscription(session, row)
    kept = _rows_by_new_name(session, subscriber.id, wishes, renamed)
    for made in interest_rows(wishes, subscriber.id, now):
        stored = kept.get(made.name)
        if stored is None:
            subscriber_rows.add_interest(session, made)
            continue
        for field_name in INTEREST_FIELDS:
            setattr(stored, field_name, getattr(made, field_name))
        subscriber_rows.add_interest(session, stored)


def _rows_by_new_name(
    session: Session, subscriber_id: int, wishes: Wishes, renamed: Mapping[str, str]
) -> dict[str, Interest]:
    """The stored interests that stay, under what they are called from now on; the others are deleted."""
    stored = {one.name: one for one in subscriber_rows.list_interests(session, subscriber_id)}
    olds = old_names(wishes, stored, renamed)
    for name in stored.keys() - set(olds.values()):
        subscriber_rows.delete_interest(session, subscriber_id, name)
    for new, old in olds.items():
        if new != old:  # out of the way first: two interests may have changed names with one another
            stored[old].name = f"{MOVING}{stored[old].id}"
            subscriber_rows.add_interest(session, stored[old])
    for new, old in olds.items():
        stored[old].name = new
        subscriber_rows.add_interest(session, stored[old])
    return {new: stored[old] for new, old in olds.items()}


def old_names(wishes: Wishes, stored: Container[str], renamed: Mapping[str, str]) -> dict[str, str]:
    """For each interest that was stored before, by its name now: the name it is stored under."""
    names = [one.name for one in wishes.interests]
    by_old = {renamed[new]: new for new in names if renamed.get(new) in stored}  # one name each
    told = {new: old for old, new in by_old.items()}
    return told | {name: name for name in names if name in stored and name not in told and name not in by_old}


# No name that is cleaned begins so.
MOVING = "\x01"
INTEREST_FIELDS = ("about", *WORD_LISTS, "examples", "only_examples")


def interest_rows(wishes: Wishes, subscriber_id: int, now: datetime) -> list[Interest]:
    """The interests as rows, not stored."""
    return [_row(one, subscriber_id, now) for one in wishes.interests]


def _row(one: InterestWish, subscriber_id: int, now: datetime) -> Interest:
    words: dict[str, Any] = {name: list(getattr(one, name)) for name in WORD_LISTS}
    return Interest(
        subscriber_id=subscriber_id,
        name=one.name,
        about=one.about,
        examples=[dict(example) for example in one.examples],
        only_examples=one.only_examples,
        created_at=now,
        **words,
    )


def subscription_row(wishes: Wishes, subscriber_id: int, now: datetime) -> Subscription:
    """The schedule as a row, not stored."""
    row = Subscription(
        subscriber_id=subscriber_id,
        cadence=wishes.cadence,
        hour=wishes.hour,
        zone=wishes.zone,
        created_at=now,
    )
    return _fill(row, wishes)


def _fill(row: Subscription, wishes: Wishes) -> Subscription:
    row.cadence, row.weekday = wishes.cadence, WEEKDAYS.index(wishes.weekday)
    row.hour, row.zone = wishes.hour, wishes.zone
    row.mail, row.feed = wishes.mail, wishes.feed
    row.max_papers, row.trend_weight = wishes.max_papers, wishes.trend_weight
    row.hidden_sections = list(wishes.hidden_sections)
    row.language = wishes.language
    return row
