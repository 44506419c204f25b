"""Which addresses may be reached, and the one URL parser that decides it.

Everything the program asks for on behalf of content, a redirect or a reader passes here. The parts
that :func:`parse_target` returns are the very ones the connection is made with, so that no second
parser can see another host. What a name stands for is decided by :func:`resolve`, once per
connection; the caller connects to exactly the addresses it returns. The operator's own SMTP server
and database are no business of this module.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import quote, urljoin

import idna

from digest.errors import FetchError
from digest.types import Verdict

__all__ = [
    "AddressKind",
    "Resolver",
    "Target",
    "address_kind",
    "check_address",
    "join_target",
    "parse_target",
    "resolve",
    "system_resolver",
]

Resolver = Callable[[str, int], Sequence[str]]

MAX_URL_CHARS = 8_000
DEFAULT_PORTS = {"http": 80, "https": 443}

# Written out because `is_global` of Python 3.11 accepts NAT64, 6to4, fec0::/10 and multicast.
# Source: the special-purpose registries of IANA (RFC 6890 and its updates).
_PRIVATE = [
    "0.0.0.0/32",  # "this host": Linux connects it to loopback
    "10.0.0.0/8",
    "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",  # benchmark networks
    "::/128",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",  # site-local, deprecated
]
_NEVER = [
    "0.0.0.0/8",
    "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is a metadata service
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relays
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    # Services that give a cloud machine its secrets; the Azure one has a public address.
    "100.100.100.200/32",
    "168.63.129.16/32",
    "169.254.169.254/32",
    "169.254.170.2/32",
    "169.254.170.23/32",
    "fd00:ec2::/32",
    "fd20:ce::254/128",
    "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
    "2001:db8::/32",
    "2002::/16",  # 6to4
    "3fff::/20",  # documentation
]
_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")


class AddressKind(StrEnum):
    """Who may be reached: anybody's, the operator's own where a source says so, nobody's."""

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


def _networks(blocks: Sequence[str]) -> tuple[tuple[IPv4Network, ...], tuple[IPv6Network, ...]]:
    parsed = [ipaddress.ip_network(block) for block in blocks]
    return (
        tuple(network for network in parsed if isinstance(network, IPv4Network)),
        tuple(network for network in parsed if isinstance(network, IPv6Network)),
    )


_PRIVATE_4, _PRIVATE_6 = _networks(_PRIVATE)
_NEVER_4, _NEVER_6 = _networks(_NEVER)


