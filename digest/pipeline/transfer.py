"""Transfer: everything about a reader as one document, and such a document made a reader's own.

Importing makes the wishes those of the document, and adds what was said of papers to what is said here.
Papers that are not stored here are filed as known works, which no source listed yet, so that they are
recognised, and not recommended again, when one does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Feedback, Subscriber
from digest.pipeline.consent import show_consents
from digest.pipeline.learning import take_starts, told_starts
from digest.pipeline.profile_document import FORMAT, VERSION, Pause, ProfileDocument, SaidWord, read_profile
from digest.pipeline.wishes import (
    ExamplePaper,
    InterestWish,
    Wishes,
    example_paper,
    load_wishes,
    store_wishes,
)
from digest.schedule import local_date
from digest.storage import issues as issue_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.groups import list_groups_of
from digest.storage.saved import list_feedback
from digest.storage.works import add_works, find_works, load_works
from digest.translation import decimal
from digest.translation import gettext as _
from digest.types import Entry, FeedbackKind, SubscriberStatus

__all__ = ["ImportPlan", "apply_import", "export_profile", "plan_import"]

# What one reader can have said of papers; a document cannot fill the database.
MAX_FEEDBACK = 50_000
SEEN = FeedbackKind.SEEN.value
OPPOSITES = {
    FeedbackKind.MORE.value: FeedbackKind.LESS.value,
    FeedbackKind.LESS.value: FeedbackKind.MORE.value,
}


# --- out -------------------------------------------------------------------------------------------


def export_profile(session: Session, subscriber: Subscriber) -> dict[str, Any]:
    """Everything about a reader, JSON-ready (see :mod:`digest.pipeline.profile_document`)."""
    number = _number(subscriber)
    wishes, said = load_wishes(session, number), list_feedback(session, number)
    received = issue_rows.list_sent(session, [number])[number] | {
        one.paper_id for one in said if one.kind == SEEN
    }
    judged = [one for one in said if one.kind != SEEN]
    examples = {one["paper_id"] for interest in wishes.interests for one in interest.examples}
    telling = {one.paper_id for one in judged} | {one for one in examples if one is not None}
    works = load_works(session, sorted(telling | received))
    places = {paper_id: place for place, paper_id in enumerate(works)}
    names = {one.id: one.name for one in subscriber_rows.list_interests(session, number)}
    until = subscriber.paused_until
    return {
        "format": FORMAT,
        "version": VERSION,
        "address": subscriber.email,
        "pause": {
            "paused": subscriber.status == SubscriberStatus.PAUSED,
            "until": until.isoformat() if until is not None else None,
        },
        "learn_from": told_starts(session, subscriber),
        "wishes": _told_wishes(wishes, works, places),
        "papers": [_told_paper(work, whole=paper_id in telling) for paper_id, work in works.items()],
        "feedback": [
            {
                "paper": places[one.paper_id],
                "kind": one.kind,
                "note": one.note,
                "interest": names.get(one.interest_id),
                "at": one.created_at.isoformat(),
            }
            for one in judged
        ],
        "received": sorted(places[paper_id] for paper_id in received),
        # For the reader to see; an import takes neither.
        "consents": show_consents(session, number),
        "groups": [group.name for group in list_groups_of(session, [number])[number]],
    }


def _told_wishes(wishes: Wishes, works: Mapping[int, Entry], places: Mapping[int, int]) -> dict[str, Any]:
    told = wishes.as_dict()
    for interest in told["interests"]:
        interest["examples"] = [_told_example(one, works, places) for one in interest["examples"]]
    return told


def _told_example(
    example: ExamplePaper, works: Mapping[int, Entry], places: Mapping[int, int]
) -> dict[str, Any]:
    work = works.get(example["paper_id"] or 0)
    told = {"told": example["told"]} if "told" in example else {}
    if work is None or example["paper_id"] is None:
        return {"title": example["title"], "abstract": example["abstract"], **told}
    # The words that count are those of the stored paper.
    return {"title": work.title, "paper": places[example["paper_id"]], **told}


def _told_paper(work: Entry, *, whole: bool) -> dict[str, Any]:
    """A paper by its ids and words; of one that was only received, and has an id, the title is enough."""
    told: dict[str, Any] = {
        "title": work.title,
        "arxiv_id": work.arxiv_id,
        "doi": work.doi,
        "other_ids": dict(work.other_ids),
    }
    if whole or not (work.arxiv_id or work.doi):
        told |= {
            "abstract": work.abstract,
            "authors": list(work.authors),
            "url": work.url,
            "published_on": work.published_on.isoformat() if work.published_on else None,
            "venue": work.venue,
        }
    return {name: value for name, value in told.items() if value}


# --- in --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would change. ``added``, ``changed``, ``removed`` are names of interests.

    ``said`` counts the new words on papers by kind, ``notes`` those with a note, ``received`` the papers that
    count as received from then on, ``unknown`` those not stored here. ``schedule``: whether anything besides
    interests changes. ``pause`` is only set where it would change; ``learning``: some of what was said is not
    to steer any more.
    """

    address: str
    wishes: Wishes
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    schedule: bool = False
    said: Mapping[str, int] = field(default_factory=dict)
    notes: int = 0
    received: int = 0
    unknown: int = 0
    pause: Pause | None = None
    problems: tuple[str, ...] = ()
    learning: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        parts = (self.added, self.changed, self.removed, self.schedule, self.said, self.notes, self.received)
        return not any(parts) and self.pause is None and not self.learning


