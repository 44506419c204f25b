"""Folders of papers and likes as they are read, and what is said of broken ones."""

import gzip
import random
from pathlib import Path

import pytest

from digest.errors import UsageError
from digest.evaluation import Dataset, read_folder
from tests.evaluation_folder import invent, paper


def names_of(data: Dataset, reader: str) -> list[str]:
    """The ids in the folder of what a reader liked before, in order."""
    numbers = {one.paper_id: one for one in [*data.candidates, *data.known]}
    found = [numbers[int(number)] for number in data.liked[list(data.names).index(reader)]]
    return [f"{one.title}|{one.abstract}" for one in found]


def text_of(name: str) -> str:
    """The same of an invented paper."""
    made = paper(name, name.partition("-")[0])
    return f"{made['title']}|{made['abstract']}"


def test_neither_the_order_of_papers_nor_of_candidates_matters(tmp_path: Path) -> None:
    made = invent()
    data = read_folder(made.write(tmp_path / "a"))
    assert list(data.labels) == sorted(made.candidates)
    assert [f"{one.title}|{one.abstract}" for one in data.candidates] == [*map(text_of, data.labels)]
    assert [one.paper_id for one in data.candidates] == list(range(1, len(made.candidates) + 1))
    random.Random(1).shuffle(made.candidates)
    random.Random(2).shuffle(made.papers)
    turned = read_folder(made.write(tmp_path / "b"))
    assert turned.candidates == data.candidates
    assert turned.labels == data.labels
    assert {one.paper_id: one for one in turned.known} == {one.paper_id: one for one in data.known}
    assert turned.liked.values.tolist() == data.liked.values.tolist()


def test_known_papers_are_no_candidates_and_can_be_read_again(tmp_path: Path) -> None:
    made = invent()
    data = read_folder(made.write(tmp_path))
    first, again = list(data.known), list(data.known)
    assert first == again
    assert len(first) == len(made.papers) - len(made.candidates)
    assert not {one.paper_id for one in first} & {one.paper_id for one in data.candidates}


def test_likes_keep_the_order_of_the_file(tmp_path: Path) -> None:
    made = invent(readers=3)
    data = read_folder(made.write(tmp_path))
    for reader in data.names:
        train = [name for user, name, split in made.likes if user == reader and split == "train"]
        assert names_of(data, reader) == [*map(text_of, train)]


def test_test_rows_are_what_is_relevant(tmp_path: Path) -> None:
    made = invent(readers=3)
    data = read_folder(made.write(tmp_path))
    for place, reader in enumerate(data.ranked):
        wanted = {name for user, name, split in made.likes if (user, split) == (data.names[reader], "test")}
        assert {data.labels[row] for row in data.relevant[place]} == wanted


def test_a_header_need_not_be_there(tmp_path: Path) -> None:
    made = invent()
    plain = read_folder(made.write(tmp_path / "a"))
    bare = read_folder(made.write(tmp_path / "b", header=False))
    assert plain.names == bare.names
    assert plain.liked.values.tolist() == bare.liked.values.tolist()


def test_the_order_of_readers_in_the_file_does_not_matter(tmp_path: Path) -> None:
    made = invent()
    plain = read_folder(made.write(tmp_path / "a"))
    made.likes.sort(key=lambda row: row[0], reverse=True)
    turned = read_folder(made.write(tmp_path / "b"))
    assert plain.names == turned.names
    assert plain.liked.values.tolist() == turned.liked.values.tolist()
    assert plain.relevant.values.tolist() == turned.relevant.values.tolist()


def test_a_row_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    made = invent()
    plain = read_folder(made.write(tmp_path / "a"))
    made.likes += made.likes
    twice = read_folder(made.write(tmp_path / "b"))
    assert plain.liked.values.tolist() == twice.liked.values.tolist()
    assert plain.relevant.values.tolist() == twice.relevant.values.tolist()


