"""What ten ratings are worth by which papers are asked about: ours, random ones, the most voted, the densest.

usage: python bench/rate_ten.py [FOLDER] [PAGES] [--readers 600] [--rounds 4] [--liked 0.05] [--known 0]

**Readers of FOLDER** (../shared/eval/citeulike-t; train rows only, of one half of the readers). For each of
some rounds of readers, 1,000 of the papers are what a new reader may be asked about and 4,000 others are
judged. A reader is asked about ten; the product's own ranking learns from the answers, likes and dislikes,
and ranks the judged papers; those that are in the reader's library should come first (nDCG@20, AUC: 0.5 where
nothing is known). Votes are the other half's readers: in how many of their libraries a paper is. With
``--known K``, K papers of the library are known to the ranking, and to our choice, before.

What a reader would answer is an **assumption**: libraries are sparse (a median of 12 papers), so a reader
likes what is in the library, and of the papers shown those ``--liked`` (one in twenty) that are closest to
the rest of it, by one of two measures: ``words`` (TF-IDF cosine with the nearest library paper), or
``readers`` (factors of all readers' likes; knows no words). All else is disliked, nothing is passed over.
The figures are of use to compare ways of choosing, not as what a real reader would see.

**Readers of PAGES** (../shared/pages/seeds, saved pages as text): who likes exactly one page's papers. Half
of all papers, drawn anew for each of ``--draws`` readers a page, may be asked about, the others are judged.
There are no votes.

Printed are means with 95 % bootstrap intervals over readers, and the paired differences to random. "At once":
our ten as a list, without looking at the answers. "Ten liked" are ten random ones that the reader likes: what
ten ratings could be worth at most. The settings of our choice were chosen with ``--half 0``.
"""

import argparse
import gzip
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from bench.relevance import SEEDS, read_page
from digest.evaluation import intervals, measure
from digest.ranking import Model, Prepared, fit, learn, prepare
from digest.ranking.features import count_rows
from digest.ranking.library import Library
from digest.ranking.rate_ten import TEN, next_to_rate
from digest.ranking.taste import taste_of
from digest.types import Candidate, Example, InterestSpec, Sighting

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "eval" / "citeulike-t"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHOWN, JUDGED = 1_000, 4_000
# A reader needs so many papers in the library that are judged, and so many besides.
LEAST_JUDGED, LEAST_OTHER = 2, 5
AT_ONCE = 64

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Reader:
    """Who is asked: which shown papers they like (by row), what is judged, and what is known before."""

    likes: Mask
    relevant: Ints
    known: tuple[Candidate, ...]
    taste: Floats | None
    chance: random.Random


@dataclass(frozen=True)
class Round:
    """What some readers are asked about, and what is judged. ``votes`` are by row of ``shown``."""

    shown: Prepared
    unvoted: Prepared
    judged: Prepared
    votes: Ints
    readers: Sequence[Reader]


Way = Callable[[Round, Reader], Sequence[int]]  # rows of the shown papers


# --- ways to choose --------------------------------------------------------------------------------


def at_random(_: Round, reader: Reader) -> Sequence[int]:
    """Ten of all."""
    return reader.chance.sample(range(len(reader.likes)), TEN)


def most_votes(part: Round, _: Reader) -> Sequence[int]:
    """The ten that most of the other readers have; the same for everybody."""
    return np.argsort(-part.votes, kind="stable")[:TEN].tolist()


def densest(part: Round, _: Reader) -> Sequence[int]:
    """The ten that are most like all others; the same for everybody."""
    topics = part.shown.dense[: part.shown.model.topic_size]
    return np.argsort(-np.square(topics.T @ topics).sum(axis=1), kind="stable")[:TEN].tolist()


def ours_at_once(part: Round, reader: Reader) -> Sequence[int]:
    """Our ten, without looking at the answers."""
    return [part.shown.rows[one] for one in next_to_rate(part.shown, taste=reader.taste)]


def ours(part: Round, reader: Reader) -> Sequence[int]:
    """Ours, one after the other."""
    return _in_turn(part.shown, reader)


def ours_unvoted(part: Round, reader: Reader) -> Sequence[int]:
    """Ours where nothing is known of votes."""
    return _in_turn(part.unvoted, reader)


def ten_liked(_: Round, reader: Reader) -> Sequence[int]:
    """Ten that the reader likes, or all of them."""
    liked = np.flatnonzero(reader.likes).tolist()
    return reader.chance.sample(liked, min(TEN, len(liked)))


def _in_turn(shown: Prepared, reader: Reader) -> list[int]:
    said: dict[bool, list[int]] = {True: [], False: []}
    for _ in range(TEN):
        (one,) = next_to_rate(shown, liked=said[True], disliked=said[False], taste=reader.taste, most=1)
        said[bool(reader.likes[shown.rows[one]])].append(one)
    return [shown.rows[one] for one in (*said[True], *said[False])]


