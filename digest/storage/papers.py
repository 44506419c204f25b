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
from digest.storage.filing import apply_changes, find_known
from digest.storage.search import find_by_id, joined_id, search_papers, titles_like
from digest.storage.sightings import (
    address_of,
    get_views,
    iter_papers,
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
    "iter_papers",
    "joined_id",
    "latest_listed_day",
    "latest_votes",
    "list_candidates",
    "list_papers",
    "list_sightings",
    "search_papers",
]

MAX_TITLE = 2000
# So many titles are looked up one by one; beyond, all stored ones are read.
FEW_TITLES = 100
READ_AT_ONCE = 5000
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
    """For each of these titles that one stored paper alone has: its id; compared as by :func:`find_paper`.

    Many at once are found much faster than one by one.
    """
    wanted = {title: key for title in titles if (key := normalise(title))}
    keys = set(wanted.values())
    found: dict[str, set[int]] = defaultdict(set)
    if len(keys) <= FEW_TITLES:
        stored = ((one, text) for title in wanted for one, text in titles_like(s, title).items())
    else:  # one reading of all titles costs less than looking for each
        rows = s.execute(select(Paper.id, Paper.title), execution_options={"yield_per": READ_AT_ONCE})
        stored = ((one, text) for one, text in rows)
    for paper_id, text in stored:
        if (key := normalise(text)) in keys:
            found[key].add(paper_id)
    return {title: min(ids) for title, key in wanted.items() if len(ids := found[key]) == 1}
