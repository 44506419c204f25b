"""What holds for any reader: of likes, of "less", of interests taken away; and input that is odd."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.ranking import fit, learn, prepare, recommend
from digest.ranking.library import Library
from digest.ranking.taste import taste_of
from digest.types import Candidate, Example, InterestSpec, Profile, Recommendation, Section
from tests.ranking_cases import FIELDS, NOW, field_of, looks, paper, papers

MODEL = fit([paper(1000 + number, field_of(1 + number % 48)) for number in range(240)])
READY = prepare(
    papers(), [one for number in range(1, 20) for one in looks(number, [1, 2, number])], MODEL, NOW
)
OF = np.array([field_of(one.paper_id) for one in READY.candidates])

fields = st.sampled_from(list(FIELDS))
numbers = st.integers(600, 640)
likes = st.lists(st.tuples(numbers, fields), min_size=1, max_size=8, unique=True)


def example(number: int, field: str, weight: float = 1.0) -> Example:
    given = paper(number, field)
    return Example(
        given.title, given.abstract, number, weight=weight, origin="less" if weight < 0 else "example"
    )


def tastes(*interests: InterestSpec) -> np.ndarray:
    return taste_of(interests, learn(interests, MODEL), Library(READY)).taste


def run(*profiles: Profile, candidates: Sequence[Candidate] | None = None) -> list[list[Recommendation]]:
    ready = READY if candidates is None else prepare(candidates, [], MODEL, NOW)
    return recommend(profiles, {}, ready)


@settings(max_examples=40)
@given(likes, numbers, fields)
def test_a_liked_paper_more_never_puts_its_neighbours_below_unrelated_ones(
    liked: list[tuple[int, str]], number: int, field: str
) -> None:
    """Its field's papers stay above, or come above, those of fields that nothing was liked of."""
    given = tuple(example(*one) for one in liked)
    (after,) = tastes(InterestSpec("a", examples=(*given, example(number + 100, field))))
    unrelated = ~np.isin(OF, [*(one[1] for one in liked), field])
    if unrelated.any():
        assert after[field == OF].min() > after[unrelated].max()


@settings(max_examples=40)
@given(
    fields, st.lists(st.integers(0, 11), min_size=3, max_size=3, unique=True), st.sampled_from(list(FIELDS))
)
def test_less_on_three_papers_lowers_their_neighbours_and_moves_nothing_else(
    liked: str, places: list[int], disliked: str
) -> None:
    """Near copies of three papers sink; papers of other fields move by no more than a twentieth."""
    rows = np.flatnonzero(disliked == OF)[places]
    copies = [READY.candidates[row] for row in rows]
    less = tuple(
        Example(one.title, " ".join(one.abstract.split()[4:]), weight=-1.0, origin="less") for one in copies
    )
    spec = InterestSpec("a", keywords=tuple(FIELDS[disliked].split()[:3]), examples=(example(700, liked),))
    before, after = tastes(spec, replace(spec, examples=(*spec.examples, *less)))
    assert (after[rows] < 0.5 * before[rows]).all()
    others = disliked != OF
    assert after[others] == pytest.approx(before[others], rel=0.05, abs=1e-6)


@settings(max_examples=25)
@given(likes, fields)
def test_an_interest_taken_away_takes_its_papers_reasons_with_it(
    liked: list[tuple[int, str]], field: str
) -> None:
    mine = InterestSpec("mine", 1, examples=tuple(example(*one) for one in liked))
    other = InterestSpec("other", 2, keywords=tuple(FIELDS[field].split()[:4]))
    (both,), (alone,) = run(Profile(1, (mine, other))), run(Profile(1, (other,)))
    assert "mine" not in {one.interest for one in alone}
    told = " ".join(reason.text for one in alone for reason in one.reasons)
    assert "mine" not in told
    assert not any(paper(*one).title[:20] in told for one in liked)
    assert {one.interest for one in both} <= {"mine", "other", None}


@settings(max_examples=15)
@given(likes, st.sets(fields, max_size=2), st.integers(1, 15))
def test_the_same_input_gives_the_same_bytes(
    liked: list[tuple[int, str]], asked: set[str], most: int
) -> None:
    interests = [InterestSpec("liked", examples=tuple(example(*one) for one in liked))]
    interests += [InterestSpec(name, keywords=tuple(FIELDS[name].split()[:5])) for name in sorted(asked)]
    profile = Profile(1, tuple(interests), max_papers=most)
    others = [Profile(2, (interests[0],)), profile, Profile(3, ())]
    first = repr(run(profile)[0]).encode()
    assert repr(run(profile)[0]).encode() == first
    assert repr(run(*others)[1]).encode() == first


