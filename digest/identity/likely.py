"""Which of many texts are worth holding against each other, and which of those are alike."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from digest.identity.texts import lookup_words, words_of
from digest.text import normalise

__all__ = ["Pair", "likely_pairs"]

Text = tuple[str, str]


class Pair(NamedTuple):
    """Indexes of a text and a paper that are alike, why, and how sure that is."""

    text: int
    paper: int
    reason: str
    confidence: float


def likely_pairs(texts: Sequence[Text], papers: Sequence[Text]) -> list[Pair]:
    """All pairs that are alike. Only texts that share rare words are compared, so that many cost little."""
    if not texts or not papers:
        return []
    # Imported late: comparing is rare, and rapidfuzz takes a while to load.
    from digest.identity.likeness import likeness

    in_title, in_abstract = _index(papers)
    pairs = []
    for number, text in enumerate(texts):
        wanted = lookup_words(words_of(*text))
        if wanted is None:
            continue
        near = _sharing(wanted.title, wanted.title_needed, in_title)
        near |= _sharing(wanted.abstract, wanted.abstract_needed, in_abstract)
        for paper in sorted(near):
            alike = likeness(words_of(*text), words_of(*papers[paper]))
            if alike is not None:
                pairs.append(Pair(number, paper, *alike))
    return pairs


Index = dict[str, list[int]]


def _index(papers: Sequence[Text]) -> tuple[Index, Index]:
    in_title: Index = defaultdict(list)
    in_abstract: Index = defaultdict(list)
    for number, (title, abstract) in enumerate(papers):
        for word in set(normalise(title).split()):
            in_title[word].append(number)
        for word in set(words_of(title, abstract).abstract):
            in_abstract[word].append(number)
    return in_title, in_abstract


def _sharing(words: Sequence[str], needed: int, index: Index) -> set[int]:
    """Which have enough of the words, as :func:`digest.storage.search.likely_ids` looks them up."""
    if not needed:
        return set()
    counts = Counter(number for word in words for number in index.get(word, ()))
    return {number for number, count in counts.items() if count >= needed}