def test_who_has_no_test_rows_only_informs_the_training(tmp_path: Path) -> None:
    made = invent(readers=4)
    made.likes = [row for row in made.likes if row[0] != "reader02" or row[2] == "train"]
    data = read_folder(made.write(tmp_path))
    assert [data.names[reader] for reader in data.ranked] == ["reader00", "reader01", "reader03"]
    assert (2, int(data.liked[2][0])) in set(data.pairs())


def test_who_has_test_rows_only_is_ranked_from_nothing(tmp_path: Path) -> None:
    made = invent(readers=4)
    made.likes = [row for row in made.likes if row[0] != "reader02" or row[2] == "test"]
    data = read_folder(made.write(tmp_path))
    assert len(data.ranked) == 4
    assert not len(data.liked[2])


def test_profile_size_keeps_the_first_rows_of_the_ranked_and_all_of_the_others(tmp_path: Path) -> None:
    made = invent(readers=4)
    made.likes = [row for row in made.likes if row[0] != "reader01" or row[2] == "train"]
    few = [row for row in made.likes if row[0] == "reader02" and row[2] == "train"]
    for row in few[2:]:
        made.likes.remove(row)
    data = read_folder(made.write(tmp_path), profile_size=3)
    assert [data.names[reader] for reader in data.ranked] == ["reader00", "reader03"]
    assert [len(data.liked[number]) for number in range(4)] == [3, 6, 2, 3]
    first = [name for user, name, split in made.likes if user == "reader00" and split == "train"][:3]
    assert names_of(data, "reader00") == [*map(text_of, first)]


def test_users_names_who_is_ranked(tmp_path: Path) -> None:
    folder = invent(readers=4).write(tmp_path)
    (tmp_path / "users").write_text("reader03\n\nreader01\n")
    data = read_folder(folder, users=tmp_path / "users", profile_size=2)
    assert [data.names[reader] for reader in data.ranked] == ["reader01", "reader03"]
    assert [len(data.liked[number]) for number in range(4)] == [6, 2, 6, 2]


def test_what_a_paper_has_beside_its_words_is_read(tmp_path: Path) -> None:
    made = invent()
    more = {"authors": ["Ada Example"], "categories": ["cs.IR"], "keywords": ["retrieval"], "venue": "unread"}
    made.papers = [{**one, **more} for one in made.papers]
    data = read_folder(made.write(tmp_path))
    assert {(one.authors, one.categories, one.keywords) for one in [*data.candidates, *data.known]} == {
        (("Ada Example",), ("cs.IR",), ("retrieval",))
    }


def test_a_paper_may_lack_words(tmp_path: Path) -> None:
    made = invent()
    made.papers[0] = {"id": made.papers[0]["id"], "title": None}
    known = {one.paper_id: one for one in read_folder(made.write(tmp_path)).known}
    assert [one.title for one in known.values() if not one.abstract] == [""]


