"""Authors of several liked papers: a little for their new papers, with a reason, and never alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.ranking import fingerprint, fit, learn, pack, prepare, recommend, unpack
from digest.ranking.breakdown import interest_part
from digest.ranking.library import Library
from digest.ranking.parts import score_of
from digest.ranking.people import MOST
from digest.ranking.reader import THRESHOLD, Reader
from digest.ranking.taste import taste_of
from digest.types import Example, InterestSpec, Profile, Recommendation
from tests.ranking_cases import FIELDS, NOW, field_of, paper, papers

ADA, BO, CY = "Ada Example", "Bo Sample", "Cy Instance"
MODEL = fit([paper(1000 + number, field_of(1 + number % 48)) for number in range(200)])


def liked(number: int, *authors: str, weight: float = 1.0, field: str = "speech") -> Example:
    given = paper(number, field)
    origin = "less" if weight < 0 else "more"
    return Example(given.title, given.abstract, number, weight=weight, origin=origin, authors=authors)  # type: ignore[arg-type]


def several(count: int, *authors: str, weight: float = 1.0, first: int = 600) -> tuple[Example, ...]:
    return tuple(liked(first + number, *authors, weight=weight) for number in range(count))


def ready(authors: dict[int, tuple[str, ...]], model=MODEL):  # type: ignore[no-untyped-def]
    return prepare([replace(one, authors=authors.get(one.paper_id, ())) for one in papers()], [], model, NOW)


def part(interest: InterestSpec, *authors: str, model=MODEL) -> float:  # type: ignore[no-untyped-def]
    """The part of a paper by these authors."""
    prepared = ready({5: authors}, model)
    found = taste_of([interest], learn([interest], model), Library(prepared))
    people = found.people.toarray()[0]
    assert people[np.arange(48) != 4].max() == 0
    return float(people[4])


def run(*interests: InterestSpec, authors: dict[int, tuple[str, ...]]) -> list[Recommendation]:
    return recommend([Profile(1, interests)], {}, ready(authors))[0]


def test_it_rises_with_the_liked_papers_and_has_a_modest_most() -> None:
    found = [part(InterestSpec("a", examples=several(count, ADA)), ADA) for count in (0, 1, 2, 3, 5, 40)]
    assert found[:2] == [0, 0]
    assert found == sorted(found)
    assert found[3] == pytest.approx(MOST / 2)
    assert 0.9 * MOST < found[5] < MOST


def test_disliked_papers_count_against_and_old_likes_fade() -> None:
    four = several(4, ADA)
    less = several(2, ADA, weight=-1.0, first=700)
    whole = part(InterestSpec("a", examples=four), ADA)
    assert part(InterestSpec("a", examples=(*four, *less)), ADA) < whole
    assert part(InterestSpec("a", examples=(*four, *several(3, ADA, weight=-1.0, first=700))), ADA) == 0
    assert 0 < part(InterestSpec("a", examples=several(4, ADA, weight=0.5)), ADA) < whole
    assert part(InterestSpec("a", examples=several(4, ADA, weight=0.2)), ADA) == 0


def test_a_paper_liked_twice_is_one_paper() -> None:
    once = liked(600, ADA)
    assert part(InterestSpec("a", examples=(once, replace(once, origin="saved"))), ADA) == 0


def test_initials_count_less_and_other_names_not_at_all() -> None:
    interest = InterestSpec("a", examples=several(3, ADA, BO))
    exact = part(interest, CY, ADA)
    assert part(interest, "A. Example") == pytest.approx(exact / 2)
    assert part(interest, "Example, Ada") == pytest.approx(exact)
    assert part(interest, "A. Example", ADA) == pytest.approx(exact)
    assert part(interest, ADA, BO) == pytest.approx(exact)
    assert part(interest, "Bea Example", "Example") == 0


def test_a_name_that_many_stored_papers_have_says_less() -> None:
    """Forty more papers of that name than were liked: a third of what a rare one says."""
    names = [f"Di {chr(97 + number // 20)}{chr(97 + number % 20)}x" for number in range(200)]
    stored = [
        paper(1000 + at, field_of(1 + at % 48), authors=(ADA if at < 43 else names[at],)) for at in range(200)
    ]
    model = fit(stored)
    assert model.fitted.name_counts.tolist() == [43]
    assert fit(stored[::-1]).version == model.version
    interest = InterestSpec("a", examples=several(3, ADA, BO))
    assert part(interest, ADA, model=model) == pytest.approx(part(interest, BO, model=model) / 3)


def test_alone_it_brings_no_paper_and_never_outranks_closeness() -> None:
    """The least paper of the field liked stands above the best of another by an author liked ten times."""
    interest = InterestSpec("a", examples=several(10, ADA))
    prepared = ready(dict.fromkeys(range(1, 37), (ADA,)))
    taste = taste_of([interest], learn([interest], MODEL), Library(prepared)).taste[0]
    assert taste[:36].max() < min(THRESHOLD, taste[36:].min())
    assert {field_of(one.paper_id) for one in run(interest, authors={1: (ADA,)})} == {"speech"}


def test_of_equally_close_papers_the_liked_authors_comes_first_and_says_why() -> None:
    """The score is recomputed from its parts, and the part is there."""
    interest = InterestSpec("a", examples=several(3, ADA))
    before = run(interest, authors={})
    last = before[-1].paper_id
    after = run(interest, authors={last: ("A. Example",)})
    (raised,) = [one for one in after if one.paper_id == last]
    (plain,) = [one for one in before if one.paper_id == last]
    assert (plain.parts["people"], raised.parts["people"]) == (0, pytest.approx(MOST / 4))
    assert raised.score > plain.score
    assert score_of(raised.parts) == raised.score
    (reason,) = [one for one in raised.reasons if one.kind == "people"]
    assert reason.text == "by “A. Example”, maybe Ada Example, of whom you liked 3 papers"
    exact = [one for one in run(interest, authors={last: (ADA,)}) if one.paper_id == last]
    assert exact[0].reasons[-1].text == "by Ada Example, of whom you liked 3 papers"
    assert exact[0].reasons[-1].facts["liked"] == 3


def test_a_followed_author_is_told_once() -> None:
    interest = InterestSpec("a", authors=(ADA,), examples=several(3, ADA))
    found = [one for one in run(interest, authors={40: (ADA,)}) if one.paper_id == 40]
    assert [one.kind for one in found[0].reasons if one.kind in ("author", "people")] == ["author"]


def test_the_breakdown_names_the_author() -> None:
    interest = InterestSpec("a", examples=several(3, ADA))
    prepared = ready({40: ("A. Example", BO)})
    library, learned = Library(prepared), learn([interest], MODEL)
    tastes = taste_of([interest], learned, library)
    found = interest_part(0, 39, Reader(Profile(1, (interest,)), [interest], 0), tastes, library)
    assert found.by_liked is not None
    assert found.by_liked[:4] == (ADA, "A. Example", False, 3)
    assert found.by_liked.adds == pytest.approx(found.parts["people"], abs=1e-6)
    assert score_of(found.parts) == found.score


def test_it_is_kept_and_what_it_is_learnt_from_is_in_the_fingerprint() -> None:
    interest = InterestSpec("a", examples=several(3, ADA, BO))
    (learned,) = learn([interest], MODEL)
    assert learned.people is not None
    again = unpack(pack(learned)).people
    assert again is not None
    assert (again.names, again.liked.tolist()) == (learned.people.names, [3, 3])
    other = replace(
        interest, examples=(replace(interest.examples[0], authors=(ADA,)), *interest.examples[1:])
    )
    assert fingerprint(other, MODEL) != fingerprint(interest, MODEL)


NAMES = st.lists(st.sampled_from([ADA, "A. Example", BO, CY, "Example", "", "安 例"]), max_size=3).map(tuple)
GIVEN = st.lists(
    st.tuples(st.integers(600, 615), NAMES, st.sampled_from([-1.0, 0.3, 1.0])),
    max_size=8,
    unique_by=lambda one: one[0],
)


@settings(max_examples=30)
@given(GIVEN, st.randoms(use_true_random=False))
def test_the_order_of_examples_authors_and_candidates_does_not_matter(given_papers, chance) -> None:  # type: ignore[no-untyped-def]
    examples = [liked(number, *names, weight=weight) for number, names, weight in given_papers]
    turned = [replace(one, authors=one.authors[::-1]) for one in examples]
    chance.shuffle(turned)
    both = [InterestSpec("a", examples=tuple(each)) for each in (examples, turned)]
    first, second = learn(both, MODEL)
    assert (first.people is None) == (second.people is None)
    if first.people is not None and second.people is not None:
        assert first.people.names == second.people.names
        assert first.people.strength.tobytes() == second.people.strength.tobytes()


@settings(max_examples=30)
@given(GIVEN, st.integers(1, 48), NAMES)
def test_one_liked_paper_more_moves_another_by_its_author_very_little(given_papers, row, names) -> None:  # type: ignore[no-untyped-def]
    """What authors add to any taste lies between nothing and the most, whatever was said."""
    interest = InterestSpec("a", examples=tuple(liked(n, *who, weight=w) for n, who, w in given_papers))
    without = InterestSpec("a", examples=tuple(liked(n, weight=w) for n, _, w in given_papers))
    prepared = ready({row: names})
    after, before = taste_of([interest, without], learn([interest, without], MODEL), Library(prepared)).taste
    assert (after[np.arange(48) != row - 1] == before[np.arange(48) != row - 1]).all()
    assert 0 <= after[row - 1] - before[row - 1] <= MOST


@settings(max_examples=20)
@given(st.integers(2, 6), st.sampled_from(list(FIELDS)))
def test_an_interest_taken_away_takes_its_people_with_it(count: int, field: str) -> None:
    mine = InterestSpec("mine", 1, examples=several(count, ADA))
    other = InterestSpec("other", 2, keywords=tuple(FIELDS[field].split()[:4]))
    everybody = dict.fromkeys(range(1, 49), (ADA,))
    assert "Ada" in " ".join(each.text for one in run(mine, other, authors=everybody) for each in one.reasons)
    assert "Ada" not in " ".join(each.text for one in run(other, authors=everybody) for each in one.reasons)
