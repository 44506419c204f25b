"""Import: pages that people saved, filed like pages that were fetched."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from sqlmodel import Session

from digest.config import IMPORTS
from digest.errors import DigestError, UsageError
from digest.models import Check, Source, StoredPage
from digest.pipeline.examples import resolve_examples
from digest.pipeline.filing import CheckRow, Filing, file_page
from digest.pipeline.health import record_health
from digest.pipeline.pages import PageStore
from digest.sources.saved import parse_saved
from digest.storage import papers as paper_rows
from digest.storage import sources as source_rows
from digest.storage.database import Database
from digest.types import Page, ParsedPage

__all__ = ["MAX_BYTES", "ImportResult", "file_saved", "import_files"]

MAX_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class ImportResult:
    """What an import did, over all files."""

    pages: int = 0
    entries: int = 0
    new: int = 0
    modified: int = 0
    unchanged: int = 0
    papers: int = 0
    errors: list[dict[str, str]] = field(default_factory=list)

    def add(self, row: CheckRow) -> None:
        """Count one filed page."""
        self.pages += 1
        self.entries += row.entries
        self.new += row.new
        self.modified += row.modified
        self.unchanged += row.unchanged

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return asdict(self)


def import_files(
    database: Database,
    store: PageStore,
    files: Sequence[Path],
    *,
    day: date | None,
    today: date,
    now: datetime,
) -> ImportResult:
    """File the entries of saved pages; a file that cannot be read is told and the others go on.

    Examples that readers gave before their paper was stored are matched again. ``day`` is the day the
    entries belong to; else the page's own date, else ``today``.
    """
    result = ImportResult()
    for file in files:
        try:
            result.add(_import_file(database, store, file, day=day, today=today, now=now))
        except DigestError as error:
            result.errors.append({"file": str(file), "error": str(error)})
    if result.new or result.modified:
        resolve_examples(database)
    with database.read() as session:
        result.papers = paper_rows.count_papers(session)
    return result


def _import_file(
    database: Database,
    store: PageStore,
    file: Path,
    *,
    day: date | None,
    today: date,
    now: datetime,
) -> CheckRow:
    body = _read(file)
    page = parse_saved(body, today=today, name=file.name)
    listed_on = day or page.page_date or today
    with database.write() as session:
        source = source_rows.ensure_source(session, IMPORTS, IMPORTS, "", now)
    assert source.id is not None  # noqa: S101 - stored rows have ids
    kept = store.keep(Page(url=f"saved:{file.name}", status=200, body=body, fetched_at=now), source.id)
    with database.write() as session:
        row, check = file_saved(session, source, page, [kept], day=listed_on, now=now)
        record_health(session, source.id, check)
    return row


def file_saved(
    session: Session,
    source: Source,
    page: ParsedPage,
    kept: Sequence[StoredPage],
    *,
    day: date,
    now: datetime,
) -> tuple[CheckRow, Check]:
    """File what saved pages list under ``day``, beside the bytes they were read from.

    Runs inside the caller's write transaction.
    """
    # The day was settled by the caller: what the page says of it is not held against it again.
    row, check = file_page(session, source, replace(page, page_date=None), Filing(day, now))
    for stored in kept:
        stored.day, stored.verdict, stored.check_id = day, row.verdict.value, check.id
        source_rows.add_page(session, stored)
    return row, check


def _read(file: Path) -> bytes:
    try:
        if file.exists() and not file.is_file():
            raise UsageError(f"{file} is no file")
        with file.open("rb") as opened:
            body = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if len(body) > MAX_BYTES:
        raise UsageError(f"{file} is larger than {MAX_BYTES // 2**20} MiB; that is no page")
    return body