WAYS: dict[str, Way] = {
    "random": at_random,
    "most votes": most_votes,
    "densest": densest,
    "ours, at once": ours_at_once,
    "ours": ours,
    "ours, no votes": ours_unvoted,
    "ten liked": ten_liked,
}


# --- what the answers are worth --------------------------------------------------------------------


def worth(part: Round, way: Way) -> NDArray[np.float64]:
    """A row for each reader: nDCG@20, AUC, likes among the answers, whether there was none."""
    model, library = part.judged.model, Library(part.judged)
    found = []
    for first in range(0, len(part.readers), AT_ONCE):
        some = part.readers[first : first + AT_ONCE]
        asked = [np.asarray(way(part, one)) for one in some]
        interests = [_interest(part, one, rows) for one, rows in zip(some, asked, strict=True)]
        tastes = taste_of(interests, learn(interests, model), library).taste
        for one, rows, taste in zip(some, asked, tastes, strict=True):
            likes = int(one.likes[rows].sum())
            order = np.argsort(-taste, kind="stable")
            ndcg = float(measure([(order, one.relevant)])[0, 0])
            found.append((ndcg, _area(taste, one.relevant), likes, likes == 0))
    return np.array(found, dtype=np.float64)


def _interest(part: Round, reader: Reader, rows: Ints) -> InterestSpec:
    answers = [(part.shown.candidates[row], bool(reader.likes[row])) for row in rows.tolist()]
    examples = [(one, True) for one in reader.known] + answers
    return InterestSpec("new", examples=tuple(_example(one, is_liked) for one, is_liked in examples))


def _example(paper: Candidate, is_liked: bool) -> Example:
    weight, origin = (1.0, "more") if is_liked else (-1.0, "less")
    return Example(paper.title, paper.abstract, paper.paper_id, weight, origin)  # type: ignore[arg-type]


def _area(scores: Floats, relevant: Ints) -> float:
    """How often a relevant paper is above another, ties counting half."""
    own, other = scores[relevant], np.sort(np.delete(scores, relevant))
    below = np.searchsorted(other, own, "left") + np.searchsorted(other, own, "right")
    return float(below.mean() / 2 / len(other))


def show(parts: Sequence[Round], title: str, without: Sequence[str] = ()) -> None:
    """Print a table."""
    ways = {name: way for name, way in WAYS.items() if name not in without}
    found = {name: np.concatenate([worth(part, way) for part in parts]) for name, way in ways.items()}
    print(f"\n{title}: {len(found['random'])} readers")
    print(f"{'':16} {'liked':>5} {'none':>5}" + f" {'nDCG@20':>25} {'AUC':>25}" * 2 + "  (ahead of random)")
    for name, figures in found.items():
        own, ahead = intervals(figures), intervals(figures - found["random"])
        cells = [f"{mean:.4f} [{low:.4f}, {high:.4f}]" for mean, low, high in own[:2]]
        if name != "random":
            cells += [f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]" for mean, low, high in ahead[:2]]
        print(f"{name:16} {own[2][0]:>5.2f} {own[3][0]:>5.0%}", *(f"{cell:>25}" for cell in cells))


# --- libraries -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Libraries:
    """Stored papers, and whose library has which: all readers by name, in the order of the file."""

    papers: tuple[Candidate, ...]
    liked: dict[str, list[int]]

    def half(self, which: int) -> list[list[int]]:
        """The libraries of every other reader."""
        return [self.liked[name] for name in sorted(self.liked)[which::2]]


