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

    ``label`` is the name people read, ``default_url`` the address that is read where a source sets none
    (empty: it must set one). A source's address is what paths are added to, or, where the kind has an
    ``exact_url``, what is read as it is. ``Options`` checks what its ``[[source]]`` table holds besides the common keys
    (unknown keys are errors); a kind that can use the common ``key`` has an option ``key`` for it.
    ``lookback_days`` is how many days are read again each time where the source does not say. ``trust``
    orders whose title and abstract stand where several sources tell them: the higher wins (see
    ``digest.identity``). Everything runs in a child process as well: instances are made without arguments.
    """

    kind: str
    label: str
    default_url: str
    exact_url: bool
    lookback_days: int
    trust: int
    Options: type[BaseModel]

    def is_dated(self, options: BaseModel) -> bool:
        """Whether each day has a list of its own that can be asked for, also when it is over.

        Where not (a feed, a search, what is trending now) the source is asked once, and what it lists is
        filed under the page's own date, else under today.
        """

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        """The ways to read one day, best first: (name of the way, its first request).

        The next way is taken only where one before gave nothing usable.
        """

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
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
