"""Who may see the operator's pages: whoever knows the password, or whom a trusted proxy has logged in.

A session is a signed cookie. Its key is made from the secret key and the password's hash, so that another
password ends every session. Nothing of a reader's session counts here.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.tokens import make_token, read_token
from digest.web.forms import Form, text_of
from digest.web.guard import PEER, SAFE
from digest.web.site import Site, get_site

__all__ = [
    "Admin",
    "LogInNeededError",
    "end_session",
    "form_proof",
    "get_admin",
    "is_on",
    "prove_admin_form",
    "start_session",
]

LIFE = timedelta(hours=12)
MAX_NAME = 80


class LogInNeededError(HTTPException):
    """Nobody is logged in: a page is answered with the way to the log-in, a form with 401."""

    def __init__(self, request: Request) -> None:
        to = {"Location": f"{get_site(request).prefix}/admin/login"}
        if not has_password(get_site(request)):
            super().__init__(401, "These pages open by the way through the proxy that logs you in.")
        elif request.method in SAFE:
            super().__init__(303, "Log in first.", to)
        else:
            super().__init__(401, "You are not logged in any more, so nothing was done.")


@dataclass(frozen=True, slots=True)
class Admin:
    """Who is let in: ``name`` as the proxy told it, else empty; ``proof`` tells sessions apart."""

    name: str
    proof: str


def network_of(address: str) -> str:
    """The network that attempts from an address count for: /24, of IPv6 the /64 that one line has."""
    try:
        parsed = _plain(ip_address(address))
    except ValueError:
        return "unknown"
    return str(ip_network((parsed, 24 if parsed.version == 4 else 64), strict=False))


def is_on(site: Site) -> bool:
    """Whether there are pages for the operator at all."""
    return has_password(site) or site.settings.admin_proxy_header is not None


def has_password(site: Site) -> bool:
    """Whether one can log in by a password."""
    return site.settings.admin_password_hash is not None


# --- sessions --------------------------------------------------------------------------------------


def cookie_name(request: Request) -> str:
    """``__Host-`` keeps other hosts and paths from setting it; browsers take it by https only."""
    return "__Host-digest-admin" if request.url.scheme == "https" else "digest-admin"


def _key(site: Site) -> bytes:
    stored = site.settings.admin_password_hash
    text = stored.get_secret_value() if stored is not None else ""
    return hmac.digest(site.secret.signing, b"admin session\0" + text.encode(), "sha256")


def start_session(request: Request, response: Response) -> None:
    """Let this browser in for half a day."""
    site = get_site(request)
    until = int((site.now() + LIFE).timestamp())
    response.set_cookie(
        cookie_name(request),
        make_token(_key(site), "admin", str(until), 0),
        max_age=int(LIFE.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def end_session(request: Request, response: Response) -> None:
    """Let this browser in no more."""
    response.delete_cookie(
        cookie_name(request),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def get_admin(request: Request) -> Admin:
    """Who asks; ``LogInNeededError`` where that is nobody who is let in."""
    admin = _by_proxy(request) or _by_cookie(request)
    if admin is None:
        raise LogInNeededError(request)
    return admin


def _by_cookie(request: Request) -> Admin | None:
    site = get_site(request)
    if not has_password(site):
        return None
    claim = read_token(_key(site), "admin", request.cookies.get(cookie_name(request), ""))
    if claim is None or site.now().timestamp() >= int(claim[0]):
        return None
    return Admin("", claim[0])


def _by_proxy(request: Request) -> Admin | None:
    """Whom the proxy names: only its own word counts, and only where it is one word."""
    site = get_site(request)
    header = site.settings.admin_proxy_header
    if header is None or not _is_trusted(site, request.scope.get(PEER, "")):
        return None
    named = [value.strip() for value in request.headers.getlist(header)]
    if len(named) != 1 or not named[0]:
        return None
    whole = hashlib.sha256(named[0].encode("utf-8", "surrogatepass")).hexdigest()
    return Admin(named[0][:MAX_NAME], f"proxy {whole}")


def _is_trusted(site: Site, peer: str) -> bool:
    """Whether the other end of the line is one of the trusted proxies."""
    try:
        address = _plain(ip_address(peer))
    except ValueError:
        return False
    networks = (ip_network(one, strict=False) for one in site.trusted_proxies)
    return any(address.version == one.version and address in one for one in networks)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that a socket of both kinds shows as ``::ffff:192.0.2.1``."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


Known = Annotated[Admin, Depends(get_admin)]

# --- forms -----------------------------------------------------------------------------------------


def form_proof(request: Request, admin: Admin) -> str:
    """What a form of these pages carries: a token that only a page of this very session has.

    A proxy's log-in may ride on a cookie that browsers send from anywhere, so that the browser's word on
    where a form comes from is not all that counts.
    """
    return make_token(_key(get_site(request)), "admin form", admin.proof, 0)


async def prove_admin_form(request: Request, admin: Known, form: Form) -> None:
    """Refuse an unsafe request without its page's token."""
    if request.method in SAFE:
        return
    claim = read_token(_key(get_site(request)), "admin form", text_of(form, "admin_token"))
    if claim is None or claim[0] != admin.proof:
        raise HTTPException(403, "This form is not of this session. Open the page again and repeat it.")
