"""A watched folder: pages that people save into it are filed without being asked for one by one."""

import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from sqlmodel import Session, col, select

from digest.errors import FetchError, ParseError
from digest.models import Check, Source, StoredPage
from digest.pipeline.examples import resolve_examples
from digest.pipeline.filing import CheckRow, Filing, file_page
from digest.pipeline.health import record_health
from digest.pipeline.imports import MAX_BYTES, file_saved
from digest.pipeline.pages import PageStore
from digest.pipeline.reading import ConfiguredSource
from digest.sources import saved
from digest.storage import sources as source_rows
from digest.storage.database import Database
from digest.text import clean_text
from digest.types import Entry, Page, ParsedPage, Verdict
from digest.verdict import is_readable, key_of

__all__ = ["ParseSaved", "read_folder"]

# One run takes in no more than this; the rest waits for the next one.
MAX_FILES = 500
MAX_TOTAL = 512 * 1024 * 1024
# So many names are looked at, so that a folder of millions does not fill the memory.
MAX_LISTED = 20_000
# A file that was written to this short a time ago may still be.
STILL_S = 2.0
# What is no page is kept as evidence up to this size.
MAX_SUSPECT = 8 * 1024 * 1024
MAX_TOLD = 5
# How browsers, editors and copying programs name what they have not finished writing.
UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp", ".temp", ".swp", "~")


class ParseSaved(Protocol):
    """Parses a saved page, in bounds or not. Raises ``ParseError``."""

    def __call__(self, body: bytes, *, today: date, name: str = "") -> ParsedPage:
        """What the page lists."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the folder. ``path`` has no links in it; ``stamp`` changes whenever the file is touched."""

    path: Path
    name: str
    stamp: str
    size: int
    written_on: date


@dataclass(slots=True)
class Found:
    """What is new in a folder: the pages of each day, and what are none, each with what is kept of it."""

    days: dict[date, list[tuple[ParsedPage, StoredPage]]] = field(default_factory=dict)
    faults: list[tuple[str, StoredPage]] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(map(len, self.days.values())) + len(self.faults)


def read_folder(
    database: Database,
    pages: PageStore,
    source: ConfiguredSource,
    *,
    now: datetime,
    today: date,
    parse_saved: ParseSaved = saved.parse_saved,
    clock: Callable[[], float] = time.time,
) -> list[CheckRow]:
    """File what is new in the folder of a source of the kind ``saved``: one row for each day of its pages.

    The day of a page is what it says, else the day on which its file was written, never after ``today``.
    Files that are no pages are told in one broken row for ``today``, once each. Without anything new there
    is one row, unchanged or empty; a folder that cannot be read is unreachable. ``clock`` is the time by
    which files are dated (seconds), since that is not ``now`` where a run plays another day.
    """
    with database.write() as session:
        row = source_rows.ensure_source(session, source.name, source.kind.kind, source.url, now)
        known = _known(session, row)
    folder = Path(str(getattr(source.options, "folder", "")))
    try:
        files = _list_files(folder, clock())
    except OSError as error:
        words = f"the folder {clean_text(folder, limit=200)} cannot be read: {error.strerror}"
        return [_file_error(database, row, FetchError(words), [], now, today)]
    found = Found()
    reader = _Reader(pages, row, parse_saved, known, source.max_bytes or MAX_BYTES, now, today)
    for file in files:
        if len(found) >= MAX_FILES or reader.total >= MAX_TOTAL:
            break
        reader.take(file, found)
    if not len(found):
        return [_nothing_new(database, row, now, today, is_empty=not files)]
    rows = _file_all(database, row, found, now, today)
    if any(one.new or one.modified for one in rows):
        resolve_examples(database)
    return rows


# --- the folder ------------------------------------------------------------------------------------


def _list_files(folder: Path, at: float) -> list[File]:
    """The files that are finished, oldest first. Raises ``OSError`` where the folder cannot be read."""
    home = folder.resolve(strict=True)
    with os.scandir(home) as listing:
        names = sorted(entry.name for entry, _ in zip(listing, range(MAX_LISTED), strict=False))
    found = [file for name in names if (file := _look_at(home, name, at))]
    return sorted(found, key=lambda file: (file.written_on, file.name))


def _look_at(home: Path, name: str, at: float) -> File | None:
    """The file of that name; ``None`` for what is none, leads out of the folder or is being written."""
    if name.startswith(".") or name.lower().endswith(UNFINISHED):
        return None
    try:
        path = (home / name).resolve(strict=True)
        facts = path.stat()
    except (OSError, RuntimeError, ValueError):  # gone since, or a link that leads nowhere or to itself
        return None
    if not stat.S_ISREG(facts.st_mode) or not path.is_relative_to(home):
        return None
    # A time in the future is another machine's clock, not the present.
    if abs(at - facts.st_mtime) < STILL_S:
        return None
    return File(
        path=path,
        name=clean_text(name, limit=100) or "a file",
        stamp=f"{clean_text(name)}:{facts.st_size}:{facts.st_ctime_ns}",
        size=facts.st_size,
        written_on=_day_of(facts.st_mtime),
    )


def _day_of(seconds: float) -> date:
    try:
        return datetime.fromtimestamp(seconds, UTC).date()
    except (ValueError, OverflowError, OSError):
        return date.max


