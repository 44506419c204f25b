"""More like this: the stored papers that share a paper's rarest words.

Its telling terms are weighed (1 + log count) × log(papers / papers with it), the title's counted twice. The
heaviest are looked up, and what holds some of them is ordered by the cosine between the weights.
"""

from collections import Counter
from collections.abc import Mapping
from math import log, sqrt

from sqlmodel import Session

from digest.pipeline.browsing.memo import Memo
from digest.ranking.terms import feature_counts
from digest.storage import browsing as rows
from digest.storage import papers as paper_rows
from digest.storage import search as search_rows

__all__ = ["Likeness"]

# How many terms are weighed, and how many looked up.
WEIGHED, LOOKED_UP = 40, 12
# A term that so many papers hold says little; it is not counted further.
COMMON = 5000
# Together the terms looked up may bring so many papers, of which so many are compared.
BROUGHT, COMPARED = 6000, 60
LEAST_TERMS = 3


class Likeness:
    """Finds similar papers; keeps how common terms are, and what it found, for one state of the papers."""

    def __init__(self) -> None:
        self._frequency: Memo[int] = Memo(50_000)
        self._found: Memo[tuple[int, ...]] = Memo(2_000)

    def similar(self, session: Session, paper_id: int, stamp: str) -> tuple[int, ...]:
        """The ids of similar papers, the most similar first, without itself; at most 60."""
        return self._found.get((paper_id, stamp), lambda: self._find(session, paper_id, stamp))

    def _find(self, session: Session, paper_id: int, stamp: str) -> tuple[int, ...]:
        counts = self._counts(session, [paper_id]).get(paper_id, Counter())
        number = max(paper_rows.count_papers(session), 2)
        common = {
            term: self._frequency.get(
                (term, stamp),
                lambda term=term: search_rows.count_holding(session, term, most=COMMON),  # type: ignore[misc]
            )
            for term, _ in counts.most_common(WEIGHED)
        }
        rarity = {term: log(number / held) for term, held in common.items() if held}
        # A term that no other paper holds finds none.
        weights = {term: (1 + log(counts[term])) * rarity[term] for term in rarity if common[term] > 1}
        chosen: list[str] = []
        brought = 0
        for term in sorted(weights, key=lambda term: (-weights[term], term)):
            if len(chosen) >= LEAST_TERMS and brought + common[term] > BROUGHT:
                continue
            chosen.append(term)
            brought += common[term]
            if len(chosen) == LOOKED_UP:
                break
        if not chosen:
            return ()
        wanted = search_rows.Wanted(tuple(chosen), any_word=True)
        hits, _ = search_rows.find_hits(session, wanted, newest=BROUGHT, most=COMPARED + 1)
        near = [found for found, _ in hits if found != paper_id][:COMPARED]
        likeness = _cosines(counts, rarity, self._counts(session, near))
        return tuple(sorted(likeness, key=lambda found: (-likeness[found], -found)))

    @staticmethod
    def _counts(session: Session, paper_ids: list[int]) -> dict[int, Counter[str]]:
        texts = rows.list_texts(session, paper_ids)
        return {
            paper_id: feature_counts(f"{title}\n{title}\n{abstract}")
            for paper_id, (title, abstract) in texts.items()
        }


def _cosines(
    counts: Counter[str], rarity: Mapping[str, float], others: Mapping[int, Counter[str]]
) -> dict[int, float]:
    """How like the others are, from 0 to 1; a term whose rarity is not known counts as the middle one."""
    middle = sorted(rarity.values())[len(rarity) // 2]

    def weigh(of: Counter[str]) -> dict[str, float]:
        return {term: (1 + log(count)) * rarity.get(term, middle) for term, count in of.items()}

    own = weigh(counts)
    found = {}
    for paper_id, other in others.items():
        weights = weigh(other)
        shared = sum(weight * weights[term] for term, weight in own.items() if term in weights)
        lengths = sqrt(sum(w * w for w in own.values()) * sum(w * w for w in weights.values()))
        found[paper_id] = shared / lengths if lengths else 0.0
    return found
