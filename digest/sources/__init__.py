"""The sites we read. One module a site: pure functions from bytes to ``ParsedPage``.

Other packages add kinds through the entry point group ``digest.sources``: the entry point's name is
the kind, its value an object that satisfies :class:`SourceKind`.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from datetime import date
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pydantic import BaseModel

from digest.errors import UsageError
from digest.types import PageRequest, ParsedPage

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "KINDS", "TRUST", "SourceKind", "get_kind", "known_kinds"]

GROUP = "digest.sources"


@runtime_checkable
class SourceKind(Protocol):
    """How one kind of site is asked and read. Makes no request itself and keeps no state.

    ``label`` is the name people read, ``default_url`` the address that is read where a source sets none
    (empty: it must set one). A source's address is what paths are added to, or, where the kind has an
    ``exact_url``, what is read as it is. ``Options`` checks what its ``[[source]]`` table holds besides
    the common keys (unknown keys are errors); a kind that can use the common ``key`` has an option ``key``.
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


# What a kind does; what it is stands in its annotations.
_METHODS = ("is_dated", "day_requests", "parse")


class _Kinds(MutableMapping[str, SourceKind]):
    """The kinds of this program by name, each imported when it is first asked for: some take a while."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._known: dict[str, str | SourceKind] = dict(places)

    def __getitem__(self, name: str) -> SourceKind:
        known = self._known[name]
        if isinstance(known, str):
            module, _, attribute = known.partition(":")
            known = self._known[name] = getattr(import_module(f"{__name__}.{module}"), attribute)()
        return known

    def __setitem__(self, name: str, kind: SourceKind) -> None:
        self._known[name] = kind

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


KINDS = _Kinds(
    {
        "huggingface": "huggingface:HuggingFace",
        "arxiv": "arxiv:Arxiv",
        "biorxiv": "biorxiv:BioRxiv",
        "medrxiv": "biorxiv:MedRxiv",
        "pubmed": "pubmed:PubMed",
        "semanticscholar": "semanticscholar:SemanticScholar",
        "feed": "feed:Feed",
        "page": "page:Page",
        "saved": "saved_folder:SavedFolder",
    }
)


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
        missing = [name for name in _METHODS if not callable(getattr(kind, name, None))]
        missing = [name for name in SourceKind.__annotations__ if not hasattr(kind, name)] + missing
        lacks = f": it lacks {', '.join(missing)}" if missing else ""
        raise UsageError(f"the source kind {point.name!r} ({point.value}) is no SourceKind{lacks}")
    return kind


@cache
def _entry_points() -> "tuple[EntryPoint, ...]":
    from importlib.metadata import entry_points  # slow to import, and needed for strange kinds only

    return tuple(entry_points(group=GROUP))


class _Trust(Mapping[str, int]):
    """The trust of each kind by its name, other packages' too; a kind is loaded when it is asked about."""

    def __getitem__(self, name: str) -> int:
        try:
            return get_kind(name).trust
        except UsageError:  # a kind that is no longer installed
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(known_kinds())

    def __len__(self) -> int:
        return len(known_kinds())


TRUST: Mapping[str, int] = _Trust()