def read_libraries(folder: Path) -> Libraries:
    """Papers that are no candidates, and train likes of them."""
    new = set((folder / "candidates.txt").read_text(encoding="utf-8").split())
    with gzip.open(folder / "papers.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["id"] not in new]
    number = {row["id"]: place for place, row in enumerate(rows)}
    liked: dict[str, list[int]] = defaultdict(list)
    with (folder / "likes.tsv").open(encoding="utf-8") as file:
        for user, paper, split in (line.split() for line in file):
            if split == "train" and paper in number:
                liked[user].append(number[paper])
    papers = tuple(Candidate(at, row["title"], row["abstract"]) for at, row in enumerate(rows))
    return Libraries(papers, liked)


def rounds_of(
    data: Libraries, model: Model, factors: Floats, options: argparse.Namespace, by: str
) -> list[Round]:
    """Rounds of readers, each reader in one: their own papers shown and judged."""
    own, others = data.half(options.half), data.half(1 - options.half)
    votes = np.bincount([paper for each in others for paper in each], minlength=len(data.papers))
    found = []
    for number in range(options.rounds):
        order = np.random.default_rng((options.half, number)).permutation(len(data.papers))
        shown, judged = np.sort(order[:SHOWN]), np.sort(order[SHOWN : SHOWN + JUDGED])
        looks = [_vote(int(row), int(votes[row])) for row in shown if votes[row]]
        some = [data.papers[row] for row in shown]
        part = Round(
            shown=prepare(some, looks, model, NOW),
            unvoted=prepare(some, (), model, NOW),
            judged=prepare([data.papers[row] for row in judged], (), model, NOW),
            votes=votes[shown],
            readers=[],
        )
        readers = _readers(own[number :: options.rounds], data, part, factors, options, by)
        found.append(replace(part, readers=readers))
    return found


def _vote(paper: int, votes: int) -> Sighting:
    return Sighting(paper, "libraries", NOW - timedelta(hours=1), votes=votes)


def _readers(
    libraries: Sequence[Sequence[int]],
    data: Libraries,
    part: Round,
    factors: Floats,
    options: argparse.Namespace,
    by: str,
) -> list[Reader]:
    readers: list[Reader] = []
    for number, library in enumerate(libraries):
        if len(readers) >= options.readers // options.rounds:
            break
        relevant = np.array(sorted(part.judged.rows[one] for one in library if one in part.judged.rows))
        rest = [one for one in library if one not in part.judged.rows]
        if len(relevant) < LEAST_JUDGED or len(rest) < LEAST_OTHER:
            continue
        close = factors[part.shown.ids] @ factors[rest].sum(axis=0)
        if by == "words":
            close = _by_words(rest, data, part.shown)
        likes = np.zeros(SHOWN, dtype=bool)
        likes[np.argsort(-close, kind="stable")[: round(options.liked * SHOWN)]] = True
        likes[[part.shown.rows[one] for one in rest if one in part.shown.rows]] = True
        chance = random.Random(number)
        outside = [one for one in rest if one not in part.shown.rows]
        known = tuple(data.papers[one] for one in chance.sample(outside, min(options.known, len(outside))))
        readers.append(Reader(likes, relevant, known, _taste(known, part.shown), chance))
    return readers


def _by_words(library: Sequence[int], data: Libraries, shown: Prepared) -> Floats:
    """TF-IDF cosine of each shown paper with the nearest of the library."""
    own = shown.model.weighed(count_rows([data.papers[one] for one in library], shown.model.terms).rows)
    columns = min(own.shape[1], shown.matrix.shape[1])
    return np.asarray((shown.matrix[:, :columns] @ own[:, :columns].T).toarray().max(axis=1))


def _taste(known: Sequence[Candidate], shown: Prepared) -> Floats | None:
    if not known:
        return None
    interests = [InterestSpec("known", examples=tuple(_example(one, is_liked=True) for one in known))]
    return np.asarray(taste_of(interests, learn(interests, shown.model), Library(shown)).taste[0])


# --- pages -----------------------------------------------------------------------------------------


def rounds_of_pages(folder: Path, draws: int) -> list[Round]:
    """A round for each reader, who likes the papers of one page: half of all papers shown, half judged."""
    pages = [read_page(path) for path in sorted(folder.glob("*.txt"))]
    texts = list(dict.fromkeys(text for page in pages for text in page))
    papers = [Candidate(number, *text) for number, text in enumerate(texts)]
    model = fit(papers)
    found = []
    for at, page in enumerate(pages):
        own = {texts.index(text) for text in page}
        for number in range(draws):
            chance = random.Random(f"{at} {number}")
            mixed = chance.sample(papers, len(papers))
            halves = mixed[: len(papers) // 2], mixed[len(papers) // 2 :]
            shown, judged = (prepare(half, (), model, NOW) for half in halves)
            likes = np.array([one.paper_id in own for one in shown.candidates])
            relevant = np.array([row for row, one in enumerate(judged.candidates) if one.paper_id in own])
            reader = Reader(likes, relevant, (), None, chance)
            found.append(Round(shown, shown, judged, np.zeros(len(likes), np.int64), [reader]))
    return found


def main() -> None:
    """Ask, learn, judge, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("pages", type=Path, nargs="?", default=SEEDS)
    parser.add_argument("--readers", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--liked", type=float, default=0.05)
    parser.add_argument("--known", type=int, default=0)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--draws", type=int, default=60)
    options = parser.parse_args()
    data = read_libraries(options.folder)
    model = fit(data.papers)
    factors = _factors(data)
    print(f"{len(data.papers)} papers, {SHOWN} shown of which {options.liked:.0%} are liked, {JUDGED} judged")
    before = f", {options.known} papers of each known" if options.known else ""
    for by in ("words", "readers"):
        title = f"libraries, what is close to them by {by}{before}"
        show(rounds_of(data, model, factors, options, by), title)
    if not options.known:
        show(rounds_of_pages(options.pages, options.draws), "pages", ("most votes", "ours, no votes"))


def _factors(data: Libraries) -> Floats:
    """What readers like, of each paper: from all readers' likes."""
    pairs = [(number, paper) for number, name in enumerate(sorted(data.liked)) for paper in data.liked[name]]
    shared = fit(data.papers, pairs).shared
    if shared is None:
        sys.exit("these readers have nothing in common")
    found = np.zeros((len(data.papers), shared.factors.shape[1]), dtype=np.float32)
    found[shared.ids] = shared.factors
    return found


if __name__ == "__main__":
    main()
