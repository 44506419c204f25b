"""One item of a feed, whatever its format, as an entry.

Feeds of papers agree on little: the DOI stands in ``prism:doi``, ``dc:identifier``, the guid or the link, and
authors come one by one or as one text. Ids are looked for in those places only, never in free text, where a
paper names other papers.
"""

import hashlib
import re
from datetime import date
from typing import NamedTuple
from urllib.parse import urlsplit

from digest.sources.doi_or_arxiv import read_doi
from digest.text import clean_text, parse_arxiv_id, plain, safe_url
from digest.types import Entry

__all__ = ["MAX_ABSTRACT", "FeedItem", "read_item", "split_names"]

MAX_TITLE = 1000
MAX_NAME = 200
MAX_ABSTRACT = 10_000
MAX_REF = 300
MAX_AUTHORS = 5000
MAX_KEYWORDS = 50
# What programs write where they know no date: 1970, 1601, 1980.
FIRST_YEAR = 1990

# "item/1234567" is no paper of before 2007: there the guid has to say that it is arXiv's.
NEW_ARXIV_ID = re.compile(r"\s*[0-9]{4}\.[0-9]{4,5}(?:v[0-9]{1,3})?\s*")
OAI = re.compile(r"oai:arxiv\.org:", re.IGNORECASE)
ARXIV_CATEGORY = re.compile(
    r"(?:astro-ph|cond-mat|cs|econ|eess|math|nlin|physics|q-bio|q-fin|stat)\.[A-Za-z-]{2,20}"
    r"|gr-qc|hep-(?:ex|lat|ph|th)|math-ph|nucl-(?:ex|th)|quant-ph|astro-ph|cond-mat"
)
DOI_HOSTS = frozenset({"doi.org", "dx.doi.org", "www.doi.org"})
# What publishers hang on a DOI in the address of a page, and bioRxiv's version.
PAGE_SUFFIX = re.compile(
    r"(?:/(?:full|abs|abstract|pdf|epdf|html|meta|summary|fulltext)|\.(?:full|abstract|short|pdf))+$"
)
PREPRINT_VERSION = re.compile(r"^(10\.(?:1101|64898)/[0-9.]{6,40})v[0-9]{1,3}$")

SCRIPT = re.compile(r"<(script|style)\b", re.IGNORECASE)
AND = re.compile(r",?\s(?:and|&)\s", re.IGNORECASE)
# Names in these scripts stand without spaces, the family's first and without a comma.
EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
INITIALS = re.compile(r"(?:[A-Z]\.?[ -]?){1,4}")
TITLES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md", "dr", "msc"})


class FeedItem(NamedTuple):
    """What a feed told of one item, still as it stood there; empty where it told nothing.

    ``texts`` are all that could be the abstract, ``ids`` texts that hold an id and nothing else (a DOI, an
    arXiv id), the more certain first. ``ref`` is the item's own name in its feed.
    """

    title: str
    texts: tuple[str, ...] = ()
    link: str = ""
    ref: str = ""
    ids: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    day: date | None = None
    tags: tuple[str, ...] = ()
    venue: str = ""


def read_item(
    item: FeedItem, position: int, *, not_after: date | None, by_own_day: bool = True
) -> Entry | None:
    """The entry, or ``None`` for an item without a title.

    ``by_own_day``: the entry is listed on the day it is dated, so that the old items of a feed do not all
    count as of today. A date after ``not_after``, or before there were feeds, counts as none.
    """
    title = plain(item.title, limit=MAX_TITLE)
    if not title:
        return None
    day = item.day
    if day and (day.year < FIRST_YEAR or (not_after and day > not_after)):
        day = None
    arxiv_id, doi = _paper_ids(item)
    tags = tuple(dict.fromkeys(tag for tag in (plain(tag, limit=MAX_NAME) for tag in item.tags) if tag))
    return Entry(
        title=title,
        position=position,
        abstract=max((_plain_html(text) for text in item.texts), key=len, default=""),
        arxiv_id=arxiv_id,
        doi=doi,
        source_ref=_ref(item.ref or item.link),
        listed_on=day if by_own_day else None,
        published_on=day,
        authors=split_names(item.authors),
        keywords=tuple(tag for tag in tags if not ARXIV_CATEGORY.fullmatch(tag))[:MAX_KEYWORDS],
        categories=tuple(tag for tag in tags if ARXIV_CATEGORY.fullmatch(tag))[:MAX_KEYWORDS],
        url=safe_url(item.link),
        venue=plain(item.venue, limit=MAX_NAME) or None,
    )


