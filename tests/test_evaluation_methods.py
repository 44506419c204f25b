"""Our ranking and the known methods on invented readers: who is told what is theirs, and in what order."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from digest.errors import UsageError
from digest.evaluation import BASELINES, Dataset, Scorer, check_baselines, ours, rank, read_folder
from digest.evaluation import baselines as baselines_module
from digest.evaluation import ranking as ranking_module
from digest.evaluation.corpus import Corpus
from tests.evaluation_folder import Invented, invent

LEARNERS = ("svm", "logistic")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return read_folder(invent().write(tmp_path_factory.mktemp("invented")))


def make(name: str) -> Callable[[Dataset], Scorer]:
    if name in LEARNERS:
        pytest.importorskip("sklearn")
    return BASELINES[name] if name != "ours" else lambda data: ours(data, "single")[0]


def lists_of(data: Dataset, name: str) -> list[list[int]]:
    return [rows.tolist() for block in rank(data, make(name)(data)) for rows in block]


PERSONAL = ("bm25", "centroid", *LEARNERS, "ours")
ALL = ("popularity", *PERSONAL)


@pytest.mark.parametrize("name", PERSONAL)
def test_papers_of_the_field_come_first(data: Dataset, name: str) -> None:
    """Eight new papers of 96 are of a reader's field."""
    for place, rows in enumerate(lists_of(data, name)):
        own = data.labels[int(data.relevant[place][0])].partition("-")[0]
        assert {data.labels[row].partition("-")[0] for row in rows[:8]} == {own}


@pytest.mark.parametrize("name", ALL)
def test_every_candidate_is_listed_once(data: Dataset, name: str) -> None:
    for rows in lists_of(data, name):
        assert sorted(rows) == list(range(len(data.candidates)))


@pytest.mark.parametrize("name", ALL)
def test_the_same_input_gives_the_same_lists(tmp_path: Path, name: str) -> None:
    """Whoever comes first in the file."""
    made = invent(readers=6)
    one = lists_of(read_folder(made.write(tmp_path / "a")), name)
    made.likes.sort(key=lambda row: row[0], reverse=True)
    assert lists_of(read_folder(made.write(tmp_path / "b")), name) == one


@pytest.mark.parametrize("name", ALL)
def test_blocks_of_readers_make_no_difference(
    data: Dataset, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = lists_of(data, name)
    monkeypatch.setattr(ranking_module, "CELLS", 3 * len(data.candidates))
    assert lists_of(data, name) == whole


@pytest.mark.parametrize("name", ALL)
def test_a_reader_who_liked_nothing_has_a_list(tmp_path: Path, name: str) -> None:
    made = invent(readers=4)
    made.likes = [row for row in made.likes if row[0] != "reader01" or row[2] == "test"]
    data = read_folder(made.write(tmp_path))
    rows = lists_of(data, name)[1]
    assert len(rows) == len(data.candidates)
    if name != "popularity":
        assert rows == list(range(len(data.candidates)))


@pytest.mark.parametrize("name", ALL)
def test_papers_without_words_do_no_harm(tmp_path: Path, name: str) -> None:
    made = invent(readers=4)
    made.papers = [{"id": one["id"]} if one["id"].endswith(("-1", "-2")) else one for one in made.papers]
    data = read_folder(made.write(tmp_path))
    scores = make(name)(data)(data.ranked)
    assert np.isfinite(scores).all()


def test_nobody_is_told_what_they_liked_before(tmp_path: Path) -> None:
    made = invent(readers=4)
    made.likes += [("reader00", "retrieval-new-7", "train")]
    made.likes = [row for row in made.likes if row != ("reader00", "retrieval-new-7", "test")]
    data = read_folder(made.write(tmp_path))
    for place, rows in enumerate(lists_of(data, "ours")):
        named = {data.labels[row] for row in rows}
        assert ("retrieval-new-7" in named) == (place != 0)


def test_of_equal_scores_the_first_candidate_comes_first(data: Dataset) -> None:
    count = len(data.candidates)
    for rows in next(rank(data, lambda readers: np.zeros((len(readers), count), np.float32))):
        assert rows.tolist() == list(range(count))


def test_at_most_a_hundred_are_listed_and_ties_at_the_edge_go_by_place(tmp_path: Path) -> None:
    data = read_folder(invent(readers=2, new=20).write(tmp_path))
    scores = np.zeros((2, 240), np.float32)
    scores[:, 200:] = 1
    for rows in next(rank(data, lambda _: scores)):
        assert rows.tolist() == [*range(200, 240), *range(60)]


def test_popularity_follows_the_likes_of_what_is_alike(tmp_path: Path) -> None:
    """Nobody has liked a new paper; where all like one field, its new papers lead everybody's list."""
    made = Invented(invent().papers, invent().candidates)
    for number in range(8):
        made.likes += [(f"reader{number}", f"proteins-old-{at}", "train") for at in range(number, 12)]
        made.likes += [(f"reader{number}", "speech-new-1", "test")]
    data = read_folder(made.write(tmp_path))
    lists = lists_of(data, "popularity")
    assert all(rows == lists[0] for rows in lists)
    assert {data.labels[row].partition("-")[0] for row in lists[0][:8]} == {"proteins"}


def test_all_readers_likes_are_used_if_they_have_papers_in_common(tmp_path: Path) -> None:
    data = read_folder(invent(readers=40, liked=8).write(tmp_path / "many"))
    assert [ours(data, mode)[1] for mode in ("single", "all", "auto")] == ["single", "all", "all"]
    alone = read_folder(invent(readers=1).write(tmp_path / "one"))
    assert ours(alone, "auto")[1] == "single"


def test_corpus_rows_are_found_by_paper(data: Dataset) -> None:
    corpus = Corpus(data)
    assert corpus.known == sum(1 for _ in data.known)
    papers = data.liked[0]
    assert corpus.ids[corpus.rows(papers)].tolist() == papers.tolist()
    assert corpus.likes(data.ranked).sum() == sum(len(data.liked[int(one)]) for one in data.ranked)


def test_baselines_are_named_once_and_all_stands_for_every_one() -> None:
    pytest.importorskip("sklearn")
    assert check_baselines(["bm25", "bm25"]) == ("bm25",)
    assert check_baselines(["all"]) == tuple(BASELINES)


def test_a_baseline_that_is_none_is_told() -> None:
    with pytest.raises(UsageError, match="there is no baseline 'best'; there is: popularity, bm25"):
        check_baselines(["best"])


@pytest.mark.parametrize("name", LEARNERS)
def test_without_scikit_learn_its_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines_module, "find_spec", lambda _: None)
    assert check_baselines(["popularity", "bm25", "centroid"])
    with pytest.raises(UsageError, match=rf"baseline {name} needs scikit-learn.*paper-digest\[evaluate\]"):
        check_baselines([name])
