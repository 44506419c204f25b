"""What one reader on a small box needs: fit on 50,000 papers, prepare, recommend; prints the peak memory.

The limit is 300 MB for the whole process, imports included. Two ways are measured, each in a process of its
own: the usual one (1,000 of the papers are candidates), and the hardest (all of them are).

usage: python bench/small_box.py [--papers 50000] [--candidates N]
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

LIMIT_MB = 300


def measure(papers: int, candidates: int) -> None:
    """Fit, save, load, prepare and recommend in this process, and print what it took."""
    from tempfile import TemporaryDirectory

    from bench import generated
    from digest.ranking import Model, fit, prepare, recommend

    began = time.perf_counter()
    model = fit(f"{title}\n{abstract}" for title, abstract in generated.texts(papers))
    fitted = time.perf_counter()
    with TemporaryDirectory() as folder:
        model.save(Path(folder) / "ranking.npz")
        model = Model.load(Path(folder) / "ranking.npz")
    ready = list(generated.candidates(candidates))
    generation = time.perf_counter()
    prepared = prepare(ready, generated.sightings(candidates), model, generated.NOW)
    made = time.perf_counter()
    found = recommend(generated.readers(1), {}, prepared)
    chosen = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    verdict = "within" if peak < LIMIT_MB else "ABOVE"
    print(
        f"{papers} papers, {candidates} of them candidates: fit {fitted - began:.1f} s, "
        f"prepare {made - generation:.1f} s, recommend {chosen - made:.2f} s ({len(found[0])} papers); "
        f"peak {peak:.0f} MB, {verdict} {LIMIT_MB} MB"
    )
    if peak >= LIMIT_MB:
        sys.exit(1)


def main() -> None:
    """Measure both ways, or the one asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--papers", type=int, default=50_000)
    parser.add_argument("--candidates", type=int)
    options = parser.parse_args()
    if options.candidates is not None:
        measure(options.papers, options.candidates)
        return
    failed = False
    for candidates in (min(1_000, options.papers), options.papers):
        command = [sys.executable, __file__, f"--papers={options.papers}", f"--candidates={candidates}"]
        failed |= subprocess.run(command, check=False).returncode != 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
