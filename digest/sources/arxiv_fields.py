"""What arXiv's feeds, its API and its listings have in common: ids, names, categories, withdrawals."""

import re
from collections.abc import Iterable

from digest.text import parse_arxiv_id, parse_doi, plain

__all__ = [
    "CATEGORY",
    "MAX_TITLE",
    "is_withdrawn",
    "read_authors",
    "read_categories",
    "read_id",
    "read_journal_doi",
    "read_names",
    "read_venue",
]

MAX_TITLE = 1000
MAX_NAME = 200
MAX_VENUE = 500
# Experiments in particle physics have three thousand authors.
MAX_AUTHORS = 5000
MAX_CATEGORIES = 50

# https://arxiv.org/category_taxonomy: cs.CL, hep-th, astro-ph.CO, physics.acc-ph, cond-mat.soft, econ, ...
CATEGORY = re.compile(
    r"(?:physics|cond-mat)\.[a-z]{2,6}(?:-[a-z]{2,5})?|[a-z]{1,8}(?:-[a-z]{2,4})?(?:\.[A-Z]{2})?"
)
OAI = re.compile(r"\s*oai:arxiv\.org:", re.IGNORECASE)
VERSION = re.compile(r"[0-9]v([0-9]{1,3})(?![0-9A-Za-z])")
# Most names need no cleaning, and a page has thousands of them.
CLEAN_NAME = re.compile(r"[A-Za-z]{1,40}\.?(?:[ -][A-Za-z]{1,40}\.?){0,5}")
# A comma inside parentheses parts affiliations, not authors.
AFFILIATION = re.compile(r"\([^()]{0,500}\)")
SUFFIX = re.compile(r"(?:[JS]r\.?|I{2,3}|IV)", re.IGNORECASE)

_THING = r"(?:paper|article|submission|manuscript|preprint|work|note|report|thesis|version)"
# "Withdrawn from ICLR" is said of a paper that stays. "Has been withdrawn" without "this paper" may speak of
# a drug or a law.
_WITHDRAWN = r"withdrawn\b(?! from (?!arxiv))"
WITHDRAWN_COMMENT = re.compile(
    rf"\A\W{{0,5}}{_WITHDRAWN}"
    rf"|\bthis {_THING} (?:has been|has now been|was|is|is now|is being|is temporarily) {_WITHDRAWN}"
    rf"|\A\W{{0,5}}(?:the )?{_THING} (?:has been |was |is )?{_WITHDRAWN}"
    rf"|\b{_WITHDRAWN} by (?:the )?(?:authors?|submitter|arxiv)\b",
    re.IGNORECASE,
)
WITHDRAWN_ABSTRACT = re.compile(
    rf"\A\W{{0,5}}(?:this|the) {_THING} (?:has been|was|is|has now been|is now|is being) {_WITHDRAWN}"
    rf"|\A\W{{0,5}}(?:{_THING} )?withdrawn(?: by| due to| because|\.|\Z)",
    re.IGNORECASE,
)


def read_id(text: str) -> tuple[str | None, int | None]:
    """(id without version, version) out of an address, ``oai:arXiv.org:2508.13426v1`` or ``arXiv:…``."""
    text = OAI.sub("", text[:500], count=1)
    found = VERSION.search(text)
    return parse_arxiv_id(text), int(found[1]) if found else None


def read_journal_doi(text: str) -> str | None:
    """The first DOI, unless it is the one that arXiv itself gives each paper."""
    doi = parse_doi(text)
    return None if doi and doi.startswith("10.48550/arxiv") else doi


def read_venue(text: str) -> str | None:
    """A journal reference as it is printed."""
    return plain(text, limit=MAX_VENUE) or None


def read_names(texts: Iterable[str]) -> tuple[str, ...]:
    """One author per text."""
    names = (_name(text) for _, text in zip(range(MAX_AUTHORS), texts, strict=False))
    return tuple(name for name in names if name)


def read_authors(texts: Iterable[str]) -> tuple[str, ...]:
    """Authors of texts that name several, with commas between: "Ada Byron, Jo Roe Jr. (Oslo, Norway)"."""
    names: list[str] = []
    for text in texts:
        for part in AFFILIATION.sub("", text[: MAX_AUTHORS * MAX_NAME]).split(",", MAX_AUTHORS):
            if names and SUFFIX.fullmatch(part.strip()):
                names[-1] += f" {part.strip()}"
            else:
                names.append(part)
    return read_names(names)


def read_categories(primary: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """arXiv's own categories, the primary one first, each once.

    The API gives codes of the AMS and the ACM in the same place ("68T50", "I.2.7").
    """
    found = dict.fromkeys(text.strip() for text in (*primary, *others) if CATEGORY.fullmatch(text.strip()))
    return tuple(found)[:MAX_CATEGORIES]


def is_withdrawn(comment: str, abstract: str = "") -> bool:
    """Whether a paper's comment or its abstract says that it was taken back.

    arXiv keeps a withdrawn paper and adds a version without a text; the reason is in the comment, often
    in the abstract too. Only plain statements count, so that a paper about withdrawals stays.
    """
    return bool(WITHDRAWN_COMMENT.search(comment[:1000]) or WITHDRAWN_ABSTRACT.match(abstract[:300]))


def _name(text: str) -> str:
    text = text.strip()
    return text if CLEAN_NAME.fullmatch(text) else plain(text, limit=MAX_NAME)
