"""Reads a folder of papers and likes: ``papers.jsonl.gz``, ``likes.tsv`` and ``candidates.txt``.

Everything is read line by line. Each fault is a ``UsageError`` that names file and line.
"""

import gzip
import json
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from digest.errors import UsageError
from digest.evaluation.dataset import Dataset, Known, Rows
from digest.types import Candidate

__all__ = ["read_folder"]

PAPERS, LIKES, CANDIDATES = "papers.jsonl.gz", "likes.tsv", "candidates.txt"
HEADER = "user\tpaper\tsplit"
LISTS = ("authors", "categories", "keywords")
# No paper takes more; a file that is none of these may have no line breaks at all.
MAX_LINE = 1 << 24

Ints = NDArray[np.int64]
# A paper's number by its id.
Numbers = Mapping[str, int]


def read_folder(folder: Path, *, users: Path | None = None, profile_size: int | None = None) -> Dataset:
    """Read a folder; the readers with test rows are ranked, the others only inform the training.

    ``papers.jsonl.gz`` has one object a line: id, title, abstract, and where known authors, categories,
    keywords. ``candidates.txt`` has the ids of the new papers, one a line, ``likes.tsv`` user, paper and
    split (train or test), with or without a header. ``users`` is a file of the readers to rank, one a
    line. ``profile_size`` keeps the first so many train rows of each ranked reader, and ranks nobody who
    has fewer.
    """
    numbers, candidates = _read_papers(folder / PAPERS, folder / CANDIDATES)
    likes = _read_likes(folder / LIKES, numbers, len(candidates))
    is_ranked = likes.count(likes.is_test) > 0
    if users is not None:
        is_ranked = _chosen(users, likes.names, is_ranked)
    if profile_size is not None:
        is_ranked &= likes.count(~likes.is_test) >= profile_size
        likes = likes.shortened(is_ranked, profile_size)
    if not is_ranked.any():
        few = "" if profile_size is None else f" and {profile_size} train rows"
        raise UsageError(f"{folder / LIKES}: no reader has test rows{few}")
    return _put_together(folder / PAPERS, numbers, candidates, likes, np.flatnonzero(is_ranked))


@dataclass(frozen=True, eq=False, slots=True)
class _Likes:
    """The rows of ``likes.tsv``, each once: places in ``names`` (alphabetical), paper ids, and the split."""

    names: Sequence[str]
    users: Ints
    papers: NDArray[np.int32]
    is_test: NDArray[np.bool_]

    def count(self, which: NDArray[np.bool_]) -> Ints:
        """How many of those rows each reader has."""
        return np.bincount(self.users[which], minlength=len(self.names))

    def grouped(self, which: NDArray[np.bool_]) -> Rows:
        """Those rows' papers by reader, in the order of the file."""
        return Rows.grouped(self.users[which], self.papers[which], len(self.names))

    def shortened(self, who: NDArray[np.bool_], most: int) -> "_Likes":
        """The same with only the first ``most`` train rows of those readers."""
        train = np.flatnonzero(~self.is_test)
        train = train[np.argsort(self.users[train], kind="stable")]
        owner = self.users[train]
        place = np.arange(len(owner)) - np.searchsorted(owner, owner)
        kept = np.ones(len(self.users), dtype=bool)
        kept[train[(place >= most) & who[owner]]] = False
        return _Likes(self.names, self.users[kept], self.papers[kept], self.is_test[kept])


def _read_papers(path: Path, new: Path) -> tuple[dict[str, int], tuple[Candidate, ...]]:
    """Each paper's number (candidates from 1, then the others, both by id, so that the order of lines does
    not matter), and candidates.
    """
    names: set[str] = set()
    for at, line in _lines(new):
        name = line.strip()
        if name in names:
            raise UsageError(f"{new}:{at}: {name} is there twice")
        names.add(name)
    if not names:
        raise UsageError(f"{new}: it names no paper")
    numbers = {name: number for number, name in enumerate(sorted(names), 1)}
    found: list[Candidate | None] = [None] * len(numbers)
    others: set[str] = set()
    for at, name, paper in _papers(path):
        number = numbers.get(name)
        if name in others or (number is not None and found[number - 1] is not None):
            raise UsageError(f"{path}:{at}: {name} is there twice")
        if number is None:
            others.add(name)
        else:
            found[number - 1] = _candidate(number, paper)
    numbers |= {name: number for number, name in enumerate(sorted(others), len(numbers) + 1)}
    candidates = tuple(one for one in found if one is not None)
    if len(candidates) < len(found):
        missing = next(name for name, number in numbers.items() if found[number - 1] is None)
        raise UsageError(f"{new}: {missing} is not in {path.name}")
    return numbers, candidates


