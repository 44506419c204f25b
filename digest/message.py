"""A mail's bytes: headers, encodings and parts (RFC 5322, 2045-2047, 2369, 2919, 3834, 8058).

Built directly, because the ``email`` package takes milliseconds for what is microseconds here, and puts
encoded-words into List-* headers that nothing may read them from. Only ASCII leaves, lines end with CRLF,
headers are folded, and no value can begin a header of its own. Reading a message back with
``email.policy.default`` gives what went in.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b

from digest.errors import DeliveryError

__all__ = ["MessageParts", "clean_header", "encode_address", "make_message", "make_message_id"]

CRLF = "\r\n"
MAX_LINE = 998  # without the line end
FOLD = 78
ENCODED_WORD = 75
ENCODED_LINE = 76
BODY_LINE = 76
MAX_SUBJECT = 1000
MAX_NAME = 200

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LOCAL = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")
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
_RISKY_START = re.compile(rb"\n((?:\.|From )+)")


@dataclass(frozen=True, slots=True)
class MessageParts:
    """Everything a mail is made of. ``date`` is aware; ``text`` and ``html`` are whole bodies.

    ``list_id`` is the bare identifier (``digest.example.org``), ``message_id`` has its angle brackets.
    ``unsubscribe_url`` is where one click leaves (POST where it is https), ``unsubscribe_mailto`` a mailto
    address; ``help_url`` is http(s) or mailto.
    """

    message_id: str
    date: datetime
    from_name: str
    from_address: str
    to_address: str
    subject: str
    text: str
    html: str
    list_name: str
    list_id: str
    unsubscribe_mailto: str
    unsubscribe_url: str | None = None
    feedback_id: str | None = None
    help_url: str | None = None


def make_message(parts: MessageParts) -> bytes:
    """The whole message as it goes on the wire; the same parts give the same bytes.

    Raises ``DeliveryError``: for the recipient's address not transient, for values that every mail shares
    (sender, list, addresses of leaving) fatal.
    """
    plain, html = _body_part("plain", parts.text), _body_part("html", parts.html)
    boundary = _boundary(parts.message_id, plain, html)
    headers = CRLF.join([*_headers(parts), f'Content-Type: multipart/alternative; boundary="{boundary}"'])
    mark = b"--" + boundary.encode("ascii")
    return b"\r\n".join([headers.encode("ascii"), b"", mark, plain, mark, html, mark + b"--", b""])


def make_message_id(issue_key: str, domain: str) -> str:
    """The Message-ID of that issue: the same on every attempt, and telling nothing of the key."""
    digest = blake2b(issue_key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"<{digest}@{_ascii_domain(domain)}>"


def encode_address(address: str) -> str:
    """A mail address as ASCII: an international domain in its punycode form.

    Raises ``DeliveryError`` (not transient) for one that cannot be written so, or is none.
    """
    local, _, domain = address.rpartition("@")
    if not _LOCAL.fullmatch(local) or len(local) > 64:
        raise DeliveryError(f"{_shown(address)} is no address that mail can be sent to", transient=False)
    return f"{local}@{_ascii_domain(domain)}"


def clean_header(text: str, limit: int = MAX_SUBJECT) -> str:
    """``text`` as one line that a header may hold: no controls, line ends, or bidirectional controls."""
    return " ".join(_SPACES.sub(" ", _UNSEEN.sub("", text)).split())[:limit].strip()


# --- headers ---------------------------------------------------------------------------------------


def _headers(parts: MessageParts) -> Iterator[str]:
    yield f"Date: {format_datetime(parts.date.astimezone(UTC))}"
    yield _mailbox("From", parts.from_name, _sender(parts.from_address))
    yield _mailbox("To", "", encode_address(parts.to_address))
    yield _unstructured("Subject", clean_header(parts.subject) or clean_header(parts.list_name))
    yield f"Message-ID: {_checked(_MESSAGE_ID, 'Message-ID', parts.message_id)}"
    yield _list_id(parts.list_name, parts.list_id)
    ways = [way for way in (parts.unsubscribe_url, parts.unsubscribe_mailto) if way]
    yield _addresses("List-Unsubscribe", ways)
    if parts.unsubscribe_url and parts.unsubscribe_url.startswith("https://"):
        yield "List-Unsubscribe-Post: List-Unsubscribe=One-Click"
    if parts.help_url:
        yield _addresses("List-Help", [parts.help_url])
    yield "Auto-Submitted: auto-generated"
    yield "Precedence: bulk"
    if parts.feedback_id:
        yield f"Feedback-ID: {_checked(_FEEDBACK_ID, 'Feedback-ID', parts.feedback_id)}"
    yield "MIME-Version: 1.0"


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


def _quoted(text: str) -> str:
    return '"' + _QUOTED.sub(lambda match: "\\" + match[0], text) + '"'


def _unstructured(name: str, text: str) -> str:
    """A header of free text: as it is if it is plain and can be folded, else in encoded-words."""
    if not text.isascii() or "=?" in text or max(map(len, text.split(" "))) > FOLD - len(name) - 3:
        return _encoded(name, text)
    return _folded(name, text)


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


def _body_part(subtype: str, text: str) -> bytes:
    """One part with its headers, in the transfer encoding that is shorter."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    wire = lines.replace("\n", CRLF).encode("utf-8", "replace")
    body, name = _quoted_printable(wire), "quoted-printable"
    if len(body) > len(wire) * 4 // 3 + len(wire) // 28:
        packed = binascii.b2a_base64(wire, newline=False)
        encoded = b"\r\n".join(packed[at : at + BODY_LINE] for at in range(0, len(packed), BODY_LINE))
        if len(encoded) < len(body):
            body, name = encoded, "base64"
    head = f"Content-Type: text/{subtype}; charset=utf-8{CRLF}Content-Transfer-Encoding: {name}{CRLF}{CRLF}"
    return head.encode("ascii") + body


def _quoted_printable(wire: bytes) -> bytes:
    """Quoted-printable in lines of 76, none of which begins with a dot or ``From``.

    Servers and mailboxes change such lines; a soft line break behind the encoded start keeps the length.
    """
    body = binascii.b2a_qp(wire)
    if b"\r\n" not in wire:
        body = body.replace(b"\n", b"\r\n")  # it breaks lines as the text does, and here none shows how
    return _RISKY_START.sub(_harmless, b"\n" + body)[1:]


def _harmless(match: re.Match[bytes]) -> bytes:
    encoded = [b"=2E" if start == b"." else b"=46rom " for start in re.findall(rb"\.|From ", match[1])]
    return b"\n" + b"".join(b"".join(encoded[at : at + 8]) + b"=\r\n" for at in range(0, len(encoded), 8))


def _boundary(seed: str, *parts: bytes) -> str:
    """A boundary that stands in none of ``parts``, the same for the same message."""
    for attempt in range(1000):
        known = blake2b(f"{seed}/{attempt}".encode("utf-8", "replace"), digest_size=12).hexdigest()
        # "=_" cannot come out of either transfer encoding.
        boundary = f"=_{known}"
        if not any(boundary.encode("ascii") in part for part in parts):
            return boundary
    raise AssertionError("no boundary found")
