"""Text to terms."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking.terms import feature_counts, fold, surfaces, tokenise


def terms(text: str) -> list[str]:
    return [token.term for token in tokenise(text)]


@pytest.mark.parametrize(
    ("word", "term"),
    [
        ("Embeddings", "embedding"),
        ("studies", "study"),
        ("classes", "class"),
        ("boxes", "box"),
        ("bias", "bias"),
        ("analysis", "analysis"),
        ("corpus", "corpus"),
        ("loss", "loss"),
        ("RAGs", "rag"),
        ("physics", "physics"),
        ("Überraschung", "uberraschung"),
    ],
)
def test_plural_case_and_accents_do_not_matter(word: str, term: str) -> None:
    assert terms(word) == [term]


def test_a_hyphenated_word_gives_its_parts_and_the_joined_form() -> None:
    assert [(token.term, token.start, token.width) for token in tokenise("a retrieval-augmented model")] == [
        ("a", 0, 1),
        ("retrieval", 1, 1),
        ("augmented", 2, 1),
        ("retrievalaugmented", 1, 2),
        ("model", 3, 1),
    ]


def test_the_joined_form_is_a_feature_only_where_its_parts_say_nothing() -> None:
    """ "U-Net" and "3-D" are words of their own; "image-text" is image and text."""
    assert feature_counts("U-Net 3-D image-text") == {"net": 1, "unet": 1, "3d": 1, "image": 1, "text": 1}


def test_stop_words_numbers_and_single_letters_are_no_features() -> None:
    assert feature_counts("We use the 17 x of 3 and more") == {}


def test_chinese_gives_pairs_of_characters() -> None:
    assert terms("检索增强BERT") == ["检索", "索增", "增强", "bert"]
    assert terms("图") == ["图"]


def test_latex_leftovers_do_not_become_words() -> None:
    assert "1920times1080" not in terms("images of 1920times1080 pixels")


def test_the_genitive_is_dropped() -> None:
    assert terms("Hare's method") == ["hare", "method"]
    assert terms("Hare’s method") == ["hare", "method"]


def test_shared_words_are_shown_as_they_are_written() -> None:
    assert surfaces(["Dense Embeddings for 3D-aware U-Nets"])["embedding"] == "Embeddings"
    written = surfaces(["Dense Embeddings for 3D-aware U-Nets"])
    assert (written["3d"], written["unet"]) == ("3D", "U-Nets")


@given(st.text(max_size=200))
def test_any_text_gives_features_that_are_among_its_terms(text: str) -> None:
    assert set(feature_counts(text)) <= {token.term for token in tokenise(text)}


@given(st.text(max_size=200))
def test_places_never_go_back(text: str) -> None:
    starts = [token.start for token in tokenise(text) if token.width == 1]
    assert starts == sorted(set(starts))


def test_folding_keeps_voiced_kana_and_drops_accents() -> None:
    assert fold("Modèle が") == "modele が"


@pytest.mark.parametrize("text", ["a" * 100_000, "a-" * 50_000, "é" * 100_000, "检" * 100_000, "a " * 50_000])
def test_long_and_hostile_texts_are_cut_and_quick(text: str) -> None:
    began = time.perf_counter()
    assert len(tokenise(text)) <= 20_000
    assert time.perf_counter() - began < 15
