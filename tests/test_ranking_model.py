"""Fitting, saving and loading the model, and what is learnt with it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import StorageError
from digest.ranking import (
    closeness,
    fingerprint,
    fit,
    learn,
    load_model,
    pack,
    prepare,
    save_model,
    unpack,
)
from digest.ranking.features import count_rows
from digest.ranking.model import idf_of
from digest.types import Candidate, Example, InterestSpec
from tests.ranking_cases import FIELDS, NOW, paper, papers


def of(*abstracts: str) -> list[Candidate]:
    return [Candidate(number, "", abstract) for number, abstract in enumerate(abstracts, 1)]


def test_it_counts_in_how_many_texts_a_term_occurs() -> None:
    model = fit(of("dense retrieval retrieval", "retrieval of speech", "speech"))
    counted = {term: int(model.fitted.frequency[column]) for term, column in model.terms.items()}
    assert counted == {"dense": 1, "retrieval": 2, "speech": 2}
    assert model.texts == 3


def test_a_rare_term_weighs_more_and_every_weight_is_positive() -> None:
    rare, common, everywhere = idf_of(np.array([2, 50, 100], dtype=np.int32), 100)
    assert rare > common > everywhere > 0


@given(st.permutations(papers(4)))
def test_the_order_of_the_papers_and_likes_does_not_matter(shuffled: list[Candidate]) -> None:
    likes = [(reader, 1 + (reader * 7 + place) % 16) for reader in range(12) for place in range(5)]
    turned = sorted(likes, key=lambda pair: shuffled[pair[1] - 1].paper_id)
    straight = fit(papers(4), likes, sample=7, rows=10)
    assert fit(shuffled, turned, sample=7, rows=10).version == straight.version


def test_papers_are_read_once_as_a_stream() -> None:
    assert fit(iter(papers(2))).texts == 8


def test_memory_is_bounded_and_the_frequent_terms_survive() -> None:
    """Of a stream of ever new words only the bound is kept; ties go by the alphabet."""
    many = of(*(f"retrieval word{number}a word{number}b" for number in range(3_000)))
    model = fit(many, max_terms=100)
    assert len(model.terms) == 100
    assert model.fitted.frequency[model.terms["retrieval"]] == 3_000
    few = fit(of(*(f"common word{number:04}" for number in range(50))), max_terms=26)
    assert list(few.terms) == ["common", *(f"word{number:04}" for number in range(25))]


def test_the_background_is_a_bounded_sample() -> None:
    model = fit(papers(12), sample=5)
    assert model.fitted.background.shape[0] == len(model.background.ids) == 5


def test_sigma_is_the_mean_square_similarity_to_the_known_papers() -> None:
    known = papers(12)
    model = fit(known)
    x = model.weighed(count_rows(known, model.terms).rows)
    exact = np.sqrt(np.square((x @ x.T).toarray()).mean(axis=1))
    assert model.sigma(x, model.projected(x)) == pytest.approx(exact, rel=0.12)


def test_the_latent_space_brings_papers_of_a_field_together() -> None:
    model = fit(papers(12))
    new = [paper(900 + number, field) for field in FIELDS for number in range(3)]
    close = model.latent(new) @ model.latent(new).T
    same = np.kron(np.eye(4), np.ones((3, 3))) > 0
    assert close[same].min() > close[~same].max() + 0.3
    assert model.latent([Candidate(1, "zyx")]) == pytest.approx(np.zeros((1, model.topic_size)))


def test_readers_with_nothing_in_common_say_nothing_of_each_other() -> None:
    alone = [(reader, 1 + reader) for reader in range(40)]
    assert fit(papers(12), alone).shared is None
    few = [(reader, paper_id) for reader in range(3) for paper_id in range(1, 13)]
    assert fit(papers(12), few).shared is None
    assert fit(papers(12), [(1, 999), (2, 999)]).shared is None


def test_likes_are_carried_to_new_papers_by_their_words() -> None:
    """Readers who like retrieval like clouds too: a new paper on the one is near to those on the other."""
    known = papers(12)
    likes = [(reader, 1 + (reader + 5 * place) % 24) for reader in range(40) for place in range(9)]
    likes += [(100 + reader, 25 + (reader + 5 * place) % 24) for reader in range(40) for place in range(9)]
    model = fit(known, likes)
    assert model.shared is not None
    assert model.shared.share == 1
    new = [paper(900 + number, field) for number, field in enumerate(FIELDS)]
    x = model.weighed(count_rows(new, model.terms).rows)
    topics = model.topic_rows(model.projected(x))
    retrieval, clouds, proteins, speech = model.carried(x, topics, [None] * 4)
    assert retrieval @ clouds > retrieval @ proteins + 0.2
    assert proteins @ speech > proteins @ clouds + 0.2
    own = model.carried(x[:1], topics[:1], [3])
    assert own[0] == pytest.approx(model.shared.factors[model.shared.ids.tolist().index(3)])


@pytest.mark.parametrize("some", [[], of(""), of("the of and"), papers(3), of("检索 增强 检索")])
def test_a_saved_model_comes_back_equal(some: list[Candidate], tmp_path: Path) -> None:
    likes = [
        (reader, paper_id) for reader in range(20) for paper_id in range(1, 9) if (reader + paper_id) % 3
    ]
    model = fit(some, likes)
    save_model(model, tmp_path / "deep" / "model.npz")
    found = load_model(tmp_path / "deep" / "model.npz")
    assert found.version == model.version
    assert list(found.terms) == list(model.terms)
    assert found.spaces == model.spaces
    assert found.background.dense.tolist() == model.background.dense.tolist()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model.npz"]


def test_equal_models_give_equal_bytes(tmp_path: Path) -> None:
    save_model(fit(papers(3)), tmp_path / "one")
    save_model(fit(reversed(papers(3))), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert fit(papers(3)).version != fit(papers(2)).version


def test_a_save_that_fails_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model"
    save_model(fit(papers(2)), path)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        save_model(fit(papers(3)), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_no_file_is_told_apart_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    good = tmp_path / "good"
    save_model(fit(papers(2)), good)
    whole = good.read_bytes()
    for number, bad in enumerate([b"", b"not a model", whole[: len(whole) // 2], whole[:-5]]):
        path = tmp_path / f"bad{number}"
        path.write_bytes(bad)
        with pytest.raises(StorageError, match="cannot be read"):
            load_model(path)


def test_pickles_and_other_formats_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "pickled.npz", format=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(StorageError):
        load_model(tmp_path / "pickled.npz")
    np.savez(tmp_path / "later.npz", format=np.array([99, 1]))
    with pytest.raises(StorageError, match="format 99"):
        load_model(tmp_path / "later.npz")


def interest() -> InterestSpec:
    liked = tuple(Example(one.title, one.abstract, one.paper_id) for one in papers(12)[:5])
    less = replace(liked[0], title="Another", weight=-1.0, origin="less")
    return InterestSpec("r", keywords=("dense retrieval", "frobnication"), examples=(*liked, less))


def test_what_was_learnt_comes_back_equal_from_its_bytes() -> None:
    model = fit(papers(12))
    for one in (interest(), InterestSpec("nothing"), InterestSpec("new", examples=(Example("zyx wvu"),))):
        (learned,) = learn([one], model)
        state = pack(learned)
        assert pack(unpack(state)) == state
        ready = prepare(papers(12), [], model, NOW)
        assert closeness([unpack(state)], ready).tolist() == closeness([learned], ready).tolist()
    for bad in (b"", b"{}", b"[9,1,[]]\n", pack(learned)[:20]):
        with pytest.raises(StorageError, match="cannot be read"):
            unpack(bad)


def test_what_is_learnt_does_not_depend_on_who_is_learnt_beside() -> None:
    """To the last bit: with other readers' likes, and where all known papers but one are the reader's own."""
    known = [paper(1000 + number, list(FIELDS)[number // 12 % 4]) for number in range(240)]
    likes = [
        (reader, 1000 + reader % 4 * 12 + 48 * place + number)
        for reader in range(80)
        for place in range(5)
        for number in range(6)
    ]
    new = [paper(3000 + number, list(FIELDS)[number % 4]) for number in range(40)]
    liked = [tuple(Example(one.title, one.abstract) for one in new[at : at + 1 + at % 4]) for at in range(16)]
    model = fit(known, likes)
    assert model.shared is not None
    some = [InterestSpec(f"i{at}", examples=each) for at, each in enumerate(liked)]
    assert [pack(each) for each in learn(some, model)] == [pack(learn([one], model)[0]) for one in some]

    tiny, own = fit(known[:6]), tuple(Example(one.title, one.abstract, one.paper_id) for one in known[:5])
    mine = InterestSpec("mine", examples=own)
    assert pack(learn([mine, some[2]], tiny)[0]) == pack(learn([mine], tiny)[0])


def test_a_fingerprint_changes_with_what_is_learnt_from_and_with_nothing_else() -> None:
    model, one = fit(papers(3)), interest()
    name = fingerprint(one, model)
    assert fingerprint(replace(one, examples=one.examples[::-1], keywords=one.keywords[::-1]), model) == name
    assert fingerprint(replace(one, name="x", authors=("Ada Example",)), model) == name
    changed = [
        replace(one, examples=one.examples[1:]),
        replace(one, keywords=("dense",)),
        replace(one, weights={"dense retrieval": 2.0}),
        replace(one, examples=(replace(one.examples[0], weight=0.5), *one.examples[1:])),
        replace(one, examples=(replace(one.examples[0], abstract="other"), *one.examples[1:])),
    ]
    assert len({name, fingerprint(one, fit(papers(2))), *(fingerprint(each, model) for each in changed)}) == 7
