"""What fitting the ranking model takes: seconds and memory, by numbers of papers and readers.

usage: python bench/fit.py [--cases PAPERS:READERS ...]

Each case is fitted in a process of its own, as the product does it, from a stream of invented papers; the
peak is that of the process, making the papers and readers included. Then 1,000 new papers are prepared.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import generated
from digest.types import Candidate

CASES = ["40:1", "50000:1", "30000:2000", "100000:2000"]
LIKES = 60
TOPICS = 6


def papers(number: int) -> Iterator[Candidate]:
    """Yield invented papers."""
    for paper_id, (title, abstract) in enumerate(generated.texts(number, seed=7), 1):
        yield Candidate(paper_id, title, abstract)


def likes(readers: int, number: int) -> Iterator[tuple[int, int]]:
    """Yield 60 likes a reader, mostly of papers that some others like too."""
    chance = random.Random(11)
    known = [chance.sample(range(1, number + 1), min(200, number)) for _ in range(40)]
    for reader in range(1, readers + 1):
        groups = chance.sample(known, TOPICS)
        for _ in range(LIKES):
            yield (
                reader,
                chance.choice(chance.choice(groups)) if chance.random() < 0.8 else chance.randint(1, number),
            )


def fit_one(number: int, readers: int) -> None:
    """Be the process of one case."""
    from digest.ranking import fit, prepare

    began = time.perf_counter()
    model = fit(papers(number), likes(readers, number))
    fitted = time.perf_counter()
    new = list(generated.candidates(1_000, seed=99))
    made = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    prepare(new, [], model, generated.NOW)
    told = {
        "fit": fitted - began,
        "prepare": time.perf_counter() - made,
        "peak": peak,
        "terms": len(model.terms),
        "factors": model.spaces[2].stop - model.spaces[2].start,
    }
    print(json.dumps(told))


def main() -> None:
    """Run each case, print a line for it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="*", default=CASES, metavar="PAPERS:READERS")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        fit_one(*map(int, options.one.split(":")))
        return
    print(
        f"{'papers':>8} {'readers':>8} {'fit':>8} {'peak':>8} {'terms':>8} {'factors':>8} {'1,000 new':>10}"
    )
    for case in options.cases:
        done = subprocess.run(
            [sys.executable, __file__, "--one", case], check=True, capture_output=True, text=True
        )
        told = json.loads(done.stdout)
        number, readers = case.split(":")
        print(
            f"{number:>8} {readers:>8} {told['fit']:>6.1f} s {told['peak']:>5} MB {told['terms']:>8}"
            f" {told['factors']:>8} {told['prepare']:>8.2f} s"
        )


if __name__ == "__main__":
    main()
