"""Any value from outside → plain, normalised text."""

import html
import re
import unicodedata
from collections.abc import Mapping, Set
from functools import cache
from html.entities import html5
from typing import Final

__all__ = ["clean_lines", "clean_text", "fold_marks", "truncate"]

DEFAULT_LIMIT: Final = 20_000

# Decoding an entity can bring forth a tag and taking away a tag an entity. Text settles in two or
# three rounds; what has not settled after this many was made to be hostile.
_ROUNDS: Final = 8

# Unicode's stream-safe format allows 30 combining marks in a row; no language needs more than a few,
# and both NFC and a mail's line height suffer from long runs.
_MAX_MARKS: Final = 10

_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # controls that are not white space
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u2060-\u206f\u202a-\u202e\ufeff"  # soft hyphen, zero width, bidi
    "\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff"  # annotation, non-characters
    "\U000e0000-\U000e007f"  # invisible tag characters
    + "".join(chr(plane * 0x10000 + low) for plane in range(1, 17) for low in (0xFFFE, 0xFFFF))
    + "]"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ENTITY: Final = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,7});")

_BLOCK: Final = (
    "address article aside blockquote body br center dd details div dl dt fieldset figcaption footer form "
    "h1 h2 h3 h4 h5 h6 head header hr html iframe li link main meta nav noscript ol p pre script section "
    "select style table tbody td textarea tfoot th thead title tr ul jats:p jats:sec jats:title jats:list "
    "jats:list-item jats:abstract"
)
_INLINE: Final = (
    "a abbr acronym b big button cite code del dfn em font i input img ins kbd label mark nobr option q s "
    "samp small span strike strong sub sup svg time tt u var wbr italic bold sc monospace underline "
    "jats:italic jats:bold jats:sub jats:sup jats:sc jats:monospace jats:underline jats:ext-link "
    "jats:inline-formula jats:tex-math "
    "math mi mn mo ms mtext mrow mfrac msqrt mroot msub msup msubsup munder mover munderover mspace mstyle "
    "mfenced mtable mtr mtd semantics annotation annotation-xml "
    "mml:math mml:mi mml:mn mml:mo mml:mtext mml:mrow mml:mfrac mml:msqrt mml:msub mml:msup mml:msubsup "
    "mml:mover mml:munder mml:mspace mml:mstyle mml:semantics mml:annotation"
)
_BLOCK_NAMES: Final = frozenset(_BLOCK.split())
_NAMES: Final = "|".join(name for name in sorted(f"{_BLOCK} {_INLINE}".split(), key=len) if len(name) > 1)

# A tag is a known element's name closed by ">", or any name followed by an attribute. "a < b", "x<y and
# z>w" and the "<swi>" of a paper's prose are none. No part may cross another "<", so matching is linear.
_TAG: Final = re.compile(
    rf"</?(?P<known>{_NAMES})(?:[\s/][^<>]*)?>"
    r"|</?(?P<letter>[abipqsu])\s*/?>"
    r"|<[A-Za-z][\w:.-]{0,60}[\s/]+[\w:@.-]{1,60}\s*=[^<>]*>"
    r"|<!(?:doctype|element|entity|attlist)\b[^<>]*>"
    r"|<\?[a-z][^<>]*>",
    re.IGNORECASE,
)
_CDATA: Final = re.compile(r"<!\[CDATA\[|\]\]>")
_SCRIPTED: Final = re.compile(
    r"<(?P<kind>sup|sub|jats:sup|jats:sub)>(?P<inner>[0-9+()=−-]{1,12})</(?P=kind)>", re.IGNORECASE
)
_SUPERSCRIPT: Final = str.maketrans("0123456789+-−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾")
_SUBSCRIPT: Final = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
_COULD_BE_MARKUP: Final = re.compile(r"(?<=<)(?=[A-Za-z/!?])|(?<=&)(?=[A-Za-z#])")


@cache
def _mark_run() -> re.Pattern[str]:
    """More combining marks in a row than any text needs; built when first met."""
    marks = [code for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code))]
    ranges: list[list[int]] = []
    for code in marks:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    letters = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
    return re.compile(f"([{letters}]{{{_MAX_MARKS}}})[{letters}]+")


def fold_marks(text: str) -> str:
    """Shorten runs of combining marks, which keeps Unicode normalisation linear."""
    return text if text.isascii() else _mark_run().sub(r"\1", text)