@dataclass(slots=True)
class _Import:
    """A document held against what is stored. Papers that are unknown here have negative numbers."""

    document: ProfileDocument
    numbers: dict[int, int]
    unknown: list[Entry]
    wishes: Wishes
    new: dict[tuple[int, str], SaidWord]
    turned: dict[tuple[int, str], SaidWord]
    noted: dict[tuple[int, str], str]
    received: list[int]


def plan_import(session: Session, subscriber: Subscriber, document: object, now: datetime) -> ImportPlan:
    """What :func:`apply_import` would change. Changes nothing; raises ``UsageError`` as that does."""
    return _plan(session, subscriber, _prepare(session, subscriber, document), now)


def apply_import(session: Session, subscriber: Subscriber, document: object, now: datetime) -> ImportPlan:
    """Make a document the reader's own, and say what changed. Runs inside the caller's write transaction.

    A large one is given as ``read_profile`` made it: reading it takes long enough to keep writers waiting.

    The address stays, and so does what was said here: the same is not said twice, and of more and less the
    later counts. Raises ``UsageError`` for what is no profile or more than one reader can have.
    """
    found = _prepare(session, subscriber, document)
    plan = _plan(session, subscriber, found, now)
    added = add_works(session, found.unknown, now)
    real = {-place - 1: paper_id for place, paper_id in enumerate(added)}
    numbers = {place: real.get(number, number) for place, number in found.numbers.items()}
    store_wishes(session, subscriber, _wishes(found.document, numbers), now)
    _store_said(session, subscriber, found, real, now)
    document = found.document
    if document.learns_anew:
        take_starts(session, subscriber, document.learn_from, document.interests_learn_from)
    if plan.pause is not None:
        status = SubscriberStatus.PAUSED
        subscriber_rows.set_status(session, subscriber, status, paused_until=plan.pause.until, now=now)
    return plan


def _prepare(session: Session, subscriber: Subscriber, given: object) -> _Import:
    document = given if isinstance(given, ProfileDocument) else read_profile(given)
    needed = {one.place for one in document.said} | set(document.received) | _telling_examples(document)
    numbers, unknown = _numbers(session, document.papers, needed)
    stored = {(one.paper_id, one.kind): one for one in list_feedback(session, _number(subscriber))}
    found = _Import(document, numbers, unknown, _wishes(document, numbers), {}, {}, {}, [])
    for word in document.said:
        _weigh(found, word, (numbers[word.place], word.kind), stored)
    papers = dict.fromkeys(numbers[place] for place in document.received)
    had = issue_rows.list_sent(session, [_number(subscriber)])[_number(subscriber)]
    found.received = [one for one in papers if (one, SEEN) not in stored and one not in had]
    if len(stored) + len(found.new) + len(found.received) > MAX_FEEDBACK:
        raise UsageError(
            _("with this, more than %(most)s words on papers would be yours", most=decimal(MAX_FEEDBACK))
        )
    return found


def _telling_examples(document: ProfileDocument) -> set[int]:
    """The places of example papers that can be recognised once they are read: by an id, or by their text."""
    places = {
        one["paper_id"] - 1
        for interest in document.wishes.interests
        for one in interest.examples
        if one["paper_id"] is not None
    }
    papers = document.papers
    return {
        place
        for place in places
        if (paper := papers[place]) and (paper.arxiv_id or paper.doi or paper.other_ids or paper.abstract)
    }


def _numbers(
    session: Session, papers: Iterable[Entry | None], needed: set[int]
) -> tuple[dict[int, int], list[Entry]]:
    """By place the number of each paper here, and those that are needed and unknown, each once.

    An unknown one's number is minus its place among them, counted from 1.
    """
    told = {place: paper for place, paper in enumerate(papers) if paper is not None}
    found = dict(zip(told, find_works(session, list(told.values())), strict=True))
    numbers = {place: number for place, number in found.items() if number is not None}
    unknown: list[Entry] = []
    places: dict[object, int] = {}
    for place in sorted(needed - numbers.keys()):
        paper = told[place]
        key = paper.arxiv_id or paper.doi or (paper.title, paper.abstract, paper.other_ids)
        if key not in places:
            unknown.append(paper)
            places[key] = -len(unknown)
        numbers[place] = places[key]
    return numbers, unknown


