"""A long library as interests: its papers split into topics, each with a name that the reader can change."""

import math
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlmodel import Session

from digest.storage import papers as paper_rows
from digest.types import Candidate

if TYPE_CHECKING:  # heavy, and needed by few commands
    from digest.ranking import Model

__all__ = ["Topic", "split"]

# With fewer stored papers the model is fitted on them and the library together.
ENOUGH = 1000
# A word that one paper of so many has tells as much as one that is rarer still.
RARE = 50
# From each of these numbers of papers on a library has one topic more at least.
LARGE = (100, 500, 2_500, 12_500)
# The stored papers that say what is usual.
USUAL = 1000


class Topic(NamedTuple):
    """The papers of a library (by place) that belong together, and what to call them."""

    name: str
    places: list[int]


def split(
    session: Session, models: Path, papers: Sequence[Candidate], *, fewest: int = 1, keep: bool
) -> list[Topic]:
    """The topics of a library, the largest first; the order of its papers changes nothing.

    There are at least ``fewest`` where there are papers enough for so many, and more of a large library, even
    if all is of one field. ``keep``: a model that has to be fitted on what is stored is kept in ``models``.
    """
    from digest.ranking.clustering import cluster
    from digest.ranking.naming import Text, propose_names

    # Numbered by their words, as nothing else of them is the same in every order.
    order = sorted(range(len(papers)), key=lambda place: (papers[place].title, papers[place].abstract))
    numbered = [_numbered(papers[place], -1 - number) for number, place in enumerate(order)]
    stored = list(islice(paper_rows.iter_papers(session), USUAL))
    model = _model(session, models, numbered, stored, keep=keep)
    # A few papers may be of one of the library's own topics.
    usual = model.latent(stored).mean(axis=0) if len(stored) >= RARE else None
    fewest = max(fewest, 1 + bisect(LARGE, len(papers)))
    topics = cluster(model.latent(numbered), usual, fewest=fewest)
    texts = [Text(one.title, one.abstract) for one in numbered]
    names = propose_names(texts, topics, _telling(stored))
    return [
        Topic(name, sorted(order[number] for number in topic))
        for name, topic in zip(names, topics, strict=True)
    ]


def _numbered(paper: Candidate, number: int) -> Candidate:
    return Candidate(
        number, paper.title, paper.abstract, categories=paper.categories, keywords=paper.keywords
    )


def _model(
    session: Session, models: Path, papers: Sequence[Candidate], stored: Sequence[Candidate], *, keep: bool
) -> "Model":
    from digest.pipeline.model_store import ModelStore
    from digest.ranking import fit

    if len(stored) >= ENOUGH:
        return ModelStore(models).current(session, keep=keep)
    return fit([*stored, *papers])


def _telling(stored: Sequence[Candidate]) -> Callable[[str], float]:
    """How much a term tells, from 0 to 1: little where many papers have it; all alike with few stored."""
    from digest.ranking.terms import feature_counts

    frequency: Counter[str] = Counter()
    for paper in stored:
        frequency.update(feature_counts(f"{paper.title}\n{paper.abstract}").keys())
    if len(stored) < RARE:
        return lambda _: 1.0
    return lambda term: min(1.0, math.log((len(stored) + 1) / (frequency[term] + 1)) / math.log(RARE))
