"""Pages as profiles: from ten papers of a page, how well are its others told from those of the other pages?

usage: python bench/relevance.py [FOLDER] [--liked 10] [--draws 40] [--embeddings MODEL]

FOLDER holds trending pages saved as reader-mode text, one file a page (../shared/pages/seeds). Ten random
papers of a page are liked; its other papers should rank above those of the other pages. Printed for the
digest's ranking with one reader's likes and for a TF-IDF centroid, which both know the words of all papers:
the area under the ROC curve and nDCG@20, means over draws with 95 % bootstrap intervals; the difference is
paired. With a text model (the extra ``embeddings``), the digest's ranking with it is compared with the one
without instead. The intervals say how much the choice of ten matters; the pages are what they are.
"""

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from digest.evaluation import BASELINES, Dataset, Rows, Scorer, intervals, measure, ours, rank
from digest.pipeline.text_model import TextModel
from digest.types import Candidate

SEEDS = Path(__file__).resolve().parents[2] / "shared" / "pages" / "seeds"
NDCG = 0
Floats = NDArray[np.float64]


def read_page(path: Path) -> list[tuple[str, str]]:
    """Titles and abstracts: after the heading they take turns, line by line."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    first = next(number for number, line in enumerate(lines) if line.startswith("Subscribe"))
    glued = lines[first].removeprefix("Subscribe")
    lines = [glued, *lines[first + 1 :]] if glued else lines[first + 3 :]
    return list(dict.fromkeys(zip(lines[::2], lines[1::2], strict=True)))


def draw(pages: Sequence[Sequence[tuple[str, str]]], liked: int, draws: int) -> Dataset:
    """Every draw is a reader, page after page; all papers are stored, and all but the liked are ranked."""
    texts = list(dict.fromkeys(text for page in pages for text in page))
    row_of = {text: row for row, text in enumerate(texts)}
    papers = tuple(Candidate(row, title, abstract) for row, (title, abstract) in enumerate(texts))
    chance = random.Random(0)
    chosen, others = [], []
    for page in pages:
        rows = [row_of[text] for text in page]
        for _ in range(draws):
            chosen.append(sorted(chance.sample(rows, liked)))
            others.append(sorted(set(rows) - set(chosen[-1])))
    readers = len(chosen)
    return Dataset(
        candidates=papers,
        known=papers,
        judged={one.paper_id: one for one in papers},
        names=[f"draw {number}" for number in range(readers)],
        liked=Rows.of(chosen),
        disliked=Rows.empty(readers),
        ranked=np.arange(readers),
        relevant=Rows.of(others),
    )


def areas(data: Dataset, score: Scorer) -> Iterator[float]:
    """The area under the ROC curve for each draw: how often one of the page is above one of another."""
    for reader, scores in enumerate(score(data.ranked)):
        is_there = np.ones(len(scores), dtype=bool)
        is_there[data.liked[reader]] = False
        is_own = np.isin(np.arange(len(scores)), data.relevant[reader])
        own, other = scores[is_own & is_there], scores[~is_own & is_there]
        above = (own[:, None] > other).mean() + (own[:, None] == other).mean() / 2
        yield float(above)


def figures(data: Dataset, score: Scorer) -> Floats:
    """AUC and nDCG@20, a row for each draw."""
    lists = [rows for block in rank(data, score) for rows in block]
    found = measure((rows, data.relevant[reader]) for reader, rows in enumerate(lists))
    return np.column_stack([list(areas(data, score)), found[:, NDCG]])


def main() -> None:
    """Draw, rank, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=SEEDS)
    parser.add_argument("--liked", type=int, default=10)
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--embeddings", metavar="MODEL", help="a text model's folder or name")
    options = parser.parse_args()
    files = sorted(options.folder.glob("*.txt"))
    if len(files) < 2:
        sys.exit(f"{options.folder} has fewer than two pages (*.txt)")
    pages = [read_page(path) for path in files]
    data = draw(pages, options.liked, options.draws)
    if options.embeddings:
        with_it, without = "with the text model", "without"
        mine = figures(data, ours(data, "single", TextModel(options.embeddings))[0])
        theirs = figures(data, ours(data, "single")[0])
    else:
        with_it, without = "digest", "TF-IDF centroid"
        mine = figures(data, ours(data, "single")[0])
        theirs = figures(data, BASELINES["centroid"](data))
    print(
        f"{len(data.candidates)} papers of {len(pages)} pages, {options.liked} liked, "
        f"{options.draws} draws a page"
    )
    print(f"{'page':22} {'others':>6} {'':8} {with_it:>24} {without:>24} {'ahead by':>27}")
    names = [path.stem for path in files]
    for number, (name, page) in enumerate([*zip(names, pages, strict=True), ("all", [])]):
        part = slice(number * options.draws, (number + 1) * options.draws) if page else slice(None)
        both = [intervals(each[part]) for each in (mine, theirs, mine - theirs)]
        others = str(len(page) - options.liked) if page else ""
        for figure, what in enumerate(("AUC", "nDCG@20")):
            cells = [
                f"{each[figure][0]:.3f} [{each[figure][1]:.3f}, {each[figure][2]:.3f}]" for each in both[:2]
            ]
            mean, low, high = both[2][figure]
            print(
                f"{name if not figure else '':22} {others if not figure else '':>6} {what:8} "
                f"{cells[0]:>24} {cells[1]:>24} {mean:>+9.3f} [{low:+.3f}, {high:+.3f}]"
            )


if __name__ == "__main__":
    main()
