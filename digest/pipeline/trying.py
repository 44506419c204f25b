"""Try a source: read it once, as a refresh would, and say what was found. Stores nothing."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from digest.errors import UsageError
from digest.pipeline.reading import ConfiguredSource, Reader, Reading
from digest.sources import trying
from digest.types import Entry
from digest.verdict import History, is_readable, judge, weigh

__all__ = ["Trial", "try_source"]

MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Trial:
    """One way of reading a source, and what it gave, JSON-ready in ``facts``; ``ok`` if it can be used."""

    facts: dict[str, Any]
    lines: tuple[str, ...]
    ok: bool


def try_source(reader: Reader, source: ConfiguredSource, day: date, now: datetime) -> Trial:
    """Read a source's list of ``day`` by the first way that works, and report field by field.

    Raises ``UsageError`` for a source that makes no requests.
    """
    told: list[Reading] = []
    for reading in reader.read(source, day, now):
        told.append(reading)
        if reading.page is not None and is_readable(reading.page):
            break
    if not told:
        raise UsageError(f"{source.name} asks no site; digest refresh --source {source.name} reads it")
    return _trial(source, told[-1], told[:-1], day)


def _trial(source: ConfiguredSource, reading: Reading, failed: list[Reading], day: date) -> Trial:
    own = day if source.is_dated or reading.page is None else reading.page.page_date or day
    evidence = weigh(reading.page, History(), day=own, check=reading.check)
    verdict = judge(
        reading.page, [], day=day, error=reading.error, evidence=evidence, is_dated=source.is_dated
    )
    fields = _fields(source, reading)
    entries = reading.page.entries if reading.page else ()
    facts = {
        "name": source.name,
        "kind": source.kind.kind,
        "url": source.url,
        "way": reading.way,
        "failed": [{"way": one.way, "error": str(one.error)} for one in failed],
        "requests": [request.url for request, _ in reading.fetched],
        "verdict": verdict.value,
        "error": str(reading.error) if reading.error else None,
        "evidence": evidence.as_dict(),
        "page_date": reading.page.page_date.isoformat() if reading.page and reading.page.page_date else None,
        "entries": len(entries),
        "fields": [field.as_dict() for field in fields],
        "first": [_shown(entry) for entry in entries[:MAX_SHOWN]],
    }
    lines = [
        *(f"{one.way}: {one.error}" for one in failed),
        f"{source.name} ({source.kind.label}), read as {reading.way}: {verdict}, {len(entries)} entries"
        + (f" ({reading.error})" if reading.error else ""),
        *trying.lines(fields),
    ]
    return Trial(facts, tuple(lines), verdict.is_good)


def _fields(source: ConfiguredSource, reading: Reading) -> list[trying.FieldReport]:
    # Only of what was read in bounds before: this is done here, without them.
    if reading.page is not None and reading.fetched and hasattr(source.kind, "explain"):
        request, page = reading.fetched[0]
        return trying.explain(source.kind, page.body, request, source.options, page.content_type)
    return trying.explain_parsed(reading.page) if reading.page else []


def _shown(entry: Entry) -> dict[str, Any]:
    return {
        "title": entry.title,
        "arxiv_id": entry.arxiv_id,
        "doi": entry.doi,
        "url": entry.url,
        "authors": list(entry.authors[:MAX_SHOWN]),
        "votes": entry.votes,
        "listed_on": entry.listed_on.isoformat() if entry.listed_on else None,
    }
