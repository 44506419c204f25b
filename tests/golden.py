"""Golden pairs: an invented page, and beside it what is expected of it as JSON."""

import json
from dataclasses import MISSING, fields
from datetime import date
from pathlib import Path
from typing import Any

from digest.types import Entry, ParsedPage

DATA = Path(__file__).parent / "data"


def read(name: str) -> bytes:
    """The page of that name, such as ``huggingface/daily_2026.json``."""
    return (DATA / name).read_bytes()


def expected(name: str, way: str = "") -> Any:
    """What is expected of the page; ``way`` tells apart several ways to read one page."""
    stem = (DATA / name).with_suffix("").name
    return json.loads((DATA / name).with_name(f"{stem}{way and '.' + way}.expected.json").read_text("utf-8"))


def as_json(page: ParsedPage) -> dict[str, Any]:
    """A parsed page in the shape of the expected files: only what differs from an entry's defaults."""
    return {
        "page_date": _plain(page.page_date),
        "skipped": page.skipped,
        "entries": [_entry(entry) for entry in page.entries],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    values = {field.name: getattr(entry, field.name) for field in fields(entry) if _is_told(entry, field)}
    return {name: _plain(value) for name, value in values.items()}


def _is_told(entry: Entry, field: Any) -> bool:
    return field.default is MISSING or getattr(entry, field.name) != field.default


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
