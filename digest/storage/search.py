"""Full-text search: FTS5 on SQLite, a generated ``tsvector`` on PostgreSQL.

On both a search finds papers that hold all its words in any of title, abstract and authors, word endings
and accents aside, the last word also as a beginning; the title counts most.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnClause,
    ColumnElement,
    Subquery,
    and_,
    case,
    column,
    func,
    literal_column,
    or_,
)
from sqlalchemy import select as select_columns
from sqlalchemy import table as named
from sqlmodel import Session, col, select

from digest.identity import canonical
from digest.models import Paper, PaperId, PaperJoin
from digest.storage.browsing import EVERYTHING, Filters, conditions_of
from digest.storage.bulk import table
from digest.text import clean_text, parse_arxiv_id, parse_doi
from digest.types import Entry

__all__ = [
    "Wanted",
    "count_holding",
    "find_by_id",
    "find_hits",
    "find_inside",
    "joined_id",
    "search_papers",
    "titles_like",
    "words_of",
]

# Only letters and digits reach the query languages below, so there is nothing to escape.
WORD = re.compile(r"[^\W_]+")
MAX_WORDS = 32
MAX_QUERY = 2000
OUR_ID = re.compile(r"#?([0-9]{1,9})")
# Of papers that share a title's words, how many are compared with it: all words, any of them.
MAX_SAME_WORDS = 5000
MAX_SIMILAR = 50
LONGEST = 6
# No title of more words is made of stop words alone.
STOP_WORDS = 5
OTHER_ID = re.compile(r"([a-z][a-z_-]{1,20}):\s?(\S{1,200})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a paper has to hold: all ``words`` in any field (or ``any_word`` of them), ``authors`` in its own.

    ``beginning``: the last word may be only the start of one. ``title_only``: the words stand in the title.
    """

    words: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    beginning: bool = False
    title_only: bool = False
    any_word: bool = False


def search_papers(s: Session, query: str, *, limit: int = 20) -> list[Paper]:
    """The papers that match, best first. Any text is a query; an exact id finds its paper alone.

    Where no paper holds the words as words, papers that hold them inside of words are found (as in
    languages that write without spaces): those in the title first, then the newest.
    """
    query = clean_text(query, limit=MAX_QUERY)
    exact = None if query.isdigit() else find_by_id(s, query)
    if exact is not None:
        return [exact]
    words = words_of(query)
    if not words or limit < 1:
        return []
    hits = _hits(s, Wanted(words, beginning=True), limit=limit)
    found = select(Paper).join(hits, hits.c.id == col(Paper.id)).order_by(hits.c.rank, col(Paper.id))
    return list(s.exec(found)) or _find_inside(s, words, limit)


def find_hits(
    s: Session, wanted: Wanted, filters: Filters = EVERYTHING, *, newest: int, most: int
) -> tuple[list[tuple[int, float]], int]:
    """``(id, rank)`` of at most ``most`` papers that match and pass the filters, lowest rank first.

    Of very many only the ``newest`` are looked at, so that a word that all papers hold takes no longer; how
    many were looked at is returned too.
    """
    s.flush()
    source, match, rank = _match(s, wanted)
    papers, conditions = table("papers"), conditions_of(filters)
    query = select_columns(source.label("id"), rank.label("rank")).where(match)
    if source.table is not papers:
        query = query.join(papers, papers.c.id == source)
    seen = query.where(*conditions).order_by(source.desc()).limit(newest).subquery()
    best = select_columns(seen.c.id, seen.c.rank, func.count().over().label("looked_at"))
    found = s.connection().execute(best.order_by(seen.c.rank, seen.c.id.desc()).limit(most)).all()
    return [(row.id, row.rank) for row in found], found[0].looked_at if found else 0


def count_holding(s: Session, word: str, *, most: int) -> int:
    """How many papers hold a word, counted up to ``most``."""
    source, match, _ = _match(s, Wanted((word,)))
    some = select_columns(source).where(match).limit(most).subquery()
    return s.connection().execute(select_columns(func.count()).select_from(some)).scalar_one()


def find_inside(s: Session, words: Sequence[str], *, limit: int) -> list[int]:
    """The papers that hold all the words inside of words, for languages that write without spaces.

    Those in the title come first, then the newest. Reads every text, so it is slow.
    """
    return [paper.id for paper in _find_inside(s, words, limit) if paper.id is not None]


def find_by_id(s: Session, query: str) -> Paper | None:
    """The paper with this id: ours (``12``, ``#12``), an arXiv id or address, a DOI, or ``pmid:31452104``.

    One of ours that was joined to another paper leads to that paper.
    """
    query = clean_text(query, limit=MAX_QUERY)
    if match := OUR_ID.fullmatch(query):
        number = int(match[1])
        return s.get(Paper, number) or s.get(Paper, joined_id(s, number))
    if arxiv_id := parse_arxiv_id(query):
        return s.exec(select(Paper).where(Paper.arxiv_id == arxiv_id)).first()
    if doi := parse_doi(query):
        of_arxiv = canonical(Entry(title="", position=1, doi=doi)).arxiv_id
        column, value = (Paper.arxiv_id, of_arxiv) if of_arxiv else (Paper.doi, doi)
        return s.exec(select(Paper).where(column == value)).first()
    if match := OTHER_ID.fullmatch(query):
        told = (PaperId.kind == match[1].lower(), PaperId.value == match[2])
        return s.exec(
            select(Paper).join(PaperId, col(PaperId.paper_id) == col(Paper.id)).where(*told)
        ).first()
    return None


