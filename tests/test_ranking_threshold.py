"""A threshold learnt per reader: who likes little gets less, who likes much more; few words move little."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking import fit, prepare, recommend
from digest.ranking.parts import taste_when_chosen
from digest.ranking.threshold import HIGHEST, LOWEST, Verdict, learn_threshold
from digest.types import InterestSpec, Profile, Recommendation, Section
from tests.ranking_cases import NOW, field_of, paper

VERDICTS = st.sampled_from(["good", "bad", "left"])
PAIRS = st.lists(st.tuples(st.floats(0, 1), VERDICTS), max_size=60)


def test_nothing_is_learnt_from_silence() -> None:
    assert learn_threshold([]) is None
    assert learn_threshold([(0.9, "left"), (0.7, "left")]) is None


@given(PAIRS)
def test_it_stays_in_bounds_and_no_order_changes_it(pairs: list[tuple[float, Verdict]]) -> None:
    found = learn_threshold(pairs)
    shuffled = random.Random(1).sample(pairs, len(pairs))
    assert found == learn_threshold(shuffled)
    assert found is None or LOWEST <= found <= HIGHEST


@given(PAIRS, st.floats(0, 1))
def test_good_never_raises_it_and_bad_never_lowers_it(
    pairs: list[tuple[float, Verdict]], taste: float
) -> None:
    judged: list[tuple[float, Verdict]] = [*pairs, (0.7, "good")]
    before = learn_threshold(judged)
    better, worse, left = (learn_threshold([*judged, (taste, one)]) for one in ("good", "bad", "left"))  # type: ignore[list-item]
    assert before is not None
    assert better is not None
    assert worse is not None
    assert left is not None
    assert better <= before + 1e-4
    assert before - 1e-4 <= left <= worse + 1e-4


def test_silence_is_a_weak_no() -> None:
    """Eight papers without a word speak against, but less than eight of which was said "less"."""
    liked: list[tuple[float, Verdict]] = [(0.7, "good")] * 2
    alone, silent, bad = (learn_threshold(liked + [(0.7, one)] * 8) for one in ("good", "left", "bad"))
    none = learn_threshold(liked)
    assert None not in (alone, silent, bad, none)
    assert sorted([alone, silent, bad, none], key=lambda one: one or 0) == [alone, none, silent, bad]
    assert len({alone, none, silent, bad}) == 4


@pytest.mark.parametrize("verdict", ["good", "bad"])
@pytest.mark.parametrize("taste", [0.5, 0.65, 0.8, 0.95])
def test_one_word_moves_it_little(taste: float, verdict: Verdict) -> None:
    found = learn_threshold([(taste, verdict)])
    assert found is not None
    assert 0 < abs(found - 0.6) < 0.07
    assert (found < 0.6) == (verdict == "good")


@pytest.mark.parametrize("true", [0.5, 0.6, 0.7, 0.8])
def test_many_words_find_the_true_threshold(true: float) -> None:
    """Of twenty papers of each taste as many are good as the formula says."""
    pairs: list[tuple[float, Verdict]] = []
    for taste in (number / 50 for number in range(15, 49)):
        good = round(20 / (1 + math.exp(-10 * (taste - true))))
        pairs += [(taste, "good")] * good + [(taste, "bad")] * (20 - good)
    assert learn_threshold(pairs) == pytest.approx(true, abs=0.01)


MODEL = fit([paper(1000 + number, field_of(1 + number % 48)) for number in range(200)])
RETRIEVAL = InterestSpec("Retrieval", 1, keywords=("query",))


def digest_of(day: int, threshold: float | None, good: int = 30, others: int = 30) -> list[Recommendation]:
    """What a reader of retrieval gets on a day with so many papers of retrieval and of other fields."""
    first = 10_000 + day * 100
    papers = [paper(first + number, "retrieval") for number in range(good)]
    papers += [paper(first + 50 + number, "speech") for number in range(others)]
    ready = prepare(papers, (), MODEL, NOW)
    reader = Profile(
        1,
        (RETRIEVAL,),
        max_papers=12,
        trend_weight=0,
        hidden=frozenset({Section.DIFFERENT}),
        threshold=threshold,
    )
    return recommend([reader], {}, ready)[0]


def learnt_after(days: int, likes: float) -> float:
    """A reader judges every paper by a taste of their own, day after day."""
    said: list[tuple[float, Verdict]] = []
    threshold: float | None = None
    for day in range(days):
        for one in digest_of(day, threshold):
            taste = taste_when_chosen(one.parts)
            assert taste is not None
            said.append((taste, "good" if taste > likes else "bad"))
        threshold = learn_threshold(said)
    assert threshold is not None
    return threshold


def test_a_rich_day_does_not_overflow_for_who_likes_little_and_a_poor_day_is_short() -> None:
    """Who likes little gets a part of what who likes much gets; on a poor day both get few."""
    strict, lenient = learnt_after(8, likes=0.79), learnt_after(8, likes=0.0)
    assert strict > 0.7 > 0.6 > lenient
    rich = [len(digest_of(50, threshold)) for threshold in (strict, None, lenient)]
    poor = [len(digest_of(50, threshold, good=3)) for threshold in (strict, None, lenient)]
    assert rich[0] < rich[1] <= rich[2] == 12
    assert poor[0] <= poor[1] <= poor[2] <= 3
    assert len(digest_of(50, lenient, good=0)) == 0


def test_what_was_not_chosen_by_taste_says_nothing_of_the_threshold() -> None:
    assert taste_when_chosen({"votes": 0.5, "votes_a_day": 0.5}) is None
    assert taste_when_chosen({"gained": 5, "usual": 0.5}) is None
    parts = digest_of(1, None)[0].parts
    assert taste_when_chosen(parts) == pytest.approx(digest_of(1, None)[0].score, abs=1e-5)
    assert taste_when_chosen({**parts, "author": 1.0}) is None
    assert taste_when_chosen({**parts, "must": 1.0}) is None


def test_issues_of_earlier_versions_have_the_taste_itself() -> None:
    assert taste_when_chosen({"taste": 0.71, "words": 0.2, "trend": 0.5, "author": 0.0, "must": 0.0}) == 0.71
