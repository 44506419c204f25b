"""A Zotero library by its web API, version 3: what is asked, and what the answers mean. Asks nothing itself.

https://www.zotero.org/support/dev/web_api/v3/basics: items in pages of at most 100, the next one's address in
``Link: <…>; rel="next"``, the library's version in ``Last-Modified-Version``, and now and then ``Backoff:
seconds``.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from digest.errors import ParseError, UsageError
from digest.libraries.names import said
from digest.libraries.paper import LibraryPaper, RawPaper, make_paper
from digest.text import clean_text, plain

__all__ = [
    "NO_PAPERS",
    "Item",
    "LibraryName",
    "item_data",
    "next_page",
    "read_collections",
    "read_item",
    "read_items",
    "read_name",
]

LIMIT: Final = 100
MAX_ITEMS: Final = 1000  # of one answer
KINDS: Final[Mapping[str, str]] = {
    "journalArticle": "article",
    "magazineArticle": "article",
    "newspaperArticle": "article",
    "conferencePaper": "conference",
    "book": "book",
    "bookSection": "chapter",
    "thesis": "thesis",
    "report": "report",
    "preprint": "preprint",
    "manuscript": "preprint",
    "dataset": "dataset",
    "computerProgram": "software",
}
# What hangs on an item, or stands for none.
NO_PAPERS: Final = frozenset(("attachment", "note", "annotation"))
VENUES: Final = (
    "publicationTitle",
    "proceedingsTitle",
    "conferenceName",
    "bookTitle",
    "university",
    "publisher",
)

_NAME: Final = re.compile(
    r"(?:https?://(?:www\.|api\.)?zotero\.org/)?(?:(users|groups)/)?([0-9]{1,12})"
    r"(?:/[^/]*?)??(?:/collections/([A-Za-z0-9]{8}))?(?:/.*)?"
)
_NEXT: Final = re.compile(r'<([^<>]{1,2000})>\s*;[^,<]*\brel="?next"?')
_IN_EXTRA: Final = re.compile(r"(?im)^\s*(arxiv|doi)\s*(?:id)?\s*:\s*(\S{3,200})")


@dataclass(frozen=True, slots=True)
class LibraryName:
    """A library, or one collection of it. ``kind`` is users or groups."""

    kind: str
    number: str
    collection: str | None = None

    def items_url(self, base: str) -> str:
        """Where its papers are asked for: the items that belong to no other."""
        inner = f"/collections/{quote(self.collection)}" if self.collection else ""
        # The oldest first: what is added meanwhile comes last, and moves nothing to another page.
        query = f"format=json&include=data&limit={LIMIT}&sort=dateAdded&direction=asc"
        return f"{base}/{self.kind}/{self.number}{inner}/items/top?{query}"

    def collections_url(self, base: str) -> str:
        """Where its collections are asked for."""
        return f"{base}/{self.kind}/{self.number}/collections?format=json&limit={LIMIT}"


@dataclass(frozen=True, slots=True)
class Item:
    """A paper of a library and the keys of its collections. ``paper`` ``None``: it tells nothing."""

    key: str
    paper: LibraryPaper | None
    collections: tuple[str, ...] = ()


def read_name(text: str) -> LibraryName:
    """Read ``users/12345``, ``groups/678``, a user's number alone, or an address at zotero.org.

    A collection may follow (``groups/678/collections/ABCD2345``). Raises ``UsageError``.
    """
    found = _NAME.fullmatch(text.strip().strip("/"))
    if found is None:
        raise UsageError(
            f"{clean_text(text, limit=80)!r} is no Zotero library; use users/NUMBER or groups/NUMBER "
            "(your number stands on zotero.org/settings/keys)"
        )
    return LibraryName(found[1] or "users", found[2], found[3].upper() if found[3] else None)


def next_page(headers: Mapping[str, str]) -> str | None:
    """The address of the next page, if there is one; ``headers`` by their names in lower case."""
    found = _NEXT.search(headers.get("link", ""))
    return found[1] if found else None


def _load(body: bytes, what: str) -> list[Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"Zotero's answer is no JSON where {what} were asked for") from error
    if not isinstance(value, list):
        raise ParseError(f"Zotero's answer is no list where {what} were asked for")
    return value[:MAX_ITEMS]


def read_collections(body: bytes) -> dict[str, tuple[str, str | None]]:
    """By key each collection's name and the key of the one it is in. Raises ``ParseError``."""
    found = {}
    for one in _load(body, "collections"):
        data = one.get("data") if isinstance(one, dict) else None
        if isinstance(data, dict) and isinstance(data.get("key"), str):
            parent = data.get("parentCollection")
            name = clean_text(_text(data, "name"), limit=200) or data["key"]
            found[data["key"]] = (name, parent if isinstance(parent, str) else None)
    return found


def read_items(body: bytes) -> list[Item]:
    """The papers of one answer, in its order. Raises ``ParseError``."""
    items = []
    for one in _load(body, "papers"):
        data = item_data(one)
        if data is not None and _text(data, "itemType") not in NO_PAPERS:
            collections = data.get("collections")
            items.append(
                Item(
                    key=_text(data, "key"),
                    paper=make_paper(read_item(data)),
                    collections=tuple(key for key in collections if isinstance(key, str))
                    if isinstance(collections, list)
                    else (),
                )
            )
    return items


def item_data(one: object) -> Mapping[str, Any] | None:
    """What an item tells, from an answer or from a file that holds items alone; ``None``: it is none."""
    if isinstance(one, dict):
        data = one.get("data", one)
        if isinstance(data, dict) and "itemType" in data:
            return data
    return None


def read_item(data: Mapping[str, Any]) -> RawPaper:
    """The fields of an item."""
    extra = {kind.lower(): value for kind, value in _IN_EXTRA.findall(_text(data, "extra")[:20_000])}
    return RawPaper(
        title=plain(_text(data, "title")),
        abstract=plain(_text(data, "abstractNote")),
        authors=_names(data.get("creators")),
        arxiv=extra.get("arxiv", ""),
        doi=_text(data, "DOI") or extra.get("doi", ""),
        ids=(_text(data, "archiveID"), _text(data, "number"), _text(data, "archiveLocation")),
        urls=[_text(data, "url")],
        year=_text(data, "date"),
        venue=plain(next((venue for name in VENUES if (venue := _text(data, name))), "")),
        kind=KINDS.get(_text(data, "itemType"), "other"),
    )


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _names(creators: object) -> list[str]:
    names = []
    for one in creators if isinstance(creators, list) else ():
        if isinstance(one, dict) and _text(one, "creatorType") in ("author", ""):
            name = _text(one, "name") or f"{_text(one, 'firstName')} {_text(one, 'lastName')}"
            names.append(plain(name if "," not in name else said(name)))
    return names
