"""Who is asked for more about papers that are stored. One module a kind: pure, papers in, findings out.

The second, smaller protocol beside :class:`digest.sources.SourceKind`: an enricher lists nothing, it only
adds to papers that a source listed, so nothing waits for it and nothing is lost where it fails. Other
packages add kinds through the entry point group ``digest.enrichers``: the entry point's name is the kind,
its value an object that satisfies :class:`EnricherKind`.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pydantic import BaseModel

from digest.enrichers.arxiv import ArxivEnricher
from digest.enrichers.findings import Allowance, Ask, Finding, PaperFacts, is_machine_made
from digest.enrichers.huggingface import HuggingFaceEnricher
from digest.enrichers.semanticscholar import SemanticScholarEnricher
from digest.enrichers.summaries import Summaries
from digest.errors import UsageError
from digest.types import PageRequest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "GROUP",
    "KINDS",
    "Allowance",
    "Ask",
    "EnricherKind",
    "Finding",
    "PaperFacts",
    "get_kind",
    "is_machine_made",
    "known_kinds",
]

GROUP = "digest.enrichers"


@runtime_checkable
class EnricherKind(Protocol):
    """How one kind of service is asked for more about papers. Makes no request itself and keeps no state.

    ``label`` is the name people read, ``default_url`` the base address where a table sets none (empty: it
    must set one). ``Options`` checks what an ``[[enricher]]`` table holds besides the common keys (unknown
    keys are errors); a kind that can use the common ``key`` has an option ``key`` for it. At most
    ``batch_size`` papers are handed over at a time. Kinds are asked by ``order``, the smallest first: what
    costs money comes after what does not, and sees what that found. A paper is asked about ``tries`` times
    at most where answers come and leave something wanting. Everything may run in a child process: instances
    are made without arguments.
    """

    kind: str
    label: str
    default_url: str
    batch_size: int
    order: int
    tries: int
    Options: type[BaseModel]

    def allowance(self, options: BaseModel) -> Allowance:
        """What one day may cost."""

    def wants(self, paper: PaperFacts, options: BaseModel) -> bool:
        """Whether the paper lacks something that this kind may tell, and can be asked about at all."""

    def requests(self, url: str, options: BaseModel, papers: Sequence[PaperFacts]) -> tuple[Ask, ...]:
        """The requests that ask about these papers. Secrets go into headers or body, never into a url."""

    def parse(
        self,
        body: bytes,
        request: PageRequest,
        options: BaseModel,
        papers: Sequence[PaperFacts],
        *,
        content_type: str = "",
    ) -> tuple[Finding, ...]:
        """What an answer tells of the papers that were asked about, in the order of the request.

        A paper without a finding counts as one that nothing is known of. Raises ``ParseError``.
        """


KINDS: dict[str, EnricherKind] = {
    kind.kind: kind
    for kind in (ArxivEnricher(), HuggingFaceEnricher(), SemanticScholarEnricher(), Summaries())
}


def known_kinds() -> list[str]:
    """The names of all kinds, those of other packages among them, without importing those."""
    return sorted({*KINDS, *(point.name for point in _entry_points())})


def get_kind(name: str) -> EnricherKind:
    """The kind of that name. Raises ``UsageError`` naming the known kinds."""
    if name in KINDS:
        return KINDS[name]
    for point in _entry_points():
        if point.name == name:
            return _load(point)
    raise UsageError(f"{name!r} is no kind of enricher; known are: {', '.join(known_kinds())}")


def _load(point: "EntryPoint") -> EnricherKind:
    try:
        loaded = point.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the enricher kind {point.name!r} ({point.value}) cannot be loaded: {error}"
        ) from error
    kind = loaded() if isinstance(loaded, type) else loaded
    if not isinstance(kind, EnricherKind):
        raise UsageError(f"the enricher kind {point.name!r} ({point.value}) is no EnricherKind")
    return kind


@cache
def _entry_points() -> "tuple[EntryPoint, ...]":
    from importlib.metadata import entry_points  # slow to import, and needed for strange kinds only

    return tuple(entry_points(group=GROUP))
