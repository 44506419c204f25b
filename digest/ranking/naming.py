"""Names for topics of a library: two to four telling words each, as the papers write them.

Phrases of one to three words are counted in the titles, each once a title, and weighed for each topic by class
TF-IDF (Grootendorst 2022, arXiv:2203.05794), the topics being the classes::

    weight = titles of the topic with the phrase × log(1 + mean titles of a topic / titles of all with it)

times how telling its words are among all papers, where that is known, and more for a phrase than for a word.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from digest.ranking.terms import is_feature, surfaces, tokenise

__all__ = ["propose_names"]

# Of one name.
MOST_WORDS: Final = 4
LEAST_WORDS: Final = 2
LONGEST: Final = 3  # words of a phrase
# What each further word of a phrase is worth: "graph networks" says more than "graph" or "networks".
WORD_WORTH: Final = 0.6
# A phrase stands in so many titles at least, where any does.
LEAST_TITLES: Final = 2
# Titles and abstracts of a topic that are looked at for how its words are written.
LOOKED_AT: Final = 200
# Words of titles that name no topic.
EMPTY: Final = frozenset(
    """analysis application approach article based basis case comment data effect efficient evaluation evidence
    framework improved improving introduction investigation learning method methodology model modelling modeling
    new note novel overview paper perspective problem recent report research result review role simple study
    survey system task technique theory toward understanding via work""".split()  # noqa: SIM905
)

Phrase = tuple[str, ...]
Telling = Callable[[str], float]


class Text(NamedTuple):
    """A paper's words."""

    title: str
    abstract: str = ""


def propose_names(
    papers: Sequence[Text], topics: Sequence[Sequence[int]], telling: Telling = lambda _: 1.0
) -> list[str]:
    """Return a name for each topic (the places of its papers), no two alike; the order of papers is nothing.

    ``telling`` says of a term how much it tells, from 0; terms are those of :mod:`digest.ranking.terms`.
    """
    counts = [_count(papers[place].title for place in topic) for topic in topics]
    everywhere = sum(counts, Counter[Phrase]())
    usual = sum(map(len, topics)) / max(len(topics), 1)
    names: list[str] = []
    for topic, count in zip(topics, counts, strict=True):
        weights = {
            phrase: titles * math.log1p(usual / everywhere[phrase]) * _worth(phrase, telling)
            for phrase, titles in count.items()
        }
        chosen = _chosen(weights, count)
        name = _written(chosen, [papers[place] for place in topic]) or "Papers"
        names.append(_free(name, names))
    return names


def _count(titles: Iterable[str]) -> Counter[Phrase]:
    counts: Counter[Phrase] = Counter()
    for title in titles:
        counts.update(set(_phrases(title)))
    return counts


def _phrases(title: str) -> Iterator[Phrase]:
    """Runs of telling words that stand side by side."""
    run: list[str] = []
    place = -1
    for token in tokenise(title):
        if token.width > 1:
            continue
        if not is_feature(token.term) or token.start != place + 1:
            run = []
        place = token.start
        if is_feature(token.term):
            run = [*run[-LONGEST + 1 :], token.term]
            yield from (tuple(run[first:]) for first in range(len(run)))


def _worth(phrase: Phrase, telling: Telling) -> float:
    """Nothing for a phrase that begins or ends with a word that names no topic."""
    if phrase[0] in EMPTY or phrase[-1] in EMPTY:
        return 0.0
    mean = sum(map(telling, phrase)) / len(phrase)
    return mean * (1 + WORD_WORTH * (len(phrase) - 1))


def _chosen(weights: dict[Phrase, float], count: Counter[Phrase]) -> list[Phrase]:
    """The heaviest phrases that share no word, two to four words together."""
    frequent = {phrase for phrase in weights if count[phrase] >= LEAST_TITLES}
    order = sorted(weights, key=lambda phrase: (phrase not in frequent, -weights[phrase], phrase))
    chosen: list[Phrase] = []
    used: set[str] = set()
    for phrase in order:
        is_needed = len(used) < LEAST_WORDS or phrase in frequent
        fits = len(used) + len(phrase) <= MOST_WORDS and used.isdisjoint(phrase)
        if weights[phrase] > 0 and is_needed and fits:
            chosen.append(phrase)
            used |= set(phrase)
        if len(used) >= MOST_WORDS or len(chosen) == LEAST_WORDS:
            break
    return chosen


def _written(phrases: Sequence[Phrase], papers: Sequence[Text]) -> str:
    """The phrases as most papers write their words; abstracts know no capitals of headlines."""
    forms: dict[str, Counter[str]] = {term: Counter() for phrase in phrases for term in phrase}
    for paper in islice(sorted(papers), LOOKED_AT):
        for weight, text in ((1, paper.title), (3, paper.abstract)):
            written = surfaces([text])
            for term in forms.keys() & written.keys():
                forms[term][written[term]] += weight
    best = {
        term: min(found, key=lambda form: (-found[form], form)) if found else term
        for term, found in forms.items()
    }
    return ", ".join(" ".join(best[term] for term in phrase) for phrase in phrases)


def _free(name: str, taken: Sequence[str]) -> str:
    number, made = 1, name
    while made in taken:
        number += 1
        made = f"{name} {number}"
    return made