def _read_likes(path: Path, numbers: Numbers, candidates: int) -> _Likes:
    known: dict[str, int] = {}
    users, papers, lines, is_test = array("q"), array("i"), array("q"), bytearray()
    for at, line in _lines(path):
        if at == 1 and line == HEADER:
            continue
        words = line.split("\t")
        if len(words) != 3 or words[2] not in ("train", "test") or not words[0]:
            raise UsageError(f"{path}:{at}: want user, paper, and train or test, with tabs between them")
        paper = numbers.get(words[1])
        if paper is None:
            raise UsageError(f"{path}:{at}: {words[1]} is not in {PAPERS}")
        if words[2] == "test" and paper > candidates:
            raise UsageError(f"{path}:{at}: {words[1]} has a test row, but is not in {CANDIDATES}")
        users.append(known.setdefault(words[0], len(known)))
        papers.append(paper)
        lines.append(at)
        is_test.append(words[2] == "test")
    if not known:
        raise UsageError(f"{path}: it has no rows")
    names = sorted(known)
    place = np.empty(len(names), dtype=np.int64)
    place[[known[name] for name in names]] = np.arange(len(names))
    likes = _Likes(
        names, place[np.array(users)], np.array(papers, np.int32), np.array(is_test, dtype=np.uint8) > 0
    )
    return _once(likes, np.array(lines), path)


def _once(likes: _Likes, lines: Ints, path: Path) -> _Likes:
    """The same without rows that are there again; one that is both train and test is a fault."""
    pairs = likes.users * (int(likes.papers.max()) + 1) + likes.papers
    _, first, which = np.unique(pairs, return_index=True, return_inverse=True)
    both = np.flatnonzero(likes.is_test != likes.is_test[first][which])
    if len(both):
        name = likes.names[likes.users[both[0]]]
        raise UsageError(f"{path}:{lines[both[0]]}: this is a train and a test row of {name}")
    kept = np.sort(first)
    return _Likes(likes.names, likes.users[kept], likes.papers[kept], likes.is_test[kept])


def _chosen(path: Path, names: Sequence[str], has_test: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each reader is named in a file, one a line; each must have test rows."""
    places = {name: place for place, name in enumerate(names)}
    chosen = np.zeros(len(names), dtype=bool)
    for at, line in _lines(path):
        name = line.strip()
        place = places.get(name)
        if place is None or not has_test[place]:
            raise UsageError(f"{path}:{at}: {name} has no test rows in {LIKES}")
        chosen[place] = True
    if not chosen.any():
        raise UsageError(f"{path}: it names no reader")
    return chosen


def _put_together(
    path: Path, numbers: Numbers, candidates: tuple[Candidate, ...], likes: _Likes, ranked: Ints
) -> Dataset:
    liked, tested = likes.grouped(~likes.is_test), likes.grouped(likes.is_test)
    wanted = {int(paper) for reader in ranked for paper in liked[int(reader)]}
    return Dataset(
        candidates=candidates,
        known=Known(lambda: _known(path, numbers, len(candidates))),
        judged={
            numbers[name]: _candidate(numbers[name], paper)
            for _, name, paper in _papers(path)
            if numbers[name] in wanted
        },
        names=likes.names,
        liked=liked,
        ranked=ranked,
        relevant=Rows.of([(tested[int(reader)] - 1).tolist() for reader in ranked]),
        disliked=Rows.empty(len(likes.names)),
        labels=list(numbers)[: len(candidates)],
    )


def _known(path: Path, numbers: Numbers, candidates: int) -> Iterator[Candidate]:
    """The papers that are no candidates, in the order of the file."""
    for _, name, paper in _papers(path):
        if (number := numbers[name]) > candidates:
            yield _candidate(number, paper)


def _candidate(number: int, paper: Mapping[str, Any]) -> Candidate:
    lists = {name: tuple(paper[name]) for name in LISTS}
    return Candidate(number, paper["title"], paper["abstract"], **lists)  # type: ignore[arg-type]


def _papers(path: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Line number, id and checked fields of each paper."""
    for at, line in _lines(path):
        try:
            paper = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}:{at}: this is no JSON: {error}") from error
        name = paper.get("id") if isinstance(paper, dict) else None
        if not isinstance(name, str) or not _is_name(name):
            raise UsageError(f"{path}:{at}: want an object with an id, which is text without tabs")
        fields = {field: paper.get(field) or "" for field in ("title", "abstract")}
        fields |= {field: paper.get(field) or () for field in LISTS}
        for field, value in fields.items():
            if not (isinstance(value, str) if field not in LISTS else _is_words(value)):
                raise UsageError(f"{path}:{at}: {field} is not what it should be: {str(value)[:40]!r}")
        yield at, name, fields


def _is_name(text: str) -> bool:
    return bool(text) and text == text.strip() and text.isprintable()


def _is_words(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that say something, with their numbers."""
    try:
        with _open(path) as file:
            for at, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), start=1):
                if len(line) == MAX_LINE:
                    raise UsageError(f"{path}:{at}: this line is too long")
                text = line.decode("utf-8-sig" if at == 1 else "utf-8").rstrip("\r\n")
                if text.strip():
                    yield at, text
    except FileNotFoundError as error:
        raise UsageError(f"there is no {path.name} in {path.parent}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}:{at}: this is not text in UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read: {why}") from error


def _open(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
