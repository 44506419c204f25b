"""Which addresses of arXiv are asked, and how politely: its feeds, its listings, its query API.

arXiv asks programs for one request in three seconds over all its hosts, on one connection, hence one turn
for all. Feeds and API are offered to programs; the listings are pages, which robots.txt governs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from digest.text import parse_arxiv_id
from digest.types import PageRequest

__all__ = [
    "CHECK",
    "DEFAULT_URL",
    "FEED",
    "LISTING",
    "PAGE",
    "QUERY",
    "Bases",
    "bases",
    "feed_request",
    "fill_in_requests",
    "in_use",
    "listing_request",
    "query_request",
]

DEFAULT_URL = "https://arxiv.org"
SPACING_S = 3.0
TURN = "arxiv"
# How many papers are asked for at once, of a query and by their ids. The API gives ten where nothing is said.
PAGE = 100
# As many entries as one listing page shows at most.
LISTING_PAGE = 2000

FEED, LISTING, CHECK, QUERY = "feed", "listing", "check", "query"

OWN_HOSTS = frozenset({"arxiv.org", "www.arxiv.org", "rss.arxiv.org", "export.arxiv.org"})
# The same category under two names (https://arxiv.org/category_taxonomy); the second is the one in use.
RENAMED = {
    "cs.NA": "math.NA",
    "cs.SY": "eess.SY",
    "math.IT": "cs.IT",
    "math.MP": "math-ph",
    "q-fin.EC": "econ.GN",
    "stat.TH": "math.ST",
}


@dataclass(frozen=True, slots=True)
class Bases:
    """What paths are added to."""

    feeds: str
    listings: str
    api: str


def bases(url: str) -> Bases:
    """arXiv's three hosts where ``url`` is arXiv's, else ``url`` for everything (a mirror, a test)."""
    base = url.rstrip("/")
    parts = urlsplit(base)
    if parts.hostname in OWN_HOSTS and parts.port is None and not parts.path:
        return Bases("https://rss.arxiv.org", DEFAULT_URL, "https://export.arxiv.org")
    return Bases(base, base, base)


def in_use(categories: Iterable[str]) -> tuple[str, ...]:
    """Categories under the names in use, each once."""
    return tuple(dict.fromkeys(RENAMED.get(category, category) for category in categories))


def feed_request(url: str, way: str, categories: Sequence[str], day: date) -> PageRequest:
    """Today's announcements in some categories; ``way`` is ``rss`` or ``atom``."""
    path = "+".join(map(quote, in_use(categories)))
    return _request(f"{bases(url).feeds}/{way}/{path}", day, FEED, carry=(("base", url),), documented=True)


def listing_request(
    url: str,
    category: str,
    day: date | None,
    *,
    role: str,
    skip: int = 0,
    told: Sequence[tuple[str, str]] = (),
) -> PageRequest:
    """The list of a category's newest announcements, read as the list itself or as a ``check`` of one.

    ``told`` is what the parser should know again: what it carries from page to page.
    """
    address = f"{bases(url).listings}/list/{quote(category)}/new"
    if skip:
        address += f"?skip={skip}&show={LISTING_PAGE}"
    carry = (("base", url), ("category", category), ("skip", str(skip)), *told)
    return _request(address, day, role, carry=carry, optional=role == CHECK)


def query_request(url: str, query: str, day: date | None, *, start: int, wanted: int) -> PageRequest:
    """A page of what a query finds, newest first; ``wanted`` is how many of all its pages together."""
    asked = {
        "search_query": query,
        "start": start,
        "max_results": min(PAGE, wanted - start),
        "sortBy": "submittedDate",
        "sortOrder": "descending",
    }
    carry = (("base", url), ("start", str(start)))
    return _request(
        f"{bases(url).api}/api/query?{urlencode(asked)}", day, QUERY, carry=carry, documented=True
    )


def fill_in_requests(base_url: str, arxiv_ids: Iterable[str]) -> tuple[PageRequest, ...]:
    """Requests for what arXiv knows of papers, a hundred ids each; to be read with ``parse_atom``.

    What is no arXiv id is left out: a single one makes the API refuse the whole batch. Ids are asked for
    without versions, so the newest one is told.
    """
    ids = list(dict.fromkeys(filter(None, map(parse_arxiv_id, arxiv_ids))))
    batches = [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)]
    api = f"{bases(base_url).api}/api/query"
    queries = [f"id_list={quote(','.join(batch), safe=',')}&max_results={len(batch)}" for batch in batches]
    return tuple(_request(f"{api}?{query}", None, "fill-in", documented=True) for query in queries)


def _request(url: str, day: date | None, role: str, **more: Any) -> PageRequest:
    return PageRequest(url=url, day=day, role=role, turn=TURN, spacing_s=SPACING_S, **more)
