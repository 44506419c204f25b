"""arXiv's XML: its feeds and its API's answers, read although a control character slipped into them.

XML forbids control characters, and one in an abstract makes expat refuse a whole day's feed; so does a
bare ``&``, a ``]]>`` or a broken byte. A document that is refused is read once more without them. What is
cut off or declares entities of its own stays refused.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from xml.etree.ElementTree import Element

from digest.errors import ParseError
from digest.sources.decoding import decode
from digest.sources.strict_xml import load_xml

__all__ = ["Parts", "parts_of", "read_xml", "text_of", "texts_of"]

Parts = Mapping[str, list[Element]]

DECLARATION = re.compile(r"\A\s*<\?xml\b[^>]{0,300}\?>")
# What https://www.w3.org/TR/xml/#charsets does not allow, as itself and as a reference.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
REFERENCE = re.compile(r"&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,8}));")
BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,8}|#x[0-9A-Fa-f]{1,8});)")


def read_xml(body: bytes, *, sought: str) -> Element:
    """The root of a document, mended where that is needed. Raises ``ParseError`` on what was ``sought``."""
    try:
        return load_xml(body, sought=sought)
    except ParseError as error:
        # Only text is mended: what is wrong with the mended document is wrong with its structure.
        mended = _mended(body)
        if mended == body:
            raise
        try:
            return load_xml(mended, sought=sought)
        except ParseError:
            raise error from None


def parts_of(element: Element) -> Parts:
    """The children by local name in lower case: arXiv writes ``arxiv:doi`` here and ``arxiv:DOI`` there."""
    found: dict[str, list[Element]] = {}
    for child in element:
        found.setdefault(local_name(child), []).append(child)
    return found


def texts_of(parts: Parts, *names: str) -> Iterator[str]:
    """The text of each child of these names, as it stands there."""
    for name in names:
        yield from _texts(parts.get(name, ()))


def text_of(parts: Parts, *names: str) -> str:
    """The first text that is not empty among children of these names."""
    return next((text for text in texts_of(parts, *names) if text.strip()), "")


def local_name(element: Element) -> str:
    """An element's name without its namespace, in lower case."""
    return element.tag.rpartition("}")[2].lower()


def _texts(elements: Iterable[Element]) -> Iterator[str]:
    return ("".join(element.itertext()) for element in elements)


def _mended(body: bytes) -> bytes:
    """The document as UTF-8, without its declaration and with only characters that XML allows."""
    text = DECLARATION.sub("", decode(body, ""), count=1)
    text = BARE.sub("&amp;", FORBIDDEN.sub("", REFERENCE.sub(_allowed, text)))
    if "<![CDATA[" not in text:  # only what ends such a section may stand there as it is
        text = text.replace("]]>", "]]&gt;")
    return text.encode("utf-8", "replace")


def _allowed(reference: re.Match[str]) -> str:
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    return "" if code > 0x10FFFF or FORBIDDEN.match(chr(code)) else reference[0]
