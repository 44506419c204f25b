"""Where a described list stands in a page: its items in HTML or JSON, and what the page says of itself."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.errors import ParseError
from digest.sources.page_fields import Item
from digest.sources.page_json import JsonItem, list_at, read_path
from digest.sources.page_options import FIELDS, PageOptions
from digest.sources.page_selectors import Selector, read_selector
from digest.sources.strict_json import load_json
from digest.text import plain, safe_url

__all__ = ["FoundList", "base_of", "find_list", "title_of"]

MAX_ITEMS = 5000
MAX_CONTAINERS = 100
MAX_VALUES = 200


@dataclass(frozen=True, slots=True)
class FoundList:
    """The items of a page, and the raw texts of its count and its day."""

    items: tuple[Item, ...]
    count: str | None = None
    page_date: str | None = None


@dataclass(frozen=True, slots=True)
class HtmlItem:
    """One element; ``selectors`` are those of the fields that the table names."""

    node: LexborNode
    selectors: dict[str, Selector] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """The text or attribute of the first element found; of a link its address."""
        selector = self.selectors.get(name)
        return selector.value(self.node, default="href" if name == "link" else None) if selector else None

    def texts(self, name: str) -> list[str]:
        """The texts or attributes of all elements found."""
        selector = self.selectors.get(name)
        if selector is None:
            return []
        told = (selector.value_of(node) for node in selector.every(self.node, MAX_VALUES))
        return [text for text in told if text]


def find_list(tree: LexborHTMLParser, options: PageOptions) -> FoundList:
    """The list as the table describes it. Raises ``ParseError`` where the page does not have it.

    Without items a list is empty only where its container, or its list in JSON, is there; otherwise nothing
    tells a page without items from a page that has changed.
    """
    return _in_json(tree, options) if options.is_json else _in_html(tree, options)


def title_of(tree: LexborHTMLParser) -> str:
    """What a page says it is, in words for an error message."""
    title = tree.css_first("title")
    name = plain(title.text(), limit=80) if title else ""
    return f"a page titled {name!r}" if name else "a page without a title"


def base_of(tree: LexborHTMLParser, url: str) -> str:
    """The address that a page's links start from: its own, or what its ``<base>`` says."""
    base = tree.css_first("base[href]")
    try:
        return safe_url(urljoin(url, (base.attributes.get("href") or "").strip())) or url if base else url
    except ValueError:
        return url


def _in_html(tree: LexborHTMLParser, options: PageOptions) -> FoundList:
    assert options.item is not None  # noqa: S101 - checked by the options
    item = read_selector(options.item)
    roots: Iterable[LexborNode] = [tree.root] if tree.root else []
    if options.container is not None:
        roots = read_selector(options.container).every(tree.root, MAX_CONTAINERS) if tree.root else []
        if not roots:
            raise ParseError(f"looked for the container {options.container!r}, found {title_of(tree)}")
    around = {root.mem_id for root in roots}
    nodes = {node.mem_id: node for root in roots for node in item.every(root, MAX_ITEMS)}
    named = {name: read_selector(told) for name in FIELDS if (told := getattr(options, name)) is not None}
    items = [HtmlItem(node, named) for key, node in nodes.items() if key not in around][:MAX_ITEMS]
    if not items and options.container is None:
        raise ParseError(
            f"looked for items {options.item!r}, found none on {title_of(tree)}; name a container too "
            "if the list can be empty"
        )
    return FoundList(
        items=tuple(items),
        count=_text_in(tree, options.count),
        page_date=_text_in(tree, options.page_date),
    )


def _text_in(tree: LexborHTMLParser, selector: str | None) -> str | None:
    return read_selector(selector).value(tree.root) if selector and tree.root else None


def _in_json(tree: LexborHTMLParser, options: PageOptions) -> FoundList:
    assert options.json_at is not None  # noqa: S101 - the caller has looked
    selector = read_selector(options.json_at)
    node = selector.first(tree.root) if tree.root else None
    if node is None:
        raise ParseError(f"looked for JSON in {options.json_at!r}, found {title_of(tree)}")
    text = node.text() if selector.attribute is None else node.attributes.get(selector.attribute.lower())
    value = load_json(text or "", sought=f"JSON in {options.json_at!r}")
    named = {name: read_path(told) for name in FIELDS if (told := getattr(options, name)) is not None}
    whole = JsonItem(
        value,
        {
            name: read_path(told)
            for name in ("count", "page_date")
            if (told := getattr(options, name)) is not None
        },
    )
    items = list_at(value, options.path)[:MAX_ITEMS]
    return FoundList(
        items=tuple(JsonItem(item, named) for item in items),
        count=whole.text("count"),
        page_date=whole.text("page_date"),
    )
