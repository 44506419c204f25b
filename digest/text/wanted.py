"""What people write of what they want: keywords with a weight; authors, groups and ORCID iDs."""

import re
from typing import Final, NamedTuple

__all__ = [
    "MAX_BOOST",
    "MIN_BOOST",
    "Followed",
    "author_fault",
    "boost_fault",
    "parse_orcid",
    "read_followed",
    "split_boost",
]

MIN_BOOST: Final = 0.1
MAX_BOOST: Final = 10.0

# As in Lucene's queries: https://lucene.apache.org/core/9_0_0/queryparser/ (Boosting a Term).
_BOOST: Final = re.compile(r"(?<![\\^])\^([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})\Z")
_ORCID: Final = re.compile(
    r"(?:(?:https?://)?(?:www\.)?orcid\.org/|orcid:\s?)?([0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9Xx])/?",
    re.IGNORECASE,
)
_GROUP: Final = re.compile(r"group:\s*(?=\S)", re.IGNORECASE)


def split_boost(keyword: str) -> tuple[str, float]:
    """A keyword and its weight: ``graph networks^2`` is graph networks, twice as heavy as others.

    Weights beyond 0.1 and 10 are brought there. ``R\\^2`` is the keyword R^2.
    """
    found = _BOOST.search(keyword)
    word = keyword[: found.start()].rstrip() if found else keyword
    if not found or not word:
        return keyword.replace("\\^", "^"), 1.0
    return word.replace("\\^", "^"), min(max(float(found[1]), MIN_BOOST), MAX_BOOST)


def boost_fault(keyword: str) -> str | None:
    """What is wrong with a keyword's weight, in one sentence; ``None``: nothing."""
    found = _BOOST.search(keyword)
    if found is None or MIN_BOOST <= float(found[1]) <= MAX_BOOST:
        return None
    return f"{keyword!r} weighs too much or too little; write a number from {MIN_BOOST:g} to {MAX_BOOST:g}"


class Followed(NamedTuple):
    """Whom an entry among the authors means.

    ``name`` is what papers are compared with, empty for an iD alone, which no source tells of its authors.
    """

    name: str
    orcid: str | None = None
    is_group: bool = False


def read_followed(entry: str) -> Followed:
    """Read ``Ada Example``, ``group:Example Lab``, an ORCID iD, or one with a name (``iD = Ada Example``)."""
    entry = entry.strip()
    if group := _GROUP.match(entry):
        return Followed(entry[group.end() :].strip(), is_group=True)
    first, mark, rest = entry.partition("=")
    orcid = parse_orcid(first)
    if orcid is None:
        return Followed(entry)
    return Followed(rest.strip() if mark else "", orcid)


def author_fault(entry: str) -> str | None:
    """What is wrong with an entry among the authors, in one sentence; ``None``: nothing."""
    first = entry.partition("=")[0].strip()
    if _ORCID.fullmatch(first) and parse_orcid(first) is None:
        return f"{first!r} is no ORCID iD: its last digit does not fit the others"
    return None


def parse_orcid(text: str) -> str | None:
    """The ORCID iD that a text is, bare or as an address; ``None`` for anything else and a wrong check digit.

    The check digit is that of ISO 7064 11,2:
    https://support.orcid.org/hc/en-us/articles/360006897674-Structure-of-the-ORCID-Identifier
    """
    found = _ORCID.fullmatch(text.strip())
    if found is None:
        return None
    orcid = found[1].upper()
    digits = orcid.replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return orcid if digits[-1] == ("X" if check == 10 else str(check)) else None
