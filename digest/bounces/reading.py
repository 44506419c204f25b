"""A bounded reader of mail: linear in its input, and no nesting, header or part beyond a limit.

The ``email`` package reads any mail, but takes quadratic time for many nested parts or one long parameter,
and recurses as deeply as a stranger likes. Here every part is cut out once a level, and levels are few.
Formats: RFC 5322, RFC 2045, RFC 2046.
"""

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["MAX_BYTES", "Part", "addresses_in", "one_line", "parse_fields", "read_mail"]

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 8
MAX_PARTS = 50
MAX_HEADERS = 300
MAX_VALUE = 4000
MAX_BOUNDARY = 200
MAX_ADDRESSES = 30

_FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]{0,10}:")
_PARAMETER = re.compile(r';\s*([\w-]{1,40})\s*=\s*(?:"([^"]*)"|([^\s;"]+))')
# Bounded on both sides, so that a long run of letters costs no more than its length.
_ADDRESS = re.compile(r"(?<![^\s<>,;:\"'()\[\]])[^\s<>,;:\"'()\[\]@]{1,128}@[\w.-]{1,255}")
_ENCLOSED = ("message/rfc822", "message/global", "message/news")
_HEADERS_ONLY = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a mail. ``headers`` have lower-case names; ``body`` is as it stood, undecoded.

    ``parts`` are the parts of a multipart, or the one mail that an enclosing part holds.
    """

    headers: tuple[tuple[str, str], ...]
    body: bytes
    content_type: str = "text/plain"
    parameters: dict[str, str] = field(default_factory=dict)
    parts: tuple["Part", ...] = ()

    def get(self, name: str) -> str:
        """The first header of that name, or nothing."""
        return next((value for key, value in self.headers if key == name), "")

    def get_all(self, *names: str) -> list[str]:
        """All headers of those names, in the mail's order."""
        return [value for key, value in self.headers if key in names]

    @property
    def is_enclosed(self) -> bool:
        """Whether this holds another mail, whole or its headers."""
        return self.content_type in _ENCLOSED or self.content_type in _HEADERS_ONLY

    def content(self) -> bytes:
        """The body without its transfer encoding, lines ended by LF; of damage, what can be read."""
        encoding = self.get("content-transfer-encoding").strip().lower()
        if encoding == "base64":
            return _decode_base64(self.body).replace(b"\r\n", b"\n")
        return quopri.decodestring(self.body) if encoding == "quoted-printable" else self.body

    def text(self) -> str:
        """The content as text; what is no UTF-8 is read as Latin-1, which always works."""
        content = self.content()
        try:
            return content.decode()
        except UnicodeDecodeError:
            return content.decode("latin-1")

    def walk(self, *, enclosed: bool = False) -> Iterator["Part"]:
        """This part and those in it; those of an enclosed mail only if asked for."""
        yield self
        if enclosed or not self.is_enclosed:
            for part in self.parts:
                yield from part.walk(enclosed=enclosed)


@dataclass(slots=True)
class _Budget:
    parts: int = MAX_PARTS


def read_mail(raw: bytes | None) -> Part:
    """The mail as a tree of parts. Never raises; beyond the limits things are left out."""
    data = (raw or b"")[:MAX_BYTES].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if data.startswith(b"From "):  # the first line of a mail in an mbox, or from a local delivery agent
        data = data.partition(b"\n")[2]
    return _read(data, depth=0, budget=_Budget(), default="text/plain")


def _read(data: bytes, *, depth: int, budget: _Budget, default: str) -> Part:
    budget.parts -= 1
    headers, body = _split(data)
    value = next((text for name, text in headers if name == "content-type"), "")
    content_type = value.partition(";")[0].strip().lower() or default
    given = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(value)}
    part = Part(headers, body, content_type, given)
    if depth >= MAX_DEPTH:
        return part
    pieces: Iterator[bytes] = iter(())
    inner = "text/plain"
    if content_type.startswith("multipart/"):
        pieces = _pieces(body, given.get("boundary", "").rstrip().encode("utf-8", "replace"))
        inner = "message/rfc822" if content_type == "multipart/digest" else inner
    elif content_type in _ENCLOSED:
        pieces = iter([part.content().lstrip(b"\n")])
    elif content_type in _HEADERS_ONLY:
        # Ended by an empty line, so that what follows headers is never taken for more of them.
        pieces = iter([part.content().lstrip(b"\n") + b"\n\n"])
    parts = []
    for piece in pieces:
        if budget.parts <= 0:
            break
        parts.append(_read(piece, depth=depth + 1, budget=budget, default=inner))
    return Part(headers, body, content_type, given, tuple(parts))


def _split(data: bytes) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Headers and body. A line that is no header ends them, as an empty one does."""
    if data.startswith(b"\n"):
        return (), data[1:]
    head, _, body = data.partition(b"\n\n")
    fields, rest = parse_fields(head)
    return fields, rest + b"\n\n" + body if rest else body


def parse_fields(block: bytes) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """The fields of a block of ``Name: value`` lines, unfolded, and what follows the last of them.

    At most 300 fields of 4,000 characters; what is beyond is left out.
    """
    fields: list[tuple[str, list[bytes]]] = []
    position = 0
    while position < len(block):
        end = block.find(b"\n", position)
        end = len(block) if end < 0 else end
        line = block[position:end]
        match = _FIELD.match(line)
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1].append(line)
        elif match is not None:
            fields.append((match[0][:-1].strip().decode("ascii").lower(), [line[match.end() :]]))
        else:
            break
        position = end + 1
    named = [(name, _value(lines)) for name, lines in fields[:MAX_HEADERS]]
    return tuple(named), block[position:]


def _value(lines: list[bytes]) -> str:
    # The first lines hold all that is kept, so that a million continuations are not joined.
    return b"".join(lines[:100])[: 4 * MAX_VALUE].decode("utf-8", "replace").strip()[:MAX_VALUE]


def _pieces(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """What stands between the boundary's lines; the last piece may lack its end."""
    if not 0 < len(boundary) <= MAX_BOUNDARY:
        return
    mark = b"--" + boundary
    start: int | None = None
    position = 0
    while (found := body.find(mark, position)) >= 0:
        end = body.find(b"\n", found)
        end = len(body) if end < 0 else end
        rest = body[found + len(mark) : min(end, found + len(mark) + 80)].strip()
        position = found + len(mark)
        if (found > 0 and body[found - 1 : found] != b"\n") or rest not in (b"", b"--"):
            continue
        if start is not None:
            yield body[start : max(found - 1, start)]
        start = None if rest == b"--" else end + 1
        if start is None:
            return
        position = end
    if start is not None and start <= len(body):
        yield body[start:]


def _decode_base64(body: bytes) -> bytes:
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def one_line(text: str, limit: int) -> str:
    """``text`` as one line of printable characters; controls and direction marks become spaces."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * limit])
    return " ".join(shown.split())[:limit].rstrip()


def addresses_in(values: list[str]) -> tuple[str, ...]:
    """The mail addresses in those header values, each once, in order; at most 30."""
    found: dict[str, None] = {}
    for value in values:
        for match in _ADDRESS.finditer(value):
            found.setdefault(match[0].rstrip("."))
            if len(found) >= MAX_ADDRESSES:
                return tuple(found)
    return tuple(found)
