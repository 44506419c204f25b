"""Readers as the ranking sees them: interests with their examples resolved and feedback in its place."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeVar

from sqlmodel import Session, col, select

from digest.models import Feedback, Interest, Paper, Subscriber, Subscription
from digest.storage.bulk import in_batches
from digest.text import normalise
from digest.types import Example, FeedbackKind, InterestSpec, Profile, Section

__all__ = ["LIKED", "load_profiles", "make_profile", "preview_profile"]

# Where feedback goes that no interest is near to.
LIKED = "Papers you liked"
Origin = Literal["more", "saved", "less"]
ORIGINS: dict[str, tuple[Origin, float]] = {
    FeedbackKind.MORE.value: ("more", 1.0),
    FeedbackKind.SAVED.value: ("saved", 1.0),
    FeedbackKind.LESS.value: ("less", -1.0),
}
# Words that every title has say nothing about what it is on.
COMMON_WORDS = """
    a an and are as at based be by can for from how in into is it its new not of on or our over that the their
    this through to toward towards under using via we what when where which with without
"""
COMMON = frozenset(COMMON_WORDS.split())


class Texts(NamedTuple):
    """A paper's words."""

    title: str
    abstract: str


@dataclass(slots=True)
class Draft:
    """A profile's interests while feedback is added to them."""

    interests: list[InterestSpec]
    extra: dict[int, list[Example]] = field(default_factory=lambda: defaultdict(list))

    def place(self, example: Example, interest_id: int | None) -> None:
        """Put an example where it was said to belong, else with the interest nearest to it."""
        positions = {spec.interest_id: position for position, spec in enumerate(self.interests)}
        position = positions.get(interest_id) if interest_id is not None else None
        if position is None:
            position = self._nearest(example)
        if position is not None:
            self.extra[position].append(example)

    def _nearest(self, example: Example) -> int | None:
        paper = _words(example.title, example.abstract)
        shared = [len(paper & _interest_words(spec)) for spec in self.interests]
        if any(shared):
            return shared.index(max(shared))
        liked = next((n for n, spec in enumerate(self.interests) if spec.name == LIKED), None)
        if liked is None and example.weight > 0:
            self.interests.append(InterestSpec(name=LIKED))
            liked = len(self.interests) - 1
        # What a reader does not want makes no topic of its own.
        return liked

    def finish(self) -> tuple[InterestSpec, ...]:
        """The interests with what was added."""
        return tuple(
            replace(spec, examples=(*spec.examples, *self.extra[position])) if self.extra[position] else spec
            for position, spec in enumerate(self.interests)
        )


def load_profiles(
    s: Session,
    pairs: Sequence[tuple[Subscriber, Subscription]],
    *,
    max_papers: int,
    trend_weight: float,
) -> list[Profile]:
    """One profile per pair, in order; ``max_papers`` and ``trend_weight`` hold where a reader chose none.

    More, saved and less become examples (weights 1, 1, -1) of the interest they were said for; else of
    the interest that shares most words with the paper; else of a new one, "Papers you liked".
    """
    ids = [subscriber.id for subscriber, _ in pairs if subscriber.id is not None]
    interests = _by_subscriber(s, Interest, ids)
    feedback = _by_subscriber(s, Feedback, ids)
    papers = _load_texts(s, _paper_ids(interests, feedback))
    drafts = {
        subscriber_id: _with_feedback(
            interests.get(subscriber_id, []), feedback.get(subscriber_id, []), papers
        )
        for subscriber_id in dict.fromkeys(ids)
    }
    return [
        make_profile(
            subscription,
            drafts[subscription.subscriber_id],
            max_papers=max_papers,
            trend_weight=trend_weight,
        )
        for _, subscription in pairs
    ]


def make_profile(
    subscription: Subscription,
    interests: tuple[InterestSpec, ...],
    *,
    max_papers: int,
    trend_weight: float,
) -> Profile:
    """The profile of one subscription, stored or not; the defaults hold where it says nothing."""
    hidden = (Section(name) for name in subscription.hidden_sections if name in list(Section))
    return Profile(
        subscriber_id=subscription.subscriber_id,
        interests=interests,
        max_papers=max_papers if subscription.max_papers is None else subscription.max_papers,
        trend_weight=trend_weight if subscription.trend_weight is None else subscription.trend_weight,
        zone=subscription.zone,
        hidden=frozenset(hidden),
    )


