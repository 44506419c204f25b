"""Names for topics of a library: two to four telling words each, as the papers write them.

Phrases of one to three words are counted in the papers, each once a paper and more where it is in the title,
and weighed by class TF-IDF (Grootendorst 2022, arXiv:2203.05794), the topics being the classes::

    weight = share of the topic's papers with the phrase × log(1 + 1 / shares of its words in all topics)

(the harmonic mean over its words), times how telling these are among all papers, where that is known, and
more for a phrase than for a word.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from digest.ranking.terms import is_feature, surfaces, tokenise

__all__ = ["Text", "propose_names"]

# Words of one name.
MOST_WORDS: Final = 4
LEAST_WORDS: Final = 2
LONGEST: Final = 3  # words of a phrase
# What each further word of a phrase is worth: "graph networks" says more than "graph" or "networks".
WORD_WORTH: Final = 0.7
# A phrase is in so many papers and in such a share of them at least, where any is.
LEAST_PAPERS: Final = 2
LEAST_SHARE: Final = 0.12
# What a phrase in a title counts, one in the abstract counting 1.
TITLE_WORTH: Final = 3
# Words that begin alike ("robot", "robotic") say the same in a name.
BEGINNING: Final = 5
# A word that is written without a capital so often is not a name.
SMALL_SHARE: Final = 0.15
# Papers of a topic that are looked at, the first of them in an order of their own.
LOOKED_AT: Final = 250
NAMELESS: Final = "Papers"
# Words of papers of any topic.
EMPTY_WORDS: Final = """
    able abstract achieve address aim analysis application apply approach art article available base based
    baseline basis benchmark benefit better case challenge change code combine comment common compare
    complex component conduct consider contain contribution current data dataset demonstrate design
    determine develop different difficult directly discuss effect effective effectively efficiency
    efficient efficiently enable end evaluate evaluation evidence existing experiment experimental
    explore extensive extensively fact factor find finding first framework future general generate
    github given good high highlight html http https identify impact implementation important improve
    improved improvement improving include increase information introduce introducing introduction
    investigate investigation issue key known lack large lead learning level limited long low main
    maintain make mean measure method methodology model modeling modelling multiple need new note novel
    number obtain open outcome outperform overall overview paper particular performance perspective
    possible potential practical present previous prior problem process produce promising propose
    proposed provide public quality range recent recently reduce remain report require research
    respectively result reveal review robust role second self set show significant significantly similar
    simple single small source special specific specifically standard state step strong study
    substantial substantially suggest support survey system task technique term test theory three toward
    train training two type understand understanding unified unlike use useful value variety various via
    wide widely work www year yield
"""
EMPTY: Final = frozenset(EMPTY_WORDS.split())

SHORT: Final = 4
_APART: Final = re.compile(r"\W+")

Phrase = tuple[str, ...]
Telling = Callable[[str], float]


class Text(NamedTuple):
    """A paper's words."""

    title: str
    abstract: str = ""


def propose_names(
    papers: Sequence[Text], topics: Sequence[Sequence[int]], telling: Telling = lambda _: 1.0
) -> list[str]:
    """Return a name for each topic (the places of its papers), no two alike; the papers' order is nothing.

    ``telling`` says of a term how much it tells, from 0; terms are those of :mod:`digest.ranking.terms`.
    """
    looked_at = [sorted(papers[place] for place in topic)[:LOOKED_AT] for topic in topics]
    shares = [_shares(some) for some in looked_at]
    everywhere: dict[Phrase, float] = {}
    for share in shares:
        for phrase, value in share.items():
            everywhere[phrase] = everywhere.get(phrase, 0.0) + value
    names: list[str] = []
    for some, share in zip(looked_at, shares, strict=True):
        weights = {
            phrase: value * _specific(phrase, everywhere) * _worth(phrase, telling)
            for phrase, value in share.items()
        }
        names.append(_free(_written(_chosen(weights), some) or NAMELESS, names))
    return names


def _shares(papers: Sequence[Text]) -> dict[Phrase, float]:
    """By phrase the share of the papers that have it in the title, and a third of that in the abstract.

    Phrases of single papers are left out, unless there are no others.
    """
    found: Counter[Phrase] = Counter()
    counts: Counter[Phrase] = Counter()
    for title, abstract in papers:
        in_title = set(_phrases(title))
        in_any = in_title | set(_phrases(abstract))
        found.update(in_any)
        counts.update(in_any)
        counts.update(dict.fromkeys(in_title, TITLE_WORTH - 1))
    least = max(LEAST_PAPERS, math.ceil(LEAST_SHARE * len(papers)))
    kept = {phrase for phrase, number in found.items() if number >= least} or found.keys()
    return {phrase: counts[phrase] / TITLE_WORTH / len(papers) for phrase in kept}


