"""A mail's bytes: headers, encodings and parts (RFC 5322, 2045-2047, 2369, 2919, 3834, 8058).

Built directly, because the ``email`` package takes milliseconds for what is microseconds here, and puts
encoded-words into List-* headers that nothing may read them from. Only ASCII leaves, lines end with CRLF,
headers are folded, and no value can begin a header of its own. Reading a message back with
``email.policy.default`` gives what went in.

A body can be made of fragments that are encoded apart: each ends with a line break, hard or soft, so that
they may be put one behind the other. What many readers share is then encoded once.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from digest.errors import DeliveryError

__all__ = [
    "Fragment",
    "Headers",
    "MessageParts",
    "clean_header",
    "encode_address",
    "encode_fragment",
    "make_message",
    "make_message_from_fragments",
    "make_message_id",
    "needs_smtputf8",
]

CRLF = "\r\n"
MAX_LINE = 998  # without the line end
FOLD = 78
ENCODED_WORD = 75
ENCODED_LINE = 76
BODY_LINE = 76
MAX_SUBJECT = 1000
MAX_NAME = 200
MAX_LOCAL = 64

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LOCAL = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
_UTF8_TEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
_UTF8_LOCAL = re.compile(rf"{_UTF8_TEXT}(?:\.{_UTF8_TEXT})*")
_MESSAGE_ID = re.compile(rf"<{_ATEXT}(?:\.{_ATEXT})*@{_LABEL}(?:\.{_LABEL})*>")
_LIST_ID = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
_URL = re.compile(r"(?:https?://|mailto:)[!#-;=?-~]+")  # no space, quote or angle bracket
_FEEDBACK_ID = re.compile(r"[!-~]{1,200}")
# Bidirectional controls turn the inbox's line round; lone surrogates cannot be encoded.
_UNSEEN = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")
_SPACES = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")
_PHRASE_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_QUOTED = re.compile(r'["\\]')
_ATOMS = re.compile(rf"{_ATEXT}(?: {_ATEXT})*")
_TOO_LONG = re.compile(rb"(\n[^\n]{74,75})(=(?:20|09))(?=\n)")
_RISKY_START = re.compile(rb"\n((?:\.|From )+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """What a mail's headers are made of. ``date`` is aware, ``message_id`` has its angle brackets.

    ``list_id`` is the bare identifier (``digest.example.org``); without it this is no mail of a list, and
    none of a list's headers is there. ``unsubscribe_url`` is where one click leaves (POST where it is
    https), ``unsubscribe_mailto`` a mailto address; ``help_url`` is http(s) or mailto. ``allow_utf8``: the
    recipient's local part may be other than ASCII, and then stands so in ``To``: the one header that is
    not ASCII on the wire, for SMTPUTF8 only (RFC 6532).
    """

    message_id: str
    date: datetime
    from_name: str
    from_address: str
    to_address: str
    subject: str
    list_name: str = ""
    list_id: str | None = None
    unsubscribe_mailto: str | None = None
    unsubscribe_url: str | None = None
    feedback_id: str | None = None
    help_url: str | None = None
    allow_utf8: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageParts(Headers):
    """Everything a mail is made of: its headers, and both bodies whole."""

    text: str
    html: str


class Fragment(NamedTuple):
    """A piece of a body, encoded: quoted-printable that ends with a line break, hard or soft.

    ``size`` is the length of what it says, in bytes of UTF-8 with plain line ends.
    """

    wire: bytes
    size: int


def make_message(parts: MessageParts) -> bytes:
    """The whole message as it goes on the wire; the same parts give the same bytes.

    Raises ``DeliveryError``: for the recipient's address not transient, for values that every mail shares
    (sender, list, addresses of leaving) fatal.
    """
    return make_message_from_fragments(parts, _whole(parts.text), _whole(parts.html))


def make_message_from_fragments(headers: Headers, text: Fragment, html: Fragment) -> bytes:
    """The same of bodies that are encoded already: joined fragments, and the sum of their sizes."""
    boundary = _boundary(headers.message_id)
    block = CRLF.join([*_headers(headers), f'Content-Type: multipart/alternative; boundary="{boundary}"'])
    mark = b"--" + boundary.encode("ascii")
    plain, rich = _body_part("plain", text), _body_part("html", html)
    coding = "utf-8" if headers.allow_utf8 else "ascii"
    return b"\r\n".join([block.encode(coding), b"", mark, *plain, mark, *rich, mark + b"--", b""])


def make_message_id(issue_key: str, domain: str) -> str:
    """The Message-ID of that issue: the same on every attempt, and telling nothing of the key."""
    digest = blake2b(issue_key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"<{digest}@{_ascii_domain(domain)}>"


def encode_address(address: str, *, allow_utf8: bool = False) -> str:
    """A mail address as ASCII: an international domain in its punycode form.

    With ``allow_utf8`` the local part may hold other letters (RFC 6531), and stays as it is. Raises
    ``DeliveryError`` (not transient) for one that cannot be written so, or is none.
    """
    local, _, domain = address.rpartition("@")
    if allow_utf8 and not local.isascii():
        local = unicodedata.normalize("NFC", local)
        good = _UTF8_LOCAL.fullmatch(local) and local.isprintable() and len(local.encode()) <= MAX_LOCAL
    else:
        good = _LOCAL.fullmatch(local) and len(local) <= MAX_LOCAL
    if not good:
        raise DeliveryError(f"{_shown(address)} is no address that mail can be sent to", transient=False)
    return f"{local}@{_ascii_domain(domain)}"


def needs_smtputf8(address: str) -> bool:
    """Whether only a server that offers SMTPUTF8 can be given mail for ``address``."""
    return not address.rpartition("@")[0].isascii()


def clean_header(text: str, limit: int = MAX_SUBJECT) -> str:
    """``text`` as one line that a header may hold: no controls, line ends, or bidirectional controls."""
    return " ".join(_SPACES.sub(" ", _UNSEEN.sub("", text)).split())[:limit].strip()


# --- headers ---------------------------------------------------------------------------------------


def _headers(parts: Headers) -> Iterator[str]:
    yield _date(parts.date)
    yield _mailbox("From", parts.from_name, _sender(parts.from_address))
    yield _folded("To", encode_address(parts.to_address, allow_utf8=parts.allow_utf8))
    yield _subject(parts.subject, parts.list_name or parts.from_name)
    yield f"Message-ID: {_checked(_MESSAGE_ID, 'Message-ID', parts.message_id)}"
    if parts.list_id:
        yield from _list_headers(parts, parts.list_id)
    yield "Auto-Submitted: auto-generated"
    if parts.list_id:
        yield "Precedence: bulk"
    if parts.feedback_id:
        yield f"Feedback-ID: {_checked(_FEEDBACK_ID, 'Feedback-ID', parts.feedback_id)}"
    yield "MIME-Version: 1.0"


def _list_headers(parts: Headers, list_id: str) -> Iterator[str]:
    yield _list_id(parts.list_name, list_id)
    one_click = bool(parts.unsubscribe_url and parts.unsubscribe_url.startswith("https://"))
    ways = [parts.unsubscribe_url, parts.unsubscribe_mailto]
    known = [way for way in (ways if one_click else reversed(ways)) if way]
    if known:
        yield _addresses("List-Unsubscribe", known)
    if one_click:
        yield "List-Unsubscribe-Post: List-Unsubscribe=One-Click"
    if parts.help_url:
        yield _addresses("List-Help", [parts.help_url])


@lru_cache(maxsize=64)
def _date(when: datetime) -> str:
    return f"Date: {format_datetime(when.astimezone(UTC))}"


@lru_cache(maxsize=64)
def _mailbox(name: str, display: str, address: str) -> str:
    """``From: Name <address>``: the name as it is, quoted, or in encoded-words."""
    display = clean_header(display, MAX_NAME)
    if not display:
        return _folded(name, address)
    if display.isascii() and "=?" not in display:
        phrase = display if _ATOMS.fullmatch(display) else _quoted(display)
        return _folded(name, f"{phrase} <{address}>")
    line = _encoded(name, display)
    gap = " " if len(line) - line.rfind("\n") + len(address) + 2 <= ENCODED_LINE else f"{CRLF} "
    return f"{line}{gap}<{address}>"


@lru_cache(maxsize=1024)  # the same papers lead many readers' issues
def _subject(text: str, otherwise: str) -> str:
    """The subject: as it is if it is plain and can be folded, else in encoded-words."""
    line = clean_header(text) or clean_header(otherwise)
    if not line.isascii() or "=?" in line or max(map(len, line.split(" "))) > FOLD - len("Subject") - 3:
        return _encoded("Subject", line)
    return _folded("Subject", line)


def _quoted(text: str) -> str:
    return '"' + _QUOTED.sub(lambda match: "\\" + match[0], text) + '"'


@lru_cache(maxsize=1024)
def _folded(name: str, value: str) -> str:
    """A header folded at its blanks, in lines of at most 78 where the words allow that."""
    lines, line = [], f"{name}:"
    for word in value.split(" "):
        if len(line) + 1 + len(word) > FOLD:
            lines.append(line)
            line = ""
        line += " " + word
    return CRLF.join([*lines, line])


def _encoded(name: str, text: str) -> str:
    """A header in encoded-words (RFC 2047), one a line, each of whole characters and at most 75 long."""
    wire = text.encode("utf-8")
    quoted = sum(1 if byte in _PHRASE_SAFE or byte == 0x20 else 3 for byte in wire)
    way, size = ("Q", _q_size) if quoted <= (len(wire) + 2) // 3 * 4 else ("B", len)
    room = ENCODED_WORD - len("=?utf-8?Q??=")
    words: list[str] = []
    piece, used = bytearray(), 0
    left = min(room, ENCODED_LINE - len(name) - 2 - len("=?utf-8?Q??="))
    for character in text:
        octets = character.encode("utf-8")
        cost = size(octets)
        full = used + cost > left if way == "Q" else (used + cost + 2) // 3 * 4 > left
        if full:
            words.append(_word(way, bytes(piece)))
            piece, used, left = bytearray(), 0, room
        piece += octets
        used += cost
    words.append(_word(way, bytes(piece)))
    return f"{name}: " + f"{CRLF} ".join(words)


def _word(way: str, octets: bytes) -> str:
    if way == "B":
        return f"=?utf-8?B?{base64.b64encode(octets).decode('ascii')}?="
    return "=?utf-8?Q?" + "".join(map(_q, octets)) + "?="


def _q(octet: int) -> str:
    if octet in _PHRASE_SAFE:
        return chr(octet)
    return "_" if octet == 0x20 else f"={octet:02X}"


def _q_size(octets: bytes) -> int:
    return sum(len(_q(octet)) for octet in octets)


@lru_cache(maxsize=64)
def _list_id(list_name: str, list_id: str) -> str:
    """``List-Id: "Name" <id>``. A name that is not ASCII is left out: no encoded-words belong here."""
    known = f"<{_checked(_LIST_ID, 'List-Id', list_id)}>"
    phrase = clean_header(list_name, MAX_NAME)
    if not phrase or not phrase.isascii() or "=?" in phrase:
        return f"List-Id: {known}"
    return _folded("List-Id", f"{_quoted(phrase)} {known}")


def _addresses(name: str, urls: list[str]) -> str:
    """A header of addresses in angle brackets, folded between them and nowhere else."""
    known = [f"<{_checked(_URL, name, url).replace(',', '%2C')}>" for url in urls]
    return f"{name}: " + f",{CRLF} ".join(known)


def _checked(form: re.Pattern[str], name: str, value: str) -> str:
    if not form.fullmatch(value) or len(value) > MAX_LINE - 100:
        raise DeliveryError(f"{_shown(value)} cannot stand in {name}", transient=False, fatal=True)
    return value


@lru_cache(maxsize=64)
def _sender(address: str) -> str:
    """The sender's address; if it is wrong, then for every mail."""
    try:
        return encode_address(address)
    except DeliveryError as error:
        raise DeliveryError(str(error), transient=False, fatal=True) from error


