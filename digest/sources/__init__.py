"""The sites we read. One module a site: pure functions from bytes to ``ParsedPage``.

Other packages add kinds through the entry point group ``digest.sources``: the entry point's name is
the kind, its value an object that satisfies :class:`SourceKind`.
"""

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pydantic import BaseModel

from digest.errors import UsageError
from digest.sources.huggingface import HuggingFace
from digest.types import PageRequest, ParsedPage

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "KINDS", "SourceKind", "get_kind", "known_kinds"]

GROUP = "digest.sources"


@runtime_checkable
class SourceKind(Protocol):
    """How one kind of site is asked and read. Makes no request itself and keeps no state.

    ``label`` is the name people read; ``Options`` checks what its ``[[source]]`` table holds besides
    the common keys (unknown keys are errors).
    """

    kind: str
    label: str
    default_url: str
    Options: type[BaseModel]

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        """The ways to read one day, best first: (name of the way, its first request)."""

    def parse(self, body: bytes, request: PageRequest, *, content_type: str = "") -> ParsedPage:
        """What a page lists, and which requests continue it. Raises ``ParseError``."""


KINDS: dict[str, SourceKind] = {kind.kind: kind for kind in (HuggingFace(),)}


def known_kinds() -> list[str]:
    """The names of all kinds, those of other packages among them, without importing those."""
    return sorted({*KINDS, *(point.name for point in _entry_points())})


def get_kind(name: str) -> SourceKind:
    """The kind of that name. Raises ``UsageError`` naming the known kinds."""
    if name in KINDS:
        return KINDS[name]
    for point in _entry_points():
        if point.name == name:
            return _load(point)
    raise UsageError(f"{name!r} is no kind of source; known are: {', '.join(known_kinds())}")


def _load(point: "EntryPoint") -> SourceKind:
    try:
        loaded = point.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the source kind {point.name!r} ({point.value}) cannot be loaded: {error}"
        ) from error
    kind = loaded() if isinstance(loaded, type) else loaded
    if not isinstance(kind, SourceKind):
        raise UsageError(f"the source kind {point.name!r} ({point.value}) is no SourceKind")
    return kind


@cache
def _entry_points() -> "tuple[EntryPoint, ...]":
    from importlib.metadata import entry_points  # slow to import, and needed for strange kinds only

    return tuple(entry_points(group=GROUP))