def _phrases(text: str) -> Iterator[Phrase]:
    """Runs of telling words that stand side by side, none beginning or ending with a word of any topic."""
    run: list[str] = []
    place = -1
    for token in tokenise(text):
        if token.width > 1:
            continue
        if not is_feature(token.term) or token.start != place + 1:
            run = []
        place = token.start
        if is_feature(token.term):
            run = [*run[-LONGEST + 1 :], token.term]
            if token.term not in EMPTY:
                yield from (tuple(run[at:]) for at in range(len(run)) if run[at] not in EMPTY)


def _specific(phrase: Phrase, everywhere: Mapping[Phrase, float]) -> float:
    """The harmonic mean over its words, so that a word of all topics makes a phrase no better."""
    each = [math.log1p(1 / everywhere.get((term,), everywhere[phrase])) for term in phrase]
    return len(each) / sum(1 / value for value in each)


def _worth(phrase: Phrase, telling: Telling) -> float:
    mean = sum(map(telling, phrase)) / len(phrase)
    return mean * (1 + WORD_WORTH * (len(phrase) - 1))


def _chosen(weights: dict[Phrase, float]) -> list[Phrase]:
    """The heaviest phrases that share no word and no word's beginning, two to four words together."""
    chosen: list[Phrase] = []
    used: set[str] = set()
    number = 0
    for phrase in sorted(weights, key=lambda phrase: (-weights[phrase], phrase)):
        beginnings = {term[:BEGINNING] for term in phrase}
        if weights[phrase] > 0 and number + len(phrase) <= MOST_WORDS and used.isdisjoint(beginnings):
            chosen.append(phrase)
            used |= beginnings
            number += len(phrase)
        if number >= MOST_WORDS or len(chosen) == LEAST_WORDS:
            break
    return chosen


def _written(phrases: Sequence[Phrase], papers: Sequence[Text]) -> str:
    """The phrases as most papers write them; abstracts know no capitals of headlines."""
    forms: dict[str, Counter[str]] = {term: Counter() for phrase in phrases for term in phrase}
    whole: dict[Phrase, Counter[str]] = {phrase: Counter() for phrase in phrases if len(phrase) > 1}
    patterns = {phrase: _pattern(phrase) for phrase in whole}
    for title, abstract in papers:
        for weight, text in ((1, title), (3, abstract)):
            written = surfaces([text])
            for term in forms.keys() & written.keys():
                forms[term][written[term]] += weight
            for phrase, pattern in patterns.items():
                if found := pattern.search(text):
                    whole[phrase][" ".join(_APART.split(found[0]))] += weight
    return ", ".join(_best(phrase, whole.get(phrase), forms) for phrase in phrases)


def _pattern(phrase: Phrase) -> re.Pattern[str]:
    """The words of a phrase side by side, whatever they end in."""
    stems = (re.escape(term[:-1] if len(term) > SHORT and term.endswith("y") else term) for term in phrase)
    return re.compile(r"\b" + r"[^\w.;:!?]{1,3}".join(f"{stem}\\w{{0,3}}" for stem in stems), re.IGNORECASE)


def _best(phrase: Phrase, whole: Counter[str] | None, forms: Mapping[str, Counter[str]]) -> str:
    if not whole:
        return " ".join(_form(term, forms[term]) for term in phrase)
    best = min(whole, key=lambda form: (-whole[form], form)).split()
    return " ".join(
        _form(term, Counter([word]) + _cased(word, forms[term]))
        for term, word in zip(phrase, best, strict=False)
    )


def _cased(word: str, forms: Counter[str]) -> Counter[str]:
    """How often the same word is written with and without a capital."""
    return Counter({form: number for form, number in forms.items() if form.lower() == word.lower()})


def _form(term: str, forms: Counter[str]) -> str:
    """How a term is mostly written; with a capital only where it is seldom without."""
    if not forms:
        return term
    best = min(forms, key=lambda form: (-forms[form], form))
    small = best.lower()
    return small if best[1:] == small[1:] and forms[small] >= SMALL_SHARE * forms.total() else best


def _free(name: str, taken: Sequence[str]) -> str:
    number, made = 1, name
    while made in taken:
        number += 1
        made = f"{name} {number}"
    return made
