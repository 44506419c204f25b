"""Web addresses: which of those met may be kept, and those built from a paper's ids."""

import ipaddress
import re
from typing import Final
from urllib.parse import quote, quote_plus, urlsplit

__all__ = ["is_this_machine", "paper_url", "pdf_url", "safe_url"]

_MAX_URL: Final = 2000
_UNSAFE: Final = re.compile(
    '[\x00-\x20\x7f-\xa0\\\\<>"`\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ud800-\udfff]'
)
# What nearly every address looks like: nothing in it is unsafe, and taking it apart and putting it together
# again would change nothing.
_USUAL: Final = re.compile(r"https?://[a-z0-9][a-z0-9.-]{0,200}(?:/[A-Za-z0-9/._~%+=,-]{0,1000})?")


def safe_url(value: object) -> str | None:
    """The address, if it is one of http or https that may be stored and linked to, else ``None``.

    Refused are other schemes, user names, white space, controls, backslashes, quotes and anything
    beyond 2,000 characters. White space around it is forgiven.
    """
    if not isinstance(value, str) or len(value) > _MAX_URL + 100:
        return None
    if _USUAL.fullmatch(value):
        return str(value)
    text = value.strip()
    if not text or len(text) > _MAX_URL or _UNSAFE.search(text):
        return None
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or "%" in parts.netloc:
        return None
    return parts.geturl()


def paper_url(arxiv_id: str | None, doi: str | None, title: str) -> str:
    """Where a person reads about a paper: arXiv, else its DOI, else a search for its exact title."""
    if arxiv_id:
        return f"https://arxiv.org/abs/{quote(arxiv_id, safe='/.-')}"
    if doi:
        return f"https://doi.org/{quote(doi, safe='/:;()._-', errors='replace')}"
    wanted = title[:300].replace('"', " ")
    return f"https://scholar.google.com/scholar?q={quote_plus(chr(34) + wanted + chr(34), errors='replace')}"


def pdf_url(arxiv_id: str | None) -> str | None:
    """The paper's PDF at arXiv, where it has an arXiv id."""
    return f"https://arxiv.org/pdf/{quote(arxiv_id, safe='/.-')}" if arxiv_id else None


def is_this_machine(host: str) -> bool:
    """Whether a host's name or address never leads off this machine, so that nobody can listen in."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
