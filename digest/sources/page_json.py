"""A list in JSON that stands in a page: dotted paths to it, and into its items."""

from dataclasses import dataclass, field

from digest.errors import ParseError
from digest.sources.strict_json import describe

__all__ = ["JsonItem", "follow", "list_at", "read_path"]

MAX_PARTS = 20
MAX_PART = 100
MAX_LIST = 200


def read_path(written: str) -> tuple[str, ...]:
    """The parts of a path such as ``paper.authors.0.name``; empty for the whole.

    Raises ``ValueError``.
    """
    parts = tuple(written.split(".")) if written else ()
    if len(parts) > MAX_PARTS or not all(0 < len(part) <= MAX_PART for part in parts):
        raise ValueError("is no path; write names and numbers with dots between them, such as paper.title")
    return parts


def follow(value: object, path: tuple[str, ...]) -> object:
    """What a path leads to, ``None`` where it leads nowhere. Digits count the items of a list from 0."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isascii() and part.isdecimal() and len(part) <= MAX_PARTS:
            value = value[int(part)] if int(part) < len(value) else None
        else:
            return None
    return value


def list_at(value: object, path: str) -> list[object]:
    """The list that a path leads to. Raises ``ParseError`` where that is something else."""
    found = follow(value, read_path(path))
    if not isinstance(found, list):
        where = f"at {path!r} in the page's JSON" if path else "in the page's JSON"
        raise ParseError(f"looked for a list {where}, found {describe(found)}")
    return found


@dataclass(frozen=True, slots=True)
class JsonItem:
    """One item of the list; ``paths`` are those of the fields that the table names."""

    value: object
    paths: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """The field as text; numbers are written out, anything else is not there."""
        return _as_text(follow(self.value, self.paths[name])) if name in self.paths else None

    def texts(self, name: str) -> list[str]:
        """The field as a list of texts; objects in it tell their ``name``."""
        found = follow(self.value, self.paths[name]) if name in self.paths else None
        told = found[:MAX_LIST] if isinstance(found, list) else [found]
        texts = (_as_text(one.get("name") if isinstance(one, dict) else one) for one in told)
        return [text for text in texts if text]


def _as_text(value: object) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    # A truth value is an int to Python, but no number.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None
