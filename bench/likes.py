"""Rank the candidates of a folder like eval/citeulike-t by taste alone, with each reader's likes as examples.

usage: python bench/likes.py DIR OUT.tsv [--users FILE]

Writes user, paper, rank (1…100) for score.py. Each reader is one interest of examples; nothing is fitted on
test rows: the model sees the papers that are no candidates.
"""

import argparse
import gzip
import json
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from digest.ranking import fit, prepare
from digest.ranking.library import Library
from digest.ranking.taste import CELLS, taste_of
from digest.types import Candidate, Example, InterestSpec


def read(folder: Path) -> tuple[dict[str, dict[str, str]], dict[str, list[str]], list[str], list[str]]:
    """Return papers, train likes by reader, candidates, readers with test rows."""
    with gzip.open(folder / "papers.jsonl.gz", "rt", encoding="utf-8") as file:
        papers = {paper["id"]: paper for paper in map(json.loads, file)}
    likes: dict[str, list[str]] = defaultdict(list)
    readers = {}
    with (folder / "likes.tsv").open(encoding="utf-8") as file:
        next(file)
        for line in file:
            user, paper, split = line.split()
            if split == "train":
                likes[user].append(paper)
            else:
                readers[user] = True
    return papers, likes, (folder / "candidates.txt").read_text().split(), sorted(readers)


def main() -> None:
    """Rank, write, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--users", type=Path)
    options = parser.parse_args()
    papers, likes, candidates, readers = read(options.folder)
    readers = options.users.read_text().split() if options.users else readers
    new = set(candidates)
    began = time.perf_counter()
    model = fit(f"{one['title']}\n{one['abstract']}" for key, one in papers.items() if key not in new)
    fitted = time.perf_counter()
    ready = [
        Candidate(number, papers[key]["title"], papers[key]["abstract"])
        for number, key in enumerate(candidates)
    ]
    prepared = prepare(ready, [], model, datetime(2026, 1, 1, tzinfo=UTC))
    library = Library(prepared)
    scored = time.perf_counter()
    with options.out.open("w", encoding="utf-8") as out:
        out.write("user\tpaper\trank\n")
        step = max(CELLS // len(candidates), 1)
        for first in range(0, len(readers), step):
            some = readers[first : first + step]
            interests = [
                InterestSpec(
                    user,
                    examples=tuple(
                        Example(papers[key]["title"], papers[key]["abstract"]) for key in likes[user]
                    ),
                )
                for user in some
            ]
            for user, taste in zip(some, taste_of(interests, library).parts["taste"], strict=True):
                for rank, row in enumerate(np.argsort(-taste, kind="stable")[:100], 1):
                    out.write(f"{user}\t{candidates[row]}\t{rank}\n")
    done = time.perf_counter()
    print(f"fit {fitted - began:.1f} s, prepare {scored - fitted:.1f} s")
    print(f"{len(readers)} readers: {1000 * (done - scored) / len(readers):.2f} ms each")


if __name__ == "__main__":
    main()