def split_names(told: tuple[str, ...]) -> tuple[str, ...]:
    """Authors as names, the given name first; addresses go.

    Several texts are one author each. One text alone may hold all of them: parted by ";", by "and", by
    commas. "Doe, Jane" is one author, "Jane Doe, John Roe" are two: a name has two words; "Doe, J., Roe, A."
    are two as well.
    """
    texts = [text for text in (plain(one, limit=MAX_NAME * 100) for one in told[:MAX_AUTHORS]) if text]
    if len(texts) == 1:
        texts = _parted(texts[0])
    names = (_turned(text)[:MAX_NAME].strip() for text in texts)
    return tuple(dict.fromkeys(name for name in names if name and "@" not in name))[:MAX_AUTHORS]


def _parted(text: str) -> list[str]:
    if ";" in text:
        return [part.strip() for part in text.split(";")]
    groups = AND.split(text)
    parts = [part.strip() for group in groups for part in group.split(",") if part.strip()]
    one_each = len(groups) > 1 and all(_is_turned(group) for group in groups)
    if one_each or (len(groups) == 1 and _is_turned(text)):
        return groups
    if len(parts) % 2 == 0 and all(INITIALS.fullmatch(part) for part in parts[1::2]):
        # "Doe, J., Roe, A. B."
        return [f"{family}, {given}" for family, given in zip(parts[::2], parts[1::2], strict=True)]
    return [part for part in parts if part.lower().replace(".", "") not in TITLES]


def _is_turned(text: str) -> bool:
    """Whether a text is one name, the family's first: one comma, and one word on a side of it."""
    family, comma, given = text.partition(",")
    return (
        bool(comma)
        and not EAST_ASIAN.search(text)
        and "," not in given
        and (len(family.split()) == 1 or len(given.split()) == 1)
    )


def _turned(name: str) -> str:
    family, comma, given = (part.strip() for part in name.partition(","))
    if not comma or not given or "," in given:
        return family if comma and not given else name
    return family if given.lower().replace(".", "") in TITLES else f"{given} {family}"


def _paper_ids(item: FeedItem) -> tuple[str | None, str | None]:
    """arXiv id and DOI of an item; a DOI in a publisher's address is the last to be believed."""
    arxiv_id = next((found for found in map(_arxiv_id, (*item.ids, item.ref, item.link)) if found), None)
    named = [item.link] if (_host(item.link) in DOI_HOSTS) else []
    for text in (*item.ids, *named, item.ref, item.link):
        from_doi, doi = read_doi(text)
        arxiv_id = arxiv_id or from_doi
        if doi and (doi := _bare(doi)):
            return arxiv_id, doi
    return arxiv_id, None


def _arxiv_id(text: str) -> str | None:
    text = OAI.sub("arXiv:", text[:MAX_REF])
    return parse_arxiv_id(text) if "arxiv" in text.lower() or NEW_ARXIV_ID.fullmatch(text) else None


def _bare(doi: str) -> str:
    doi = PAGE_SUFFIX.sub("", doi)
    return PREPRINT_VERSION.sub(r"\1", doi)


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "") if safe_url(url) else ""


def _ref(text: str) -> str | None:
    """The item's name in its feed; a very long one by its hash, since cut off it might be another's."""
    ref = clean_text(text, limit=MAX_REF * 20)
    if len(ref) > MAX_REF:
        return "blake2b:" + hashlib.blake2b(ref.encode(), digest_size=16).hexdigest()
    return ref or None


def _plain_html(text: str) -> str:
    """A text in HTML as plain text, without the scripts and styles in it."""
    return plain(_without_scripts(text[: MAX_ABSTRACT * 20]), limit=MAX_ABSTRACT)


def _without_scripts(text: str) -> str:
    if "<" not in text:
        return text
    folded, parts, position = text.lower(), [], 0
    if len(folded) != len(text):  # a letter whose small form is two: positions would not fit
        return text
    while opening := SCRIPT.search(text, position):
        parts.append(text[position : opening.start()])
        closing = folded.find(f"</{opening[1].lower()}", opening.end())
        end = folded.find(">", closing) if closing >= 0 else -1
        if end < 0:
            return "".join(parts)
        position = end + 1
    return "".join((*parts, text[position:]))
