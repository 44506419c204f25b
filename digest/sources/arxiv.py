"""arXiv: what is announced in some categories each weekday, or what a standing query finds.

Announcements come as RSS (``/rss/cs.CL+cs.AI``), as Atom (``/atom/…``) or, where neither can be read, from
the listing page of each category (``/list/cs.CL/new``). Beside a feed the listing pages are asked for as a
check: they say how many papers there are and which, and have shown feeds to be yesterday's under today's
date. A query goes to ``/api/query``. arXiv has a host for each of these; where a source's ``url`` is arXiv's
own (as by default) they are used, else everything is asked below that ``url``: a mirror, a test.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from digest.sources.arxiv_announcements import parse_announcements
from digest.sources.arxiv_atom import parse_atom
from digest.sources.arxiv_fields import CATEGORY
from digest.sources.arxiv_listing import CROSS, NEW, REPLACED, Listing, parse_listing
from digest.sources.arxiv_requests import (
    CHECK,
    DEFAULT_URL,
    LISTING,
    QUERY,
    feed_request,
    fill_in_requests,
    in_use,
    listing_request,
    query_request,
)
from digest.sources.decoding import decode
from digest.types import Entry, PageRequest, ParsedPage

__all__ = ["Arxiv", "ArxivOptions", "fill_in_requests", "parse_announcements", "parse_atom", "parse_listing"]

SATURDAY = 5

Category = Annotated[str, StringConstraints(pattern=rf"^(?:{CATEGORY.pattern})$", max_length=30)]


class ArxivOptions(BaseModel):
    """What a source of this kind may set.

    ``categories``: names such as ``cs.CL``, ``hep-th`` or ``cs`` for a whole archive; needed without a
    ``query``, and narrowing it with one. ``cross``: announce what is cross-listed there too. ``via``: the
    way to read announcements; ``auto`` tries RSS, Atom, then the listing pages. ``query``: a standing
    query in the API's language (``ti:"sparse attention" AND cat:cs.LG``), of which the newest
    ``max_results`` papers are listed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    categories: tuple[Category, ...] = Field(default=(), max_length=12)
    cross: bool = False
    via: Literal["auto", "rss", "atom", "list"] = "auto"
    max_results: int = Field(default=100, ge=1, le=2000)
    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)] | None = (
        Field(default=None, validate_default=True)
    )

    @field_validator("query")
    @classmethod
    def _check_query(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("categories") == ():
            raise ValueError('is needed where no categories are set, such as categories = ["cs.CL"]')
        if value is not None and (info.data.get("cross") or info.data.get("via", "auto") != "auto"):
            raise ValueError("finds papers wherever they are announced, so cross and via do not go with it")
        if value is not None and not value.isprintable():
            raise ValueError("holds a character that cannot be printed")
        return value


class Arxiv:
    """The kind ``arxiv``. Makes no request itself."""

    kind = "arxiv"
    label = "arXiv"
    default_url = DEFAULT_URL
    exact_url = False
    lookback_days = 1
    trust = 90  # authors' own titles and abstracts, unmangled
    Options: type[BaseModel] = ArxivOptions
    example_options: Mapping[str, object] = MappingProxyType({"categories": ("cs.CL",)})

    def is_dated(self, options: BaseModel) -> bool:  # noqa: ARG002
        """Feeds and listings show the newest announcement only, and no other day can be asked for."""
        return False

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        """The ways to read announcements, best first, or the query.

        Raises ``TypeError`` for another kind's options.
        """
        chosen = _own(options)
        if chosen.query is not None:
            request = query_request(url, _search(chosen), day, start=0, wanted=chosen.max_results)
            return (("query", request),)
        first = in_use(chosen.categories)[0]
        ways = (
            ("rss", feed_request(url, "rss", chosen.categories, day)),
            ("atom", feed_request(url, "atom", chosen.categories, day)),
            ("list", listing_request(url, first, day, role=LISTING)),
        )
        return tuple(way for way in ways if chosen.via in ("auto", way[0]))

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        """What one answer lists. Raises ``ParseError``.

        A feed declares nothing; it asks for the listing of each category, optional and only checking.
        Such a page's ``declared`` is what its one category announces, which is no more than all
        categories have together, and its entries are the papers that the feed must have: a paper that is
        new in two categories is on both pages, so completeness is told by ids, not by sums. A listing
        that is older than its feed (on a holiday) tells nothing: neither ``declared`` nor entries nor
        ``page_date``. One that is newer (in the evening, or where the feed stopped) does not check but
        list: what it announces belongs to a later day than the feed, and must not be missed.

        A query declares all that it finds, up to ``max_results``.
        """
        chosen = _own(options)
        if request.role == QUERY:
            return _parse_query(body, request, chosen)
        if request.role in (LISTING, CHECK):
            listing = parse_listing(decode(body, content_type))
            return (_check if request.role == CHECK else _list)(listing, request, chosen)
        page = parse_announcements(body, cross=chosen.cross)
        is_weekend = page.page_date is not None and page.page_date.weekday() >= SATURDAY
        if is_weekend and not page.entries:
            return page
        told = (("day", page.page_date.isoformat()),) if page.page_date else ()
        url = dict(request.carry).get("base", DEFAULT_URL)
        checks = tuple(
            listing_request(url, category, request.day, role=CHECK, told=told)
            for category in in_use(chosen.categories)
        )
        return ParsedPage(page.entries, page_date=page.page_date, next_requests=checks, skipped=page.skipped)


def _own(options: BaseModel) -> ArxivOptions:
    if not isinstance(options, ArxivOptions):
        raise TypeError(f"options of another kind: {type(options).__name__}")
    return options


def _search(options: ArxivOptions) -> str:
    """The query, narrowed to the categories where some are set."""
    if not options.categories:
        return options.query or ""
    within = " OR ".join(f"cat:{category}" for category in options.categories)
    return f"({options.query}) AND ({within})"


def _parse_query(body: bytes, request: PageRequest, options: ArxivOptions) -> ParsedPage:
    """A page of a query's answer; the next one starts after as many papers as came."""
    page = parse_atom(body, announces=True)
    wanted = options.max_results if page.declared is None else min(page.declared, options.max_results)
    carried = dict(request.carry)
    start = _number(carried.get("start", ""))
    following: tuple[PageRequest, ...] = ()
    came = len(page.entries) + page.skipped
    if came and start + came < wanted:
        url = carried.get("base", DEFAULT_URL)
        following = (query_request(url, _search(options), request.day, start=start + came, wanted=wanted),)
    declared = None if page.declared is None else wanted
    return ParsedPage(page.entries, declared=declared, next_requests=following, skipped=page.skipped)


def _check(listing: Listing, request: PageRequest, options: ArxivOptions) -> ParsedPage:
    """The ids that a feed must have, of one category; nothing where the listing is of a day before."""
    feed_day = dict(request.carry).get("day") or listing.day.isoformat()
    if listing.day.isoformat() < feed_day:
        return ParsedPage((), only_checks=True)
    if listing.day.isoformat() > feed_day:
        entries, skipped = _entries(listing, options)
        further = _further(listing, request, options)
        return ParsedPage(entries, page_date=listing.day, next_requests=further, skipped=skipped)
    sections = [listing.sections[name] for name in _wanted(options) if name in listing.sections]
    return ParsedPage(
        tuple(entry for section in sections for entry in section.entries),
        declared=_declared(listing, request, options),
        page_date=listing.day,
        next_requests=_further(listing, request, options),
        only_checks=True,
    )


def _list(listing: Listing, request: PageRequest, options: ArxivOptions) -> ParsedPage:
    """A category's page as the list itself; the first one asks for those of the other categories."""
    entries, skipped = _entries(listing, options)
    category = dict(request.carry).get("category")
    first, *others = in_use(options.categories)
    following = _further(listing, request, options)
    if category == first and not _skip(request):
        url = dict(request.carry).get("base", DEFAULT_URL)
        following += tuple(listing_request(url, other, request.day, role=LISTING) for other in others)
    return ParsedPage(
        entries,
        declared=_declared(listing, request, options),
        page_date=listing.day,
        next_requests=following,
        skipped=skipped,
        # Among several categories the counts of one prove nothing about the whole list.
        disagreement=_uncounted(listing) if others else None,
    )


def _entries(listing: Listing, options: ArxivOptions) -> tuple[tuple[Entry, ...], int]:
    """The entries with titles, those not wanted not announcing; and how many things lack title or id."""
    entries: list[Entry] = []
    skipped = 0
    for name in (NEW, CROSS, REPLACED):
        if section := listing.sections.get(name):
            titled = [entry for entry in section.entries if entry.title]
            quiet = name not in _wanted(options)
            entries += (replace(entry, announces=False) for entry in titled) if quiet else titled
            skipped += section.skipped + len(section.entries) - len(titled)
    return tuple(entries), skipped


def _wanted(options: ArxivOptions) -> tuple[str, ...]:
    return (NEW, CROSS) if options.cross else (NEW,)


def _declared(listing: Listing, request: PageRequest, options: ArxivOptions) -> int:
    """How many papers the category announces, by the headings of this page and of those before it."""
    counts = _counts(listing, request)
    return sum(counts.get(name, 0) for name in _wanted(options))


def _counts(listing: Listing, request: PageRequest) -> dict[str, int]:
    carried = dict(request.carry)
    before = {name: _number(carried[name]) for name in (NEW, CROSS) if name in carried}
    return before | {name: section.total for name, section in listing.sections.items() if name != REPLACED}


def _further(listing: Listing, request: PageRequest, options: ArxivOptions) -> tuple[PageRequest, ...]:
    """The next page of the same category, where a section that is wanted goes on there."""
    last = list(listing.sections)[-1:]
    goes_on = any(name in _wanted(options) and not listing.sections[name].ends for name in last)
    if not goes_on or not listing.items:
        return ()
    carried = dict(request.carry)
    told = tuple((name, str(count)) for name, count in _counts(listing, request).items())
    told += (("day", carried["day"]),) if "day" in carried else ()
    return (
        listing_request(
            carried.get("base", DEFAULT_URL),
            carried.get("category", in_use(options.categories)[0]),
            request.day,
            role=request.role,
            skip=_skip(request) + listing.items,
            told=told,
        ),
    )


def _uncounted(listing: Listing) -> str | None:
    """Where a heading counts more than can be read below it."""
    for name, section in listing.sections.items():
        if len(section.entries) + section.skipped < section.shown:
            return f"arXiv's heading counts {section.shown} {name} papers, {len(section.entries)} can be read"
    return None


def _skip(request: PageRequest) -> int:
    return _number(dict(request.carry).get("skip", ""))


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
