"""Own words: what somebody writes of their interests, read as interests. Pure.

How a text is read (and shown back, so that whoever wrote it can put it right):

1. Each line is an interest. Empty lines, bullets and numbers in front count for nothing. Lines right below
   one another of which only the last ends a sentence are one paragraph, broken by hand: one interest.
2. ``name: words`` names it, where the name has at most 6 words and a blank follows the colon. Without one
   it is called by its first keyword, author or category, else by its first words. Lines of one name are one
   interest.
3. The words are cut into sentences. One that is made of short phrases (up to 4 words each) between commas
   or semicolons, and has no word such as "I", "is" or "how", is a list: each phrase is a keyword; "not x",
   "no x" and "without x" are what is not wanted; "by Jane Doe" is an author; "cs.IR" is a category. All
   other sentences are what the interest is about.
4. A line that only says what is not wanted holds for every interest.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from digest.errors import UsageError
from digest.pipeline.wishes import MAX_ABOUT, MAX_INTERESTS, MAX_WORDS, InterestWish
from digest.text import clean_text, parse_arxiv_id, truncate
from digest.translation import decimal
from digest.translation import gettext as _

__all__ = ["read_own_words"]

MAX_TEXT: Final = 40_000
MAX_NAME, MAX_NAME_WORDS, MAX_MADE_NAME = 60, 6, 40
MAX_PHRASE, MAX_PHRASE_WORDS = 60, 4

_MARK: Final = re.compile(r"(?:[-*•–—·]|[0-9]{1,2}[.)])\s+")
_NAME: Final = re.compile(rf"([^:：]{{1,{MAX_NAME}}})(?::(?:\s+|$)|：)(.*)")
# A dot after one or two letters ends an abbreviation rather than a sentence.
_SENTENCES: Final = re.compile(r"(?<=[^\W_]{3}[.!?])\s+|(?<=[A-Z]{2}[.!?])\s+|(?<=[.!?]{2})\s+|(?<=[。！？])")
_ENDS: Final = re.compile(r"[.!?。！？][\"'”’)]?$")
_COMMAS: Final = re.compile(r"[,;，；、]")
_JOINED: Final = re.compile(r"(?:and|or|but|also)\s+", re.IGNORECASE)
_NOT: Final = re.compile(r"(?:not|no|without|except|never)\s+(?:on\s+|about\s+)?", re.IGNORECASE)
_BY: Final = re.compile(r"(?i:(?:(?:papers|work|anything)\s+)?by)\s+(?=[^\Wa-z_])")
_CATEGORY: Final = re.compile(r"[a-z]{2,8}(?:-[a-z]{2,4})?\.[A-Za-z]{2}(?:-[a-z]{2,4})?")
_LINK: Final = re.compile(r"https?://\S+", re.IGNORECASE)
_SAID: Final = frozenset(
    """
    i i'm i’m i'd i’d we we're my our me us am is are isn't aren't was were be do does don't don’t
    want wants like love prefer work study read interested how why what which who whose where when that
    anything everything
    """.split()  # noqa: SIM905 - a list that is read as words
)


@dataclass(slots=True)
class _Draft:
    """One interest while its lines are read."""

    name: str = ""
    about: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)

    @property
    def is_wanting(self) -> bool:
        return bool(self.about or self.keywords or self.authors or self.categories)

    def made_name(self) -> str:
        """What to call it that was given no name."""
        first = [*self.keywords, *self.authors, *self.categories, *self.about][0]
        name = truncate(first, MAX_MADE_NAME).rstrip(".。")
        # A capital can be several characters, which may not be the ones that checked text has: ῧ.
        return clean_text(name[:1].upper() + name[1:]) if name not in self.categories else name


def read_own_words(text: str) -> tuple[InterestWish, ...]:
    """The interests that a text names; none for an empty one. Raises ``UsageError`` for what cannot be."""
    if len(text) > MAX_TEXT:
        raise UsageError(
            _("this is longer than %(most)s characters; say it in fewer words", most=decimal(MAX_TEXT))
        )
    drafts: dict[str, _Draft] = {}
    everywhere: list[str] = []
    for unit in _units(text):
        if _LINK.fullmatch(unit) or (" " not in unit and parse_arxiv_id(unit)):
            raise UsageError(
                _("“%(text)s” is a paper; put it with the papers you like", text=truncate(unit, MAX_NAME))
            )
        name, words = _named(unit)
        draft = drafts.get(name.casefold(), _Draft(name))
        _fill(draft, words)
        if name and not draft.is_wanting:
            _fill(draft, name)  # "Retrieval: no surveys" wants retrieval
        if not draft.is_wanting:
            everywhere += draft.unwanted
            continue
        draft.name = draft.name or _free(draft.made_name(), drafts)
        drafts[draft.name.casefold()] = draft
        if len(drafts) > MAX_INTERESTS:  # at once: finding names for thousands takes minutes
            raise UsageError(
                _("these are more than %(most)s interests; join some of them", most=MAX_INTERESTS)
            )
    if everywhere and not drafts:
        raise UsageError(_("this says only what you do not want; say also what you do want"))
    return tuple(_interest(draft, everywhere) for draft in drafts.values())


def _units(text: str) -> Iterator[str]:
    """The lines, each clean and without its mark; those of a paragraph that was broken by hand joined."""
    block: list[str] = []
    for raw in [*re.split(r"\r\n|\r|\n", text), ""]:
        line = _MARK.sub("", clean_text(raw, limit=MAX_TEXT), count=1) if raw.strip() else ""
        if line:
            block.append(line)
            continue
        if len(block) > 1 and _ENDS.search(block[-1]) and not any(map(_ENDS.search, block[:-1])):
            yield " ".join(block)
        else:
            yield from block
        block = []


def _named(unit: str) -> tuple[str, str]:
    """(name or empty, words)"""
    match = _NAME.fullmatch(unit)
    if match is None or len(match[1].split()) > MAX_NAME_WORDS or not match[1].strip():
        return "", unit
    # "Retrieval:" alone is a name that says all.
    return match[1].strip(), match[2].strip() or match[1].strip()


def _fill(draft: _Draft, words: str) -> None:
    for sentence in filter(None, map(str.strip, _SENTENCES.split(words))):
        phrases = [phrase for piece in _COMMAS.split(sentence) if (phrase := _phrase(piece))]
        if not all(map(_is_phrase, phrases)):
            draft.about.append(sentence)
            continue
        for phrase in phrases:
            _file(draft, phrase)


def _phrase(piece: str) -> str:
    bare = piece.strip().rstrip(".!?。！？").strip(" \"'“”‘’«»")
    return _JOINED.sub("", bare, count=1)


def _is_phrase(phrase: str) -> bool:
    asked = _NOT.sub("", phrase, count=1)
    words = _BY.sub("", asked, count=1).split()
    return (
        len(words) <= MAX_PHRASE_WORDS
        and len(phrase) <= MAX_PHRASE
        and _SAID.isdisjoint(map(str.casefold, words))
    )


def _file(draft: _Draft, phrase: str) -> None:
    """Put a phrase where it belongs."""
    if match := _NOT.match(phrase):
        where, word = draft.unwanted, phrase[match.end() :]
    elif match := _BY.match(phrase):
        where, word = draft.authors, phrase[match.end() :]
    elif _CATEGORY.fullmatch(phrase):
        where, word = draft.categories, phrase
    else:
        where, word = draft.keywords, phrase
    # One too many is kept, so that it is told; more would only take time.
    if word and len(where) <= MAX_WORDS and word.casefold() not in map(str.casefold, where):
        where.append(word)


def _free(made: str, drafts: Mapping[str, _Draft]) -> str:
    """The name that was made, with a number where it is another interest's."""
    name, number = made, 2
    while name.casefold() in drafts:
        name, number = f"{made} {number}", number + 1
    return name


def _interest(draft: _Draft, everywhere: Sequence[str]) -> InterestWish:
    about = " ".join(draft.about)
    unwanted = tuple(dict.fromkeys([*draft.unwanted, *everywhere]))
    lists = (draft.keywords, unwanted, draft.authors, draft.categories)
    if len(about) > MAX_ABOUT or max(map(len, lists)) > MAX_WORDS:
        raise UsageError(
            _(
                "“%(name)s” is too long for one interest; make more lines of it",
                name=truncate(draft.name, MAX_NAME),
            )
        )
    return InterestWish(
        name=draft.name,
        about=about,
        keywords=tuple(draft.keywords),
        not_keywords=unwanted,
        authors=tuple(draft.authors),
        categories=tuple(draft.categories),
    )
