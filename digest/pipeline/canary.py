"""The canary: does today's parser still make of a source's last good page what it made of it then?

A parser is changed by an upgrade, of ours or of a library, and a mistake in it would show as fewer papers
and no error. Each start reads one kept list of each source again and compares.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from digest.errors import ParseError
from digest.models import Check
from digest.pipeline.kept import KeptPages, NotKeptError, read_again
from digest.pipeline.pages import PageStore
from digest.pipeline.reading import ConfiguredSource, Parse, Reading
from digest.storage import evidence as evidence_rows
from digest.storage import sources as source_rows
from digest.storage.database import Database
from digest.verdict import ids_hash

__all__ = ["CanaryResult", "check_canaries"]


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """How one source's last good list, that of ``day``, is read today. ``fault``: what differs, in words."""

    name: str
    day: date
    fault: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing has changed."""
        return self.fault is None


def check_canaries(
    database: Database, pages: PageStore, sources: Sequence[ConfiguredSource], parse: Parse, now: datetime
) -> list[CanaryResult]:
    """Read the newest good list of each source again; changes nothing.

    One result for each source of which such a list is still kept whole.
    """
    results = (_check(database, pages, source, parse, now) for source in sources)
    return [result for result in results if result is not None]


def _check(
    database: Database, pages: PageStore, source: ConfiguredSource, parse: Parse, now: datetime
) -> CanaryResult | None:
    with database.read() as session:
        row = source_rows.get_source(session, source.name)
        check = evidence_rows.newest_check_with_ids(session, row.id) if row and row.id is not None else None
    if check is None:
        return None
    kept = KeptPages.of(database, pages, check)
    readings = read_again(kept, source, parse, now)
    # Another way than the one taken then may be answered by older pages: one that agrees is enough.
    if any(_is_same(reading, check) for reading in readings):
        return CanaryResult(source.name, check.day)
    faults = (_fault(reading, check) for reading in readings)
    fault = next((words for words in faults if words is not None), None)
    return CanaryResult(source.name, check.day, f"{source.name}: {fault}") if fault else None


def _is_same(reading: Reading, check: Check) -> bool:
    return reading.page is not None and _number(reading) == check.entries and _ids(reading) == check.ids


def _fault(reading: Reading, check: Check) -> str | None:
    """How today's reading differs, ``None`` where too little is kept to tell."""
    day = f"the list of {check.day:%a} {check.day.day} {check.day:%b %Y}"
    if isinstance(reading.error, ParseError):
        return f"{day}, which was read well, cannot be read any more: {reading.error}"
    if reading.page is None or isinstance(reading.error, NotKeptError):
        return None
    number = _number(reading)
    if number != check.entries:
        return f"{day} gave {_papers(check.entries)} when it was read, and gives {_papers(number)} now"
    return f"{day} gives {_papers(number)} as it did when it was read, but not the same ones"


def _number(reading: Reading) -> int:
    return sum(entry.announces for entry in reading.page.entries) if reading.page else 0


def _ids(reading: Reading) -> str | None:
    return ids_hash(reading.page.entries) if reading.page else None


def _papers(number: int) -> str:
    return f"{number or 'no'} paper{'' if number == 1 else 's'}"
