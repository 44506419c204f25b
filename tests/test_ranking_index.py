"""Finding keywords and phrases, and authors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking.authors import compare, index_authors
from digest.ranking.index import Hits, IndexBuilder, TermIndex
from digest.ranking.terms import words
from digest.types import Candidate


def index(*documents: tuple[str, ...]) -> TermIndex:
    builder = IndexBuilder({})
    for fields in documents:
        builder.add(fields)
    return builder.build()


def found(keyword: str, *documents: str) -> list[bool]:
    """Whether a keyword is found as a phrase in each text."""
    hits = index(*(("", text) for text in documents)).find(keyword)
    exact = set(hits.rows[hits.exact].tolist())
    return [row in exact for row in range(len(documents))]


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("retrieval", "Retrieval-Augmented Generation"),
        ("retrieval", "dense retrievals"),
        ("retrieval-augmented generation", "retrieval augmented generation"),
        ("retrieval augmented generation", "Retrieval-Augmented Generation"),
        ("pre-training", "pretraining of models"),
        ("pretraining", "pre-training of models"),
        ("pre training", "pretraining of models"),
        ("3D segmentation", "for 3-D segmentation"),
        ("3-D segmentation", "for 3D segmentation"),
        ("mixture of experts", "a mixture of experts"),
        ("mixture of experts", "mixtures-of-experts"),
        ("RAG", "RAGs for all"),
        ("naïve Bayes", "naive bayes"),
        ("检索", "密集检索模型"),
        ("密集检索", "密集检索模型"),
        ("point clouds", "a point cloud"),
        ("few-shot", "few-shot learning"),
        ("tool use", "tool use"),
    ],
)
def test_a_keyword_is_found_as_a_person_would(keyword: str, text: str) -> None:
    assert found(keyword, text) == [True]


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("RAG", "fragments of dragons"),
        ("search", "researching research"),
        ("3D segmentation", "3D semantic segmentation"),
        ("point cloud", "cloud point"),
        ("point cloud", "a point. In the cloud"),
        ("few-shot", "one shot"),
        ("tool use", "the tool"),
        ("检索", "检测索引"),
        ("", "anything"),
        ("the", "the end"),
        ("…", "…"),
    ],
)
def test_what_only_looks_alike_is_not_found(keyword: str, text: str) -> None:
    assert found(keyword, text) == [False]


def test_a_phrase_does_not_go_across_title_and_abstract_or_papers() -> None:
    assert not index(("on point", "cloud computing"), ("cloud", "")).find("point cloud").exact.any()


def strength(hits: Hits, row: int) -> float:
    place = hits.at(row)
    return 0.0 if place is None else float(hits.strength[place])


def test_the_title_counts_more_and_in_passing_counts_little() -> None:
    hits = index(
        ("On retrieval", "words"), ("On words", "retrieval once"), ("On words", "retrieval, retrieval")
    ).find("retrieval")
    assert strength(hits, 0) > strength(hits, 2) > strength(hits, 1) > 0
    assert hits.titled.tolist() == [True, False, False]


def test_a_phrase_counts_more_than_its_words_apart_but_those_count_too() -> None:
    """So does one of three words missing, a little."""
    documents = index(
        ("3D semantic segmentation", ""),
        ("Semantic 3D point segmentation", ""),
        ("Semantic segmentation", ""),
    )
    hits = documents.find("3D semantic segmentation")
    assert strength(hits, 0) > strength(hits, 1) > strength(hits, 2) > 0
    assert hits.exact.tolist() == [True, False, False]
    assert documents.find("3D shape").rows.tolist() == []


@given(st.lists(st.sampled_from(["dense", "sparse", "point-cloud", "the", "u-net", "3"]), max_size=12))
def test_every_text_is_found_by_itself_and_its_parts(some: list[str]) -> None:
    text = " ".join(some)
    searched = index(("", text))
    for first in range(len(some)):
        for last in range(first + 1, len(some) + 1):
            keyword = " ".join(some[first:last])
            if set(words(keyword)) - {"the"}:
                assert len(searched.phrase(keyword)) > 0, keyword


@pytest.mark.parametrize(
    ("followed", "listed", "kind"),
    [
        ("Ada Example", "Ada Example", "exact"),
        ("Ada Example", "ADA EXÁMPLE", "exact"),
        ("Example, Ada", "Ada Example", "exact"),
        ("Ada Example", "A. Example", "initials"),
        ("A. Example", "Ada Example", "initials"),
        ("Ada Example", "Ada B. Example", "initials"),
        ("A. B. Example", "Ada Bea Example", "initials"),
        ("Ada Example", "Bo Example", None),
        ("Ada Example", "Ada Sample", None),
        ("Ada Example", "Example", None),
        ("Ada Example", "Anna Example", None),
        ("", "Ada Example", None),
        ("示例", "示例", "exact"),
    ],
)
def test_names_are_equal_or_differ_by_initials(followed: str, listed: str, kind: str | None) -> None:
    assert compare(followed, listed) == kind


def test_authors_are_found_exactly_or_by_initials_once_a_paper() -> None:
    papers = [
        Candidate(1, "One", authors=("Bo Sample", "Ada Example")),
        Candidate(2, "Two", authors=("A. Example", "Ada Example")),
        Candidate(3, "Three", authors=("A. Example",)),
        Candidate(4, "Four", authors=("Ada Sample", "")),
    ]
    matches = index_authors(papers).find("Ada Example")
    assert [(match.row, match.listed, match.exact) for match in matches] == [
        (0, "Ada Example", True),
        (1, "Ada Example", True),
        (2, "A. Example", False),
    ]
    assert index_authors(papers).find("?") == []
    assert index_authors([]).find("Ada Example") == []
