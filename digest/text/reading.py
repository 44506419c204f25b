"""Ids, counts and days read out of short pieces of text. What is not there is ``None``, never an error."""

import re
from datetime import date
from decimal import Decimal
from typing import Final
from urllib.parse import unquote

__all__ = ["id_title", "is_id_title", "parse_arxiv_id", "parse_count", "parse_day", "parse_doi"]

_SHORT: Final = 4000

# https://info.arxiv.org/help/arxiv_identifier.html: YYMM.number since April 2007, archive/YYMMnumber before.
_ARXIV: Final = (
    r"(?P<id>[0-9]{2}(?:0[1-9]|1[0-2])\.[0-9]{4,5}|[a-z]{2,10}(?:-[a-z]{2,4})?(?:\.[a-z]{2})?/[0-9]{7})"
)
_ARXIV_END: Final = r"(?:v[0-9]{1,3})?(?![0-9A-Za-z])"
_ARXIV_BARE: Final = re.compile(rf"\s*{_ARXIV}{_ARXIV_END}(?:\.pdf)?\s*", re.IGNORECASE)
_ARXIV_NAMED: Final = re.compile(
    r"(?:arxiv\s{0,3}[:.]\s{0,3}|arxiv\.org/(?:abs|pdf|html|format|src|e-print|ps)/"
    rf"|/papers/|alphaxiv\.org/(?:abs|overview)/){_ARXIV}{_ARXIV_END}",
    re.IGNORECASE,
)
# https://www.crossref.org/blog/dois-and-matching-regular-expressions/; many from before 2000 hold a SICI
# (ANSI/NISO Z39.56), with pages between angle brackets: 10.1002/(SICI)…:1<1::AID-X>3.0.CO;2-A
_IN_DOI: Final = r"[^\s\"<>\x00-\x1f\\]"
_DOI: Final = re.compile(
    rf"(?<![0-9A-Za-z.])10\.[0-9]{{4,9}}/{_IN_DOI}{{1,200}}(?:<[0-9A-Za-z:._-]{{1,40}}>[0-9]\.[0-9]{_IN_DOI}{{1,20}})?"
)
_COUNT: Final = re.compile(
    r"(?P<number>[0-9]{1,3}(?:,[0-9]{3}){1,3}|[0-9]{1,12}(?:\.[0-9]{1,6})?)\s?(?P<unit>[kmb]?)"
)
_UNITS: Final = {"": 1, "k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_ISO_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[t ][0-9:.,+z-]*)?")
_MONTH_FIRST: Final = re.compile(
    r"(?P<month>[a-z]{3,9})\.? (?P<day>[0-9]{1,2})(?:st|nd|rd|th)?(?:,? (?P<year>[0-9]{4}))?"
)
_DAY_FIRST: Final = re.compile(
    r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?\.? (?P<month>[a-z]{3,9})\.?(?:,? (?P<year>[0-9]{4}))?"
)


def parse_arxiv_id(text: str) -> str | None:
    """The arXiv id in ``text``, without version: bare, after "arXiv:", or in an address.

    The subject class of an old id is left out ("math.GT/0309136" is "math/0309136"), as arXiv does.
    """
    text = text[:_SHORT]
    match = _ARXIV_BARE.fullmatch(text) or _ARXIV_NAMED.search(text)
    if not match:
        return None
    found = match["id"].lower()
    if "/" not in found:
        return found
    archive, number = found.split("/")
    return f"{archive.split('.')[0]}/{number}"


def parse_doi(text: str) -> str | None:
    """The first DOI in ``text``, in lower case, without punctuation that ends a sentence."""
    text = text[:_SHORT]
    is_address = "://" in text
    is_quoted = "%" in text and (is_address or "%3C" in text.upper())
    text = (unquote(text) if is_quoted else text).replace("&lt;", "<").replace("&gt;", ">")
    match = _DOI.search(text)
    if not match:
        return None
    doi = match[0].lower()
    if is_address:
        doi = re.split(r"[?#&]", doi, maxsplit=1)[0]
    while doi[-1] in ".,;:'!?*]}" or (doi[-1] == ")" and doi.count("(") < doi.count(")")):
        doi = doi[:-1]
    return doi if not doi.endswith("/") else None


_ID_TITLE = re.compile(r"(?:arXiv|doi|[a-z0-9]{1,10}):\S{1,200}")


def id_title(*ids: tuple[str, str | None]) -> str:
    """What a paper is called whose title is not known: by the first of its ids (``("doi", "10.1/x")``)."""
    return next((f"{kind}:{value}" for kind, value in ids if value), "")


def is_id_title(title: str) -> bool:
    """Whether a title is such a name, so that its words say nothing."""
    return bool(_ID_TITLE.fullmatch(title))


def parse_count(text: str) -> int | None:
    """A count as sites write it ("1,234", "90.1k", "2.5M") as a whole number."""
    match = _COUNT.fullmatch(text[:_SHORT].strip().lower())
    if not match:
        return None
    return int(Decimal(match["number"].replace(",", "")) * _UNITS[match["unit"]])


def _month(name: str) -> int | None:
    if name in _LONG_MONTHS:
        return _LONG_MONTHS.index(name) + 1
    if name[:4] == "sept" and len(name) == len("sept"):
        return _MONTHS.index("sep") + 1
    return _MONTHS.index(name) + 1 if name in _MONTHS else None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def parse_day(text: str, *, not_after: date) -> date | None:
    """A day as pages write it: "2026-03-11", "March 11, 2026", "11 Mar 2026", "Mar 11".

    A day without a year is the latest such day that is not after ``not_after``. A day with a year is
    taken as it stands.
    """
    text = " ".join(text[:_SHORT].split()).lower()
    if iso := _ISO_DAY.fullmatch(text):
        return _date(int(iso[1]), int(iso[2]), int(iso[3]))
    match = _MONTH_FIRST.fullmatch(text) or _DAY_FIRST.fullmatch(text)
    month = _month(match["month"]) if match else None
    if not match or not month:
        return None
    day = int(match["day"])
    if match["year"]:
        return _date(int(match["year"]), month, day)
    # Nine years cover every 29 February, also across a century that has none.
    for year in range(not_after.year, max(not_after.year - 9, 0), -1):
        found = _date(year, month, day)
        if found and found <= not_after:
            return found
    return None
