"""Fitting, saving and loading the model."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import StorageError
from digest.ranking import Model, fit
from digest.ranking.model import idf_of
from tests.ranking_cases import papers, texts


def content(model: Model) -> tuple[object, ...]:
    rows = model.background
    return (
        list(model.terms),
        model.frequency.tolist(),
        model.texts,
        *(rows.indptr.tolist(), rows.indices.tolist(), rows.data.tolist()),
    )


def test_it_counts_in_how_many_texts_a_term_occurs() -> None:
    model = fit(["dense retrieval retrieval", "retrieval of speech", "speech"])
    counted = {term: int(model.frequency[column]) for term, column in model.terms.items()}
    assert counted == {"dense": 1, "retrieval": 2, "speech": 2}
    assert model.texts == 3


def test_a_rare_term_weighs_more_and_every_weight_is_positive() -> None:
    rare, common, everywhere = idf_of(np.array([2, 50, 100], dtype=np.int32), 100)
    assert rare > common > everywhere > 0


@given(st.permutations(texts(papers(4))))
def test_the_order_of_the_texts_does_not_matter(shuffled: list[str]) -> None:
    assert content(fit(shuffled, sample=7)) == content(fit(texts(papers(4)), sample=7))


def test_texts_are_read_once_as_a_stream() -> None:
    assert fit(iter(texts(papers(2)))).texts == 8


def test_memory_is_bounded_and_the_frequent_terms_survive() -> None:
    """Of a stream of ever new words only the bound is kept; ties go by the alphabet."""
    many = (f"retrieval word{number}a word{number}b" for number in range(3_000))
    model = fit(many, max_terms=100)
    assert len(model.terms) == 100
    assert model.frequency[model.terms["retrieval"]] == 3_000
    few = fit([f"common word{number:04}" for number in range(50)], max_terms=26)
    assert list(few.terms) == ["common", *(f"word{number:04}" for number in range(25))]


def test_the_background_is_a_bounded_sample() -> None:
    model = fit(texts(papers(12)), sample=5)
    assert model.background.shape[0] == 5


@pytest.mark.parametrize("of", [[], [""], ["the of and"], texts(papers(3)), ["检索 增强 检索"]])
def test_a_saved_model_comes_back_equal(of: list[str], tmp_path: Path) -> None:
    model = fit(of)
    model.save(tmp_path / "deep" / "model.npz")
    assert content(Model.load(tmp_path / "deep" / "model.npz")) == content(model)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model.npz"]


def test_equal_models_give_equal_bytes(tmp_path: Path) -> None:
    fit(texts(papers(3))).save(tmp_path / "one")
    fit(reversed(texts(papers(3)))).save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_save_that_fails_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model"
    fit(texts(papers(2))).save(path)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        fit(texts(papers(3))).save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_no_file_is_told_apart_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Model.load(tmp_path / "none")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    good = tmp_path / "good"
    fit(texts(papers(2))).save(good)
    whole = good.read_bytes()
    for number, bad in enumerate([b"", b"not a model", whole[: len(whole) // 2], whole[:-5]]):
        path = tmp_path / f"bad{number}"
        path.write_bytes(bad)
        with pytest.raises(StorageError, match="cannot be read"):
            Model.load(path)


def test_pickles_and_other_formats_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "pickled.npz", format=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(StorageError):
        Model.load(tmp_path / "pickled.npz")
    np.savez(tmp_path / "later.npz", format=np.array([99, 1]))
    with pytest.raises(StorageError, match="format 99"):
        Model.load(tmp_path / "later.npz")
