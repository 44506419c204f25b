"""Which stored papers an entry may be: looked up by every id, by text, and by words where these lead nowhere.

Besides ids that sources tell, ``paper_ids`` holds two kinds of our own: ``ref:N`` for further ids that the
source with id N gave a paper, and ``text`` for fingerprints of texts that it had before or was told with.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row, Select, func, or_, select
from sqlmodel import Session

from digest.identity import StoredPaper, canonical, lookup_words, words_of
from digest.storage.bulk import in_batches, table
from digest.storage.identity_lookup import Wanted, likely_ids
from digest.text import fingerprint
from digest.types import Entry, KnownPaper

__all__ = ["CONTENT_FIELDS", "IMPORTED", "LISTS", "TEXT", "find_known", "ref_kind"]

LISTS = ("authors", "keywords", "categories", "media_urls")
# What a paper takes over from an entry, under the same name in both.
CONTENT_FIELDS = (
    "title",
    "abstract",
    "authors",
    "organisation",
    "summary",
    "keywords",
    "categories",
    "code_url",
    "project_url",
    "thumbnail_url",
    "media_urls",
    "published_on",
    "url",
    "venue",
    "citations",
    "version",
)
TEXT = "text"
# Whose text stands of papers that a reader brought along: it gives way to any source's.
IMPORTED = "import"
Counts = tuple[int | None, int | None, int | None]
# How many entries of a page are looked up by their words, those without an id first.
MAX_LOOKUPS = 1000


def ref_kind(source_id: int) -> str:
    """Under which kind further ids of one source are kept."""
    return f"ref:{source_id}"


@dataclass(slots=True)
class _Facts:
    """What is known of one paper besides its own row."""

    listed: list[Row[Any]] = field(default_factory=list)
    other_ids: dict[str, str] = field(default_factory=dict)
    refs: list[str] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    split_from: set[int] = field(default_factory=set)
    # (source, its kind), the one that listed the paper first in front.
    listed_by: list[tuple[int, str]] = field(default_factory=list)


def find_known(s: Session, source_id: int, entries: Sequence[Entry]) -> list[KnownPaper]:
    """Every stored paper that could be one of the entries, by id.

    Found by arXiv id, DOI, other ids, this source's own ids, or fingerprint, and those that a person told
    apart from one so found; where none of these leads anywhere, papers of other sources whose texts share
    rare words. ``fields`` holds the content fields, ``submitter``, ``summary_by`` and ``withdrawn``;
    ``listed`` the days of this source only.
    """
    s.flush()
    entries = [canonical(entry) for entry in entries]
    wanted, unknown = _by_keys(s, source_id, entries)
    wanted |= _by_words(s, source_id, unknown)
    wanted |= _told_apart(s, wanted)
    papers = table("papers")
    rows = _rows(s, select(papers), papers.c.id, sorted(wanted))
    facts = _facts(s, source_id, [row.id for row in rows])
    kind = _kind(s, source_id)
    return [_known(row, facts[row.id], source_id, kind) for row in rows]


def _rows(s: Session, query: Select[Any], column: Any, values: Iterable[Any]) -> list[Row[Any]]:
    return [
        row for batch in in_batches(values) for row in s.connection().execute(query.where(column.in_(batch)))
    ]


def _kind(s: Session, source_id: int) -> str | None:
    sources = table("sources")
    found: str | None = (
        s.connection().execute(select(sources.c.kind).where(sources.c.id == source_id)).scalar()
    )
    return found


# --- finding ---------------------------------------------------------------------------------------


def _by_keys(s: Session, source_id: int, entries: Sequence[Entry]) -> tuple[set[int], list[Entry]]:
    """The papers that share an id or a text with an entry, and the entries that none shares one with."""
    papers, ids, listings = table("papers"), table("paper_ids"), table("entries")
    keys = [_keys(source_id, entry) for entry in entries]
    by_kind: dict[str, set[str]] = defaultdict(set)
    for pair in {pair for one in keys for pair in one}:
        by_kind[pair[0]].add(pair[1])
    found: set[int] = set()
    hit: set[tuple[str, str]] = set()

    def look(kind: str, query: Select[Any], column: Any) -> None:
        for row in _rows(s, query, column, sorted(by_kind.get(kind, ()))):
            value, paper_id = tuple(row)
            found.add(paper_id)
            hit.add((kind, value))

    look("arxiv", select(papers.c.arxiv_id, papers.c.id), papers.c.arxiv_id)
    look("doi", select(papers.c.doi, papers.c.id), papers.c.doi)
    look(TEXT, select(papers.c.fingerprint, papers.c.id), papers.c.fingerprint)
    own = select(listings.c.source_ref, listings.c.paper_id).where(listings.c.source_id == source_id)
    look(ref_kind(source_id), own, listings.c.source_ref)
    for kind in sorted(by_kind.keys() - {"arxiv", "doi"}):
        look(kind, select(ids.c.value, ids.c.paper_id).where(ids.c.kind == kind), ids.c.value)
    return found, [entry for entry, one in zip(entries, keys, strict=True) if hit.isdisjoint(one)]


def _keys(source_id: int, entry: Entry) -> list[tuple[str, str]]:
    own = ref_kind(source_id)
    pairs = (("arxiv", entry.arxiv_id), ("doi", entry.doi), (own, entry.source_ref), *entry.other_ids)
    told = [(kind, value) for kind, value in pairs if value]
    return [*told, (TEXT, fingerprint(entry.title, entry.abstract))]


def _by_words(s: Session, source_id: int, entries: Sequence[Entry]) -> set[int]:
    """Papers that other sources listed whose texts share their rarest words with an entry's."""
    if not entries or not _others_listed(s, source_id):
        return set()
    wanted: list[Wanted] = []
    for entry in sorted(entries, key=lambda entry: bool(entry.arxiv_id) + bool(entry.doi)):
        words = lookup_words(words_of(entry.title, entry.abstract))
        if words is not None and len(wanted) < MAX_LOOKUPS:
            wanted.append(Wanted(words, bool(entry.arxiv_id), bool(entry.doi)))
    return likely_ids(s, wanted)


