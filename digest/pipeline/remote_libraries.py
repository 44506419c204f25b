"""Libraries that are kept elsewhere: a Zotero library and an ORCID record, read page by page and politely.

Keys travel in a header to the origin that is set, to no other; neither they nor answers are logged.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from digest.errors import FetchError, SourceError, UsageError
from digest.libraries import LibraryPaper, orcid, zotero
from digest.netguard import parse_target
from digest.pipeline.reading import Fetch
from digest.text import parse_orcid
from digest.types import Page, PageRequest, Verdict

__all__ = ["Place", "RemoteLibrary", "fetch_orcid", "fetch_zotero"]

MAX_PAGES: Final = 500
MAX_BYTES: Final = 64 * 2**20
TIMEOUT_S: Final = 60.0
# A longer pause than that is not waited for.
MAX_PAUSE_S: Final = 60.0
# A library that changes while it is read is read again so often.
RESTARTS: Final = 2
# Works whose abstracts are asked for.
MAX_DETAILS: Final = 2000
SOURCES_OWN: Final = "set allow_private for this source"

Say = Callable[[str], None]


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service is: its base address, as the operator set it, and the key for it, if there is one."""

    base: str
    allow_private: bool = False
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RemoteLibrary:
    """What was read: papers, the names of the collections each paper is in (by place), and problems."""

    papers: tuple[LibraryPaper, ...]
    collections: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class _Service:
    """One service, asked one request after the other."""

    def __init__(
        self,
        fetch: Fetch,
        place: Place,
        headers: tuple[tuple[str, str], ...],
        refused: Mapping[int, str],
        sleep: Callable[[float], None],
    ) -> None:
        self._fetch, self._place, self._headers, self._sleep = fetch, place, headers, sleep
        self._refused = refused
        self._origin = parse_target(place.base).origin

    def get(self, url: str) -> Page:
        """One page. Raises ``FetchError``, also for an address that is not the service's own."""
        if parse_target(url).origin != self._origin:
            raise FetchError("the next page is said to be on another site", verdict=Verdict.BROKEN)
        request = PageRequest(url=url, headers=self._headers, documented=True)
        try:
            page = self._fetch.get(
                request, allow_private=self._place.allow_private, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES
            )
        except FetchError as error:
            status = error.page.status if error.page is not None else 0
            if status in self._refused:
                raise UsageError(self._refused[status]) from error
            if SOURCES_OWN in str(error):  # the advice is for sources
                raise UsageError(str(error).replace(SOURCES_OWN, "set library_allow_private")) from error
            raise
        self._pause(dict(page.headers).get("backoff", ""))
        return page

    def _pause(self, asked: str) -> None:
        """Wait as long as the service asks (``Backoff``: seconds until the next request)."""
        seconds = float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 9 else 0.0
        if seconds > MAX_PAUSE_S:
            raise FetchError(
                f"the service asked for a pause of {seconds:.0f} seconds; try again later",
                verdict=Verdict.BLOCKED,
                retry_after_s=seconds,
            )
        if seconds:
            self._sleep(seconds)


# --- Zotero ----------------------------------------------------------------------------------------

NO_ACCESS: Final = "Zotero does not let us read that library; set DIGEST_ZOTERO_KEY to a key that may read it"
NO_LIBRARY: Final = "Zotero knows no such library or collection"


def fetch_zotero(
    fetch: Fetch,
    place: Place,
    library: zotero.LibraryName,
    *,
    progress: Say = _silent,
    sleep: Callable[[float], None] = time.sleep,
) -> RemoteLibrary:
    """All papers of a library, with its collections, those inside of others counting for the outermost.

    Raises ``SourceError`` where it cannot be read wholly, ``UsageError`` where it may not be read.
    """
    headers = [("zotero-api-version", "3"), ("accept", "application/json")]
    if place.key:
        headers.append(("zotero-api-key", place.key))
    refused = {403: NO_ACCESS, 404: NO_LIBRARY}
    service = _Service(fetch, place, tuple(headers), refused, sleep)
    problems: list[str] = []
    items: list[zotero.Item] = []
    for restart in range(RESTARTS + 1):
        items, is_whole = _read_items(service, library.items_url(place.base), progress)
        if is_whole:
            break
        if restart == RESTARTS:
            problems.append("Zotero: the library changed while it was read; import it again later")
    names = _collections(service, library.collections_url(place.base)) if items else {}
    problems += [f"Zotero item {one.key}: neither a title nor an id" for one in items if one.paper is None]
    kept = [one for one in items if one.paper is not None]
    places: dict[str, list[int]] = {}
    for number, one in enumerate(kept):
        for name in dict.fromkeys(names[key] for key in one.collections if key in names):
            places.setdefault(name, []).append(number)
    return RemoteLibrary(
        papers=tuple(one.paper for one in kept if one.paper is not None),
        collections={name: tuple(numbers) for name, numbers in places.items()},
        problems=tuple(problems),
    )


