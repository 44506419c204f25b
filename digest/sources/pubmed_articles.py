"""The articles of PubMed's ``efetch`` answer.

``PubmedArticleSet`` holds ``PubmedArticle``, ``PubmedBookArticle`` and ``DeleteCitation``, see
https://www.nlm.nih.gov/bsd/licensee/elements_descriptions.html. An article's own ids stand in
``PubmedData/ArticleIdList`` and ``ELocationID``; the ``ArticleIdList`` of each of its references, further
down, has the same shape and belongs to other papers, so only the direct path is read. Nothing but a PMID
and a title is needed.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple
from xml.etree.ElementTree import Element

from digest.sources.doi_or_arxiv import read_doi
from digest.text import clean_text, parse_arxiv_id, plain
from digest.types import Entry

__all__ = ["read_articles"]

MAX_TITLE = 1000
MAX_NAME = 200
MAX_AUTHORS = 5000
MAX_KEYWORDS = 50
ARTICLE_URL = "https://pubmed.ncbi.nlm.nih.gov/{pmid}/"

PMID = re.compile(r"[0-9]{1,9}")
PMCID = re.compile(r"PMC[0-9]{1,9}")
# What stands as title where there is none in English.
NO_TITLE = re.compile(r"\[?\s*not available\s*\]?\.?", re.IGNORECASE)
ABBREVIATED = re.compile(r"\.\w{0,3}\.$")
RETRACTED = "Retracted Publication"
RETRACTIONS = frozenset({"RetractionIn", "RetractedandRepublishedIn"})
# Labels that say nothing.
NO_LABELS = frozenset({"", "UNLABELLED", "UNLABELED", "UNASSIGNED"})
SCRIPTS = frozenset({"sup", "sub"})
# A formula's TeX beside its MathML says the same again.
ANNOTATIONS = frozenset({"annotation", "annotation-xml"})

YEAR = re.compile(r"[0-9]{4}")
WORD = re.compile(r"([A-Za-z]{3,9})\.?(?: ([0-9]{1,2})(?![0-9]))?")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
SEASONS = {"win": 1, "spr": 3, "sum": 6, "aut": 9, "fal": 9}


class _Record(NamedTuple):
    """Where the parts of a record stand; a book's chapter keeps them in other places than an article.

    ``body`` holds title and authors, ``citation`` what is said about it, ``data`` its history at PubMed.
    """

    pmid: str
    titles: tuple[Element | None, ...]
    citation: Element
    body: Element
    data: Element | None
    venue: str
    published: tuple[Element | None, ...]
    own_ids: tuple[Element, ...]


def read_articles(root: Element, *, not_after: date | None = None) -> tuple[tuple[Entry, ...], int]:
    """The entries of a ``PubmedArticleSet`` in its order, and how many records lacked an id or a title.

    An entry is listed on the day PubMed took it in (its "entrez" date), which is the date that a search by
    ``datetype=edat`` goes by; a day after ``not_after`` counts as not told.
    """
    entries: list[Entry] = []
    skipped = 0
    for record in _records(root):
        entry = _entry(record, len(entries) + 1, not_after)
        if entry is None:
            skipped += 1
        else:
            entries.append(entry)
    return tuple(entries), skipped


def _records(root: Element) -> Iterator[_Record]:
    for node in root:
        if node.tag == "PubmedArticle":
            yield _article(node)
        elif node.tag == "PubmedBookArticle":
            yield _chapter(node)


def _article(node: Element) -> _Record:
    citation = _child(node, "MedlineCitation")
    article = _child(citation, "Article")
    data = node.find("PubmedData")
    return _Record(
        pmid=_id(citation.findtext("PMID")),
        titles=(article.find("ArticleTitle"), article.find("VernacularTitle")),
        citation=citation,
        body=article,
        data=data,
        venue=_text(article.find("Journal/Title")) or _text(article.find("Journal/ISOAbbreviation")),
        published=(*article.findall("ArticleDate"), article.find("Journal/JournalIssue/PubDate")),
        own_ids=(
            *(one for one in article.findall("ELocationID") if one.get("ValidYN") != "N"),
            *(data.findall("ArticleIdList/ArticleId") if data is not None else ()),
        ),
    )


def _chapter(node: Element) -> _Record:
    document = _child(node, "BookDocument")
    book = _child(document, "Book")
    chapter = document.find("ArticleTitle")
    return _Record(
        pmid=_id(document.findtext("PMID")),
        titles=(chapter, book.find("BookTitle")),
        citation=document,
        body=document if document.find("AuthorList") is not None or chapter is not None else book,
        data=node.find("PubmedBookData"),
        venue=_text(book.find("BookTitle") if chapter is not None else None)
        or _text(book.find("Publisher/PublisherName")),
        published=(document.find("ContributionDate"), book.find("PubDate")),
        own_ids=tuple(document.findall("ArticleIdList/ArticleId")),
    )


def _entry(record: _Record, position: int, not_after: date | None) -> Entry | None:
    title = next((title for title in map(_title, record.titles) if title), "")
    if not record.pmid or not title:
        return None
    arxiv_id, doi, pmcid = _ids(record.own_ids)
    return Entry(
        title=title,
        position=position,
        abstract=_abstract(record),
        arxiv_id=arxiv_id,
        doi=doi,
        source_ref=record.pmid,
        listed_on=_taken_in_on(record.data, not_after),
        published_on=next((day for day in map(_day, record.published) if day), None),
        authors=_authors(record.body),
        keywords=_keywords(record),
        url=ARTICLE_URL.format(pmid=record.pmid),
        other_ids=(("pmid", record.pmid), *((("pmcid", pmcid),) if pmcid else ())),
        venue=_venue(record.venue),
        withdrawn=_is_retracted(record),
    )


def _title(node: Element | None) -> str:
    """The title without PubMed's own marks: brackets round a translated one, and the last full stop."""
    title = plain(_marked(node), limit=MAX_TITLE) if node is not None else ""
    if NO_TITLE.fullmatch(title):
        return ""
    bare = title.removesuffix(".")
    if bare.startswith("[") and bare.endswith("]") and "[" not in bare[1:]:
        return bare[1:-1].strip().removesuffix(".")
    return title if ABBREVIATED.search(title) else bare