def _without_surrogates(text: str) -> str:
    if not _SURROGATE.search(text):
        return text
    paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return _SURROGATE.sub("", paired)


def _without_comments(text: str) -> str:
    """Take out ``<!-- … -->``; an opening without an end is text."""
    parts, position = [], 0
    while (start := text.find("<!--", position)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        parts.append(text[position:start])
        position = end + 3
    return "".join(parts) + text[position:]


def _scripted(match: re.Match[str]) -> str:
    table = _SUPERSCRIPT if match["kind"].lower().endswith("sup") else _SUBSCRIPT
    return match["inner"].translate(table)


def _spaced(tag: re.Match[str]) -> str:
    """What stands where a tag was: blocks part words, everything else does not."""
    return " " if (tag["known"] or tag["letter"] or "").lower() in _BLOCK_NAMES else ""


def _decoded(entity: re.Match[str]) -> str:
    """The entity's character; only whole names count ("&nothing;" is not "¬hing;")."""
    return html.unescape(entity[0]) if entity[0][1] == "#" or entity[0][1:] in html5 else entity[0]


def _without_tags(text: str) -> str:
    if "<" not in text and "]]>" not in text:
        return text
    text = _CDATA.sub("", _without_comments(text))
    text = _SCRIPTED.sub(_scripted, text)
    return _TAG.sub(_spaced, text)


def _is_clean(text: str) -> bool:
    """Whether nothing could be done to a text: printable ASCII, single spaces, no sign of markup."""
    if not (text.isascii() and text.isprintable()) or "<" in text or "&" in text or "]]>" in text:
        return False
    return "  " not in text and text[:1] != " "


def _tidied(text: str) -> str:
    """Normalise letters and white space; markup stays."""
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():
        return text
    if not text.isprintable():  # what is invisible is among what is not printable
        text = _INVISIBLE.sub("", _without_surrogates(text))
    return " ".join(unicodedata.normalize("NFC", fold_marks(text)).split())


def _round(text: str) -> str:
    text = _without_tags(text)
    if "&" in text:
        text = _ENTITY.sub(_decoded, text)
    return _tidied(text)


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    if value is None or isinstance(value, bool | Mapping | Set | list | tuple):
        return ""
    try:
        return str(value)
    except Exception:  # whatever a foreign object's own __str__ raises
        return ""


def clean_text(value: object, *, limit: int = DEFAULT_LIMIT) -> str:
    """Any value as plain text of at most ``limit`` characters, NFC, on one line. Never raises.

    Tags are taken out where they are tags; entities are decoded (as often as they were encoded, so
    that cleaning twice changes nothing); controls, direction marks, lone surrogates and invisible
    characters go; white space of any kind becomes one space. Bytes are read as UTF-8. ``None``,
    truth values and containers are no text and give an empty one.
    """
    # Markup is taken away below, so more is read than is kept; megabytes of it are not an abstract.
    text = _as_text(value)[: max(limit, 0) * 20 + 1000]
    if _is_clean(text):  # as nearly all titles and abstracts are
        return text[: max(limit, 0)].rstrip()
    text = _tidied(text)
    for _ in range(_ROUNDS):
        before, text = text, _round(text)
        if text == before:
            break
    else:
        text = _round(_COULD_BE_MARKUP.sub(" ", text))
    return text[: max(limit, 0)].rstrip()


def clean_lines(value: object, *, limit: int = DEFAULT_LIMIT) -> str:
    """Any value as plain text (see :func:`clean_text`) that keeps its line breaks, but no two empty lines."""
    text = _as_text(value)[: max(limit, 0) * 20 + 1000]
    lines: list[str] = []
    for line in map(clean_text, text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines)[: max(limit, 0)].strip()


def truncate(text: str, limit: int) -> str:
    """The text itself, or its beginning up to a word's end with "…", at most ``limit`` characters."""
    if len(text) <= limit:
        return text
    if limit < 1:
        return ""
    head = text[: limit - 1]
    if not text[limit - 1].isspace():
        space = head.rfind(" ")
        # A "word" longer than half the room (an address, Chinese text) is cut inside.
        head = head[:space] if space >= limit // 2 else head
    return head.rstrip(" ,;:–—-") + "…"