def _others_listed(s: Session, source_id: int) -> bool:
    sources, listings = table("sources"), table("entries")
    listed = select(listings.c.id).where(listings.c.source_id == sources.c.id).exists()
    query = select(sources.c.id).where(sources.c.id != source_id, listed).limit(1)
    return s.connection().execute(query).first() is not None


def _told_apart(s: Session, paper_ids: Iterable[int]) -> set[int]:
    splits = table("paper_splits")
    wanted = sorted(paper_ids)
    found: set[int] = set()
    for here, there in ((splits.c.paper_id, splits.c.other_id), (splits.c.other_id, splits.c.paper_id)):
        found |= {row._mapping[there] for row in _rows(s, select(there), here, wanted)}
    return found


# --- what is known of those found ------------------------------------------------------------------


def _facts(s: Session, source_id: int, paper_ids: Sequence[int]) -> Mapping[int, _Facts]:
    """Everything :class:`StoredPaper` has besides the paper's row, in a few statements for all papers."""
    facts: dict[int, _Facts] = defaultdict(_Facts)
    listings, ids, splits = table("entries"), table("paper_ids"), table("paper_splits")
    own = select(listings).where(listings.c.source_id == source_id).order_by(listings.c.listed_on)
    for row in _rows(s, own, listings.c.paper_id, paper_ids):
        facts[row.paper_id].listed.append(row)
    for row in _rows(s, select(ids).order_by(ids.c.kind, ids.c.value), ids.c.paper_id, paper_ids):
        one = facts[row.paper_id]
        if row.kind == TEXT:
            one.texts.add(row.value)
        elif row.kind == ref_kind(source_id):
            one.refs.append(row.value)
        elif ":" not in row.kind:
            one.other_ids.setdefault(row.kind, row.value)
    for batch in in_batches(paper_ids):
        either = or_(splits.c.paper_id.in_(batch), splits.c.other_id.in_(batch))
        for split in s.connection().execute(select(splits.c.paper_id, splits.c.other_id).where(either)):
            facts[split.paper_id].split_from.add(split.other_id)
            facts[split.other_id].split_from.add(split.paper_id)
    for first in _first_listings(s, paper_ids):
        facts[first.paper_id].listed_by.append((first.source_id, first.kind))
    return facts


def _first_listings(s: Session, paper_ids: Sequence[int]) -> list[Row[Any]]:
    listings, sources = table("entries"), table("sources")
    query = (
        select(listings.c.paper_id, listings.c.source_id, sources.c.kind)
        .join(sources, sources.c.id == listings.c.source_id)
        .group_by(listings.c.paper_id, listings.c.source_id, sources.c.kind)
        .order_by(func.min(listings.c.first_seen_at), func.min(listings.c.id))
    )
    return _rows(s, query, listings.c.paper_id, paper_ids)


def _known(paper: Row[Any], facts: _Facts, source_id: int, kind: str | None) -> StoredPaper:
    stored = paper._mapping
    fields = {name: tuple(stored[name]) if name in LISTS else stored[name] for name in CONTENT_FIELDS}
    fields |= {"withdrawn": paper.withdrawn_at is not None, "summary_by": paper.summary_by}
    fields["submitter"] = _last(facts.listed, "submitter")
    days: dict[date, Counts] = {row.listed_on: (row.votes, row.comments, row.stars) for row in facts.listed}
    refs = dict.fromkeys([*(row.source_ref for row in facts.listed if row.source_ref), *facts.refs])
    return StoredPaper(
        paper_id=paper.id,
        arxiv_id=paper.arxiv_id,
        doi=paper.doi,
        source_ref=next(iter(refs), None),
        fingerprint=paper.fingerprint,
        fields=MappingProxyType(fields),
        other_ids=tuple(sorted(facts.other_ids.items())),
        text_by=paper.text_by,
        listed=MappingProxyType(days),
        source_refs=tuple(refs),
        texts=frozenset(facts.texts),
        split_from=frozenset(facts.split_from),
        mine=_is_mine(paper.text_by, facts.listed_by, source_id, kind),
    )


def _is_mine(
    text_by: str | None, listed_by: Sequence[tuple[int, str]], source_id: int, kind: str | None
) -> bool:
    """Whether of sources of the kind whose text stands this one is the first that listed the paper.

    An enricher lists nothing: where no source of that kind did, the kind decides alone.
    """
    first = next((one for one, its in listed_by if text_by in (None, its)), None)
    return first == source_id if first is not None else text_by in (None, IMPORTED, kind)


def _last(listed: Sequence[Row[Any]], name: str) -> str | None:
    return next((row._mapping[name] for row in reversed(listed) if row._mapping[name] is not None), None)