def joined_id(s: Session, paper_id: int) -> int:
    """The paper that one which no longer exists was joined to; the same id where it was to none."""
    found = s.exec(select(PaperJoin.paper_id).where(PaperJoin.gone_id == paper_id)).first()
    return paper_id if found is None else found


def titles_like(s: Session, title: str) -> dict[int, str]:
    """Titles by paper id, few enough to compare, among them those that are this title in other letters."""
    title = clean_text(title, limit=MAX_QUERY)
    words = words_of(title)
    if not words:
        return {}
    columns = select(Paper.id, Paper.title)
    hits = _hits(s, Wanted(words, title_only=True), limit=MAX_SAME_WORDS)
    found = [*s.exec(columns.join(hits, hits.c.id == col(Paper.id)))]
    # The one that is meant may be beyond those, or be of words that PostgreSQL does not look for ("What Is
    # This?"). To find it every title is read, so for all others that is not done.
    has_stop_words = s.get_bind().dialect.name != "sqlite" and len(words) <= STOP_WORDS
    if len(found) == MAX_SAME_WORDS or (not found and has_stop_words):
        found += s.exec(columns.where(func.lower(Paper.title) == title.lower()))
    if not found:
        # A word that the index writes in another way (² for 2, ß for ss) must not hide the title. The longest
        # are the rarest, mostly; what "of" is in would be half of all papers.
        longest = tuple(sorted(words, key=len)[-LONGEST:])
        hits = _hits(s, Wanted(longest, title_only=True, any_word=True), limit=MAX_SIMILAR)
        found = [*s.exec(columns.join(hits, hits.c.id == col(Paper.id)))]
    return {paper_id: stored for paper_id, stored in found if paper_id is not None}


def words_of(query: str) -> tuple[str, ...]:
    """The words of any text that can be looked for, at most 32: letters and digits only."""
    return tuple(WORD.findall(query)[:MAX_WORDS])


def _hits(s: Session, wanted: Wanted, *, limit: int) -> Subquery:
    """``(id, rank)`` of the best matches, lowest rank first."""
    s.flush()
    source, match, rank = _match(s, wanted)
    ranked = select_columns(source.label("id"), rank.label("rank")).where(match)
    return ranked.order_by(rank, source).limit(limit).subquery("hits")


Match = tuple[ColumnClause[int] | Column[int], ColumnElement[Any], ColumnElement[Any]]


def _match(s: Session, wanted: Wanted) -> Match:
    """The column of ids, the condition and the rank, as this database writes them."""
    return (_sqlite_match if s.get_bind().dialect.name == "sqlite" else _postgres_match)(wanted)


def _sqlite_match(wanted: Wanted) -> Match:
    """In the language of https://www.sqlite.org/fts5.html."""
    parts = []
    if wanted.words:
        words = (" OR " if wanted.any_word else " AND ").join(f'"{word}"' for word in wanted.words)
        words += "*" if wanted.beginning else ""
        parts.append(f"title : ({words})" if wanted.title_only else f"({words})")
    if wanted.authors:
        parts.append("authors_text : ({})".format(" AND ".join(f'"{word}"*' for word in wanted.authors)))
    index = named("papers_fts", column("rowid"))
    # The weights of title, abstract, authors.
    rank: ColumnElement[Any] = literal_column("bm25(papers_fts, 10.0, 1.0, 4.0)")
    match: ColumnElement[Any] = literal_column("papers_fts").op("MATCH")(" AND ".join(parts))
    return index.c.rowid, match, rank


def _postgres_match(wanted: Wanted) -> Match:
    """The same in that of https://www.postgresql.org/docs/15/datatype-textsearch.html."""
    bare = [piece for word in wanted.words for piece in _bare(word).split()]
    marks = ["A" if wanted.title_only else ""] * len(bare)
    if wanted.beginning and marks:
        marks[-1] += "*"
    words = [f"'{word}':{mark}".removesuffix(":") for word, mark in zip(bare, marks, strict=True)]
    parts = [f"({(' | ' if wanted.any_word else ' & ').join(words)})"] if words else []
    parts += [f"'{piece}':B*" for word in wanted.authors for piece in _bare(word).split()]
    asked = func.to_tsquery("english", " & ".join(parts))
    search: ColumnElement[Any] = literal_column("papers.search")
    # Weights in order: D (abstract), C, B (authors), A (title). 1: long texts count a little less.
    rank = -func.ts_rank(literal_column("'{0.1, 0.1, 0.4, 1.0}'::float4[]"), search, asked, 1)
    return table("papers").c.id, search.op("@@")(asked), rank


def _bare(word: str) -> str:
    """Without marks, as the index has it, and still letters and digits only."""
    letters = (letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))
    return "".join(letter if letter.isalnum() else " " for letter in letters)


def _find_inside(s: Session, words: Sequence[str], limit: int) -> list[Paper]:
    fields = (col(Paper.title), col(Paper.abstract), col(Paper.authors_text))
    anywhere = [or_(*(field.ilike(f"%{word}%") for field in fields)) for word in words]
    in_title = case((and_(*(col(Paper.title).ilike(f"%{word}%") for word in words)), 0), else_=1)
    order = (in_title, col(Paper.first_seen_at).desc(), col(Paper.id).desc())
    return list(s.exec(select(Paper).where(*anywhere).order_by(*order).limit(limit)))
