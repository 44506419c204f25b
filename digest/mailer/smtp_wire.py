"""How a mail and an answer look on an SMTP line (RFC 5321, 4.2 and 4.5.2; RFC 3463). Pure."""

import base64
import re
from dataclasses import dataclass

from digest.mailer.smtp_url import SmtpUrl

__all__ = ["Reply", "double_dots", "make_lines", "read_words"]

MAX_WORDS = 400
_LINE_END = re.compile(rb"\r\n?|\n")
_LEADING_DOT = re.compile(rb"(?m)^\.")
_ENHANCED = re.compile(rb"([245])\.\d{1,3}\.\d{1,3}(?=\s|\Z)")


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole answer. ``code`` is -1 for what is none; the lines of ``text`` have lost theirs."""

    code: int
    text: bytes

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code, as ``5.1.1``, unless it contradicts the code before it (RFC 2034)."""
        found = _ENHANCED.match(self.text)
        return found[0].decode("ascii") if found and int(found[1]) == self.code // 100 else None

    @property
    def is_final(self) -> bool:
        """Whether the server speaks no more on this line, or in a way that cannot be followed."""
        return self.code == 421 or not 400 <= self.code < 600


def make_lines(message: bytes) -> bytes:
    """``message`` with every line ended by CRLF, the last one too.

    A bare CR or LF is a line end to some servers and none to others; between them fits a second mail.
    """
    # Counting is 20 times as fast as rewriting, and finds nothing to rewrite in mails of ours.
    ends = message.count(b"\n")
    if message.count(b"\r") != ends or message.count(b"\r\n") != ends:
        message = _LINE_END.sub(b"\r\n", message)
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def double_dots(lines: bytes) -> bytes:
    """``lines`` with a second dot before each that begins a line, so that none ends the mail."""
    if b"\n." in lines or lines.startswith(b"."):
        return _LEADING_DOT.sub(b"..", lines)
    return lines


def read_words(url: SmtpUrl, code: int | None, text: bytes | str) -> str:
    """What a server said, on one printable line, without anything that gives the password away."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    for secret in _secrets(url):
        text = re.sub(re.escape(secret), "…", text, flags=re.IGNORECASE)
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return (f"{code} {line}" if code is not None else line)[:MAX_WORDS].strip()


def _secrets(url: SmtpUrl) -> tuple[str, ...]:
    """The password, and the forms in which a server may quote it back."""
    if not url.password:
        return ()
    return _base64(f"\0{url.user}\0{url.password}"), _base64(url.password), url.password


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
