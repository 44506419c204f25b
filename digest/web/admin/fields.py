"""What an operator types: days, numbers to continue a list from, and words to look for."""

from collections.abc import Mapping, Sequence
from datetime import date
from urllib.parse import urlencode

from digest.errors import UsageError

__all__ = ["one_of", "query_of", "read_day"]


def read_day(text: str) -> date | None:
    """A day as YYYY-MM-DD, ``None`` for no text; ``UsageError`` for anything else."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError("that is no day; write it as 2026-01-31") from error
    if not 1970 <= day.year <= 9000:
        raise UsageError("that year is out of reach")
    return day


def one_of(text: str, known: Sequence[str]) -> str:
    """The text if it is one of these words, else none: a filter that is none filters nothing."""
    return text if text in known else ""


def query_of(fields: Mapping[str, object]) -> str:
    """The fields that hold something, as they stand in an address."""
    return urlencode({name: str(value) for name, value in fields.items() if value})
