"""Text to terms: the one tokeniser behind vectors, keyword matching and shared words.

A term is a case-folded word without accents and without its plural ending. Hyphenated words give their
parts and, beside them, the joined form, so that "pre-training" meets "pretraining" and "retrieval"
meets "retrieval-augmented". Runs of Chinese or Japanese characters give overlapping pairs of characters,
since they are written without spaces.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

__all__ = [
    "FUNCTION_WORDS",
    "Token",
    "feature_counts",
    "fold",
    "is_feature",
    "surfaces",
    "tokenise",
    "tokens_of",
    "words",
]

TEXT_LIMIT = 20_000
WORD_LIMIT = 40

_CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_JOINT = "-'\u2010\u2011\u2019"
_WORD = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+(?:[{_JOINT}][^\W_{_CJK}]+)*")
_CJK_START = re.compile(rf"[{_CJK}]")
_SPLIT = re.compile(rf"[{_JOINT}]")
_ACCENTS = re.compile("[\u0300-\u036f]")
_POINTED = re.compile("[\u0483-\u1cff]")  # scripts that write vowels as marks
_TIMES = re.compile(r"(?<=\d)times(?=\d)")  # what is left of 1920\times1080

# Words that only hold a sentence together. They are never looked up, but keep their place in a phrase.
FUNCTION_WORDS = frozenset(
    """a an and are as at be been by for from had has have in into is it its of on or our that the their
    them these they this those to was we were which with your""".split()  # noqa: SIM905
)
# Words that say nothing of a topic by themselves; in a phrase ("few shot", "tool use") they count.
_STOP_WORDS = FUNCTION_WORDS | frozenset(
    """about above across after again against al all also although among any because before being below
    between both but can cannot could did do does doing done down due during each eg either et etc even every
    few further he hence her here him his how however i ie if itself just may me might more most much must my
    nor not off often once only onto other out over own per quite rather same she should since so some still
    such than then there thereby therefore through thus too toward towards under until up upon us use used
    using very via vs what when where whereas whether while who whose why will within without would yet you
    """.split()  # noqa: SIM905
)
# Words that end in a single s and are no plurals.
_SINGULAR = frozenset(
    """always alias atlas bias canvas chaos cosmos dynamics economics ethics gas genetics genomics has
    kubernetes lens linguistics mathematics mechanics news pandas perhaps physics plus robotics semantics
    series species statistics texas this thus was""".split()  # noqa: SIM905
)


class Token(NamedTuple):
    """A term at a place: ``start`` counts words from 0, ``width`` is the number of words it spans.

    ``feature``: the term says something of the topic, and nothing that another token says already.
    """

    term: str
    start: int
    width: int
    feature: bool


def fold(text: str) -> str:
    """Return ``text`` case-folded, without accents, cut at 20,000 characters; never raises."""
    text = text[:TEXT_LIMIT]
    if text.isascii():
        return text.lower()
    apart = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    if _POINTED.search(apart):
        apart = "".join(character for character in apart if unicodedata.category(character) != "Mn")
    return unicodedata.normalize("NFC", apart)


def _singular(word: str) -> str:
    if len(word) < 4 or word[-1] != "s" or not word.isascii() or word in _SINGULAR:
        return word
    if word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 4 else word[:-1]
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1]


def is_feature(term: str) -> bool:
    """Whether a term says something of a topic: no stop word, no bare number, no single letter."""
    if term in _STOP_WORDS or term.isnumeric():
        return False
    return len(term) > 1 or bool(_CJK_START.match(term))


def tokens_of(word: str) -> tuple[Token, ...]:
    """Return the tokens of one of ``words``, places counted from its own beginning."""
    if _CJK_START.match(word):
        pairs = [word[at : at + 2] for at in range(len(word) - 1)] or [word]
        return tuple(Token(pair, at, 1, True) for at, pair in enumerate(pairs))
    parts = _SPLIT.split(word)
    if len(parts) == 2 and parts[1] == "s":  # the genitive
        parts = parts[:1]
    parts = [_singular(part[:WORD_LIMIT]) for part in parts]
    telling = [is_feature(part) for part in parts]
    tokens = [Token(part, at, 1, good) for at, (part, good) in enumerate(zip(parts, telling, strict=True))]
    joined = "".join(parts)
    if 1 < len(parts) <= 3 and len(joined) <= WORD_LIMIT:
        # "u-net" is a word of its own, "image-text" only says its parts again.
        tokens.append(Token(joined, 0, len(parts), not all(telling) and is_feature(joined)))
    return tuple(tokens)


def words(text: str) -> list[str]:
    """Return the words of a text, case-folded and without accents, in reading order."""
    found: list[str] = _WORD.findall(_TIMES.sub(" x ", fold(text)))
    return found


def tokenise(text: str) -> list[Token]:
    """Return the terms of a text with their places, in reading order; a joined form follows its parts."""
    tokens: list[Token] = []
    at = 0
    for word in words(text):
        found = tokens_of(word)
        tokens.extend(Token(term, at + start, width, good) for term, start, width, good in found)
        at += 1 + max(token.start for token in found)
    return tokens


@lru_cache(maxsize=16_384)
def _features_of(word: str) -> tuple[str, ...]:
    return tuple(token.term for token in tokens_of(word) if token.feature)


def feature_counts(text: str) -> Counter[str]:
    """Return how often each telling term occurs in a text."""
    counts: Counter[str] = Counter()
    for word, count in Counter(words(text)).items():
        for term in _features_of(word) if len(word) <= WORD_LIMIT else _features_of.__wrapped__(word):
            counts[term] += count
    return counts


def surfaces(texts: Iterable[str]) -> dict[str, str]:
    """Return each term of the texts as it is written there first ("embeddings" for the term "embedding")."""
    written: dict[str, str] = {}
    for text in texts:
        for word in dict.fromkeys(_WORD.findall(unicodedata.normalize("NFC", text[:TEXT_LIMIT]))):
            pairs = _written_of(word) if len(word) <= WORD_LIMIT else _written_of.__wrapped__(word)
            for term, part in pairs:
                written.setdefault(term, part)
    return written


@lru_cache(maxsize=16_384)
def _written_of(word: str) -> tuple[tuple[str, str], ...]:
    """The terms of a word and how it writes them."""
    if word.isascii() and word.isalnum():  # as most are: it has no parts
        return ((_singular(word.lower()[:WORD_LIMIT]), word),)
    return tuple(
        (token.term, part)
        for part in dict.fromkeys((word, *_SPLIT.split(word)))
        for token in tokens_of(fold(part))
        if token.width > 1 or not _SPLIT.search(part)
    )