@lru_cache(maxsize=1024)
def _ascii_domain(domain: str) -> str:
    made = domain
    if not domain.isascii():
        made = _punycode(domain)
    if not _DOMAIN.fullmatch(made) or len(made) > 253:
        raise DeliveryError(f"{_shown(domain)} is no mail domain", transient=False)
    return made


def _punycode(domain: str) -> str:
    from email_validator import EmailNotValidError, validate_email  # slow to load, seldom needed

    try:
        return validate_email(
            f"a@{domain}", check_deliverability=False, globally_deliverable=False
        ).ascii_domain
    except EmailNotValidError as error:
        raise DeliveryError(f"{_shown(domain)} is no mail domain", transient=False) from error


def _shown(value: str) -> str:
    return ascii(value[:120])


# --- bodies ----------------------------------------------------------------------------------------


def encode_fragment(text: str) -> Fragment:
    """``text`` as a piece of a body, to be put before and behind others."""
    if not text:
        return Fragment(b"", 0)
    octets = _octets(text)
    if octets.endswith(b"\n"):
        return Fragment(_quoted_printable(octets), len(octets))
    # A letter behind it keeps room for the soft line break, and a blank at the end as it is.
    encoded = _quoted_printable(octets + b"x")[:-1]
    return Fragment(encoded if encoded.endswith(b"=\r\n") else encoded + b"=\r\n", len(octets))


