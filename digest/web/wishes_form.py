"""Wishes as a form: what its fields say, and what is written into them. Knows no page.

What was typed is kept as it was typed, so that a form with a fault comes back whole; beside it stands what
it means, or in words, by the field's name, why it means nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from starlette.datastructures import FormData

from digest.errors import UsageError
from digest.pipeline.liked import Liked
from digest.pipeline.wishes import HIDEABLE, Wishes, leaves_nothing
from digest.schedule import check_zone
from digest.translation import LANGUAGES
from digest.translation import gettext as _
from digest.web.forms import text_of, texts_of
from digest.web.interests_form import (
    COUNT,
    NOTHING,
    FindPapers,
    InterestFields,
    InterestsReader,
    Problems,
    number_of,
    sentence,
    write_interest,
)

__all__ = [
    "Editor",
    "ScheduleFields",
    "read_editor",
    "read_schedule",
    "write_editor",
    "write_schedule",
]


@dataclass(frozen=True, slots=True)
class ScheduleFields:
    """When it comes, as typed."""

    cadence: str
    weekday: str
    hour: str
    zone: str


@dataclass(frozen=True, slots=True)
class Editor:
    """All wishes of a reader as typed, and what they mean.

    ``wishes`` is ``None`` where there are ``problems`` (by field); ``renamed`` gives interests' stored names
    by their new ones. ``trend`` is in hundredths, ``max_papers`` may be empty, and so may ``language``, which
    nobody has to choose.
    """

    interests: tuple[InterestFields, ...]
    schedule: ScheduleFields
    trend: int
    max_papers: str
    sections: frozenset[str]
    mail: bool
    feed: bool
    wishes: Wishes | None
    language: str = ""
    problems: Problems = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def blank(self) -> InterestFields:
        """The fields of one interest more."""
        return InterestFields()


# --- when it comes ---------------------------------------------------------------------------------


def write_schedule(wishes: Wishes) -> ScheduleFields:
    """The fields that say when wishes are served."""
    return ScheduleFields(wishes.cadence, wishes.weekday, str(wishes.hour), wishes.zone)


def read_schedule(form: FormData, usual: Wishes, problems: Problems) -> tuple[ScheduleFields, Wishes]:
    """What was typed, and ``usual`` with it; adds to ``problems``."""
    typed = ScheduleFields(
        cadence=text_of(form, "cadence") or usual.cadence,
        weekday=text_of(form, "weekday") or usual.weekday,
        hour=text_of(form, "hour") or str(usual.hour),
        zone=text_of(form, "zone") or usual.zone,
    )
    wishes = usual
    try:
        wishes = replace(usual, zone=check_zone(typed.zone))
    except UsageError as error:
        problems["zone"] = sentence(error)
    given = {"cadence": typed.cadence, "weekday": typed.weekday, "hour": number_of(typed.hour)}
    for name, value in given.items():
        tried = Wishes().as_dict() | {name: value}
        try:
            wishes = replace(wishes, **{name: getattr(Wishes.from_dict(tried), name)})
        except UsageError as error:
            problems[name] = sentence(error)
    return typed, wishes


# --- the editor ------------------------------------------------------------------------------------


def write_editor(wishes: Wishes, usual_trend: float) -> Editor:
    """The fields that say these wishes, which are checked; what is usual stands where nothing was chosen."""
    return Editor(
        interests=tuple(map(write_interest, wishes.interests)),
        schedule=write_schedule(wishes),
        trend=_hundredths(wishes.trend_weight, usual_trend),
        max_papers="" if wishes.max_papers is None else str(wishes.max_papers),
        sections=frozenset(one.value for one in HIDEABLE if one.value not in wishes.hidden_sections),
        mail=wishes.mail,
        feed=wishes.feed,
        wishes=wishes,
        language=wishes.language or "",
    )


def read_editor(
    form: FormData, stored: Wishes, usual_trend: float, find: FindPapers, upload: Liked = NOTHING
) -> Editor:
    """What a form says, over what is ``stored``; ``find`` looks up papers that are typed.

    What is stored and not shown (examples beyond the first, exact numbers behind a slider) stays. The papers
    of an ``upload`` go where the form says: into an interest, else into one for papers that are liked.
    Raises ``UsageError`` for a form that came incomplete, which would delete what it does not say.
    """
    if COUNT not in form:
        raise UsageError(_("that form came incomplete; open the page again and repeat it"))
    problems: Problems = {}
    schedule, wishes = read_schedule(form, stored, problems)
    trend, weight = _read_trend(form, stored, usual_trend)
    typed_papers = text_of(form, "max_papers")
    if typed_papers and not 1 <= number_of(typed_papers) <= 50:
        problems["max_papers"] = _("A digest has 1 to 50 papers.")
    sections, hidden = _read_sections(form, problems)
    mail, feed = _read_channels(form, stored, problems)
    interests = InterestsReader(form, stored, find, problems)
    interests.read(upload)
    wishes = replace(
        wishes,
        interests=tuple(interests.meant),
        trend_weight=weight,
        max_papers=number_of(typed_papers) if typed_papers else None,
        hidden_sections=hidden,
        mail=mail,
        feed=feed,
        language=_read_language(form, stored.language),
    )
    return Editor(
        interests=tuple(interests.typed),
        schedule=schedule,
        trend=trend,
        max_papers=typed_papers,
        sections=sections,
        mail=mail,
        feed=feed,
        wishes=_checked(wishes, problems),
        problems=problems,
        renamed=interests.renamed,
        language=wishes.language or "",
    )


def _read_language(form: FormData, stored: str | None) -> str | None:
    """The language that was chosen, or none; what is ``stored`` where the form says nothing we know."""
    typed = text_of(form, "language")
    if "language" in form and not typed:
        return None
    return typed if typed in LANGUAGES else stored


def _read_sections(form: FormData, problems: Problems) -> tuple[frozenset[str], tuple[str, ...]]:
    """(those that are wanted, those that are hidden)"""
    sections = frozenset(texts_of(form, "sections"))
    hidden = tuple(one.value for one in HIDEABLE if one.value not in sections)
    if leaves_nothing(hidden):
        problems["sections"] = _("With every section hidden there is nothing to send; leave one, or pause.")
    return sections, hidden


def _read_channels(form: FormData, stored: Wishes, problems: Problems) -> tuple[bool, bool]:
    """(mail, feed); who has no address is not asked for mail."""
    mail = "mail" in form if "has_mail" in form else stored.mail
    feed = "feed" in form
    if not feed and not (mail and "has_mail" in form):
        problems["channels"] = _("Then it comes nowhere; leave one way, or pause.")
    return mail, feed


def _checked(wishes: Wishes, problems: Problems) -> Wishes | None:
    """The wishes, if they are possible and nothing else is wrong."""
    try:
        return wishes.checked() if not problems else None
    except UsageError as error:
        problems["interests"] = sentence(error)
        return None


def _hundredths(weight: float | None, usual: float) -> int:
    return round(100 * (usual if weight is None else weight))


def _read_trend(form: FormData, stored: Wishes, usual: float) -> tuple[int, float | None]:
    """A slider that was not moved keeps what is stored, be it exact or nobody's choice."""
    before = _hundredths(stored.trend_weight, usual)
    typed = number_of(text_of(form, "trend"))
    if not 0 <= typed <= 100 or typed == before:
        return before, stored.trend_weight
    return typed, typed / 100