def _read_whole(file: File) -> bytes | None:
    """The bytes of a file, ``None`` where it changed meanwhile. Raises ``OSError``."""
    # Nothing but the file itself is opened, should somebody have put a link or a pipe in its place.
    handle = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as opened:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            return None
        body = opened.read(file.size + 1)
        after = os.fstat(handle)
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return body if same and len(body) == file.size else None


@dataclass(slots=True)
class _Reader:
    """Reads and parses what is not known yet; ``known`` holds hashes of content and stamps of files."""

    pages: PageStore
    row: Source
    parse_saved: ParseSaved
    known: set[str]
    max_bytes: int
    now: datetime
    today: date
    total: int = 0

    def take(self, file: File, found: Found) -> None:
        """Add what a file holds to what was found, unless it is known."""
        if file.stamp in self.known:
            return
        if file.size > self.max_bytes:
            self._refuse(
                file, found, f"{file.name} is larger than {self.max_bytes // 1024} KiB; that is no page"
            )
            return
        try:
            body = _read_whole(file)
        except OSError as error:
            self._refuse(file, found, f"{file.name} cannot be read: {error.strerror}")
            return
        if body is None:
            return  # still being written: the next run's
        content = sha256(body).hexdigest()
        if content in self.known:
            return
        self.known.add(content)
        self.total += len(body)
        try:
            page = self.parse_saved(body, today=self.today, name=file.name)
        except ParseError as error:
            self._refuse(file, found, str(error), body)
            return
        if not is_readable(page):
            words = page.disagreement or f"{page.skipped} of its entries cannot be read"
            self._refuse(file, found, f"{file.name}: {words}", body)
            return
        day = page.page_date or min(file.written_on, self.today)
        found.days.setdefault(day, []).append((page, self._keep(file, body)))

    def _refuse(self, file: File, found: Found, words: str, body: bytes | None = None) -> None:
        """Remember what is no page by a row of its own, so that it is told once."""
        if body is None or len(body) > MAX_SUSPECT:
            body = words.encode("utf-8", "replace")
        found.faults.append((words, self._keep(file, body)))

    def _keep(self, file: File, body: bytes) -> StoredPage:
        assert self.row.id is not None  # noqa: S101 - stored rows have ids
        page = Page(url=f"saved:{file.name}", status=200, body=body, fetched_at=self.now)
        kept = self.pages.keep(page, self.row.id)
        kept.day = self.today
        kept.carry = [["name", file.name], ["stamp", file.stamp]]
        return kept


# --- the database ----------------------------------------------------------------------------------


def _known(session: Session, row: Source) -> set[str]:
    """What was read of this source before: hashes of content, and stamps of files."""
    told = session.exec(
        select(col(StoredPage.sha256), col(StoredPage.carry)).where(StoredPage.source_id == row.id)
    )
    known: set[str] = set()
    for content, carry in told:
        known |= {content, *(pair[1] for pair in carry if pair[0] == "stamp")}
    return known


def _file_all(database: Database, row: Source, found: Found, now: datetime, today: date) -> list[CheckRow]:
    """File what was found, each day wholly or not at all; what are no pages first, so that a good check of
    the same day stands last.
    """
    rows = []
    if found.faults:
        words = [told for told, _ in found.faults[:MAX_TOLD]]
        if len(found.faults) > MAX_TOLD:
            words.append(f"and {len(found.faults) - MAX_TOLD} files more")
        kept = [stored for _, stored in found.faults]
        rows.append(_file_error(database, row, ParseError("; ".join(words)), kept, now, today))
    for day in sorted(found.days):
        page = _join([page for page, _ in found.days[day]])
        kept = [stored for _, stored in found.days[day]]
        with database.write() as session:
            result, check = file_saved(session, row, page, kept, day=day, now=now)
            if not found.faults:
                _record(session, row, check)
        rows.append(result)
    return rows


def _file_error(
    database: Database,
    row: Source,
    error: FetchError | ParseError,
    kept: Sequence[StoredPage],
    now: datetime,
    today: date,
) -> CheckRow:
    with database.write() as session:
        result, check = file_page(session, row, None, Filing(today, now, dated=False), error=error)
        for stored in kept:
            stored.verdict, stored.check_id = result.verdict.value, check.id
            source_rows.add_page(session, stored)
        _record(session, row, check)
    return result


def _nothing_new(database: Database, row: Source, now: datetime, today: date, *, is_empty: bool) -> CheckRow:
    """The row of a folder that holds nothing new. What was found today already is not written over."""
    verdict = Verdict.EMPTY if is_empty else Verdict.UNCHANGED
    with database.write() as session:
        assert row.id is not None  # noqa: S101 - stored rows have ids
        check = Check(source_id=row.id, day=today, checked_at=now, verdict=verdict.value)
        told = source_rows.list_checks(session, first_day=today, last_day=today)
        if not any(one.source_id == row.id for _, one in told):
            source_rows.add_check(session, check)
        _record(session, row, check)
    return CheckRow(name=row.name, date=today, verdict=verdict)


def _record(session: Session, row: Source, check: Check) -> None:
    assert row.id is not None  # noqa: S101 - stored rows have ids
    record_health(session, row.id, check)


def _join(pages: Sequence[ParsedPage]) -> ParsedPage:
    """The pages of one day as one: each paper once, positions counted through."""
    unique: dict[str, Entry] = {}
    for page in pages:
        for entry in page.entries:
            unique.setdefault(key_of(entry), entry)
    return ParsedPage(
        entries=tuple(replace(entry, position=place) for place, entry in enumerate(unique.values(), start=1)),
        skipped=sum(page.skipped for page in pages),
    )
