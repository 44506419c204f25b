"""One interest as a reader wishes it: a value with clean, bounded text. Knows no row, no form and no file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from digest.errors import UsageError
from digest.pipeline.told import Told, clean_told
from digest.text import author_fault, boost_fault, clean_text
from digest.translation import gettext as _

__all__ = [
    "MAX_ABOUT",
    "MAX_ABSTRACT",
    "MAX_EXAMPLES",
    "MAX_TITLE",
    "MAX_WORD",
    "MAX_WORDS",
    "WORD_LISTS",
    "ExamplePaper",
    "InterestWish",
    "check_words",
    "clean_interest",
    "example_paper",
    "read_interest",
]

MAX_WORDS = 200  # of one interest, in each of its fields
MAX_EXAMPLES = 20_000
MAX_WORD = 200
MAX_ABOUT = 4000
MAX_TITLE = 2000
MAX_ABSTRACT = 20_000
# The fields of an interest that are lists of words.
WORD_LISTS = ("keywords", "must_keywords", "not_keywords", "authors", "categories")


class ExamplePaper(TypedDict):
    """A paper that speaks for an interest; ``paper_id`` is ``None`` as long as it is not stored.

    Of a stored one the stored words count. ``told`` is what a library says of it besides.
    """

    paper_id: int | None
    title: str
    abstract: str
    told: NotRequired[Told]


def example_paper(paper_id: int | None, title: str, abstract: str, told: Told | None = None) -> ExamplePaper:
    """An example paper; ``told`` is there only where it says something."""
    made = ExamplePaper(paper_id=paper_id, title=title, abstract=abstract)
    if told:
        made["told"] = told
    return made


@dataclass(frozen=True, slots=True)
class InterestWish:
    """One interest. ``name`` is how the reader calls it, ``about`` what it is about, in sentences.

    A keyword may end in its weight (``graph networks^2``); an author may be a group (``group:Example Lab``)
    or have an ORCID iD (``0000-0002-1825-0097 = Ada Example``). ``only_examples``: it learns from what was
    given with it alone, no feedback joins it.
    """

    name: str
    about: str = ""
    keywords: tuple[str, ...] = ()
    must_keywords: tuple[str, ...] = ()
    not_keywords: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    examples: tuple[ExamplePaper, ...] = ()
    only_examples: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing."""
        return not any(
            (self.about, self.keywords, self.must_keywords, self.authors, self.categories, self.examples)
        )


def read_interest(given: Mapping[str, Any]) -> InterestWish:
    """An interest as a document has it. For what is none it raises anything: see ``Wishes.from_dict``."""
    examples = tuple(
        example_paper(
            one.get("paper_id"),
            str(one.get("title", "")),
            str(one.get("abstract", "")),
            clean_told(one.get("told")),
        )
        for one in given.get("examples", ())
    )
    only = given.get("only_examples", False)
    if type(only) is not bool:
        raise UsageError(_("whether an interest learns from its papers only is true or false"))
    words: dict[str, Any] = {name: tuple(str(word) for word in given.get(name, ())) for name in WORD_LISTS}
    return InterestWish(
        name=str(given["name"]),
        about=str(given.get("about", "")),
        examples=examples,
        only_examples=only,
        **words,
    )


def clean_interest(one: InterestWish) -> InterestWish:
    """The same with clean, bounded text; may be empty."""
    return InterestWish(
        name=clean_text(one.name, limit=MAX_WORD),
        about=clean_text(one.about, limit=MAX_ABOUT),
        keywords=_clean_words(one.keywords),
        must_keywords=_clean_words(one.must_keywords),
        not_keywords=_clean_words(one.not_keywords),
        authors=_clean_words(one.authors),
        categories=_clean_words(one.categories),
        examples=tuple(
            example_paper(
                _paper_number(example["paper_id"]),
                title,
                clean_text(example["abstract"], limit=MAX_ABSTRACT),
                example.get("told"),
            )
            for example in one.examples[:MAX_EXAMPLES]
            if (title := clean_text(example["title"], limit=MAX_TITLE))
        ),
        only_examples=one.only_examples,
    )


def _paper_number(given: object) -> int | None:
    return given if type(given) is int and 0 < given < 2**31 else None


def _clean_words(words: Sequence[str]) -> tuple[str, ...]:
    cleaned = (clean_text(word, limit=MAX_WORD) for word in words[:MAX_WORDS])
    return tuple(dict.fromkeys(word for word in cleaned if word))


def check_words(keywords: Sequence[str], authors: Sequence[str]) -> None:
    """Raise ``UsageError`` for a keyword's weight that cannot be, and an ORCID iD that is none."""
    faults = (*map(boost_fault, keywords), *map(author_fault, authors))
    if fault := next(filter(None, faults), None):
        raise UsageError(fault)
