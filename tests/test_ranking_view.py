"""A text model as one more view of papers: what it brings, what it leaves alone, how it is kept."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import StorageError
from digest.ranking import (
    Model,
    closeness,
    fingerprint,
    fit,
    learn,
    load_model,
    pack,
    prepare,
    recommend,
    save_model,
    unpack,
    with_view,
    without_view,
)
from digest.ranking.encoding import MOST_CHARACTERS, encode, text_of
from digest.ranking.library import Library
from digest.ranking.parts import score_of
from digest.ranking.taste import taste_of
from digest.types import Candidate, Example, InterestSpec, Profile
from tests.invented_encoder import InventedEncoder, in_other_words
from tests.ranking_cases import FIELDS, NOW, field_of, paper, papers

KNOWN = [paper(1000 + number, field_of(1 + number % 48)) for number in range(200)]
PLAIN = fit(KNOWN)
ENCODER = InventedEncoder()
SEEING = with_view(PLAIN, ENCODER, KNOWN)


def reworded(one: Candidate, paper_id: int) -> Candidate:
    return replace(
        one, paper_id=paper_id, title=in_other_words(one.title), abstract=in_other_words(one.abstract)
    )


def liked(field: str, count: int = 4) -> InterestSpec:
    given = [paper(600 + number, field) for number in range(count)]
    return InterestSpec(
        field, 1, examples=tuple(Example(one.title, one.abstract, one.paper_id) for one in given)
    )


# Of each field twelve papers in its words, ids from 1, and three in other words, ids from 101.
OTHERS = [
    reworded(paper(700 + number, field), 101 + 3 * at + number)
    for at, field in enumerate(FIELDS)
    for number in range(3)
]
CANDIDATES = [*papers(), *OTHERS]


def scores(model: Model, *interests: InterestSpec) -> np.ndarray:
    return closeness(learn(interests, model), prepare(CANDIDATES, [], model, NOW))


@pytest.mark.parametrize(("at", "field"), list(enumerate(FIELDS)))
def test_papers_that_say_the_same_in_other_words_come_before_other_fields(at: int, field: str) -> None:
    """With the view they stand above all of other fields, without it among them."""
    of_field, reworded_rows = slice(12 * at, 12 * at + 12), slice(48 + 3 * at, 51 + 3 * at)
    elsewhere = np.ones(len(CANDIDATES), dtype=bool)
    elsewhere[of_field], elsewhere[reworded_rows] = False, False
    (seeing,), (plain,) = scores(SEEING, liked(field)), scores(PLAIN, liked(field))
    assert seeing[reworded_rows].min() > seeing[elsewhere].max()
    assert plain[reworded_rows].min() < plain[elsewhere].max()
    assert seeing[of_field].min() > seeing[elsewhere].max()


def test_without_synonyms_the_view_finds_no_papers_in_other_words() -> None:
    """So it is what the text model knows that brings them."""
    ignorant = with_view(PLAIN, InventedEncoder("ignorant", same={}), KNOWN)
    (found,) = scores(ignorant, liked("speech"))
    assert found[57:60].min() < np.delete(found[:57], slice(36, 48)).max()


def test_a_paper_found_by_meaning_is_shown_with_a_reason_and_parts_that_add_up() -> None:
    profile = Profile(1, (liked("speech"),), max_papers=30, threshold=0.45)
    (seeing,), (plain,) = (
        recommend([profile], {}, prepare(CANDIDATES, [], model, NOW)) for model in (SEEING, PLAIN)
    )
    found = [one for one in seeing if one.paper_id in (110, 111, 112) and one.section == "For you"]
    assert len(found) == 3
    assert not {110, 111, 112} & {one.paper_id for one in plain if one.section == "For you"}
    for one in found:
        assert one.parts["similar_meaning"] > one.parts["similar_topic"]
        assert score_of(one.parts) == one.score
        assert one.reasons[0].text.startswith("close to “Invented")


def test_one_without_a_text_model_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    """Model, states, tastes, parts and reasons; before, beside and after a view."""
    save_model(SEEING, tmp_path / "seeing")
    save_model(PLAIN, tmp_path / "plain")
    interests = [liked("speech"), liked("clouds", 1), InterestSpec("k", keywords=("retrieval",))]
    profile = Profile(1, tuple(interests))
    expected = [pack(one) for one in learn(interests, PLAIN)]
    chosen = repr(recommend([profile], {}, prepare(CANDIDATES, [], PLAIN, NOW)))
    for model in (
        without_view(SEEING),
        load_model(tmp_path / "seeing"),
        load_model(tmp_path / "plain", ENCODER),
    ):
        assert model.version == PLAIN.version
        assert model.encoder is None
        assert [pack(one) for one in learn(interests, model)] == expected
        assert repr(recommend([profile], {}, prepare(CANDIDATES, [], model, NOW))) == chosen
    assert "similar_meaning" not in chosen
    save_model(without_view(SEEING), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "plain").read_bytes()
    assert without_view(PLAIN) is PLAIN


def test_a_saved_view_comes_back_with_its_encoder_only(tmp_path: Path) -> None:
    save_model(SEEING, tmp_path / "model")
    found = load_model(tmp_path / "model", InventedEncoder())
    assert (found.version, found.spaces) == (SEEING.version, SEEING.spaces)
    assert found.background.dense.tobytes() == SEEING.background.dense.tobytes()
    assert load_model(tmp_path / "model", InventedEncoder("another")).fitted.view is None
    with pytest.raises(ValueError, match="encoder"):
        Model(SEEING.fitted, SEEING.version)
    broken = replace(SEEING.fitted, view=replace(SEEING.fitted.view, background=np.zeros((3, 2), np.float16)))  # type: ignore[type-var]
    save_model(Model(broken, "", ENCODER), tmp_path / "broken")
    with pytest.raises(StorageError, match="do not fit"):
        load_model(tmp_path / "broken", ENCODER)


def test_another_text_model_is_another_model_and_what_was_learnt_goes() -> None:
    other = with_view(PLAIN, InventedEncoder("another"), KNOWN)
    names = {fingerprint(liked("speech"), model) for model in (PLAIN, SEEING, other)}
    assert len(names) == 3


def test_what_was_learnt_comes_back_from_its_bytes() -> None:
    (learned,) = learn([liked("speech")], SEEING)
    ready = prepare(CANDIDATES, [], SEEING, NOW)
    again = unpack(pack(learned))
    assert closeness([again], ready).tobytes() == closeness([learned], ready).tobytes()


def test_only_the_background_is_encoded_for_a_model_in_any_order() -> None:
    small, encoder = fit(KNOWN, sample=7), InventedEncoder()
    model = with_view(small, encoder, KNOWN)
    assert len(encoder.asked) == 7
    assert with_view(small, InventedEncoder(), reversed(KNOWN)).version == model.version
    lost = with_view(small, InventedEncoder(), [])
    assert not lost.background.dense[:, lost.spaces[3]].any()


@pytest.mark.parametrize(
    "known",
    [
        [],
        [Candidate(1, "")],
        [paper(1, "speech")],
        papers(1),
        [Candidate(1, "检索"), Candidate(2, "", "检索 增强")],
    ],
)
def test_few_papers_serve_too(known: Sequence[Candidate]) -> None:
    model = with_view(fit(known), InventedEncoder(), known)
    ready = prepare([*CANDIDATES, Candidate(500, "")], [], model, NOW)
    found = taste_of([liked("speech")], learn([liked("speech")], model), Library(ready)).taste
    assert np.isfinite(found).all()
    view = ready.dense[model.spaces[3]]
    assert not view[:, -1].any()
    assert np.linalg.norm(view[:, :-1], axis=0) == pytest.approx(1, abs=1e-5)


class Contrary(InventedEncoder):
    """Has but two things to say, each the contrary of the other."""

    def _row(self, text: str) -> np.ndarray:
        return np.eye(self.size)[len(text) % 2]


def test_a_text_model_with_two_rows_only_does_no_harm() -> None:
    """Likes that cancel each other out leave nothing to go by, and no noise made large."""
    model = with_view(PLAIN, Contrary(), KNOWN)
    even, odd = (Example("speech audio", "phoneme" * 4 + end, number) for number, end in ((1, ""), (2, "s")))
    interest = InterestSpec("a", examples=(even, odd))
    (learned,) = learn([interest], model)
    assert learned.liked is not None
    assert np.isfinite(learned.liked.said_dense).all()
    assert np.abs(learned.liked.dense[model.spaces[3]]).max() < 0.1
    assert scores(model, interest) == pytest.approx(scores(PLAIN, interest), rel=0.5, abs=0.5)


def test_texts_are_cut_and_empty_ones_are_not_asked_for() -> None:
    encoder = InventedEncoder()
    long = Candidate(1, "t" * 5_000, "a" * 100_000)
    rows = encode(encoder, [long, Candidate(2, "", " "), Candidate(3, "one", "two")])
    assert [len(text) for text in encoder.asked] == [MOST_CHARACTERS, 7]
    assert (rows.any(axis=1) == [True, False, True]).all()
    assert text_of(Candidate(4, " One ", "two ")) == "One\ntwo"


@settings(max_examples=5)
@given(st.permutations(range(len(CANDIDATES))), st.sampled_from(list(FIELDS)))
def test_the_order_of_papers_and_who_is_beside_does_not_matter(order: list[int], field: str) -> None:
    profile = Profile(1, (liked(field),))
    shuffled = prepare([CANDIDATES[at] for at in order], [], SEEING, NOW)
    straight = prepare(CANDIDATES, [], SEEING, NOW)
    others = [Profile(2, (liked("clouds", 2),)), profile]
    assert repr(recommend(others, {}, shuffled)[1]) == repr(recommend([profile], {}, straight)[0])