LIKES = "likes.tsv:2: "
PAPERS = "papers.jsonl.gz:1: "
BROKEN = [
    ("likes.tsv", b"user\tpaper\tsplit\nada\tretrieval-old-1\n", LIKES + "want user, paper"),
    ("likes.tsv", b"user\tpaper\tsplit\nada\tretrieval-old-1\tdev\n", LIKES + "want user, paper"),
    ("likes.tsv", b"user\tpaper\tsplit\nada retrieval-old-1 train\n", LIKES + "want user, paper"),
    ("likes.tsv", b"user\tpaper\tsplit\nada\tno-such\ttrain\n", LIKES + "no-such is not in papers"),
    ("likes.tsv", b"user\tpaper\tsplit\nada\tretrieval-old-1\ttest\n", LIKES + "retrieval-old-1 has a test"),
    ("likes.tsv", b"user\tpaper\tsplit\n", "likes.tsv: it has no rows"),
    ("likes.tsv", b"user\tpaper\tsplit\nada\tretrieval-old-1\ttrain\n", "no reader has test rows"),
    (
        "likes.tsv",
        b"ada\tretrieval-new-1\ttrain\nada\tretrieval-new-1\ttest\n",
        LIKES + "this is a train and a test row of ada",
    ),
    ("likes.tsv", b"a\tretrieval-new-1\ttest\n\xff\xfe\n", LIKES + "this is not text in UTF-8"),
    ("candidates.txt", b"\n\n", "candidates.txt: it names no paper"),
    ("candidates.txt", b"speech-new-1\nspeech-new-1\n", "candidates.txt:2: speech-new-1 is there twice"),
    ("candidates.txt", b"speech-new-1\nno-such\n", "candidates.txt: no-such is not in papers.jsonl.gz"),
    ("papers.jsonl.gz", b"not gzip", "papers.jsonl.gz cannot be read: Not a gzipped file"),
    ("papers.jsonl.gz", gzip.compress(b'{"id": "a"}\n')[:-9], "papers.jsonl.gz cannot be read: "),
    ("papers.jsonl.gz", gzip.compress(b"{\n"), PAPERS + "this is no JSON"),
    ("papers.jsonl.gz", gzip.compress(b"[" * 100_000), PAPERS + "this is no JSON"),
    ("papers.jsonl.gz", gzip.compress(b"[]\n"), PAPERS + "want an object with an id"),
    ("papers.jsonl.gz", gzip.compress(b'{"id": 7}\n'), PAPERS + "want an object with an id"),
    ("papers.jsonl.gz", gzip.compress(b'{"id": "a\\tb"}\n'), PAPERS + "want an object with an id"),
    (
        "papers.jsonl.gz",
        gzip.compress(b'{"id": "a", "title": 7}\n'),
        PAPERS + "title is not what it should be",
    ),
    ("papers.jsonl.gz", gzip.compress(b'{"id": "a", "authors": "A"}\n'), PAPERS + "authors is not what it"),
    ("papers.jsonl.gz", gzip.compress(b'{"id": "a"}\n{"id": "a"}\n'), "papers.jsonl.gz:2: a is there twice"),
    ("papers.jsonl.gz", gzip.compress(b" " * (1 << 24)), PAPERS + "this line is too long"),
]


@pytest.mark.parametrize(
    ("name", "data", "said"), BROKEN, ids=[f"{name}-{said[:30]}" for name, _, said in BROKEN]
)
def test_a_broken_folder_is_told_with_its_line(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    folder = invent().write(tmp_path)
    (folder / name).write_bytes(data)
    with pytest.raises(UsageError) as caught:
        read_folder(folder)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["papers.jsonl.gz", "likes.tsv", "candidates.txt"])
def test_a_missing_file_is_told(tmp_path: Path, name: str) -> None:
    folder = invent().write(tmp_path)
    (folder / name).unlink()
    with pytest.raises(UsageError, match=f"there is no {name} in "):
        read_folder(folder)


def test_a_user_without_test_rows_is_told(tmp_path: Path) -> None:
    folder = invent().write(tmp_path)
    (tmp_path / "users").write_text("reader01\nnobody\n")
    with pytest.raises(UsageError, match=r"users:2: nobody has no test rows"):
        read_folder(folder, users=tmp_path / "users")


def test_users_that_name_nobody_are_told(tmp_path: Path) -> None:
    folder = invent().write(tmp_path)
    (tmp_path / "users").write_text("\n\n")
    with pytest.raises(UsageError, match="users: it names no reader"):
        read_folder(folder, users=tmp_path / "users")


def test_a_file_in_place_of_the_folder_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"candidates\.txt cannot be read: Not a directory$"):
        read_folder(tmp_path / "file")


def test_a_profile_size_that_nobody_has_is_told(tmp_path: Path) -> None:
    folder = invent(liked=6).write(tmp_path)
    with pytest.raises(UsageError, match="no reader has test rows and 7 train rows"):
        read_folder(folder, profile_size=7)
