"""Importing a profile: what a reader brings along becomes interests, papers and what was said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session

from digest.errors import UsageError
from digest.models import Subscriber
from digest.pipeline.brought import Brought
from digest.pipeline.interest_wish import MAX_EXAMPLES, MAX_WORD, WORD_LISTS, ExamplePaper, clean_interest
from digest.pipeline.liked import LIKED, together
from digest.pipeline.profile_document import ProfileDocument
from digest.pipeline.readers import get_subscriber
from digest.pipeline.recognising import Recognised, distinct, file_examples, recognise
from digest.pipeline.told import library_paper
from digest.pipeline.topics import split
from digest.pipeline.transfer import apply_import, plan_import
from digest.pipeline.wishes import InterestWish, Wishes, load_wishes, store_wishes
from digest.storage.browsing import keep_those
from digest.storage.database import Database
from digest.storage.works import find_works
from digest.text import clean_text, normalise, truncate
from digest.types import Candidate

__all__ = ["SPLIT_FROM", "Choices", "Imported", "import_profile"]

# A library of so many papers is split into topics unless it is said otherwise.
SPLIT_FROM = 30
MAX_TOLD = 100


@dataclass(frozen=True, slots=True)
class Choices:
    """What the importer says: an interest for all papers, and whether to split them (``None``: if many)."""

    interest: str | None = None
    split: bool | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. Of the papers, each once, ``matched`` are stored here and were listed by a source.

    ``pending`` have an id and count by their words until a source lists them. ``unmatched`` says what could
    not be read, and which papers have neither: they count by their words, and are looked for by their title.
    ``interests`` are those that got something, with the number of papers that came to each.
    """

    matched: int = 0
    pending: int = 0
    unmatched: tuple[str, ...] = ()
    interests: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "matched": self.matched,
            "pending": self.pending,
            "unmatched": list(self.unmatched),
            "interests": [{"name": name, "papers": number} for name, number in self.interests.items()],
        }


def import_profile(
    database: Database, models: Path, email: str, brought: Brought, choices: Choices, now: datetime
) -> Imported:
    """Make what was brought the reader's own, and say what came of it.

    Papers come to the interest that is chosen; else those of a collection to one of its name, and of the
    others those that no interest has yet to one for each of their topics, or to the usual one where they are
    few. Raises ``UsageError`` for an unknown reader and for more than can be kept; then nothing is changed.
    """
    if brought.profile is not None:
        if brought.papers or brought.interests or choices.interest or choices.split is not None:
            raise UsageError("a profile brings its own interests; import it alone")
        return _import_document(database, email, brought.profile, brought.unmatched, choices, now)
    papers, places = distinct(brought.papers)
    if not papers and not brought.interests:
        raise UsageError("no papers were found" + "".join(f"; {one}" for one in brought.unmatched[:3]))
    with database.read() as session:
        subscriber = get_subscriber(session, email)
        found = recognise(session, papers)
        before = _wishes(session, subscriber)
        examples = [one.example() for one in found]
        plan = _Plan(before, examples, found, _renumbered(brought, places), choices)
        plan.place(session, models)
    plan.check()
    if not choices.dry_run:
        _store(database, email, plan, brought.interests, now)
    return Imported(
        matched=_number([one for one in found if one.is_listed]),
        pending=_number([one for one in found if _is_pending(one)]),
        unmatched=(*brought.unmatched, *_untold(found, [brought.where[place] for place in places])),
        interests=plan.gained(brought.interests),
    )


def _wishes(session: Session, subscriber: Subscriber) -> Wishes:
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    return load_wishes(session, subscriber.id)


def _number(found: Sequence[Recognised]) -> int:
    """How many papers they are: a title and an id may have come to be of the same one."""
    numbers = [one.number for one in found]
    return len({*numbers} - {None}) + numbers.count(None)


def _is_pending(one: Recognised) -> bool:
    return not one.is_listed and one.has_id


def _untold(found: Sequence[Recognised], where: Sequence[str]) -> list[str]:
    return [
        f"{place}: “{truncate(one.paper.title, MAX_TOLD)}” is not stored here and has no id; its words count"
        for one, place in zip(found, where, strict=True)
        if not one.is_listed and not one.has_id
    ]


def _renumbered(brought: Brought, places: Sequence[int]) -> dict[str, list[int]]:
    """The collections by the places of distinct papers; one that came twice counts where it was first."""
    number = {place: new for new, place in enumerate(places)}
    return {
        clean_text(name, limit=MAX_WORD) or LIKED: [number[place] for place in members if place in number]
        for name, members in brought.collections.items()
    }


