"""OPML outlines, read and written (http://opml.org/spec2.opml). No document type is read, so no entity is."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate
from xml.sax.saxutils import quoteattr

from digest.text import clean_text, safe_url

__all__ = ["Outline", "is_opml", "read_opml", "write_opml"]

MAX_OUTLINES: Final = 20_000
MAX_DEPTH: Final = 30
MAX_TEXT: Final = 4000
HEAD: Final = 4000


@dataclass(slots=True)
class Outline:
    """One outline. ``kind`` is its ``type``, ``url`` where it leads to; ``is_feed``: to a feed."""

    text: str
    kind: str = ""
    url: str = ""
    is_feed: bool = False
    children: list["Outline"] = field(default_factory=list)


class _RefusedError(Exception):
    """What is read goes beyond what an outline is."""


def is_opml(data: bytes) -> bool:
    """Whether bytes look like OPML."""
    head = data[:HEAD].lstrip(b" \t\r\n\xef\xbb\xbf").lower()
    return head.startswith(b"<") and b"<opml" in head


class _Reader:
    def __init__(self) -> None:
        self.root = Outline("")
        self._open = [self.root]
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name.lower() != "outline":
            return
        self._count += 1
        if self._count > MAX_OUTLINES or len(self._open) > MAX_DEPTH:
            raise _RefusedError(f"has more than {MAX_OUTLINES:,} outlines, or deeper ones than {MAX_DEPTH}")
        told = {key.lower(): value for key, value in attributes.items()}
        feed = told.get("xmlurl", "")
        outline = Outline(
            text=clean_text(told.get("text") or told.get("title") or "", limit=MAX_TEXT),
            kind=clean_text(told.get("type", ""), limit=40).lower(),
            url=safe_url(feed or told.get("url") or told.get("htmlurl")) or "",
            is_feed=bool(feed),
        )
        self._open[-1].children.append(outline)
        self._open.append(outline)

    def end(self, name: str) -> None:
        if name.lower() == "outline":
            self._open.pop()

    def refuse(self, *_: object) -> None:
        raise _RefusedError("has a document type of its own, which is not read")


def read_opml(data: bytes) -> tuple[list[Outline], str]:
    """``(outlines, what is wrong)``: nothing wrong, or no outlines. Never raises."""
    reader, parser = _Reader(), ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(data, True)
    except _RefusedError as error:
        return [], f"the file {error}"
    except ExpatError as error:
        return [], f"line {error.lineno}: the file is no OPML, or was cut off"
    except (ValueError, LookupError):
        return [], "the file is no OPML in an encoding that is known here"
    return reader.root.children, ""


def write_opml(title: str, outlines: Iterable[Outline]) -> str:
    """A document of these outlines; read again they are the same."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<opml version="2.0">',
        f"<head><title>{_escaped(title)}</title></head>",
        "<body>",
    ]
    for outline in outlines:
        lines += _lines(outline, 1)
    return "\n".join([*lines, "</body>", "</opml>", ""])


def _lines(outline: Outline, depth: int) -> list[str]:
    told = (("text", outline.text), ("type", outline.kind), ("url", outline.url))
    words = " ".join(f"{name}={quoteattr(clean_text(value))}" for name, value in told if value)
    indent = " " * depth
    if not outline.children:
        return [f"{indent}<outline {words}/>"]
    inner = [line for child in outline.children for line in _lines(child, depth + 1)]
    return [f"{indent}<outline {words}>", *inner, f"{indent}</outline>"]


def _escaped(text: str) -> str:
    return clean_text(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