@given(st.integers(1, 48), st.integers(0, 8))
def test_a_followed_author_is_always_shown(number: int, liked: int) -> None:
    """Whatever else is asked for or disliked, while there is one place."""
    given = READY.candidates[number - 1]
    some = [replace(one, authors=("Ada Example",) if one is given else ()) for one in READY.candidates]
    less = Example(given.title, given.abstract, weight=-1.0, origin="less")
    examples = tuple(example(600 + place, "speech") for place in range(liked))
    follows = InterestSpec("follows", authors=("A. Example",), not_keywords=("invented",), examples=examples)
    disliked = replace(less, title="A copy under another title")
    profile = Profile(1, (replace(follows, examples=(*examples, disliked)),), max_papers=1)
    (found,) = run(profile, candidates=some)
    assert [one.paper_id for one in found if one.section is Section.FOLLOWING] == [given.paper_id]


def test_one_odd_like_does_not_turn_a_profile() -> None:
    liked = tuple(example(600 + number, "speech") for number in range(12))
    odd = InterestSpec("a", examples=(*liked, example(700, "clouds")))
    (taste,) = tastes(odd)
    best = np.argsort(-taste, kind="stable")[:12]
    assert set(OF[best]) == {"speech"}
    assert taste[OF == "clouds"].max() > taste[OF == "proteins"].max()


def test_an_older_like_counts_less() -> None:
    both = InterestSpec("a", examples=(example(600, "speech"), example(601, "clouds")))
    old = replace(both, examples=(example(600, "speech", 0.2), example(601, "clouds")))
    before, after = tastes(both, old)
    gap = [each[OF == "speech"].mean() - each[OF == "clouds"].mean() for each in (before, after)]
    assert gap[1] < gap[0] - 0.05


def test_a_heavier_keyword_brings_its_papers_up() -> None:
    plain = InterestSpec("a", keywords=("phoneme", "lidar"))
    heavy = replace(plain, weights={"lidar": 4.0})
    before, after = tastes(plain, heavy)
    has = np.array(["lidar" in one.abstract for one in READY.candidates])
    only = has & ~np.array(["phoneme" in one.abstract for one in READY.candidates])
    assert (after[only] > before[only]).all()


def test_a_library_of_twenty_thousand_papers_is_learnt() -> None:
    """In seconds, from all of them, with the heaviest kept for reasons."""
    names = list(FIELDS)
    known = [paper(number, names[number % 2]) for number in range(400)]
    liked = tuple(
        Example(f"{known[n % 400].title} {n}", known[n % 400].abstract, 5_000 + n) for n in range(20_000)
    )
    (taste,) = tastes(InterestSpec("a", examples=liked))
    assert set(OF[np.argsort(-taste, kind="stable")[:20]]) <= set(names[:2])
    (learned,) = learn([InterestSpec("a", examples=liked)], MODEL)
    assert learned.liked is not None
    assert len(learned.liked.said) == 2_000
    assert learned.liked.weights.sum() == 2_000


ODD = [
    Candidate(901, "Invented retrieval of documents"),
    Candidate(902, "面向问答的密集检索", "检索 增强 生成"),
    Candidate(903, "retrieval " * 10, "dense retrieval of passages " * 4_000),
    Candidate(904, "", ""),
]


@pytest.mark.parametrize(
    "interests",
    [
        (),
        (InterestSpec("one", keywords=("retrieval",)),),
        (InterestSpec("chinese", keywords=("检索",)),),
        (InterestSpec("less", examples=(example(700, "speech", -1.0), example(701, "speech", -1.0))),),
        (InterestSpec("short", examples=(Example("Retrieval"), Example("检索"))),),
        (InterestSpec("long", examples=(Example("retrieval " * 10_000, "passage " * 20_000),)),),
    ],
    ids=["empty", "one keyword", "chinese", "only negatives", "short", "long"],
)
def test_odd_profiles_and_papers_give_a_sensible_digest(interests: tuple[InterestSpec, ...]) -> None:
    (found,) = run(Profile(1, interests), candidates=[*READY.candidates, *ODD])
    assert all(np.isfinite(one.score) for one in found)
    assert all(one.reasons for one in found)
    assert 904 not in {one.paper_id for one in found}
    names = {one.name for one in interests}
    if names & {"one", "short", "long"}:
        assert {901, 903} & {one.paper_id for one in found}
        liked = [one.paper_id for one in found if one.section is Section.FOR_YOU and one.paper_id < 900]
        assert {field_of(number) for number in liked} <= {"retrieval"}
    elif names == {"chinese"}:
        assert [one.paper_id for one in found if one.section is Section.FOR_YOU] == [902]
    else:
        assert found == []
