"""The product's own ranking as a scorer: the model of the night, interests as they are learnt from likes."""

from datetime import UTC, datetime
from typing import Literal

from digest.evaluation.dataset import Dataset
from digest.evaluation.ranking import Floats, Ints, Scorer
from digest.ranking import closeness, fit, learn, prepare, with_view
from digest.ranking.encoding import Encoder
from digest.ranking.library import Library
from digest.ranking.taste import taste_of
from digest.types import Candidate, Example, InterestSpec

__all__ = ["Mode", "ours"]

# Whose likes the model is fitted with: nobody's, everybody's, or everybody's where it finds them of use.
Mode = Literal["auto", "single", "all"]

# There are no observations, so no trend: any time will do.
SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def ours(data: Dataset, mode: Mode, encoder: Encoder | None = None) -> tuple[Scorer, Mode]:
    """Fit on the known papers, prepare the new ones; return the scorer, and the mode that it came to.

    ``single`` fits without anybody's likes; ``all`` and ``auto`` give those of all readers, and the model
    weighs them by how much readers have in common: where that is nothing, it came to ``single``. With
    ``encoder`` papers are seen by a text model too.
    """
    model = fit(data.known, () if mode == "single" else data.pairs())
    if encoder is not None:
        model = with_view(model, encoder, data.known)
    prepared = prepare(data.candidates, (), model, SOME_DAY)
    library = Library(prepared)

    def score(readers: Ints) -> Floats:
        interests = [_interest(data, int(reader)) for reader in readers]
        learned = learn(interests, model)
        scores = closeness(learned, prepared)
        marked = [at for at, one in enumerate(learned) if one.marks is not None]
        if marked:  # who wants less of something is ranked by taste as a whole
            some = [interests[at] for at in marked], [learned[at] for at in marked]
            scores[marked] = taste_of(*some, library).taste
        return scores

    return score, "single" if model.shared is None else "all"


def _interest(data: Dataset, reader: int) -> InterestSpec:
    """All that a reader said as one interest: whoever liked these papers, whatever they are called."""
    liked = [_example(data.judged[paper], 1.0) for paper in data.liked[reader].tolist()]
    disliked = [_example(data.judged[paper], -1.0) for paper in data.disliked[reader].tolist()]
    return InterestSpec(data.names[reader], examples=(*liked, *disliked))


def _example(paper: Candidate, weight: float) -> Example:
    return Example(
        title=paper.title,
        abstract=paper.abstract,
        paper_id=paper.paper_id,
        weight=weight,
        origin="more" if weight > 0 else "less",
        authors=paper.authors,
        categories=paper.categories,
        keywords=paper.keywords,
    )
