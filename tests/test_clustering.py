"""Topics of a library: as many as the papers say, whatever their order, each with a name from their words."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digest.ranking.clustering import LEAST, MOST, cluster
from digest.ranking.naming import NAMELESS, Text, propose_names

Rows = NDArray[np.float64]


def rows_of(*sizes: int, k: int = 40, spread: float = 0.45, common: float = 0.0, seed: int = 1) -> Rows:
    """Unit rows around one direction for each size; ``common`` is what all of them have in common."""
    random = np.random.default_rng(seed)
    centres = np.eye(len(sizes), k) + common
    rows = np.vstack(
        [
            centre + spread * random.normal(size=(size, k)) / math.sqrt(k) * 2
            for centre, size in zip(centres, sizes, strict=True)
        ]
    )
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def truth(*sizes: int) -> list[list[int]]:
    ends = np.cumsum([0, *sizes])
    topics = [list(range(first, last)) for first, last in pairwise(ends)]
    return sorted(topics, key=lambda topic: (-len(topic), topic[0]))


class TestHowManyTopics:
    @pytest.mark.parametrize("sizes", [(40,), (50, 30), (40, 30, 20), (60, 45, 40, 30, 20), (400, 300, 250)])
    def test_are_found_with_their_papers(self, sizes: tuple[int, ...]) -> None:
        assert cluster(rows_of(*sizes)) == truth(*sizes)

    def test_what_all_papers_have_in_common_does_not_hide_them(self) -> None:
        rows = rows_of(40, 30, 20, common=0.7)
        assert len(cluster(rows)) == 1
        assert cluster(rows, rows_of(*[5] * 40, common=0.7).mean(axis=0)) == truth(40, 30, 20)

    def test_what_others_have_in_common_does_not_either(self) -> None:
        rows = rows_of(40, 30, 20)
        elsewhere = np.zeros(40)
        elsewhere[-1] = 1.0
        assert cluster(rows, elsewhere) == cluster(rows, np.zeros(40)) == truth(40, 30, 20)

    def test_has_bounds(self) -> None:
        assert len(cluster(rows_of(*[20] * 12))) <= MOST
        assert len(cluster(rows_of(*[20] * 6), most=3)) == 3
        assert len(cluster(rows_of(60))) == 1
        assert len(cluster(rows_of(60), fewest=2)) == 2
        assert len(cluster(rows_of(6), fewest=2)) == 1

    def test_remnants_go_to_the_nearest(self) -> None:
        topics = cluster(rows_of(40, 40, 2))
        assert [len(topic) for topic in topics] in ([42, 40], [41, 41])
        assert all(len(topic) >= LEAST[0] for topic in topics)


class TestWhatItTakes:
    @given(st.randoms(use_true_random=False))
    def test_order_changes_nothing(self, random: object) -> None:
        rows = rows_of(30, 20, 12)
        order = list(range(len(rows)))
        random.shuffle(order)  # type: ignore[attr-defined]
        shuffled = cluster(rows[order])
        assert sorted(sorted(order[place] for place in topic) for topic in shuffled) == sorted(cluster(rows))

    @given(st.integers(0, 40), st.integers(0, 30), st.integers(0, 5), st.integers(0, 9))
    def test_every_paper_is_in_one_topic(self, papers: int, k: int, unknown: int, seed: int) -> None:
        """Of any number, with papers of which nothing is known among them."""
        rows = np.random.default_rng(seed).normal(size=(papers, k))
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        rows = np.vstack([rows, np.zeros((unknown, k))])
        topics = cluster(rows.astype(np.float32))
        assert sorted(place for topic in topics for place in topic) == list(range(len(rows)))
        assert all(topic == sorted(topic) for topic in topics)
        assert [len(topic) for topic in topics] == sorted(map(len, topics), reverse=True)

    def test_the_same_paper_many_times_is_one_topic(self) -> None:
        assert cluster(np.repeat(rows_of(1), 50, axis=0)) == [list(range(50))]


GRAPHS = [
    ("Graph Neural Networks for Molecules", "We train graph neural networks on molecules."),
    ("Deeper Graph Neural Networks", "Deep graph neural networks are hard to train."),
    ("Sampling in Graph Neural Networks", "How graph neural networks are sampled."),
]
SPEECH = [
    ("Speech Recognition of Whispers", "Speech recognition fails on whispers."),
    ("Robust Speech Recognition", "We make speech recognition robust."),
    ("Speech Recognition without BERT", "BERT is not needed for speech recognition."),
]


def names_of(*topics: list[tuple[str, str]]) -> list[str]:
    papers = [Text(*paper) for topic in topics for paper in topic]
    ends = np.cumsum([0, *map(len, topics)])
    places = [list(range(first, last)) for first, last in pairwise(ends)]
    return propose_names(papers, places)


class TestNames:
    def test_are_the_words_of_the_papers_as_they_are_written(self) -> None:
        graphs, speech = names_of(GRAPHS, SPEECH)
        assert graphs.startswith("graph neural networks")
        assert speech.startswith("speech recognition")
        assert all(2 <= len(name.replace(",", "").split()) <= 4 for name in (graphs, speech))

    def test_keep_capitals_that_are_no_headlines(self) -> None:
        papers = [
            ("The Use of BERT", "We use BERT to rank."),
            ("Distilled BERT", "BERT is distilled to rank."),
        ]
        assert "BERT" in names_of(papers, GRAPHS)[0]

    def test_do_not_depend_on_the_order_of_papers(self) -> None:
        assert names_of(GRAPHS[::-1], SPEECH[::-1]) == names_of(GRAPHS, SPEECH)

    def test_are_not_alike(self) -> None:
        assert len(set(names_of(GRAPHS, GRAPHS, GRAPHS))) == 3

    def test_of_words_that_all_papers_have_tell_nothing(self) -> None:
        papers = [Text(*paper) for paper in GRAPHS]
        telling = {"graph": 0.0, "neural": 0.0, "network": 0.0}
        (name,) = propose_names(papers, [[0, 1, 2]], lambda term: telling.get(term, 1.0))
        assert "graph" not in name

    @given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), min_size=1, max_size=6))
    def test_are_there_whatever_is_written(self, papers: list[tuple[str, str]]) -> None:
        (name,) = names_of(papers)
        assert name

    def test_of_papers_without_words_say_so(self) -> None:
        assert names_of([("", ""), ("?", "the of")], [("", "")]) == [NAMELESS, f"{NAMELESS} 2"]
