"""Papers that share their rarest words with an entry: one look into the full-text index for each entry."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import text
from sqlmodel import Session, col, select

from digest.identity import LookupWords
from digest.models import Paper
from digest.storage.bulk import in_batches

__all__ = ["Wanted", "likely_ids"]

# How many papers that share its rarest words are held against an entry, of how many that are looked at.
MAX_LIKELY = 10
MAX_HITS = 50
# Nothing but letters and digits reaches the two query languages, so there is nothing to escape.
SQLITE = text("SELECT rowid FROM papers_fts WHERE papers_fts MATCH :wanted ORDER BY rowid DESC LIMIT :hits")
POSTGRES = text(
    "SELECT id FROM papers WHERE search @@ to_tsquery('english', :wanted) ORDER BY id DESC LIMIT :hits"
)


class Wanted(NamedTuple):
    """An entry's words, and which ids it has: a paper with an id of the same kind is another paper."""

    words: LookupWords
    arxiv: bool
    doi: bool


def likely_ids(s: Session, wanted: Sequence[Wanted]) -> set[int]:
    """Papers that have enough of an entry's words in their title, or in their abstract.

    For each entry the newest, at most ten. What one entry costs hardly grows with the number of papers.
    """
    on_sqlite = s.get_bind().dialect.name == "sqlite"
    statement, write = (SQLITE, _sqlite) if on_sqlite else (POSTGRES, _postgres)
    hits: list[tuple[Wanted, list[int]]] = []
    for one in wanted:
        if query := write(one.words):
            found = s.connection().execute(statement, {"wanted": query, "hits": MAX_HITS}).scalars()
            hits.append((one, list(found)))
    ids: dict[int, tuple[bool, bool]] = {}
    for batch in in_batches(number for _, numbers in hits for number in numbers):
        rows = s.exec(select(Paper.id, Paper.arxiv_id, Paper.doi).where(col(Paper.id).in_(batch)))
        ids |= {number: (bool(arxiv), bool(doi)) for number, arxiv, doi in rows if number is not None}
    likely: set[int] = set()
    for one, numbers in hits:
        fitting = [
            n for n in numbers if n in ids and not (one.arxiv and ids[n][0]) and not (one.doi and ids[n][1])
        ]
        likely.update(fitting[:MAX_LIKELY])
    return likely


def _all_but_one(words: Sequence[str], both: str, either: str) -> str:
    """All words, or all but one of them; halved again and again, which asks the index least."""
    if len(words) == 1:
        return ""
    middle = len(words) // 2
    left, right = words[:middle], words[middle:]
    branches = []
    for whole, part in ((left, right), (right, left)):
        pieces = [both.join(whole), _all_but_one(part, both, either)]
        branches.append("(" + both.join(piece for piece in pieces if piece) + ")")
    return "(" + either.join(branches) + ")"


def _sqlite(words: LookupWords) -> str:
    """In the language of https://www.sqlite.org/fts5.html."""
    parts = []
    for field, some, needed in _fields(words):
        quoted = [f'"{word}"' for word in some]
        wanted = _all_but_one(quoted, " AND ", " OR ") if needed < len(some) else " AND ".join(quoted)
        parts.append(f"({field} : ({wanted}))")
    return " OR ".join(parts)


def _postgres(words: LookupWords) -> str:
    """In that of https://www.postgresql.org/docs/15/datatype-textsearch.html; titles have weight A."""
    parts = []
    for field, some, needed in _fields(words):
        marked = [f"{word}:{'A' if field == 'title' else 'D'}" for word in some]
        wanted = _all_but_one(marked, " & ", " | ") if needed < len(some) else " & ".join(marked)
        parts.append(f"({wanted})")
    return " | ".join(parts)


def _fields(words: LookupWords) -> list[tuple[str, tuple[str, ...], int]]:
    both = (
        ("title", words.title, words.title_needed),
        ("abstract", words.abstract, words.abstract_needed),
    )
    return [part for part in both if part[2]]