def _whole(text: str) -> Fragment:
    octets = _octets(text)
    return Fragment(_quoted_printable(octets), len(octets))


def _octets(text: str) -> bytes:
    """UTF-8 with plain line ends."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    return lines.encode("utf-8", "replace")


def _body_part(subtype: str, body: Fragment) -> tuple[bytes, bytes]:
    """The headers and the body of one part, in the transfer encoding that is shorter."""
    encoded, name = body.wire, "quoted-printable"
    if len(encoded) > body.size * 4 // 3 + body.size // 28:
        packed = binascii.b2a_base64(binascii.a2b_qp(encoded), newline=False)
        lines = b"\r\n".join(packed[at : at + BODY_LINE] for at in range(0, len(packed), BODY_LINE))
        if len(lines) < len(encoded):
            encoded, name = lines, "base64"
    head = f"Content-Type: text/{subtype}; charset=utf-8{CRLF}Content-Transfer-Encoding: {name}{CRLF}"
    return head.encode("ascii"), encoded


def _quoted_printable(octets: bytes) -> bytes:
    """Quoted-printable in lines of 76 that end with CRLF, none of which begins with a dot or ``From``.

    Servers and mailboxes change such lines; a soft line break behind the encoded start keeps the length.
    """
    body = b"\n" + binascii.b2a_qp(octets)
    # It does not count in what a blank at a line's end becomes.
    body = _TOO_LONG.sub(rb"\1=\n\2", body).replace(b"\n", b"\r\n")[1:]
    return _RISKY_START.sub(_harmless, body)[1:]


def _harmless(match: re.Match[bytes]) -> bytes:
    encoded = [b"=2E" if start == b"." else b"=46rom " for start in re.findall(rb"\.|From ", match[1])]
    return b"\n" + b"".join(b"".join(encoded[at : at + 8]) + b"=\r\n" for at in range(0, len(encoded), 8))


def _boundary(seed: str) -> str:
    """A boundary that is the same for the same message, and stands in no part.

    ``=_`` comes out of neither transfer encoding.
    """
    return f"=_{blake2b(seed.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"
