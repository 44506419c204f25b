"""What a source finds on a page, field by field, for those who are setting it up. Stores nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from digest.errors import ParseError
from digest.text import truncate
from digest.types import Entry, PageRequest, ParsedPage

if TYPE_CHECKING:
    from digest.sources import SourceKind

__all__ = ["FieldReport", "explain", "explain_parsed", "lines", "report"]

MAX_EXAMPLES = 3
MAX_EXAMPLE = 80
# Without these an entry is hardly worth reading, so their absence is told even where no selector names them.
EXPECTED = ("title", "abstract", "authors")
NEVER_EXPLAINED = frozenset({"position", "announces", "withdrawn"})


@dataclass(frozen=True, slots=True)
class FieldReport:
    """One field: in how many (``found``) of how many (``of``) items it was read.

    ``selector`` is what the settings say about where it is (``None``: the kind knows itself), ``problem``
    what is wrong in words. ``examples`` are up to three values as they would be stored, shortened.
    """

    name: str
    selector: str | None
    found: int
    of: int
    examples: tuple[str, ...] = ()
    problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "examples": list(self.examples)}


def explain(
    kind: "SourceKind", body: bytes, request: PageRequest, options: BaseModel, content_type: str = ""
) -> list[FieldReport]:
    """What a kind finds on a page. A kind that can tell more than its entries has an ``explain`` of its own.

    Raises nothing a page can cause: what cannot be read is told as the problem of the list.
    """
    own = getattr(kind, "explain", None)
    if own is not None:
        found: list[FieldReport] = own(body, request, options, content_type=content_type)
        return found
    try:
        page = kind.parse(body, request, options, content_type=content_type)
    except ParseError as error:
        return [FieldReport("list", None, 0, 0, problem=str(error))]
    return explain_parsed(page)


def explain_parsed(page: ParsedPage) -> list[FieldReport]:
    """What a parsed page tells: the list first, then each field that any entry has or every entry should."""
    things = len(page.entries) + page.skipped
    reports = [
        FieldReport("list", None, len(page.entries), things, problem=_problem_of_list(page)),
    ]
    for one in fields(Entry):
        values = [getattr(entry, one.name) for entry in page.entries]
        is_told = any(_is_told(value) for value in values)
        if one.name not in NEVER_EXPLAINED and (is_told or (values and one.name in EXPECTED)):
            reports.append(report(one.name, None, values, is_required=one.name == "title"))
    for name, value in (("declared", page.declared), ("page_date", page.page_date)):
        if value is not None:
            reports.append(report(name, None, [value], is_required=False))
    if page.next_requests:
        reports.append(
            report("next", None, [request.url for request in page.next_requests], is_required=False)
        )
    return reports


def report(name: str, selector: str | None, values: Sequence[object], *, is_required: bool) -> FieldReport:
    """The report on one field, from its value in each item."""
    told = [value for value in values if _is_told(value)]
    missing = len(values) - len(told)
    problem = None
    if values and not told:
        problem = "it finds nothing" if selector else "no entry tells it"
    elif missing and is_required:
        problem = f"missing in {missing} of {len(values)} items, which are left out for it"
    return FieldReport(name, selector, len(told), len(values), _examples(told), problem)


def lines(reports: Iterable[FieldReport]) -> list[str]:
    """The reports for people: one line a field with its examples, the problem on a line below."""
    rows = list(reports)
    width = max((len(row.name) for row in rows), default=0)
    counts = [f"{row.found} of {row.of}" for row in rows]
    count_width = max(map(len, counts), default=0)
    written = []
    for row, count in zip(rows, counts, strict=True):
        where = f"  [{row.selector}]" if row.selector else ""
        examples = "  " + " | ".join(row.examples) if row.examples else ""
        written.append(f"{row.name:<{width}}  {count:>{count_width}}{where}{examples}".rstrip())
        if row.problem:
            written.append(f"{'':<{width}}  ! {row.problem}")
    return written


def _problem_of_list(page: ParsedPage) -> str | None:
    if page.disagreement:
        return page.disagreement
    if page.skipped:
        return f"{page.skipped} items could not be read"
    return None if page.entries or page.next_requests else "the list is empty"


def _is_told(value: object) -> bool:
    return value not in (None, "", ())


def _examples(values: Sequence[object]) -> tuple[str, ...]:
    shown = dict.fromkeys(truncate(_shown(value), MAX_EXAMPLE) for value in values)
    return tuple(shown)[:MAX_EXAMPLES]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_shown(one) for one in value)
    return value.isoformat() if isinstance(value, date) else str(value)