def _abstract(record: _Record) -> str:
    """All parts as one text, each after its label."""
    found = record.citation.find("Article/Abstract")
    found = record.citation.find("Abstract") if found is None else found
    parts = []
    for node in found.findall("AbstractText") if found is not None else ():
        label = clean_text(node.get("Label", ""), limit=MAX_NAME).rstrip(":")
        text = _marked(node).strip()
        if text:
            parts.append(text if label.upper() in NO_LABELS else f"{label}: {text}")
    return plain(" ".join(parts))


def _authors(body: Element) -> tuple[str, ...]:
    lists = [one for one in body.findall("AuthorList") if one.get("Type", "authors") == "authors"]
    people = lists[0].findall("Author")[:MAX_AUTHORS] if lists else []
    # An author marked as not valid is a misspelling that stands beside its correction.
    names = (plain(_name(node), limit=MAX_NAME) for node in people if node.get("ValidYN") != "N")
    return tuple(name for name in names if name)


def _name(author: Element) -> str:
    if group := _text(author.find("CollectiveName")):
        return group
    given = _text(author.find("ForeName")) or _text(author.find("Initials"))
    return " ".join(
        part for part in (given, _text(author.find("LastName")), _text(author.find("Suffix"))) if part
    )


def _venue(told: str) -> str | None:
    """The journal without its subtitle; arXiv is no journal, though PubMed lists some of its preprints."""
    name = plain(told.split(" : ")[0], limit=MAX_NAME)
    return None if not name or name.lower() == "arxiv" else name


def _keywords(record: _Record) -> tuple[str, ...]:
    told = (plain(_text(node), limit=MAX_NAME) for node in record.citation.findall("KeywordList/Keyword"))
    return tuple(dict.fromkeys(word for word in told if word))[:MAX_KEYWORDS]


def _ids(nodes: tuple[Element, ...]) -> tuple[str | None, str | None, str | None]:
    """arXiv id, DOI and PubMed Central id of an article's own list of ids; the first of each kind counts."""
    arxiv_id = doi = pmcid = None
    for node in nodes:
        kind, text = node.get("EIdType") or node.get("IdType"), (node.text or "").strip()
        if kind == "doi":
            from_doi, told = read_doi(text)
            arxiv_id, doi = arxiv_id or from_doi, doi or told
        elif kind == "pmc" and PMCID.fullmatch(text):
            pmcid = pmcid or text
        elif kind == "pii" and text[:6].lower() == "arxiv:":
            arxiv_id = arxiv_id or parse_arxiv_id(text)
    return arxiv_id, doi, pmcid


def _is_retracted(record: _Record) -> bool:
    """Whether this was withdrawn; the notice that withdraws another paper (RetractionOf) was not."""
    types = record.citation.iter("PublicationType")
    links = record.citation.iter("CommentsCorrections")
    return any(_text(node) == RETRACTED for node in types) or any(
        node.get("RefType") in RETRACTIONS for node in links
    )


def _taken_in_on(data: Element | None, not_after: date | None) -> date | None:
    days = {}
    for node in data.findall("History/PubMedPubDate") if data is not None else ():
        days[node.get("PubStatus")] = _day(node)
    day = days.get("entrez") or days.get("pubmed")
    return None if day and not_after and day > not_after else day


def _day(node: Element | None) -> date | None:
    """The day of a date, or the first day of the month or season where that is all it tells.

    A year alone tells no day. ``MedlineDate`` is free text such as "2024 Jan-Feb" or "2023 Dec-2024 Jan".
    """
    if node is None:
        return None
    text = node.findtext("MedlineDate")
    if text is None:
        month = node.findtext("Month") or node.findtext("Season") or ""
        text = f"{node.findtext('Year') or ''} {month} {node.findtext('Day') or ''}"
        if month.strip().isdigit():
            return _date(*(node.findtext(part) or "1" for part in ("Year", "Month", "Day")))
    text = " ".join(text[:100].split())
    year = YEAR.search(text)
    for word, day in WORD.findall(text):
        name = word[:3].lower()
        if year and name in MONTHS:
            return _date(year[0], str(MONTHS.index(name) + 1), day or "1")
        if year and name in SEASONS:
            return _date(year[0], str(SEASONS[name]), "1")
    return None


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year[:6]), int(month[:4]), int(day[:4]))
    except ValueError:
        return None


def _id(text: str | None) -> str:
    text = (text or "").strip()
    return text if PMID.fullmatch(text) else ""


def _text(node: Element | None) -> str:
    """All text in an element, as it stands."""
    return "" if node is None else " ".join("".join(node.itertext()).split())


def _marked(node: Element) -> str:
    """All text in an element; raised and lowered letters keep their mark, which ``plain`` turns into ¹²₃."""
    parts = [node.text or ""]
    for child in node:
        name = child.tag.rpartition("}")[2]
        if name not in ANNOTATIONS:
            inner = _marked(child)
            parts.append(f"<{name}>{inner}</{name}>" if name in SCRIPTS else inner)
        parts.append(child.tail or "")
    return "".join(parts)


def _child(node: Element, path: str) -> Element:
    """What stands there, or an element with nothing in it."""
    found = node.find(path)
    return Element(path) if found is None else found
