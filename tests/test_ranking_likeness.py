"""Which liked papers a candidate is close to: told of many interests at once, the same as of each alone."""

from digest.ranking import fit, learn, prepare
from digest.ranking.library import Library
from digest.ranking.likeness import MOST_PAPERS, Asking, nearest_liked, nearest_several
from digest.types import Candidate, Example, InterestSpec
from tests.ranking_cases import NOW, field_of, paper, papers

KNOWN = [paper(1000 + number, field_of(1 + number % 48)) for number in range(200)]
MODEL = fit(KNOWN)


def asking(sizes: list[int], library: Library) -> list[Asking]:
    """Interests that like so many papers, asked about as many candidates, each about others."""
    interests = [
        InterestSpec(f"{size}", examples=tuple(example(one) for one in KNOWN[at : at + size]))
        for at, size in enumerate(sizes)
    ]
    rows = range(len(library.prepared.candidates))
    liked = [one.liked for one in learn(interests, MODEL)]
    return [
        Asking(one, [*rows[at::7]][: 1 + size])
        for at, (one, size) in enumerate(zip(liked, sizes, strict=True))
        if one is not None
    ]


def example(one: Candidate) -> Example:
    return Example(one.title, one.abstract, one.paper_id)


def test_what_is_close_does_not_depend_on_who_else_is_asked_about() -> None:
    library = Library(prepare(papers(), [], MODEL, NOW))
    several = asking([1, 4, MOST_PAPERS + 1, 12, 2, 30], library)
    together = nearest_liked(several, library, 12)
    alone = [found for one in several for found in nearest_liked([one], library, 12)]
    assert together == alone
    assert len(together) == sum(len(one.rows) for one in several)
    assert any(one.words for one in together)


def test_the_closest_of_several_comes_first_and_all_of_few_are_told() -> None:
    library = Library(prepare(papers(), [], MODEL, NOW))
    (one,) = asking([5], library)
    three, every = (nearest_several(one, library, most) for most in (3, 9))
    assert [len(found) for found in three] == [3] * len(one.rows)
    assert [found[:3] for found in every] == three
    assert [len(found) for found in every] == [5] * len(one.rows)
    assert all(
        [near.part for near in found] == sorted((near.part for near in found), reverse=True)
        for found in every
    )


def test_nobody_asks() -> None:
    assert nearest_liked([], Library(prepare(papers(), [], MODEL, NOW)), 4) == []


def test_a_category_adds_to_the_part_and_is_no_word_to_name() -> None:
    both = [
        Candidate(number, title, "", categories=("q-bio",))
        for number, title in ((1, "Voxel lidar"), (2, "Folding"))
    ]
    library = Library(prepare(both, [], fit([]), NOW))
    liked = Example("Voxel", "Lidar", categories=("q-bio",))
    (one,) = learn([InterestSpec("a", examples=(liked,))], fit([]))
    assert one.liked is not None
    first, second = nearest_liked([Asking(one.liked, [0, 1])], library, 12)
    assert set(first.words) == {"voxel", "lidar"}
    assert (second.part > 0, second.words) == (True, {})


def test_papers_without_any_word_are_close_to_none() -> None:
    library = Library(prepare([Candidate(1, "???"), Candidate(2, "!")], [], fit([]), NOW))
    (one,) = learn([InterestSpec("a", examples=(Example("???", "", 7),))], fit([]))
    assert one.liked is not None
    found = nearest_several(Asking(one.liked, [0, 1]), library, 3)
    assert [[(near.part, near.words) for near in own] for own in found] == [[(0, {})], [(0, {})]]
