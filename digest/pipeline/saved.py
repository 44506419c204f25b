"""Saved papers: a reader's list with their notes, searched, changed, and written for other programs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from types import MappingProxyType
from typing import NamedTuple

from sqlmodel import Session

from digest.errors import UsageError
from digest.libraries import LibraryPaper, write_bibtex, write_csl_json, write_csv, write_ris
from digest.pipeline.rating import MAX_NOTE, say
from digest.pipeline.told import library_paper
from digest.storage import papers as paper_rows
from digest.storage import saved as saved_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.browsing import keep_those, list_said
from digest.storage.database import Database
from digest.storage.saved import SavedRow, SavedText
from digest.storage.works import load_works
from digest.text import clean_lines, normalise
from digest.translation import gettext as _
from digest.types import FeedbackKind, PaperView

__all__ = [
    "FORMATS",
    "MAX_NOTE",
    "Removed",
    "SavedList",
    "SavedPaper",
    "clean_note",
    "list_saved",
    "put_back",
    "remove",
    "write_note",
    "write_paper",
    "write_saved",
]

MAX_ID = 2**31
PER_PAGE = 50
Writer = Callable[[Iterable[LibraryPaper]], str]
# By the ending of a file's name: what writes it.
FORMATS: MappingProxyType[str, Writer] = MappingProxyType(
    {"bib": write_bibtex, "ris": write_ris, "json": write_csl_json, "csv": write_csv}
)


@dataclass(frozen=True, slots=True)
class SavedPaper:
    """One saved paper as it is shown; ``said`` is what the reader said of it besides (more, less)."""

    view: PaperView
    note: str
    saved_at: datetime
    said: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SavedList:
    """One page of a reader's saved papers. ``found`` of ``total`` hold the words that were looked for."""

    papers: tuple[SavedPaper, ...]
    total: int
    found: int
    page: int
    pages: int


class Removed(NamedTuple):
    """What was taken off the list, so that it can be put back as it was."""

    view: PaperView
    note: str
    saved_at: datetime


def clean_note(text: str) -> str:
    """A note as it is stored: plain text with its line breaks."""
    return clean_lines(text, limit=MAX_NOTE)


def list_saved(
    database: Database,
    subscriber_id: int,
    token_version: int,
    now: datetime,
    *,
    query: str = "",
    page: int = 1,
) -> SavedList:
    """One page of a reader's saved papers, newest first; a page beyond the last gives the last.

    ``query``: those that hold all its words in title, abstract, authors or note, accents and capitals aside.
    """
    with database.read() as session:
        rows = saved_rows.list_saved(session, subscriber_id)
        found = _holding(session, rows, query)
        pages = max(ceil(len(found) / PER_PAGE), 1)
        page = min(max(page, 1), pages)
        shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
        ids = [row.paper_id for row in shown]
        views = paper_rows.get_views(session, ids, until=now)
        said = list_said(session, subscriber_id, token_version, ids)
    papers = tuple(
        SavedPaper(views[row.paper_id], row.note, row.saved_at, said.get(row.paper_id, frozenset()))
        for row in shown
    )
    return SavedList(papers, total=len(rows), found=len(found), page=page, pages=pages)


def _holding(session: Session, rows: Sequence[SavedRow], query: str) -> Sequence[SavedRow]:
    words = normalise(query[:MAX_NOTE]).split()
    if not words:
        return rows
    texts = saved_rows.list_saved_texts(session, [row.paper_id for row in rows])
    return [row for row in rows if _holds(words, texts[row.paper_id], row.note)]


def _holds(words: Sequence[str], text: SavedText, note: str) -> bool:
    whole = normalise("\n".join((*text, note)))
    return all(word in whole for word in words)


def write_note(database: Database, subscriber_id: int, paper_id: int, note: str) -> None:
    """Write a note beside a saved paper, or take it away. Raises ``UsageError`` for one that is not saved."""
    with database.write() as session:
        number = _number(session, paper_id)
        if not saved_rows.set_note(session, subscriber_id, number, clean_note(note)):
            raise UsageError(_("that paper is not on your list; save it first"))


def remove(database: Database, subscriber_id: int, paper_id: int, now: datetime) -> Removed | None:
    """Take a paper off the list; ``None`` where it is not on it."""
    with database.write() as session:
        number = _number(session, paper_id)
        said = subscriber_rows.list_feedback(session, subscriber_id, number)
        row = next((one for one in said if one.kind == FeedbackKind.SAVED), None)
        if row is None:
            return None
        removed = Removed(
            paper_rows.get_views(session, [number], until=now)[number], row.note, row.created_at
        )
        subscriber_rows.delete_feedback(session, subscriber_id, number, [FeedbackKind.SAVED.value])
        return removed


def put_back(
    database: Database, subscriber_id: int, paper_id: int, *, note: str, saved_at: str, now: datetime
) -> None:
    """Put a paper back on the list as it was; ``saved_at`` (ISO 8601) counts if it is no later than now.

    Raises ``UsageError`` for a paper that is not stored.
    """
    with database.write() as session:
        if not say(session, subscriber_id, paper_id, FeedbackKind.SAVED.value, _past(saved_at, now)):
            raise UsageError(_("there is no such paper any more"))
        saved_rows.set_note(session, subscriber_id, _number(session, paper_id), clean_note(note))


def _past(text: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return now
    return at if at.tzinfo is not None and at.year >= 2000 and at <= now else now


def _number(session: Session, paper_id: int) -> int:
    """The paper, or the one that it was joined to since the page was made."""
    return paper_rows.joined_id(session, paper_id) if 0 < paper_id < MAX_ID else 0


# --- for other programs ----------------------------------------------------------------------------


def write_saved(database: Database, subscriber_id: int, ending: str) -> str:
    """All saved papers with their notes, newest first, in one of ``FORMATS``."""
    with database.read() as session:
        rows = saved_rows.list_saved(session, subscriber_id)
        works = load_works(session, [row.paper_id for row in rows])
    return FORMATS[ending](library_paper(works[row.paper_id], row.note) for row in rows)


def write_paper(database: Database, paper_id: int, ending: str) -> str | None:
    """One paper, or the one it was joined to, in one of ``FORMATS``; ``None`` where there is none."""
    with database.read() as session:
        number = _number(session, paper_id)
        work = load_works(session, keep_those(session, [number])).get(number)
    return FORMATS[ending]([library_paper(work)]) if work is not None else None
