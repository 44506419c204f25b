"""A profile given back: everything as a document of ours, or papers and words for other programs."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from sqlmodel import Session

from digest.errors import UsageError
from digest.libraries import LibraryPaper, write_bibtex, write_csl_json, write_ris
from digest.libraries.opml import Outline, write_opml
from digest.models import Subscriber
from digest.pipeline.brought import ABOUT, PAPER, TYPES
from digest.pipeline.readers import get_subscriber
from digest.pipeline.told import library_paper, paper_of
from digest.pipeline.transfer import export_profile
from digest.pipeline.wishes import InterestWish, load_wishes
from digest.storage.browsing import keep_those
from digest.storage.database import Database
from digest.storage.saved import list_feedback
from digest.storage.works import load_works
from digest.text import normalise, paper_url
from digest.types import FeedbackKind

__all__ = ["FORMATS", "describe_profile", "write_profile"]

LIKED_KINDS = (FeedbackKind.MORE.value, FeedbackKind.SAVED.value)
Writer = Callable[[Iterable[LibraryPaper]], str]
_PAPERS: Mapping[str, Writer] = MappingProxyType(
    {"bibtex": write_bibtex, "ris": write_ris, "csl": write_csl_json}
)
FORMATS = ("json", "opml", *_PAPERS)


def write_profile(database: Database, email: str, kind: str) -> str:
    """A reader's profile in one of ``FORMATS``. Raises ``UsageError`` for an unknown reader or format.

    ``json`` is everything, and imported again it is the same; ``opml`` the interests with their words and the
    titles of their papers; the others the papers of all interests and those liked or saved, with notes.
    """
    if kind not in FORMATS:
        raise UsageError(f"{kind!r} is no format; use one of {', '.join(FORMATS)}")
    with database.read() as session:
        subscriber = get_subscriber(session, email)
        if kind == "json":
            return json.dumps(export_profile(session, subscriber), ensure_ascii=False, indent=1) + "\n"
        if kind == "opml":
            title = f"Interests of {subscriber.email or 'a reader'}"
            return write_opml(title, _outlines(session, subscriber))
        return _PAPERS[kind](_papers(session, subscriber))


def _number(subscriber: Subscriber) -> int:
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    return subscriber.id


def _papers(session: Session, subscriber: Subscriber) -> list[LibraryPaper]:
    """The papers that a reader gave or liked, each once, in the order of interests, then of what was said."""
    wishes = load_wishes(session, _number(subscriber))
    said = [one for one in list_feedback(session, _number(subscriber)) if one.kind in LIKED_KINDS]
    examples = [example for interest in wishes.interests for example in interest.examples]
    numbers = [example["paper_id"] for example in examples] + [one.paper_id for one in said]
    works = load_works(session, [number for number in numbers if number is not None])
    notes = {one.paper_id: one.note for one in said if one.note}
    found: dict[object, LibraryPaper] = {}
    for example in examples:
        number = example["paper_id"]
        told = dict(example.get("told", {}))
        if number in notes:
            told["note"] = notes[number]
        key = number or normalise(example["title"])
        found.setdefault(key, paper_of(example["title"], example["abstract"], told, works.get(number or 0)))
    for one in said:
        if one.paper_id in works:
            found.setdefault(one.paper_id, library_paper(works[one.paper_id], one.note))
    return list(found.values())


def _outlines(session: Session, subscriber: Subscriber) -> Iterator[Outline]:
    wishes = load_wishes(session, _number(subscriber))
    numbers = [one["paper_id"] for interest in wishes.interests for one in interest.examples]
    works = load_works(session, [number for number in numbers if number is not None])
    for interest in wishes.interests:
        children = [Outline(word) for word in interest.keywords]
        for kind, name in TYPES.items():
            children += [Outline(word, kind) for word in getattr(interest, name)]
        if interest.about:
            children.append(Outline(interest.about, ABOUT))
        for one in interest.examples:
            paper = paper_of(
                one["title"], one["abstract"], one.get("told", {}), works.get(one["paper_id"] or 0)
            )
            children.append(Outline(paper.title, PAPER, _url(paper)))
        yield Outline(interest.name, children=children)


def _url(paper: LibraryPaper) -> str:
    if paper.arxiv_id or paper.doi:
        return paper_url(paper.arxiv_id, paper.doi, paper.title)
    return paper.url or ""


def describe_profile(database: Database, email: str) -> dict[str, Any]:
    """What a reader's digests are chosen by, JSON-ready: interests, what was said, since when that counts."""
    with database.read() as session:
        subscriber = get_subscriber(session, email)
        wishes = load_wishes(session, _number(subscriber))
        numbers = [
            one["paper_id"]
            for interest in wishes.interests
            for one in interest.examples
            if one["paper_id"] is not None
        ]
        listed = set(keep_those(session, list(dict.fromkeys(numbers))))
        said = [one.kind for one in list_feedback(session, _number(subscriber))]
    return {
        "email": subscriber.email,
        "interests": [_described(one, listed) for one in wishes.interests],
        "feedback": {kind.value: said.count(kind.value) for kind in FeedbackKind},
        "learn_from": subscriber.learn_from.isoformat() if subscriber.learn_from else None,
    }


def _described(one: InterestWish, listed: set[int]) -> dict[str, Any]:
    matched = sum(example["paper_id"] in listed for example in one.examples)
    return {
        "name": one.name,
        "about": one.about,
        **{name: list(getattr(one, name)) for name in ("keywords", *TYPES.values())},
        "papers": len(one.examples),
        "pending": len(one.examples) - matched,
        "only_examples": one.only_examples,
    }
