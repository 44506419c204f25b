"""A profile as a document: what its fields are, and how one from anywhere is read. Touches no database.

::

    {"format": "paper-digest-profile", "version": 1,
     "address": "me@example.org", "pause": {"paused": false, "until": null},
     "learn_from": {"all": "2026-03-01T08:00:00+00:00", "interests": {…}},
     "wishes": {"cadence": "daily", …, "interests": [{"name": …, "examples": [{"title": …, "paper": 0}]}]},
     "papers": [{"title": …, "abstract": …, "authors": […], "arxiv_id": …, "doi": …, "other_ids": {…},
                 "url": …, "published_on": "2026-03-02", "venue": …}],
     "feedback": [{"paper": 0, "kind": "saved", "note": …, "interest": …, "at": "2026-03-02T07:00:00+00:00"}],
     "received": [0, 1]}

Papers are told by their ids and words, since every installation numbers them in its own way; everything
else names them by their place in ``papers`` (from 0). An example that is none of them has its ``abstract``;
each may have ``told`` (see :mod:`digest.pipeline.told`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from digest.errors import UsageError
from digest.pipeline.wishes import InterestWish, Wishes
from digest.text import clean_lines, clean_text, id_title, parse_arxiv_id, parse_doi, safe_url, truncate
from digest.translation import gettext as _
from digest.types import Entry, FeedbackKind

__all__ = ["FORMAT", "VERSION", "Pause", "ProfileDocument", "SaidWord", "load_json", "read_profile"]

FORMAT: Final = "paper-digest-profile"
VERSION: Final = 1
MAX_PAPERS: Final = 100_000
MAX_SAID: Final = 40_000
MAX_OTHER_IDS: Final = 20
MAX_AUTHORS: Final = 3000
MAX_NOTE: Final = 4000
MAX_PROBLEMS: Final = 20
MAX_DIGITS: Final = 18
MAX_STARTS: Final = 200
# What is said of papers travels; what was only received is told apart.
SAID: Final = (FeedbackKind.MORE.value, FeedbackKind.LESS.value, FeedbackKind.SAVED.value)


@dataclass(frozen=True, slots=True)
class SaidWord:
    """What was said of a paper (by its place): when, for which interest (by name), with which note."""

    place: int
    kind: str
    at: datetime | None
    interest: str
    note: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Whether nothing was to come, and until when."""

    is_on: bool = False
    until: date | None = None


@dataclass(frozen=True, slots=True)
class ProfileDocument:
    """A profile that was read. ``papers`` hold ``None`` where one cannot be told by anything.

    ``wishes`` name example papers by their place, counted from 1, in ``paper_id``. ``problems`` say what
    was left out.
    """

    address: str
    wishes: Wishes
    papers: tuple[Entry | None, ...]
    said: tuple[SaidWord, ...]
    received: tuple[int, ...]
    pause: Pause
    problems: tuple[str, ...] = ()
    learn_from: datetime | None = None
    interests_learn_from: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def learns_anew(self) -> bool:
        """Whether some of what was said is not to steer any more."""
        return self.learn_from is not None or bool(self.interests_learn_from)