class _Plan:
    """Which papers come to which interest."""

    def __init__(
        self,
        before: Wishes,
        examples: Sequence[ExamplePaper],
        found: Sequence[Recognised],
        collections: Mapping[str, Sequence[int]],
        choices: Choices,
    ) -> None:
        self._before, self._examples, self._found = before, examples, found
        self._collections, self._choices = collections, choices
        self.places: dict[str, list[int]] = {}

    def place(self, session: Session, models: Path) -> None:
        """Decide it for each paper."""
        if self._choices.interest is not None:
            name = clean_text(self._choices.interest, limit=MAX_WORD)
            if not name:
                raise UsageError("an interest needs a name")
            self.places[name] = list(range(len(self._examples)))
            return
        for name, members in self._collections.items():
            self.places[name] = list(members)
        placed = {place for members in self._collections.values() for place in members}
        there = {_key(one) for interest in self._before.interests for one in interest.examples}
        left = [
            place
            for place, one in enumerate(self._examples)
            if place not in placed and _key(one) not in there
        ]
        wanted = self._choices.split
        if left and (wanted or (wanted is None and len(left) >= SPLIT_FROM)):
            candidates = [self._candidate(place) for place in left]
            fewest, keep = (2 if wanted else 1), not self._choices.dry_run
            for topic in split(session, models, candidates, fewest=fewest, keep=keep):
                self.places.setdefault(topic.name, []).extend(left[one] for one in topic.places)
        elif left:
            self.places.setdefault(LIKED, []).extend(left)

    def _candidate(self, place: int) -> Candidate:
        one = self._found[place]
        stored = library_paper(one.work) if one.work is not None else one.paper
        return Candidate(place, stored.title or one.paper.title, stored.abstract or one.paper.abstract)

    def check(self) -> None:
        """Raise ``UsageError`` where an interest would have more papers than it can."""
        for name, places in self.places.items():
            if len(places) + len(self._kept(name)) > MAX_EXAMPLES:
                raise UsageError(
                    f"an interest has at most {MAX_EXAMPLES:,} papers, and {name!r} would have more; "
                    "let them be split into topics, or choose another for some"
                )

    def _kept(self, name: str) -> tuple[ExamplePaper, ...]:
        return next((one.examples for one in self._before.interests if one.name == name), ())

    def gained(self, interests: Sequence[InterestWish]) -> dict[str, int]:
        """The interests that get something, each with the number of papers that are new to it."""
        numbers = {clean_text(one.name, limit=MAX_WORD): 0 for one in interests}
        for name, places in self.places.items():
            kept = self._kept(name)
            numbers[name] = len(together(kept, (self._examples[place] for place in places))) - len(kept)
        return numbers

    def after(
        self, before: Wishes, examples: Sequence[ExamplePaper], interests: Sequence[InterestWish]
    ) -> Wishes:
        """The wishes with everything that comes; ``examples`` stand for those of the plan."""
        made = {one.name: one for one in before.interests}
        for one in map(clean_interest, interests):
            made[one.name] = _joined(made[one.name], one) if one.name in made else one
        for name, places in self.places.items():
            kept = made.get(name, InterestWish(name=name))
            made[name] = replace(
                kept, examples=together(kept.examples, (examples[place] for place in places))
            )
        return replace(before, interests=tuple(made.values())).checked()

    @property
    def examples(self) -> tuple[ExamplePaper, ...]:
        """The papers, as examples of no interest yet."""
        return tuple(self._examples)


def _key(example: ExamplePaper) -> object:
    return example["paper_id"] or normalise(example["title"])


def _joined(one: InterestWish, two: InterestWish) -> InterestWish:
    """The first with the words of both."""
    words: dict[str, Any] = {
        name: tuple(dict.fromkeys([*getattr(one, name), *getattr(two, name)])) for name in WORD_LISTS
    }
    return replace(one, about=one.about or two.about, **words)


def _store(
    database: Database, email: str, plan: _Plan, interests: Sequence[InterestWish], now: datetime
) -> None:
    with database.read() as session:  # what cannot be is refused before anything is filed
        plan.after(_wishes(session, get_subscriber(session, email)), plan.examples, interests)
    examples = file_examples(database, plan.examples, now)
    with database.write() as session:
        subscriber = get_subscriber(session, email)
        after = plan.after(_wishes(session, subscriber), examples, interests)
        store_wishes(session, subscriber, after, now)


# --- a profile of ours -----------------------------------------------------------------------------


def _import_document(
    database: Database,
    email: str,
    document: ProfileDocument,
    problems: Sequence[str],
    choices: Choices,
    now: datetime,
) -> Imported:
    """Its wishes become the reader's; what it says of papers is added to what is said here."""
    papers = [one for one in document.papers if one is not None]
    with database.read() as session:
        plan = plan_import(session, get_subscriber(session, email), document, now)
        numbers = find_works(session, papers)
        listed = set(keep_those(session, [one for one in numbers if one is not None]))
    if not choices.dry_run:
        with database.write() as session:
            apply_import(session, get_subscriber(session, email), document, now)
    has_id = [bool(one.arxiv_id or one.doi or one.other_ids) for one in papers]
    waiting = [number not in listed for number in numbers]
    untold = [
        f"“{truncate(one.title, MAX_TOLD)}” is not stored here and has no id; its words count"
        for one, told, waits in zip(papers, has_id, waiting, strict=True)
        if waits and not told
    ]
    return Imported(
        matched=waiting.count(False),
        pending=sum(told and waits for told, waits in zip(has_id, waiting, strict=True)),
        unmatched=(*problems, *untold),
        interests={one.name: len(one.examples) for one in plan.wishes.interests},
    )
