"""JSON Feed 1.0 and 1.1 (https://jsonfeed.org/version/1.1/), read as plain JSON.

``{"version": "https://jsonfeed.org/version/1.1", "title", "next_url"?, "items": [{"id", "url"?,
"external_url"?, "title"?, "content_html"? | "content_text"?, "summary"?, "date_published"?,
"date_modified"?, "authors"?: [{"name"}], "tags"?: […]}]}``; 1.0 has one ``author``. An id may be a number.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from digest.errors import ParseError
from digest.sources.feed_items import FeedItem
from digest.sources.strict_json import describe, load_json

__all__ = ["looks_like_json", "read_json_feed"]

MAX_LIST = 5000
NO_FIELDS: Mapping[str, object] = {}
SOUGHT = "an RSS, Atom or JSON feed"


def looks_like_json(text: str, content_type: str) -> bool:
    """Whether this is to be read as JSON: it begins like an object, or is said to be JSON and is no XML."""
    start = text[:1000].lstrip("\ufeff \t\r\n")[:1]
    return start in ("{", "[") or ("json" in content_type.lower() and start != "<")


def read_json_feed(text: str) -> tuple[list[FeedItem | None], str]:
    """The items in the feed's order, ``None`` for what is none, and the address of the next page if told.

    Raises ``ParseError`` for anything but a JSON Feed.
    """
    feed = load_json(text, sought=SOUGHT)
    fields = _fields(feed)
    items = fields.get("items")
    if "jsonfeed.org/version/" not in _string(fields.get("version")) or not isinstance(items, list):
        raise ParseError(f"looked for {SOUGHT}, found {describe(feed)}")
    read = [_item(item) if isinstance(item, dict) else None for item in items]
    return read, _string(fields.get("next_url"))


def _item(item: Mapping[str, object]) -> FeedItem:
    told = item.get("authors") if isinstance(item.get("authors"), list) else [item.get("author")]
    texts = (item.get("summary"), item.get("content_html"), item.get("content_text"))
    ref = item.get("id")
    other = _string(item.get("external_url"))
    return FeedItem(
        title=_string(item.get("title")),
        texts=tuple(text for text in map(_string, texts) if text),
        link=_string(item.get("url")) or other,
        ref=str(ref) if isinstance(ref, int) and not isinstance(ref, bool) else _string(ref),
        ids=(other,) if other else (),
        authors=tuple(_string(_fields(one).get("name")) for one in _list(told)),
        day=_day(item.get("date_published")) or _day(item.get("date_modified")),
        tags=tuple(map(_string, _list(item.get("tags")))),
    )


def _day(value: object) -> date | None:
    """The UTC day of an RFC 3339 time (without a zone: UTC)."""
    try:
        moment = datetime.fromisoformat(_string(value).strip())
        return (moment.astimezone(UTC) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError):  # overflow: the first or last day there is, in another zone
        return None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[object]:
    return value[:MAX_LIST] if isinstance(value, list) else []


def _fields(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else NO_FIELDS
