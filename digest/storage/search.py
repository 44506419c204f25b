"""Full-text search: FTS5 on SQLite, a generated ``tsvector`` on PostgreSQL.

On both a search finds papers that hold all its words in any of title, abstract and authors, word endings
and accents aside, the last word also as a beginning; the title counts most.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Subquery, and_, case, column, func, literal_column, or_
from sqlalchemy import select as select_columns
from sqlalchemy import table as named
from sqlmodel import Session, col, select

from digest.identity import canonical
from digest.models import Paper, PaperId, PaperJoin
from digest.storage.bulk import table
from digest.text import clean_text, parse_arxiv_id, parse_doi
from digest.types import Entry

__all__ = ["find_by_id", "joined_id", "search_papers", "titles_like"]

# Only letters and digits reach the query languages below, so there is nothing to escape.
WORD = re.compile(r"[^\W_]+")
MAX_WORDS = 32
MAX_QUERY = 2000
OUR_ID = re.compile(r"#?([0-9]{1,9})")
# Of papers that share a title's words, how many are compared with it: all words, any of them.
MAX_SAME_WORDS = 5000
MAX_SIMILAR = 50
OTHER_ID = re.compile(r"([a-z][a-z_-]{1,20}):\s?(\S{1,200})", re.IGNORECASE)


def search_papers(s: Session, query: str, *, limit: int = 20) -> list[Paper]:
    """The papers that match, best first. Any text is a query; an exact id finds its paper alone.

    Where no paper holds the words as words, papers that hold them inside of words are found (as in
    languages that write without spaces): those in the title first, then the newest.
    """
    query = clean_text(query, limit=MAX_QUERY)
    exact = None if query.isdigit() else find_by_id(s, query)
    if exact is not None:
        return [exact]
    words = _words(query)
    if not words or limit < 1:
        return []
    hits = _hits(s, words, limit=limit, beginning=True)
    found = select(Paper).join(hits, hits.c.id == col(Paper.id)).order_by(hits.c.rank, col(Paper.id))
    return list(s.exec(found)) or _find_inside(s, words, limit)


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
    words = _words(title)
    if not words:
        return {}
    columns = select(Paper.id, Paper.title)
    hits = _hits(s, words, limit=MAX_SAME_WORDS, title_only=True)
    found = [
        *s.exec(columns.where(func.lower(Paper.title) == title.lower())),
        *s.exec(columns.join(hits, hits.c.id == col(Paper.id))),
    ]
    if not found:
        # A word that the index writes in another way (² for 2, ß for ss) must not hide the title.
        hits = _hits(s, words, limit=MAX_SIMILAR, title_only=True, any_word=True)
        found = [*s.exec(columns.join(hits, hits.c.id == col(Paper.id)))]
    return {paper_id: stored for paper_id, stored in found if paper_id is not None}


def _words(query: str) -> list[str]:
    return WORD.findall(query)[:MAX_WORDS]


def _hits(
    s: Session,
    words: Sequence[str],
    *,
    limit: int,
    beginning: bool = False,
    title_only: bool = False,
    any_word: bool = False,
) -> Subquery:
    """``(id, rank)`` of the best matches, lowest rank first.

    ``beginning``: the last word may be only the start of one.
    """
    s.flush()
    if s.get_bind().dialect.name == "sqlite":
        source, match, rank = _sqlite_match(words, beginning, title_only, any_word)
    else:
        source, match, rank = _postgres_match(words, beginning, title_only, any_word)
    ranked = select_columns(source.label("id"), rank.label("rank")).where(match)
    return ranked.order_by(rank, source).limit(limit).subquery("hits")


Match = tuple[ColumnElement[int], ColumnElement[Any], ColumnElement[Any]]


def _sqlite_match(words: Sequence[str], beginning: bool, title_only: bool, any_word: bool) -> Match:
    """Id, condition and rank in the language of https://www.sqlite.org/fts5.html."""
    wanted = (" OR " if any_word else " AND ").join(f'"{word}"' for word in words)
    if beginning:
        wanted += "*"
    if title_only:
        wanted = f"title : ({wanted})"
    index = named("papers_fts", column("rowid"))
    # The weights of title, abstract, authors.
    rank: ColumnElement[Any] = literal_column("bm25(papers_fts, 10.0, 1.0, 4.0)")
    match: ColumnElement[Any] = literal_column("papers_fts").op("MATCH")(wanted)
    return index.c.rowid, match, rank


def _postgres_match(words: Sequence[str], beginning: bool, title_only: bool, any_word: bool) -> Match:
    """The same in that of https://www.postgresql.org/docs/15/datatype-textsearch.html."""
    bare = [piece for word in words for piece in _bare(word).split()]
    marks = ["A" if title_only else ""] * len(bare)
    if beginning and marks:
        marks[-1] += "*"
    parts = [f"'{word}':{mark}".removesuffix(":") for word, mark in zip(bare, marks, strict=True)]
    wanted = func.to_tsquery("english", (" | " if any_word else " & ").join(parts))
    search: ColumnElement[Any] = literal_column("papers.search")
    # Weights in order: D (abstract), C, B (authors), A (title). 1: long texts count a little less.
    rank = -func.ts_rank(literal_column("'{0.1, 0.1, 0.4, 1.0}'::float4[]"), search, wanted, 1)
    return table("papers").c.id, search.op("@@")(wanted), rank


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