def preview_profile(
    s: Session,
    subscription: Subscription,
    interests: Sequence[Interest],
    *,
    max_papers: int,
    trend_weight: float,
) -> Profile:
    """The profile that these rows, stored or not, would make, with what the subscriber said of papers."""
    said = _by_subscriber(s, Feedback, [subscription.subscriber_id]).get(subscription.subscriber_id, [])
    papers = _load_texts(s, _paper_ids({0: interests}, {0: said}))
    specs = _with_feedback(interests, said, papers)
    return make_profile(subscription, specs, max_papers=max_papers, trend_weight=trend_weight)


def _with_feedback(
    interests: Sequence[Interest], said: Sequence[Feedback], papers: Mapping[int, Texts]
) -> tuple[InterestSpec, ...]:
    """The interests, and more, saved and less as examples of them."""
    draft = Draft([_spec(row, papers) for row in interests])
    for one in _latest(said):
        origin, weight = ORIGINS[one.kind]
        if one.paper_id in papers:
            title, abstract = papers[one.paper_id]
            example = Example(title, abstract, paper_id=one.paper_id, weight=weight, origin=origin)
            draft.place(example, one.interest_id)
    return draft.finish()


RowT = TypeVar("RowT", Interest, Feedback)


def _by_subscriber(s: Session, model: type[RowT], subscriber_ids: Iterable[int]) -> dict[int, list[RowT]]:
    found: dict[int, list[RowT]] = defaultdict(list)
    for batch in in_batches(subscriber_ids):
        query = select(model).where(col(model.subscriber_id).in_(batch)).order_by(col(model.id))
        for row in s.exec(query):
            found[row.subscriber_id].append(row)
    return found


def _latest(feedback: Sequence[Feedback]) -> list[Feedback]:
    """What counts: of each paper what was said last. What is liked comes first, so that it makes topics."""
    said = sorted(
        (row for row in feedback if row.kind in ORIGINS), key=lambda row: (row.created_at, row.id or 0)
    )
    last = {row.paper_id: row for row in said}.values()
    return sorted(last, key=lambda row: row.kind == FeedbackKind.LESS.value)


def _paper_ids(
    interests: Mapping[int, Sequence[Interest]], feedback: Mapping[int, Sequence[Feedback]]
) -> set[int]:
    examples = {
        example["paper_id"]
        for rows in interests.values()
        for row in rows
        for example in row.examples
        if example.get("paper_id") is not None
    }
    return examples | {row.paper_id for rows in feedback.values() for row in rows if row.kind in ORIGINS}


def _load_texts(s: Session, paper_ids: Iterable[int]) -> dict[int, Texts]:
    texts: dict[int, Texts] = {}
    for batch in in_batches(sorted(paper_ids)):
        query = select(Paper.id, Paper.title, Paper.abstract).where(col(Paper.id).in_(batch))
        texts |= {paper_id: Texts(title, abstract) for paper_id, title, abstract in s.exec(query) if paper_id}
    return texts


def _spec(row: Interest, papers: Mapping[int, Texts]) -> InterestSpec:
    examples = []
    for given in row.examples:
        paper_id = given.get("paper_id")
        kept = Texts(given.get("title", ""), given.get("abstract", ""))
        title, abstract = papers.get(paper_id, kept) if paper_id is not None else kept
        examples.append(Example(title, abstract, paper_id=paper_id if paper_id in papers else None))
    if row.about:
        examples.append(Example(row.about, origin="about"))
    return InterestSpec(
        name=row.name,
        interest_id=row.id,
        keywords=tuple(row.keywords),
        must_keywords=tuple(row.must_keywords),
        not_keywords=tuple(row.not_keywords),
        authors=tuple(row.authors),
        categories=tuple(row.categories),
        examples=tuple(examples),
    )


def _words(*texts: str) -> set[str]:
    return set(normalise(" ".join(texts)).split()) - COMMON


def _interest_words(spec: InterestSpec) -> set[str]:
    titles = (example.title for example in spec.examples)
    return _words(*spec.keywords, *spec.must_keywords, *titles)
