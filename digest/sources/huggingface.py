"""Hugging Face daily papers: a page a day, read as JSON API or as HTML page.

API: ``{url}/api/daily_papers?date=YYYY-MM-DD&limit=100&p=0``, a list of items (see
``huggingface_items``). Page: ``{url}/papers?date=YYYY-MM-DD`` (see ``huggingface_page``).
"""

from datetime import date
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field

from digest.errors import ParseError
from digest.sources.decoding import decode
from digest.sources.huggingface_items import read_items
from digest.sources.huggingface_page import parse_daily_cards, parse_daily_page, parse_daily_props
from digest.sources.strict_json import describe, load_json
from digest.types import PageRequest, ParsedPage

__all__ = [
    "HuggingFace",
    "HuggingFaceOptions",
    "parse_daily_api",
    "parse_daily_cards",
    "parse_daily_page",
    "parse_daily_props",
]

API_PATH = "/api/daily_papers"


class HuggingFaceOptions(BaseModel):
    """What a source of this kind may set.

    ``via``: the way to read; ``auto`` tries the API, then the page. ``page_size``: entries asked for
    at once (the site allows 100 at most).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    via: Literal["auto", "api", "page"] = "auto"
    page_size: int = Field(default=100, ge=1, le=100)


class HuggingFace:
    """The kind ``huggingface``. Reads one day at a time; makes no request itself."""

    kind = "huggingface"
    label = "Hugging Face"
    default_url = "https://huggingface.co"
    exact_url = False
    lookback_days = 3  # days grow while they last, and votes move
    trust = 40
    Options: type[BaseModel] = HuggingFaceOptions

    def is_dated(self, options: BaseModel) -> bool:  # noqa: ARG002
        """Each day has a list of its own."""
        return True

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        """The ways to read one day, best first. Raises ``TypeError`` for another kind's options."""
        if not isinstance(options, HuggingFaceOptions):
            raise TypeError(f"options of another kind: {type(options).__name__}")
        base = url.rstrip("/")
        query = f"date={day.isoformat()}&limit={options.page_size}&p=0"
        ways = (
            ("api", PageRequest(url=f"{base}{API_PATH}?{query}", day=day)),
            ("page", PageRequest(url=f"{base}/papers?date={day.isoformat()}", day=day)),
        )
        return tuple(way for way in ways if options.via in ("auto", way[0]))

    def parse(
        self,
        body: bytes,
        request: PageRequest,
        options: BaseModel,  # noqa: ARG002
        *,
        content_type: str = "",
    ) -> ParsedPage:
        """What one answer lists. An answer of the API that lists anything asks for the next one.

        A server may cap a page below what was asked, so only a page without anything new is the
        end; whether there was anything new is the caller's to see. Raises ``ParseError``.
        """
        if not urlsplit(request.url).path.endswith(API_PATH):
            return parse_daily_page(decode(body, content_type))
        page = parse_daily_api(body, content_type=content_type)
        following = (next_request(request),) if page.entries or page.skipped else ()
        return ParsedPage(entries=page.entries, next_requests=following, skipped=page.skipped)


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
    query["p"] = str(int(query.get("p", "0")) + 1)
    return PageRequest(
        url=urlunsplit(parts._replace(query=urlencode(query))), day=request.day, headers=request.headers
    )