@dataclass(slots=True)
class _Problems:
    """What was left out, each kind of thing once and counted."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def told(self) -> tuple[str, ...]:
        return tuple(
            f"{count:,} × {what}" if count > 1 else what
            for what, count in list(self.counts.items())[:MAX_PROBLEMS]
        )


def load_json(data: bytes) -> object:
    """The value of a JSON file from anywhere. Raises ``UsageError`` in words."""
    try:
        return json.loads(data.decode("utf-8-sig"), parse_int=_bounded, parse_constant=lambda _: None)
    except RecursionError:
        raise UsageError(_("this file is nested too deeply to be a profile")) from None
    except ValueError:
        raise UsageError(_("this file is no JSON, or was cut off")) from None


def _bounded(digits: str) -> int | None:
    return int(digits) if len(digits) <= MAX_DIGITS else None


def read_profile(document: object) -> ProfileDocument:
    """The profile in a document. What cannot be read of its lists is left out and told.

    Raises ``UsageError`` for what is no profile, one of a later version, and wishes that cannot be.
    """
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise UsageError(_("this is no profile; a profile is what “Everything about you” gives"))
    if type(document.get("version")) is not int or document["version"] != VERSION:
        raise UsageError(_("this profile is of another version of this program; update the older one"))
    problems = _Problems()
    papers = _read_papers(document.get("papers"), problems)
    places = frozenset(place for place, paper in enumerate(papers) if paper is not None)
    starts = document.get("learn_from")
    starts = starts if isinstance(starts, Mapping) else {}
    return ProfileDocument(
        address=clean_text(_text(document.get("address")), limit=320),
        wishes=_read_wishes(document.get("wishes"), places),
        papers=papers,
        said=_read_said(document.get("feedback"), places, problems),
        received=_read_received(document.get("received"), places, problems),
        pause=_read_pause(document.get("pause")),
        problems=problems.told(),
        learn_from=_time(starts.get("all")),
        interests_learn_from=_read_starts(starts.get("interests")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object, most: int, problems: _Problems, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        problems.add(f"the list of {what} is no list")
        return []
    if len(value) > most:
        problems.add(f"only the first {most:,} {what} are taken")
    return value[:most]


# --- papers ----------------------------------------------------------------------------------------


def _read_papers(value: object, problems: _Problems) -> tuple[Entry | None, ...]:
    papers = tuple(map(_read_paper, _list(value, MAX_PAPERS, problems, "papers")))
    for _missing in range(papers.count(None)):
        problems.add("a paper without a title, arXiv id or DOI")
    return papers


def _read_paper(value: object) -> Entry | None:
    if not isinstance(value, Mapping):
        return None
    arxiv_id, doi = parse_arxiv_id(_text(value.get("arxiv_id"))), parse_doi(_text(value.get("doi")))
    title = clean_text(_text(value.get("title")), limit=2000)
    if not (title or arxiv_id or doi):
        return None
    others, authors = value.get("other_ids"), value.get("authors")
    return Entry(
        title=title or id_title(("arXiv", arxiv_id), ("doi", doi)),
        position=1,
        abstract=clean_text(_text(value.get("abstract"))),
        arxiv_id=arxiv_id,
        doi=doi,
        other_ids=tuple(_pairs(others)) if isinstance(others, Mapping) else (),
        authors=tuple(_names(authors)) if isinstance(authors, list) else (),
        url=safe_url(value.get("url")),
        published_on=_day(value.get("published_on")),
        venue=clean_text(_text(value.get("venue")), limit=300) or None,
        announces=False,
    )


def _pairs(others: Mapping[Any, Any]) -> list[tuple[str, str]]:
    told = list(others.items())[:MAX_OTHER_IDS]
    return [(kind, value) for kind, value in told if isinstance(kind, str) and isinstance(value, str)]


def _names(authors: Sequence[object]) -> list[str]:
    return [name for one in authors[:MAX_AUTHORS] if (name := clean_text(_text(one), limit=200))]


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(_text(value)) if value else None
    except ValueError:
        return None


# --- wishes ----------------------------------------------------------------------------------------


def _read_wishes(value: object, places: frozenset[int]) -> Wishes:
    if not isinstance(value, Mapping):
        raise UsageError(_("this profile has no wishes"))
    try:
        wishes = Wishes.from_dict(value)
    except UsageError as error:
        raise UsageError(truncate(clean_text(str(error)), 200)) from error
    told = _told_places(value.get("interests"), places)
    return replace(wishes, interests=tuple(_with_places(one, told) for one in wishes.interests))


def _told_places(interests: object, places: frozenset[int]) -> dict[tuple[str, str], list[int | None]]:
    """By the name of an interest and the title of its examples: which papers those are, in their order."""
    found: dict[tuple[str, str], list[int | None]] = {}
    for one in interests if isinstance(interests, list) else ():
        for example in one["examples"] if isinstance(one.get("examples"), list) else ():
            place = example.get("paper")
            key = clean_text(one["name"], limit=200), clean_text(_text(example.get("title")), limit=2000)
            found.setdefault(key, []).append(place if type(place) is int and place in places else None)
    return found


def _with_places(
    interest: InterestWish, told: Mapping[tuple[str, str], Sequence[int | None]]
) -> InterestWish:
    examples = []
    waiting = {title: iter(found) for (name, title), found in told.items() if name == interest.name}
    for one in interest.examples:
        place = next(waiting.get(one["title"], iter(())), None)
        examples.append({**one, "paper_id": None if place is None else place + 1})
    return replace(interest, examples=tuple(examples))  # type: ignore[arg-type]


# --- what was said, what was received, and the pause -------------------------------------------------


def _read_said(value: object, places: frozenset[int], problems: _Problems) -> tuple[SaidWord, ...]:
    said = []
    for one in _list(value, MAX_SAID, problems, "words on papers"):
        word = _read_word(one, places)
        if word is None:
            problems.add("a word on a paper that cannot be read")
        else:
            said.append(word)
    return tuple(said)


def _read_word(value: object, places: frozenset[int]) -> SaidWord | None:
    if not isinstance(value, Mapping):
        return None
    place, kind = value.get("paper"), value.get("kind")
    if type(place) is not int or place not in places or kind not in SAID:
        return None
    return SaidWord(
        place=place,
        kind=str(kind),
        at=_time(value.get("at")),
        interest=clean_text(_text(value.get("interest")), limit=200),
        note=clean_lines(_text(value.get("note")), limit=MAX_NOTE),
    )


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo is not None and 2000 <= at.year < 9999 else None


def _read_received(value: object, places: frozenset[int], problems: _Problems) -> tuple[int, ...]:
    given = _list(value, MAX_PAPERS, problems, "received papers")
    fitting = [one for one in given if type(one) is int and one in places]
    for _other in range(len(given) - len(fitting)):
        problems.add("a received paper that is not among the papers")
    return tuple(dict.fromkeys(fitting))


def _read_starts(value: object) -> dict[str, datetime]:
    told = list(value.items())[:MAX_STARTS] if isinstance(value, Mapping) else []
    return {clean_text(_text(name), limit=200): at for name, one in told if (at := _time(one)) is not None}


def _read_pause(value: object) -> Pause:
    if not isinstance(value, Mapping) or value.get("paused") is not True:
        return Pause()
    return Pause(is_on=True, until=_day(value.get("until")))