def address_kind(address: str | IPv4Address | IPv6Address) -> AddressKind:
    """Say whether an address is public, private, or one that no source may ever use.

    An IPv6 address that only wraps an IPv4 address is what that one is; behind NAT64 it is private
    at best. Raises ``ValueError`` for what is no address.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, IPv4Address):
        return _kind_of_4(ip)
    if ip.ipv4_mapped is not None:
        return _kind_of_4(ip.ipv4_mapped)
    plain = IPv6Address(int(ip))  # without the zone of a link-local address
    if plain in _NAT64:
        inner = _kind_of_4(IPv4Address(int(plain) & 0xFFFF_FFFF))
        return AddressKind.NEVER if inner is AddressKind.NEVER else AddressKind.PRIVATE
    return _kind_of_6(plain)


def _kind_of_4(ip: IPv4Address) -> AddressKind:
    # Private blocks hold addresses that are for nobody, so those are asked first; 0.0.0.0 is the reverse.
    if ip == IPv4Address(0):
        return AddressKind.PRIVATE
    if any(ip in network for network in _NEVER_4):
        return AddressKind.NEVER
    if any(ip in network for network in _PRIVATE_4):
        return AddressKind.PRIVATE
    return AddressKind.PUBLIC


def _kind_of_6(ip: IPv6Address) -> AddressKind:
    if any(ip in network for network in _NEVER_6):
        return AddressKind.NEVER
    if any(ip in network for network in _PRIVATE_6):
        return AddressKind.PRIVATE
    return AddressKind.PUBLIC if ip in _GLOBAL_UNICAST else AddressKind.NEVER


def check_address(address: str | IPv4Address | IPv6Address) -> bool:
    """Whether the address is public: one that content, redirects and readers may point to."""
    return address_kind(address) is AddressKind.PUBLIC


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes, in the parts the connection is made with.

    ``host`` is a lower-case ASCII name or an address without brackets, ``path`` the request target:
    ASCII, beginning with a slash, without dot segments, with the query.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what credentials and exceptions belong to."""
        return self.scheme, self.host, self.port

    @property
    def netloc(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address written out, without a fragment."""
        return f"{self.scheme}://{self.netloc}{self.path}"


_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)(?:#.*)?", re.ASCII)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{0,5}))?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_REFUSED = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff\u2028\u2029]")


def parse_target(url: str) -> Target:
    """Read an absolute http or https URL, strictly.

    Refused with ``FetchError`` (broken): other schemes, user names, backslashes, spaces and control
    characters, addresses in forms that only some parsers know (``127.1``, ``0x7f.1``,
    ``2130706433``). Names beyond ASCII are encoded by IDNA (UTS 46). The message does not repeat the
    URL, since it may hold a secret.
    """
    if len(url) > MAX_URL_CHARS:
        raise _refusal(f"is longer than {MAX_URL_CHARS:,} characters")
    if _REFUSED.search(url):
        raise _refusal("has a backslash, a space or a control character in it")
    parts = _URL.fullmatch(url)
    scheme = parts[1].lower() if parts else ""
    if parts is None or scheme not in DEFAULT_PORTS:
        raise _refusal("does not begin with http:// or https://")
    if "@" in parts[2]:
        raise _refusal("has a user name in it")
    authority = _AUTHORITY.fullmatch(parts[2])
    if authority is None:
        raise _refusal("has no valid host")
    port = int(authority[2]) if authority[2] else DEFAULT_PORTS[scheme]
    if not 0 < port < 65_536:
        raise _refusal("has no valid port")
    path = _without_dots(quote(parts[3], safe="/?%:@!$&'()*+,;=-._~[]|"))
    return Target(scheme, _parse_host(authority[1]), port, path)


def join_target(base: Target, reference: str) -> Target:
    """Read a redirect's Location, which may be relative to ``base``. Raises as :func:`parse_target`."""
    if _REFUSED.search(reference) or len(reference) > MAX_URL_CHARS:
        raise _refusal("has a backslash, a space or a control character in it, or is too long")
    try:
        joined = urljoin(base.url, reference)
    except ValueError as error:
        raise _refusal("has no valid host") from error
    return parse_target(joined)


def _refusal(what: str) -> FetchError:
    return FetchError(f"the address {what}", verdict=Verdict.BROKEN)


def _without_dots(reference: str) -> str:
    """The path without its ``.`` and ``..`` segments (RFC 3986, 5.2.4), and the query as it is.

    Every browser and HTTP library does this, so it is done once, before anything is decided.
    """
    path, mark, query = reference.partition("?")
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return f"/{'/'.join(kept)}{mark}{query}"


def _parse_host(host: str) -> str:
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1]))
        except ValueError as error:
            raise _refusal("has no valid host") from error
    if len(host) > 253:
        raise _refusal("has no valid host")
    try:
        name = idna.encode(host, uts46=True).decode("ascii") if not host.isascii() else host.lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise _refusal("has no valid host") from error
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refusal("has no valid host")
    if _NUMERIC.fullmatch(labels[-1]):
        # Whatever ends in a number is an address to some parser: only the plain form is taken.
        try:
            return str(IPv4Address(name))
        except ValueError as error:
            raise _refusal("has an address in an unusual form") from error
    return name


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a name, in the order it prefers. Raises ``OSError``."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve(host: str, port: int, *, allow_private: bool, resolver: Resolver) -> tuple[str, ...]:
    """Look a host up once and return those of its addresses that may be connected to.

    Raises ``FetchError`` (unreachable) where none may, ``OSError`` where the look-up fails. A name
    without a dot is the local network's and counts as private.
    """
    try:
        found: Sequence[str] = [str(ipaddress.ip_address(host))]
    except ValueError:
        if "." not in host and not allow_private:
            raise _forbidden(host, AddressKind.PRIVATE) from None
        found = resolver(host, port)
    kinds = {address: address_kind(address) for address in found}
    good = {AddressKind.PUBLIC, AddressKind.PRIVATE} if allow_private else {AddressKind.PUBLIC}
    usable = tuple(address for address, kind in kinds.items() if kind in good)
    if not usable:
        if not kinds:
            raise OSError("the name has no address")
        private = AddressKind.PRIVATE in kinds.values()
        raise _forbidden(host, AddressKind.PRIVATE if private else AddressKind.NEVER)
    return usable


def _forbidden(host: str, kind: AddressKind) -> FetchError:
    if kind is AddressKind.PRIVATE:
        return FetchError(
            f"{host} is on a private network; if that is meant, set allow_private for this source"
        )
    return FetchError(f"{host} has an address that no source may be at")
