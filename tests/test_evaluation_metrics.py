"""nDCG, recall and MRR: by hand, and held against the judge beside the benchmark."""

import importlib.util
import random
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.evaluation import NAMES, difference, intervals, measure

PAPERS = 300


@pytest.fixture(scope="module")
def judge(shared: Path) -> ModuleType:
    """The judge's script as a module."""
    spec = importlib.util.spec_from_file_location("score", shared / "eval" / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def invent(seed: int, readers: int) -> tuple[list[list[int]], list[list[int]]]:
    """Random lists and relevant papers, some of which are in the lists."""
    chance = random.Random(seed)
    lists = [chance.sample(range(PAPERS), chance.choice([0, 5, 20, 100])) for _ in range(readers)]
    relevant = []
    for ranked in lists:
        hits = chance.sample(ranked, min(len(ranked), chance.randrange(40)))
        relevant.append(sorted({*hits, *chance.sample(range(PAPERS), chance.randint(1, 30))}))
    return lists, relevant


def measured(lists: list[list[int]], relevant: list[list[int]]) -> np.ndarray:
    pairs = zip(lists, relevant, strict=True)
    return measure((np.array(ranked, dtype=int), np.array(own)) for ranked, own in pairs)


@pytest.mark.parametrize("seed", range(20))
def test_the_figures_are_those_of_the_judge(judge: ModuleType, seed: int) -> None:
    lists, relevant = invent(seed, 30)
    users = [f"u{number:03}" for number in range(30)]
    ranks = {
        user: {rank: str(paper) for rank, paper in enumerate(ranked, 1)}
        for user, ranked in zip(users, lists, strict=True)
    }
    wanted = {user: {str(paper) for paper in own} for user, own in zip(users, relevant, strict=True)}
    theirs = judge.per_user(ranks, wanted, users)
    mine = measured(lists, relevant)
    np.testing.assert_allclose(mine, theirs, atol=1e-12)
    for estimate, *their in zip(intervals(mine), *judge.boot(theirs), strict=True):
        assert estimate == pytest.approx(tuple(their), abs=1e-12)


def test_hits_count_by_their_rank() -> None:
    (found,) = measured([[7, 1, 8, 2]], [[1, 2, 3]])
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert found == pytest.approx([(1 / np.log2(3) + 1 / np.log2(5)) / ideal, 2 / 3, 2 / 3, 1 / 2])


def test_what_is_beyond_twenty_is_recalled_only() -> None:
    (found,) = measured([[*range(100, 120), 1]], [[1]])
    assert found == pytest.approx([0, 0, 1, 1 / 21])


def test_more_than_twenty_relevant_papers_can_be_listed_ideally() -> None:
    (found,) = measured([list(range(30))], [list(range(30))])
    assert found == pytest.approx([1, 20 / 30, 1, 1])


def test_an_empty_list_and_nothing_relevant_are_worth_nothing() -> None:
    assert not measured([[], [1, 2]], [[1], []]).any()
    assert measure([]).shape == (0, len(NAMES))


@given(st.integers(0, 10_000))
def test_all_figures_lie_between_none_and_all(seed: int) -> None:
    found = measured(*invent(seed, 5))
    assert (found >= 0).all()
    assert (found <= 1 + 1e-12).all()


@given(st.integers(0, 10_000))
def test_a_list_is_no_worse_for_a_hit_further_up(seed: int) -> None:
    lists, relevant = invent(seed, 1)
    ranked, own = lists[0], set(relevant[0])
    at = next((n for n in range(1, len(ranked)) if ranked[n] in own and ranked[n - 1] not in own), None)
    if at is None:
        return
    better = [*ranked]
    better[at - 1], better[at] = ranked[at], ranked[at - 1]
    assert (measured([better], relevant) >= measured(lists, relevant) - 1e-12).all()


def test_intervals_hold_the_mean_and_are_the_same_each_time() -> None:
    figures = np.random.default_rng(3).random((200, 4))
    found = intervals(figures)
    assert found == intervals(figures)
    for (mean, low, high), column in zip(found, figures.T, strict=True):
        assert mean == pytest.approx(column.mean())
        assert low < mean < high
        # The normal approximation of the same interval.
        assert high - low == pytest.approx(2 * 1.96 * column.std() / np.sqrt(200), rel=0.15)


def test_a_paired_difference_is_surer_than_two_intervals() -> None:
    """A small gain for every reader is certain, however much readers differ."""
    chance = np.random.default_rng(4)
    other = chance.random((100, 4)) * 0.8
    mean, low, high = difference(other + 0.01, other)[0]
    assert (mean, low, high) == pytest.approx((0.01, 0.01, 0.01))
    assert intervals(other)[0][2] - intervals(other)[0][1] > 0.05


def test_a_difference_has_the_sign_of_who_is_ahead() -> None:
    figures = np.random.default_rng(5).random((50, 4))
    (forth, *_), (back, *_) = difference(figures, figures / 2), difference(figures / 2, figures)
    assert forth[0] > 0 > back[0]
    assert forth[0] == pytest.approx(-back[0])


def test_no_readers_give_no_figures() -> None:
    assert intervals(measure([])) == [(0.0, 0.0, 0.0)] * len(NAMES)
