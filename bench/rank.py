"""What a reader costs: scores and selection, then reasons, beside two other ways on the same machine.

usage: python bench/rank.py [--readers 10000] [--papers 1000] [--stored 10000] [--rounds 2]

Readers have three interests: keywords with a phrase; twelve liked papers; and five liked papers with two
keywords and a followed author. What is learnt of them is kept, as the product keeps it, and is timed apart:
it is learnt when an interest changes, not each morning. All figures are processor time of one thread.

Beside it, for a few of the readers, with a classifier or a corpus for each interest:

* arxiv-sanity-lite: TF-IDF of all stored papers, and a linear SVM for each interest, with its settings.
* zotero-arxiv-daily: each new paper's similarity to the liked ones, the newest weighing most. On TF-IDF here,
  in place of sentence embeddings: these would have to be made for each new paper besides.
"""

import argparse
import random
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import generated
from digest.pipeline.compose import BLOCK
from digest.pipeline.uncollected import uncollected
from digest.ranking import Learned, Model, Prepared, fit, learn, pack, prepare, recommend, unpack
from digest.ranking.library import Library
from digest.ranking.recommending import choose
from digest.types import Candidate, Example, InterestSpec, Profile

LIKED, FEW = 12, 5
RIVAL_READERS = 4
PAPERS = 25


def readers(number: int, pool: Sequence[Candidate]) -> list[Profile]:
    """Return invented readers of three interests each."""
    chance = random.Random(3)
    topics = [generated.topic_words(topic) for topic in range(generated.TOPICS)]

    def liked(most: int) -> tuple[Example, ...]:
        return tuple(Example(one.title, one.abstract, one.paper_id) for one in chance.sample(pool, most))

    profiles = []
    for reader in range(1, number + 1):
        words, others = chance.choice(topics), chance.choice(topics)
        asked = (*chance.sample(words[:12], 3), f"{words[0]} {words[1]}")
        interests = (
            InterestSpec("keywords", 1, keywords=asked),
            InterestSpec("library", 2, examples=liked(LIKED)),
            InterestSpec(
                "both",
                3,
                keywords=tuple(others[:2]),
                authors=(generated.name(chance),),
                examples=liked(FEW),
            ),
        )
        profiles.append(Profile(reader, interests, max_papers=PAPERS))
    return profiles


class Clock:
    """Processor time from one look to the next."""

    def __init__(self) -> None:
        self.last = time.process_time()

    def look(self) -> float:
        """Return the seconds since the last look."""
        now = time.process_time()
        taken, self.last = now - self.last, now
        return taken


def ours(
    profiles: Sequence[Profile], learned: Sequence[Sequence[Learned]], prepared: Prepared
) -> tuple[float, float]:
    """Return seconds for scores and selection of all, and for recommendations with reasons."""
    sent = {profile.subscriber_id: frozenset(range(1, 60)) for profile in profiles}
    blocks = [slice(first, first + BLOCK) for first in range(0, len(profiles), BLOCK)]  # as they are composed
    clock, library = Clock(), Library(prepared)
    for some in blocks:
        with uncollected():
            for _ in choose(profiles[some], sent, library, learned[some]):
                pass
    chosen, library = clock.look(), Library(prepared)
    for some in blocks:
        with uncollected():
            assert all(recommend(profiles[some], sent, prepared, learned[some], library))
    return chosen, clock.look()


def sanity(profiles: Sequence[Profile], stored: Sequence[Candidate], new: Sequence[Candidate]) -> float:
    """Return seconds a reader of arxiv-sanity-lite's way."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    from digest.evaluation.learners import VECTORISER

    both = [*stored, *new]
    rows = TfidfVectorizer(**VECTORISER).fit_transform(f"{one.title} {one.abstract}" for one in both)
    place = {one.paper_id: row for row, one in enumerate(both)}
    clock = Clock()
    for profile in profiles:
        for interest in profile.interests:
            labels = np.zeros(rows.shape[0])
            labels[[place[one.paper_id] for one in interest.examples if one.paper_id]] = 1
            if not labels.any():  # its tags are papers only
                labels[:FEW] = 1
            classifier = LinearSVC(class_weight="balanced", max_iter=10_000, tol=1e-6, C=0.01)
            classifier.fit(rows, labels)
            np.argsort(-classifier.decision_function(rows))
    return clock.look() / len(profiles)


def zotero(profiles: Sequence[Profile], model: Model, new: Sequence[Candidate]) -> float:
    """Return seconds a reader of zotero-arxiv-daily's weighting."""
    import numpy as np

    from digest.ranking.features import count_rows

    candidates = model.weighed(count_rows(new, model.terms).rows)
    clock = Clock()
    for profile in profiles:
        for interest in profile.interests:
            if interest.examples:
                corpus = model.weighed(count_rows(interest.examples, model.terms).rows)
                weights = 1 / (1 + np.log10(np.arange(len(interest.examples)) + 1))
                similar = (candidates @ corpus.T).toarray()
                np.argsort(-(similar * (weights / weights.sum())).sum(axis=1) * 10)
    return clock.look() / len(profiles)


def main() -> None:
    """Generate, rank, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("readers", 10_000), ("papers", 1_000), ("stored", 10_000), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    stored = [
        Candidate(1_000_000 + number, *text)
        for number, text in enumerate(generated.texts(options.stored, seed=7))
    ]
    new = list(generated.candidates(options.papers))
    profiles = readers(options.readers, stored[:2_000])
    clock = Clock()
    model = fit(stored)
    fitted = clock.look()
    prepared = prepare(new, generated.sightings(options.papers), model, generated.NOW)
    ready = clock.look()
    specs = [interest for profile in profiles for interest in profile.interests]
    flat = learn(specs, model)
    learnt = clock.look()
    states = [pack(one) for one in flat[:3_000]]
    clock.look()
    for state in states:
        unpack(state)
    unpacked = clock.look() / len(states)
    learned = [flat[3 * at : 3 * at + 3] for at in range(len(profiles))]
    rounds = [ours(profiles, learned, prepared) for _ in range(options.rounds)]
    chosen, whole = (min(times) / len(profiles) for times in zip(*rounds, strict=True))
    some = [replace(profile) for profile in profiles[:RIVAL_READERS]]
    svm, weighting = sanity(some, stored, new), zotero(profiles[:200], model, new)
    print(f"{options.readers} readers × 3 interests × {options.papers} new papers, {options.stored} stored")
    print(f"once a morning: prepare {ready:.2f} s (fit {fitted:.1f} s)")
    print(f"learn an interest, when it changes     {1e3 * learnt / len(specs):9.3f} ms")
    print(f"read what was learnt of one            {1e3 * unpacked:9.3f} ms, {len(states[1])} bytes")
    print(f"scores and selection                   {1e3 * chosen:9.3f} ms a reader")
    print(f"reasons of {PAPERS} papers                   {1e3 * (whole - chosen):9.3f} ms a reader")
    print(f"arxiv-sanity-lite's way, scores        {1e3 * svm:9.1f} ms a reader  {svm / chosen:9.0f} times")
    more = f"{weighting / chosen:9.1f} times"
    print(f"zotero-arxiv-daily's weighting, scores {1e3 * weighting:9.3f} ms a reader  {more}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
