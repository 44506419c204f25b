"""Selectors as a ``[[source]]`` table writes them, and what they find: CSS, and an attribute behind ``@``.

``h2 a@href`` is the attribute ``href`` of the first ``h2 a`` inside the item, ``h2 a`` its text, ``@href``
the item's own attribute and ``.`` the item's own text. There is no other language here: nothing that could
open a file, ask for an address, read the environment or compute (XPath and jq could).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

__all__ = ["Selector", "read_selector", "text_of"]

MAX_LENGTH = 500
# ``:not(:is(…))`` has two levels; more are a mistake or an attempt to keep the page's reader busy.
MAX_LEVELS = 4
ITSELF = "."
WITH_ATTRIBUTE = re.compile(r"(?P<css>.*?)(?:@(?P<attribute>[A-Za-z_][\w:.-]{0,80}))?", re.DOTALL)
PRINTABLE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+")

INVISIBLE = frozenset({"script", "style", "noscript", "template", "svg", "head"})
INLINE = frozenset(
    {"-text", "a", "abbr", "b", "bdi", "cite", "code", "em", "font", "i", "label", "mark", "math", "q", "s"}
    | {"small", "span", "strong", "sub", "sup", "u", "var", "wbr"}
)
# Limits on what one field is read from, so that nested items cannot make a page endless.
MAX_INLINE_DEPTH = 20
MAX_TEXT = 40_000
MAX_NODES = 3000


@dataclass(frozen=True, slots=True)
class Selector:
    """A CSS selector (empty: the item itself) and the attribute that is read (``None``: the text)."""

    css: str
    attribute: str | None = None

    def first(self, root: LexborNode) -> LexborNode | None:
        """The first element it finds, ``root`` itself where it names none."""
        return root.css_first(self.css) if self.css else root

    def every(self, root: LexborNode, limit: int) -> list[LexborNode]:
        """All elements it finds, at most ``limit``."""
        return root.css(self.css)[:limit] if self.css else [root]

    def value(self, root: LexborNode, *, default: str | None = None) -> str | None:
        """The raw text or attribute of the first element, ``None`` where it is not there or empty.

        ``default`` is the attribute read where the selector names none.
        """
        node = self.first(root)
        return self.value_of(node, default=default) if node is not None else None

    def value_of(self, node: LexborNode, *, default: str | None = None) -> str | None:
        """The raw text or attribute of an element found."""
        attribute = self.attribute or default
        told = text_of(node) if attribute is None else node.attributes.get(attribute.lower())
        return told[:MAX_TEXT].strip() or None if told else None


def read_selector(written: str) -> Selector:
    """The selector that a table writes. Raises ``ValueError`` with what is wrong and what to write."""
    text = written.strip()
    if not text or len(text) > MAX_LENGTH:
        raise ValueError(f"is no CSS selector of 1 to {MAX_LENGTH} characters; write one such as h2 a@href")
    if not PRINTABLE.fullmatch(text):
        raise ValueError("holds a character that cannot be printed; write a selector such as h2 a@href")
    if text == ITSELF:
        return Selector("")
    found = WITH_ATTRIBUTE.fullmatch(text)
    assert found is not None  # noqa: S101 - every text matches
    css = found["css"].strip()
    css = "" if css == ITSELF else css
    if _levels(css) > MAX_LEVELS:
        raise ValueError(f"has parentheses in more than {MAX_LEVELS} levels; write a simpler selector")
    if css:
        _compile(css)
    return Selector(css, found["attribute"])


def _compile(css: str) -> None:
    try:
        LexborHTMLParser("<html></html>").css(css)
    except (SelectolaxError, UnicodeEncodeError) as error:
        raise ValueError(
            f"{css[:80]!r} is no CSS selector that can be read; write one such as article h2 > a, with @href"
            " behind it for an attribute (no XPath, no ::text)"
        ) from error


def _levels(css: str) -> int:
    depth = deepest = 0
    for letter in css:
        depth += (letter == "(") - (letter == ")")
        deepest = max(deepest, depth)
    return deepest


def text_of(node: LexborNode) -> str:
    """The text that a person reads in an element: blocks part words, inline markup does not.

    So ``CO<sub>2</sub>`` is one word and two paragraphs are not.
    """
    parts: list[str] = []
    block, length = 0, 0
    for child in _visible(node):
        if child.tag == "br":
            parts.append(" ")
            continue
        own = _block_of(child)
        if parts and own != block:
            parts.append(" ")
        block = own
        parts.append(child.text_content or "")
        length += len(parts[-1])
        if length > MAX_TEXT:
            break
    return "".join(parts)


def _visible(root: LexborNode) -> Iterator[LexborNode]:
    """The texts and line breaks below an element in the page's order, without scripts and pictures."""
    if root.tag in INVISIBLE:
        return
    for count, node in enumerate(root.traverse(include_text=True)):
        if count > MAX_NODES:
            return
        if node.tag == "br" or (node.tag == "-text" and not _is_hidden(node)):
            yield node


def _is_hidden(text: LexborNode) -> bool:
    parent = text.parent
    # A title or desc inside a picture is one level further down.
    above = parent.parent if parent is not None else None
    return any(node is not None and node.tag in INVISIBLE for node in (parent, above))


def _block_of(text: LexborNode) -> int:
    node = text
    for _ in range(MAX_INLINE_DEPTH):
        if node.parent is None or node.tag not in INLINE:
            break
        node = node.parent
    return node.mem_id