def _wishes(document: ProfileDocument, numbers: Mapping[int, int]) -> Wishes:
    """The wishes with example papers by their numbers here; one that is not stored counts by its words."""

    def here(example: ExamplePaper) -> ExamplePaper:
        if example["paper_id"] is None:
            return example
        place = example["paper_id"] - 1
        number, paper = numbers.get(place, 0), document.papers[place]
        abstract = example["abstract"] or (paper.abstract if paper is not None else "")
        told = example.get("told")
        if number > 0:
            return example_paper(number, example["title"], "", told)
        return example_paper(None, example["title"], abstract, told)

    def resolved(interest: InterestWish) -> InterestWish:
        return replace(interest, examples=tuple(map(here, interest.examples)))

    return replace(document.wishes, interests=tuple(map(resolved, document.wishes.interests)))


def _weigh(
    found: _Import, word: SaidWord, key: tuple[int, str], stored: Mapping[tuple[int, str], Feedback]
) -> None:
    """Whether a word is new, turns what was said here into its opposite, or only brings a note."""
    paper_id, kind = key
    opposite = stored.get((paper_id, OPPOSITES.get(kind, "")))
    same = stored.get(key)
    if same is not None:
        if word.note and not same.note:
            found.noted[key] = word.note
    elif opposite is None:
        # A document of two opposites: the one that comes last counts.
        found.new.pop((paper_id, OPPOSITES.get(kind, "")), None)
        found.new.setdefault(key, word)
    elif word.at is not None and word.at > opposite.created_at:
        found.turned[key] = word


def _plan(session: Session, subscriber: Subscriber, found: _Import, now: datetime) -> ImportPlan:
    before = load_wishes(session, _number(subscriber))
    old = {one.name: one for one in before.interests}
    new = {one.name: one for one in found.wishes.interests}
    words = [*found.new.values(), *found.turned.values()]
    kinds = [word.kind for word in words]
    return ImportPlan(
        address=found.document.address,
        wishes=found.wishes,
        added=tuple(name for name in new if name not in old),
        changed=tuple(name for name in new if name in old and old[name] != new[name]),
        removed=tuple(name for name in old if name not in new),
        schedule=replace(before, interests=()) != replace(found.wishes, interests=()),
        said={kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
        notes=sum(bool(word.note) for word in words) + len(found.noted),
        received=len(found.received),
        unknown=len(found.unknown),
        pause=_pause(subscriber, found.document.pause, local_date(now, found.wishes.zone)),
        problems=found.document.problems,
        learning=found.document.learns_anew,
    )


def _pause(subscriber: Subscriber, told: Pause, today: date) -> Pause | None:
    """The pause that is told, where the reader can be paused, is not so already, and it is not over."""
    if not told.is_on or (told.until is not None and told.until <= today):
        return None
    is_paused = subscriber.status == SubscriberStatus.PAUSED
    if is_paused and subscriber.paused_until == told.until:
        return None
    return told if is_paused or subscriber.status == SubscriberStatus.ACTIVE else None


def _store_said(
    session: Session, subscriber: Subscriber, found: _Import, real: Mapping[int, int], now: datetime
) -> None:
    number = _number(subscriber)
    interests = {one.name: one.id for one in subscriber_rows.list_interests(session, number)}

    def row(paper_id: int, kind: str, word: SaidWord | None) -> Feedback:
        return Feedback(
            subscriber_id=number,
            paper_id=real.get(paper_id, paper_id),
            kind=kind,
            interest_id=interests.get(word.interest) if word else None,
            note=word.note if word else "",
            created_at=min(word.at, now) if word and word.at else now,
        )

    session.add_all(row(paper_id, kind, word) for (paper_id, kind), word in found.new.items())
    session.add_all(row(paper_id, SEEN, None) for paper_id in found.received)
    session.flush()
    stored = {(one.paper_id, one.kind): one for one in list_feedback(session, number)}
    for (paper_id, kind), word in found.turned.items():
        turned = stored[paper_id, OPPOSITES[kind]]
        turned.kind, turned.interest_id = kind, interests.get(word.interest)
        turned.created_at, turned.note = min(word.at or now, now), word.note or turned.note
    for key, note in found.noted.items():
        stored[key].note = note
    session.flush()


def _number(subscriber: Subscriber) -> int:
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    return subscriber.id
