"""The address of an SMTP server, as ``DIGEST_SMTP_URL`` writes it."""

import re
from dataclasses import dataclass, field
from typing import Literal, NoReturn
from urllib.parse import quote, unquote, urlsplit

from digest.errors import ConfigError
from digest.text import is_this_machine

__all__ = ["SmtpUrl", "parse_smtp_url"]


@dataclass(frozen=True, slots=True)
class SmtpUrl:
    """Where and how to send: ``tls`` from the first byte, ``starttls`` or nothing, or ``plain``."""

    host: str
    port: int
    security: Literal["tls", "starttls", "plain"]
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        scheme = {"tls": "smtps", "starttls": "smtp", "plain": "smtp+plain"}[self.security]
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        return f"{scheme}://{user}{host}:{self.port}"


def parse_smtp_url(text: str) -> SmtpUrl:
    """Read ``smtps://user:password@host:465`` and its kin. Raises ``ConfigError``, never quoting ``text``.

    ``smtp://`` means STARTTLS is required, except to a loopback address, which is plain; ``smtp+plain://``
    is plain anywhere. Default ports: 465, 587, and 25 for plain. User and password are percent-decoded.
    """
    if any(not letter.isprintable() or letter == " " for letter in text):
        _wrong("it contains a space or a control character")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")  # empty and overlong labels
    except ValueError:
        _wrong("host or port cannot be read")
    if parts.scheme not in ("smtps", "smtp", "smtp+plain"):
        _wrong("it must begin with smtps://, smtp:// or smtp+plain://")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        _wrong("nothing may follow host and port")
    if not re.fullmatch(r"[\w.-]+|[0-9a-f:.]+", host) or port == 0:
        _wrong("it names no host")
    user = unquote(parts.username) if parts.username is not None else None
    password = unquote(parts.password) if parts.password is not None else None
    if (user is None) != (password is None) or user == "":
        _wrong("user and password go together")
    if any(not letter.isprintable() for letter in f"{user}{password}"):
        _wrong("user or password contains a control character")
    security: Literal["tls", "starttls", "plain"]
    if parts.scheme == "smtps":
        security = "tls"
    else:
        security = "plain" if parts.scheme == "smtp+plain" or is_this_machine(host) else "starttls"
    default_port = {"tls": 465, "starttls": 587, "plain": 25}[security]
    return SmtpUrl(host, port or default_port, security, user, password)


def _wrong(fault: str) -> NoReturn:
    raise ConfigError(
        [
            f"the mail server's address is not usable: {fault}. It looks like "
            "smtps://user:password@mail.example:465, with the signs / # ? % @ : of user and password "
            "percent-encoded (%2F for /)."
        ]
    )
