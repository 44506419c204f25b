"""Readers as the ranking sees them: interests with their examples resolved and feedback in its place."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal, NamedTuple, TypeVar

from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from digest.models import Feedback, Group, Interest, Subscriber, Subscription
from digest.storage.bulk import in_batches, table
from digest.storage.groups import list_groups_of
from digest.storage.placing import LIKED, Learning, Placing
from digest.text import is_id_title, split_boost
from digest.types import Example, FeedbackKind, InterestSpec, Profile, Section

__all__ = ["LIKED", "load_profiles", "make_profile", "preview_profile"]

Origin = Literal["more", "saved", "less"]
ORIGINS: dict[str, tuple[Origin, float]] = {
    FeedbackKind.MORE.value: ("more", 1.0),
    FeedbackKind.SAVED.value: ("saved", 1.0),
    FeedbackKind.LESS.value: ("less", -1.0),
}


class Facts(NamedTuple):
    """What is stored of a paper, as far as it speaks for an interest."""

    title: str
    abstract: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


def load_profiles(
    s: Session,
    pairs: Sequence[tuple[Subscriber, Subscription]],
    *,
    max_papers: int,
    trend_weight: float,
) -> list[Profile]:
    """One profile per pair, in order; ``max_papers`` and ``trend_weight`` hold where a reader chose none.

    More, saved and less become examples (weights 1, 1, -1) of the interest they were said for; else of
    the interest that shares most words with the paper; else of a new one, "Papers you liked". What was said
    before a reader or interest learns from anew, and what was said for one that learns from its own papers
    only, is left out. The interests of a reader's groups follow, named "Interest (Group)"; no feedback joins
    them.
    """
    readers = {subscriber.id: subscriber for subscriber, _ in pairs if subscriber.id is not None}
    interests = _by_subscriber(s, Interest, readers)
    feedback = _by_subscriber(s, Feedback, readers)
    groups = list_groups_of(s, readers)
    shared = _by_subscriber(s, Interest, {one.subscriber_id for own in groups.values() for one in own})
    papers = _load_facts(s, _paper_ids(interests, feedback) | _paper_ids(shared, {}))
    specs = {
        number: (
            *_with_feedback(
                interests.get(number, []), feedback.get(number, []), papers, subscriber.learn_from
            ),
            *_of_groups(groups.get(number, ()), shared, papers, interests.get(number, ())),
        )
        for number, subscriber in readers.items()
    }
    return [
        make_profile(
            subscription,
            specs[subscription.subscriber_id],
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
    number = subscription.subscriber_id
    said = _by_subscriber(s, Feedback, [number]).get(number, [])
    groups = list_groups_of(s, [number])[number]
    shared = _by_subscriber(s, Interest, [one.subscriber_id for one in groups])
    papers = _load_facts(s, _paper_ids({0: interests}, {0: said}) | _paper_ids(shared, {}))
    learn_from = s.exec(select(Subscriber.learn_from).where(Subscriber.id == number)).first()
    theirs = _of_groups(groups, shared, papers, interests)
    specs = (*_with_feedback(interests, said, papers, learn_from), *theirs)
    return make_profile(subscription, specs, max_papers=max_papers, trend_weight=trend_weight)


def _with_feedback(
    interests: Sequence[Interest],
    said: Sequence[Feedback],
    papers: Mapping[int, Facts],
    learn_from: datetime | None,
) -> tuple[InterestSpec, ...]:
    """The interests, and more, saved and less as examples of them."""
    placing = Placing([Learning(_spec(row, papers), row.only_examples, row.learn_from) for row in interests])
    for one in _latest(said):
        if one.paper_id not in papers or (learn_from is not None and one.created_at < learn_from):
            continue
        origin, weight = ORIGINS[one.kind]
        placing.place(_example(papers[one.paper_id], one, weight, origin), one.interest_id)
    return placing.finish()


def _of_groups(
    groups: Iterable[Group],
    interests: Mapping[int, Sequence[Interest]],
    papers: Mapping[int, Facts],
    own: Sequence[Interest],
) -> Iterator[InterestSpec]:
    """What the groups care about. Without numbers: what a member says goes to an interest of their own.

    A name that is taken already, by an interest of their ``own`` say, has its group's named more fully.
    """
    taken = {row.name for row in own}
    for group in groups:
        for row in interests.get(group.subscriber_id, ()):
            called = group.name
            while (name := f"{row.name} ({called})") in taken:
                called = f"group {called}"
            taken.add(name)
            yield replace(_spec(row, papers), name=name, interest_id=None)


def _example(facts: Facts, said: Feedback, weight: float, origin: Origin) -> Example:
    return Example(
        *facts[:2],
        paper_id=said.paper_id,
        weight=weight,
        origin=origin,
        authors=facts.authors,
        categories=facts.categories,
        keywords=facts.keywords,
        liked_at=said.created_at,
    )


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


def _load_facts(s: Session, paper_ids: Iterable[int]) -> dict[int, Facts]:
    papers = table("papers")
    columns = [papers.c[name] for name in ("id", *Facts._fields)]
    found: dict[int, Facts] = {}
    for batch in in_batches(sorted(paper_ids)):
        query = select_columns(*columns).where(papers.c.id.in_(batch))
        for paper_id, title, abstract, *lists in s.connection().execute(query):
            # The words of an id that stands for a title say nothing of a taste.
            words = "" if is_id_title(title) else title
            found[paper_id] = Facts(words, abstract, *map(tuple, lists))
    return found


def _spec(row: Interest, papers: Mapping[int, Facts]) -> InterestSpec:
    examples = []
    for given in row.examples:
        paper_id = given.get("paper_id")
        told = given.get("told") or {}
        kept = Facts(given.get("title", ""), given.get("abstract", ""), tuple(told.get("authors", ())))
        facts = papers.get(paper_id, kept) if paper_id is not None else kept
        examples.append(
            Example(
                *facts[:2],
                paper_id=paper_id if paper_id in papers else None,
                authors=facts.authors,
                categories=facts.categories,
                keywords=facts.keywords,
            )
        )
    if row.about:
        examples.append(Example(row.about, origin="about"))
    weights: dict[str, float] = {}
    return InterestSpec(
        name=row.name,
        interest_id=row.id,
        keywords=_plain(row.keywords, weights),
        must_keywords=_plain(row.must_keywords, weights),
        not_keywords=_plain(row.not_keywords, {}),
        authors=tuple(row.authors),
        categories=tuple(row.categories),
        examples=tuple(examples),
        weights=weights,
    )


def _plain(keywords: Iterable[str], weights: dict[str, float]) -> tuple[str, ...]:
    """The keywords without their weights, which are noted; of one written twice the last weight counts."""
    split = dict(map(split_boost, keywords))
    weights |= {word: weight for word, weight in split.items() if weight != 1}
    return tuple(split)
