"""How long ranking takes for many readers: prepare once, then recommend with reasons.

usage: python bench/rank.py [--readers 1000] [--papers 1000] [--interests 3] [--examples 5]
"""

import argparse
import resource
import sys
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import generated
from digest.ranking import fit, prepare, recommend
from digest.ranking.library import Library
from digest.ranking.taste import CELLS, taste_of


def main() -> None:
    """Generate, rank, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("readers", 1_000), ("papers", 1_000), ("interests", 3), ("examples", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    papers = list(generated.candidates(options.papers))
    votes = list(generated.sightings(options.papers))
    profiles = generated.readers(options.readers, options.interests, options.examples)
    times = [time.perf_counter()]
    model = fit(f"{title}\n{abstract}" for title, abstract in generated.texts(5_000, seed=7))
    times.append(time.perf_counter())
    prepared = prepare(papers, votes, model, generated.NOW)
    times.append(time.perf_counter())
    library = Library(prepared)
    specs = [interest for profile in profiles for interest in profile.interests]
    step = max(CELLS // max(options.papers, 1), 1)
    for first in range(0, len(specs), step):
        taste_of(specs[first : first + step], library)
    times.append(time.perf_counter())
    found = recommend(profiles, {}, prepared)
    times.append(time.perf_counter())
    fitted, ready, scored, chosen = (after - before for before, after in pairwise(times))
    size = f"{options.readers} readers × {options.papers} papers × {options.interests} interests"
    print(f"{size}, {options.examples} examples an interest")
    each = 1_000 / max(options.readers, 1)
    print(f"fit on 5,000 texts             {fitted:8.2f} s")
    print(f"prepare                        {ready:8.2f} s")
    print(f"scores alone                   {scored:8.2f} s {each * scored:8.2f} ms a reader")
    print(f"scores, selection and reasons  {chosen:8.2f} s {each * chosen:8.2f} ms a reader")
    reasons = sum(len(one.reasons) for each in found for one in each)
    print(f"{sum(map(len, found))} recommendations with {reasons} reasons")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
