"""Bytes to text, whatever the server or the editor that saved them said about it."""

import codecs
import re

__all__ = ["decode"]

# How far a page is searched for what it says about its own encoding. The standard asks for 1,024
# bytes; real pages put scripts before it.
META_BYTES = 8192

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Only encodings of text that sites use: Python's registry also knows zip, rot13, idna and UTF-7.
KNOWN = re.compile(
    r"utf-8|utf-16(-[lb]e)?|iso8859-\d+|cp125\d|cp(866|874|932|949)|koi8-[rtu]|mac-(roman|cyrillic)"
    r"|shift_jis|euc_(jp|kr)|iso2022_jp|gb(2312|k|18030)|big5(hkscs)?"
)
# Encodings that are read as the larger one they are a part of, as browsers do
# (https://encoding.spec.whatwg.org/#names-and-labels).
WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
SINGLE_BYTE = re.compile(r"iso8859-\d+|cp125\d|cp866|cp874|koi8-[rtu]|mac-\w+")

HEADER = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
META = re.compile(rb"<meta\s[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
XML = re.compile(rb"<\?xml\s[^>]{0,100}?encoding\s*=\s*[\"']([\w.:-]{1,40})", re.IGNORECASE)


def decode(body: bytes, content_type: str = "") -> str:
    """The text of a page; never raises, what cannot be read becomes U+FFFD.

    Asked in this order: byte order mark, the header's charset, the page's own ``<meta charset>``,
    UTF-8, windows-1252. Bytes that are valid UTF-8 beyond ASCII are UTF-8 even where a single-byte
    charset is named: no other text looks like that by chance, while wrong labels are common.
    """
    for mark, name in BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    if named := _named(body, content_type):
        if (
            SINGLE_BYTE.fullmatch(named)
            and not body.isascii()
            and (text := _strict(body, "utf-8")) is not None
        ):
            return text
        return body.decode(named, "replace")
    if wide := _utf16_by_shape(body):
        return body.decode(wide, "replace")
    text = _strict(body, "utf-8")
    # cp1252 leaves five bytes undefined, hence "replace" even there.
    return text if text is not None else body.decode("cp1252", "replace")


def _named(body: bytes, content_type: str) -> str | None:
    """The encoding that the header or the page names, where it is one we read."""
    if (found := HEADER.search(content_type)) and (name := _codec(found[1])):
        return name
    head = body[:META_BYTES]
    if head.lstrip().startswith(b"<"):
        for pattern in (XML, META):
            if (match := pattern.search(head)) and (name := _codec(match[1].decode("ascii", "ignore"))):
                # Read as ASCII so far, so it cannot be one of the wide ones.
                return "utf-8" if name.startswith("utf-16") else name
    return None


def _codec(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
    except LookupError:
        return None
    name = WIDER.get(name, name)
    return name if KNOWN.fullmatch(name) else None


def _strict(body: bytes, name: str) -> str | None:
    try:
        return body.decode(name)
    except UnicodeDecodeError:
        return None


def _utf16_by_shape(body: bytes) -> str | None:
    """UTF-16 without its mark: in mostly Latin text every other byte is zero."""
    head = body[:200]
    if len(head) < 8 or 0 not in head:
        return None
    half = len(head) // 2
    if head[1::2].count(0) > half * 0.7 and not head[0::2].count(0):
        return "utf-16-le"
    if head[0::2].count(0) > half * 0.7 and not head[1::2].count(0):
        return "utf-16-be"
    return None
