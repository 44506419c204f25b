"""Papers: finding one, listing them; and under one roof what other modules do with papers.

What is filed is in :mod:`~digest.storage.filing`, which papers an entry may be in
:mod:`~digest.storage.identity`, what ranking and rendering read in
:mod:`~digest.storage.sightings`, full-text search in :mod:`~digest.storage.search`.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from sqlalchemy import func
from sqlmodel import Session, col, select

from digest.errors import UsageError
from digest.models import Paper
from digest.storage.bulk import in_batches
from digest.storage.filing import apply_changes, find_known
from digest.storage.search import find_by_id, joined_id, search_papers, titles_like
from digest.storage.sightings import (
    address_of,
    get_views,
    iter_texts,
    latest_listed_day,
    latest_votes,
    list_candidates,
    list_sightings,
)
from digest.text import clean_text, normalise

__all__ = [
    "address_of",
    "apply_changes",
    "count_papers",
    "find_known",
    "find_paper",
    "find_titles",
    "get_paper",
    "get_views",
    "iter_texts",
    "joined_id",
    "latest_listed_day",
    "latest_votes",
    "list_candidates",
    "list_papers",
    "list_sightings",
    "search_papers",
]

MAX_TITLE = 2000
# How many ids a message about papers of one title names.
NAMED = 5


def get_paper(s: Session, paper_id: int) -> Paper | None:
    """The paper with this id of ours; see :func:`joined_id` for one that was joined to another."""
    return s.get(Paper, paper_id)


def count_papers(s: Session) -> int:
    """How many papers are stored."""
    return s.exec(select(func.count()).select_from(Paper)).one()


def list_papers(s: Session, *, limit: int, since: date | None = None) -> list[Paper]:
    """Papers, newest first; ``since``: only those first seen on that day (UTC) or later."""
    query = select(Paper)
    if since is not None:
        query = query.where(col(Paper.first_seen_at) >= datetime.combine(since, time.min, UTC))
    query = query.order_by(col(Paper.first_seen_at).desc(), col(Paper.id).desc())
    return list(s.exec(query.limit(max(limit, 0))))


def find_paper(s: Session, text: str) -> Paper | None:
    """The paper a person means: our id (``12``, ``#12``), an arXiv id or address, a DOI, or its whole title.

    Titles are compared by their letters and digits only. Raises ``UsageError`` where several papers have
    that title.
    """
    text = clean_text(text, limit=MAX_TITLE)
    exact = find_by_id(s, text)
    wanted = normalise(text)
    if exact is not None or not wanted:
        return exact
    same = [paper_id for paper_id, title in titles_like(s, text).items() if normalise(title) == wanted]
    if len(same) > 1:
        ids = ", ".join(f"#{paper_id}" for paper_id in sorted(same)[:NAMED])
        raise UsageError(f"{len(same)} papers have the title {text!r}: {ids}; use an id")
    return s.get(Paper, same[0]) if same else None


def find_titles(s: Session, titles: Sequence[str]) -> dict[str, int]:
    """For each of these titles that one stored paper alone has, upper and lower case aside: its id.

    Much faster for many than :func:`find_paper`, and more exact: punctuation counts.
    """
    found: dict[str, set[int]] = defaultdict(set)
    lower = func.lower(Paper.title)
    for batch in in_batches(title.lower() for title in titles):
        for paper_id, title in s.exec(select(Paper.id, Paper.title).where(lower.in_(batch))):
            if paper_id is not None:
                found[title.lower()].add(paper_id)
    return {title: min(ids) for title in titles if len(ids := found[title.lower()]) == 1}