def _read_items(service: _Service, first: str, progress: Say) -> tuple[list[zotero.Item], bool]:
    """``(items, whether the library stayed as it was)``, each item once."""
    found: dict[str, zotero.Item] = {}
    version: str | None = None
    url: str | None = first
    for _ in range(MAX_PAGES):
        if url is None:
            return list(found.values()), True
        page = service.get(url)
        headers = dict(page.headers)
        now = headers.get("last-modified-version")
        if version is not None and now != version:
            return list(found.values()), False
        version = now
        found |= {one.key: one for one in zotero.read_items(page.body)}
        progress(f"{len(found):,} papers")
        url = zotero.next_page(headers)
    raise FetchError(f"the library has more than {MAX_PAGES} pages", verdict=Verdict.BROKEN)


def _collections(service: _Service, first: str) -> dict[str, str]:
    """By key the name of the outermost collection that each is in."""
    found: dict[str, tuple[str, str | None]] = {}
    url: str | None = first
    for _ in range(MAX_PAGES):
        if url is None:
            break
        page = service.get(url)
        found |= zotero.read_collections(page.body)
        url = zotero.next_page(dict(page.headers))
    names = {}
    for key in found:
        top, seen = key, {key}
        while (parent := found[top][1]) is not None and parent in found and parent not in seen:
            top = parent
            seen.add(parent)
        names[key] = found[top][0]
    return names


# --- ORCID -----------------------------------------------------------------------------------------


def fetch_orcid(
    fetch: Fetch,
    place: Place,
    text: str,
    *,
    progress: Say = _silent,
    sleep: Callable[[float], None] = time.sleep,
) -> RemoteLibrary:
    """The public works of an ORCID record, with the abstracts that it tells.

    Raises ``UsageError`` for what is no iD or has no record, ``SourceError`` where it cannot be read.
    """
    number = parse_orcid(text)
    if number is None:
        raise UsageError(f"{text!r} is no ORCID iD; write one such as 0000-0002-1825-0097")
    refused = {404: f"ORCID has no public record {number}", 410: f"ORCID has no record {number} any more"}
    service = _Service(fetch, place, (("accept", "application/json"),), refused, sleep)
    works, untold = orcid.read_works(service.get(orcid.works_url(place.base, number)).body)
    progress(f"{len(works):,} works")
    problems = [f"ORCID: {untold:,} works tell neither a title nor an id"] if untold else []
    papers = {work.put_code: work.paper for work in works if work.put_code > 0}
    codes = list(papers)[:MAX_DETAILS]
    try:
        for start in range(0, len(codes), orcid.AT_ONCE):
            some = codes[start : start + orcid.AT_ONCE]
            told = orcid.read_details(service.get(orcid.details_url(place.base, number, some)).body)
            papers |= {code: _with_details(papers[code], told[code]) for code in some if code in told}
            progress(f"{min(start + orcid.AT_ONCE, len(codes)):,} of {len(codes):,} works")
    except (SourceError, UsageError) as error:
        problems.append(f"ORCID: abstracts are missing, as {error}")
    told_papers = tuple(papers.get(work.put_code, work.paper) for work in works)
    return RemoteLibrary(told_papers, problems=tuple(problems))


def _with_details(summary: LibraryPaper, whole: LibraryPaper) -> LibraryPaper:
    return replace(summary, abstract=whole.abstract, authors=whole.authors)
