"""The paragraphs of an HTML page that was saved for reading: headings and paragraphs, little else."""

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.sources.huggingface_page import PAPER_LINK
from digest.sources.listing_text import Paragraph
from digest.text import plain

__all__ = ["html_paragraphs"]

INVISIBLE = ["head", "script", "style", "noscript", "template", "svg", "nav", "button", "dialog"]
INLINE = frozenset(
    {"-text", "a", "abbr", "b", "bdi", "cite", "code", "em", "font", "i", "label", "mark", "math", "q", "s"}
    | {"small", "span", "strong", "sub", "sup", "u", "var", "wbr"}
)
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# Inline elements nest a few levels; looking further up would make hostile nesting slow.
MAX_INLINE_DEPTH = 20


def html_paragraphs(tree: LexborHTMLParser) -> list[Paragraph]:
    """The texts of all blocks in the page's order. Takes what nobody reads out of ``tree``.

    A heading that links to ``/papers/…`` carries that id as its ``ref``.
    """
    tree.strip_tags(INVISIBLE)
    blocks: list[tuple[int, list[str], list[str]]] = []  # identity, texts, refs
    for node in tree.body.traverse(include_text=True) if tree.body else ():
        if node.tag == "-text":
            block = _block_of(node)
            if not blocks or blocks[-1][0] != block.mem_id:
                blocks.append((block.mem_id, [], []))
            blocks[-1][1].append(node.text_content or "")
            if block.tag in HEADINGS and (ref := _ref(node)):
                blocks[-1][2].append(ref)
        elif node.tag == "br":
            blocks.append((0, [], []))
    paragraphs = ((plain("".join(texts)), refs) for _, texts, refs in blocks)
    return [Paragraph(text, refs[0] if refs else None) for text, refs in paragraphs if text]


def _block_of(node: LexborNode) -> LexborNode:
    """The block that a text stands in."""
    for _ in range(MAX_INLINE_DEPTH):
        if node.parent is None or node.tag not in INLINE:
            break
        node = node.parent
    return node


def _ref(text: LexborNode) -> str | None:
    """The paper that a heading's text links to, from inside the heading or from around it."""
    node: LexborNode | None = text
    for _ in range(MAX_INLINE_DEPTH):
        if node is None:
            break
        if node.tag == "a":
            found = PAPER_LINK.match(node.attributes.get("href") or "")
            return found[1] if found else None
        node = node.parent
    return None
