"""JSON from strangers: what is wrong with it is told in one sentence, never a crash."""

import json

from digest.errors import ParseError
from digest.text import clean_text, truncate

__all__ = ["describe", "load_json"]

# No count, year or id we read is longer; Python refuses to convert more than 4,300 digits at all.
MAX_DIGITS = 18


def load_json(text: str, *, sought: str) -> object:
    """The value of a JSON text; integers of absurd length, NaN and infinities become ``None``.

    Raises ``ParseError`` saying what was ``sought`` and what was found, also for nesting deeper than
    the interpreter bears.
    """
    try:
        return json.loads(text, parse_int=_bounded_int, parse_constant=_nothing)
    except RecursionError:
        raise ParseError(f"looked for {sought}, found JSON nested too deeply to read") from None
    except ValueError:
        raise ParseError(f"looked for {sought}, found {_shape(text)}") from None


def describe(value: object) -> str:
    """What a JSON value is, in words for an error message."""
    if isinstance(value, dict):
        names = ", ".join(clean_text(name, limit=40) for name in list(value)[:5])
        return f"an object with {names}" if names else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, str):
        return f"the text {truncate(clean_text(value, limit=100), 40)!r}"
    return "null" if value is None else f"the {type(value).__name__} {value}"[:60]


def _shape(text: str) -> str:
    start = text[:1000].strip()
    if not start:
        return "nothing"
    if start.startswith("<"):
        return "HTML"
    if start.startswith(("[", "{")):
        return "JSON that is damaged or cut off"
    return f"the text {truncate(clean_text(start), 40)!r}"


def _bounded_int(digits: str) -> int | None:
    return int(digits) if len(digits) <= MAX_DIGITS else None


def _nothing(_: str) -> None:
    return None
