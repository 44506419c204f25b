"""Any HTML list, described by selectors in its ``[[source]]`` table (see ``page_options``).

The address is read as it is. What an item links to is its identity: an arXiv id or a DOI where the address
has one, else the address itself.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from urllib.parse import urldefrag, urljoin

from pydantic import BaseModel
from selectolax.lexbor import LexborHTMLParser

from digest.errors import ParseError
from digest.sources.decoding import decode
from digest.sources.page_fields import READERS, Surroundings, origin, read_day, read_declared, read_entry
from digest.sources.page_lists import FoundList, base_of, find_list
from digest.sources.page_options import FIELDS, REQUIRED, PageOptions
from digest.sources.page_selectors import read_selector
from digest.sources.trying import FieldReport, report
from digest.text import safe_url
from digest.types import Entry, PageRequest, ParsedPage

__all__ = ["Page", "PageOptions", "explain", "parse_page"]

NEXT = "page"
# What each field has to be, for the sentence that says what was found instead.
WANTED = {
    "link": "address of http or https",
    "votes": "number",
    "comments": "number",
    "stars": "number",
    "date": "day",
    "authors": "name",
}


class Page:
    """The kind ``page``. Reads one list as it stands now; makes no request itself."""

    kind = "page"
    label = "Page"
    default_url = ""
    exact_url = True
    lookback_days = 1
    trust = 20
    Options: type[BaseModel] = PageOptions
    example_options: Mapping[str, object] = MappingProxyType({"item": "li", "title": "a", "link": "a@href"})

    def is_dated(self, options: BaseModel) -> bool:  # noqa: ARG002
        """A page shows what it shows now; no other day can be asked for."""
        return False

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        """The page itself. Raises ``TypeError`` for another kind's options."""
        _own(options)
        return (("page", PageRequest(url=url, day=day)),)

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        """What the page lists (see :func:`parse_page`)."""
        return parse_page(body, request, _own(options), content_type=content_type)

    def explain(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> list[FieldReport]:
        """What the table finds, field by field (see :func:`explain`)."""
        return explain(body, request, _own(options), content_type)


def parse_page(
    body: bytes, request: PageRequest, options: PageOptions, *, content_type: str = ""
) -> ParsedPage:
    """The items of a page as entries, each link once, in the page's order.

    An item without a title, or without the link that the table names, counts as skipped. Raises
    ``ParseError`` where the page does not have the list (see ``page_lists``).
    """
    tree = LexborHTMLParser(decode(body, content_type))
    found = find_list(tree, options)
    around = _surroundings(tree, request, options)
    entries: dict[object, Entry] = {}
    skipped = 0
    for item in found.items:
        entry = read_entry(item, around, len(entries) + 1, needs_link=options.link is not None)
        if entry is None:
            skipped += 1
        else:
            entries.setdefault(entry.source_ref or (entry.title, entry.abstract), entry)
    following = _next_request(tree, request, options, around) if entries else None
    return ParsedPage(
        entries=tuple(entries.values()),
        declared=read_declared(found.count),
        page_date=read_day(found.page_date, around),
        next_requests=(following,) if following else (),
        skipped=skipped,
    )


def explain(
    body: bytes, request: PageRequest, options: PageOptions, content_type: str = ""
) -> list[FieldReport]:
    """What a table finds on a page: the list first, then each field in how many items, and what is wrong.

    Raises nothing: a page that does not have the list is told in the first report.
    """
    tree = LexborHTMLParser(decode(body, content_type))
    place = ("json", options.json_at) if options.is_json else ("item", options.item)
    try:
        found = find_list(tree, options)
    except ParseError as error:
        return [FieldReport(place[0], place[1], 0, 0, problem=str(error))]
    around = _surroundings(tree, request, options)
    total = len(found.items)
    empty = None if total else "the list is there, and has no items"
    reports = [FieldReport(place[0], place[1], total, total, problem=empty)]
    reports += [
        _explain_field(name, found, around, options) for name in FIELDS if getattr(options, name) is not None
    ]
    return reports + _explain_page(tree, request, found, around, options)


def _explain_field(name: str, found: FoundList, around: Surroundings, options: PageOptions) -> FieldReport:
    raw = [
        next(iter(item.texts(name)), None) if name == "authors" else item.text(name) for item in found.items
    ]
    values = [READERS[name](item, around) for item in found.items]
    selector = str(getattr(options, name))
    told = report(name, selector, values, is_required=name in REQUIRED)
    odd = next((text for text, value in zip(raw, values, strict=True) if text and value in (None, ())), None)
    if odd is None:
        return told
    return replace(told, problem=f"what it finds is no {WANTED.get(name, 'text')}, such as {odd[:60]!r}")


def _explain_page(
    tree: LexborHTMLParser,
    request: PageRequest,
    found: FoundList,
    around: Surroundings,
    options: PageOptions,
) -> list[FieldReport]:
    """What the table says about the page as a whole, each found once or not at all."""
    following = _next_request(tree, request, options, around)
    values: dict[str, object] = {
        "count": read_declared(found.count),
        "page_date": read_day(found.page_date, around),
        "next": following.url if following else None,
    }
    return [
        report(name, str(getattr(options, name)), [value], is_required=False)
        for name, value in values.items()
        if getattr(options, name) is not None
    ]


def _surroundings(tree: LexborHTMLParser, request: PageRequest, options: PageOptions) -> Surroundings:
    return Surroundings(
        url=request.url, base=base_of(tree, request.url), day=request.day, date_format=options.date_format
    )


def _next_request(
    tree: LexborHTMLParser, request: PageRequest, options: PageOptions, around: Surroundings
) -> PageRequest | None:
    """The next page of the list: of the same site only, and no more of them than the table allows."""
    number = _page_number(request)
    if options.next is None or number >= options.max_pages or tree.root is None:
        return None
    told = read_selector(options.next).value(tree.root, default="href")
    try:
        url = safe_url(urldefrag(urljoin(around.base, told))[0]) if told else None
    except ValueError:
        return None
    if url is None or origin(url) != origin(request.url) or url == urldefrag(request.url)[0]:
        return None
    return replace(request, url=url, role="next", carry=((NEXT, str(number + 1)),))


def _page_number(request: PageRequest) -> int:
    told = dict(request.carry).get(NEXT, "1")
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= 4 else 1


def _own(options: BaseModel) -> PageOptions:
    if not isinstance(options, PageOptions):
        raise TypeError(f"options of another kind: {type(options).__name__}")
    return options
