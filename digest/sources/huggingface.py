"""Hugging Face papers: the list of a day, a week or a month, what is trending, or a standing search.

Each list is read as JSON API or as HTML page, with ``{url}`` the site's address:

========  ==================================================  ===========================
list      API                                                 page
========  ==================================================  ===========================
daily     ``{url}/api/daily_papers?date=2026-08-12``          ``{url}/papers?date=2026-08-12``
week      ``{url}/api/daily_papers?week=2026-W33``            ``{url}/papers/week/2026-W33``
month     ``{url}/api/daily_papers?month=2026-08``            ``{url}/papers/month/2026-08``
trending  ``{url}/api/daily_papers?sort=trending``            ``{url}/papers/trending``
search    ``{url}/api/papers/search?q=…``                     ``{url}/papers?q=…``
========  ==================================================  ===========================

The API answers a list of items (see ``huggingface_items``), paged by ``limit`` and ``p``; the page
carries the same items and cards (see ``huggingface_page``). ``{url}/api/papers/{arXiv id}`` answers one
paper (see ``huggingface_detail``).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from digest.errors import ParseError
from digest.sources.decoding import decode
from digest.sources.huggingface_detail import detail_request, parse_detail
from digest.sources.huggingface_items import read_items
from digest.sources.huggingface_page import parse_daily_cards, parse_daily_page, parse_daily_props
from digest.sources.strict_json import describe, load_json
from digest.types import PageRequest, ParsedPage

__all__ = [
    "HuggingFace",
    "HuggingFaceOptions",
    "detail_request",
    "parse_daily_api",
    "parse_daily_cards",
    "parse_daily_page",
    "parse_daily_props",
    "parse_detail",
]

API_PATH = "/api/daily_papers"
SEARCH_PATH = "/api/papers/search"
ListName = Literal["daily", "week", "month", "trending", "search"]
# These go on page after page. The trending one would go on through every paper there ever was, and a
# search is answered at once.
PAGED = frozenset({"daily", "week", "month"})


class HuggingFaceOptions(BaseModel):
    """What a source of this kind may set.

    ``list``: which of the site's lists is read; ``query``: what a search is for. ``via``: the way to read;
    ``auto`` tries the API, then the page. ``page_size``: entries asked for at once (the site allows 100 at
    most); of what is trending no more are read than these.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    list: ListName = "daily"
    query: str | None = Field(default=None, min_length=2, max_length=250, validate_default=True)
    via: Literal["auto", "api", "page"] = "auto"
    page_size: int = Field(default=100, ge=1, le=100)

    @field_validator("query")
    @classmethod
    def _belongs_to_a_search(cls, value: str | None, info: ValidationInfo) -> str | None:
        # Without a list in the data the list itself is wrong, and told as that.
        is_search = info.data.get("list") == "search"
        if is_search and not (value and value.strip()):
            raise ValueError('is needed where list = "search": the words to look for')
        if value is not None and not is_search and "list" in info.data:
            raise ValueError('is for list = "search" only; set that, or leave query out')
        return value


class HuggingFace:
    """The kind ``huggingface``. Reads one list at a time; makes no request itself."""

    kind = "huggingface"
    label = "Hugging Face"
    default_url = "https://huggingface.co"
    exact_url = False
    lookback_days = 3  # days grow while they last, and votes move
    trust = 40
    Options: type[BaseModel] = HuggingFaceOptions

    def is_dated(self, options: BaseModel) -> bool:
        """Each day has a list of its own; the other lists are read as they stand now."""
        return _own(options).list == "daily"

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        """The ways to read the list of one day, or the list that ``day`` falls into, best first.

        Raises ``TypeError`` for another kind's options.
        """
        own = _own(options)
        base = url.rstrip("/")
        api, page = ADDRESSES[own.list](day, own)
        ways = (
            ("api", PageRequest(url=f"{base}{api}", day=day)),
            ("page", PageRequest(url=f"{base}{page}", day=day)),
        )
        return tuple(way for way in ways if own.via in ("auto", way[0]))

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        """What one answer lists. An answer of the API that lists anything asks for the next one.

        A server may cap a page below what was asked, so only a page without anything new is the
        end; whether there was anything new is the caller's to see. What is trending is listed now, on
        whatever day it stood first, so its entries give no day. Raises ``ParseError``.
        """
        which = _own(options).list
        if urlsplit(request.url).path.endswith((API_PATH, SEARCH_PATH)):
            page = parse_daily_api(body, content_type=content_type)
            if which in PAGED and (page.entries or page.skipped):
                page = replace(page, next_requests=(next_request(request),))
        else:
            page = parse_daily_page(decode(body, content_type), is_daily=which == "daily")
        if which == "trending":
            page = replace(page, entries=tuple(replace(entry, listed_on=None) for entry in page.entries))
        return page


def parse_daily_api(body: bytes, *, content_type: str = "") -> ParsedPage:
    """The entries of one API answer. ``[]`` is a page without papers; anything but a list raises
    ``ParseError``.
    """
    sought = "the list of papers that /api/daily_papers answers"
    items = load_json(decode(body, content_type), sought=sought)
    if not isinstance(items, list):
        raise ParseError(f"looked for {sought}, found {describe(items)}")
    entries, skipped = read_items(items)
    return ParsedPage(entries=entries, skipped=skipped)


def next_request(request: PageRequest) -> PageRequest:
    """The request for the page of the API after this one (``p`` counts from 0)."""
    parts = urlsplit(request.url)
    query = dict(parse_qsl(parts.query))
    asked = query.get("p", "0")
    query["p"] = str(int(asked) + 1 if asked.isdecimal() and len(asked) <= 6 else 1)
    return replace(request, url=urlunsplit(parts._replace(query=urlencode(query))))


def _own(options: BaseModel) -> HuggingFaceOptions:
    if not isinstance(options, HuggingFaceOptions):
        raise TypeError(f"options of another kind: {type(options).__name__}")
    return options


# --- addresses: (of the API, of the page), below the site's own ---------------------------------------


def _api(asked: str, options: HuggingFaceOptions) -> str:
    return f"{API_PATH}?{asked}&limit={options.page_size}&p=0"


def _daily(day: date, options: HuggingFaceOptions) -> tuple[str, str]:
    return _api(f"date={day.isoformat()}", options), f"/papers?date={day.isoformat()}"


def _week(day: date, options: HuggingFaceOptions) -> tuple[str, str]:
    # The week's own year: 1 January may belong to the last week of the year before.
    year, week, _ = day.isocalendar()
    return _api(f"week={year:04d}-W{week:02d}", options), f"/papers/week/{year:04d}-W{week:02d}"


def _month(day: date, options: HuggingFaceOptions) -> tuple[str, str]:
    return _api(f"month={day:%Y-%m}", options), f"/papers/month/{day:%Y-%m}"


def _trending(_: date, options: HuggingFaceOptions) -> tuple[str, str]:
    return _api("sort=trending", options), "/papers/trending"


def _search(_: date, options: HuggingFaceOptions) -> tuple[str, str]:
    words = quote(options.query or "", safe="", errors="replace")
    return f"{SEARCH_PATH}?q={words}", f"/papers?q={words}"


ADDRESSES: dict[ListName, Callable[[date, HuggingFaceOptions], tuple[str, str]]] = {
    "daily": _daily,
    "week": _week,
    "month": _month,
    "trending": _trending,
    "search": _search,
}
