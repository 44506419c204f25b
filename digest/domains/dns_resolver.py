"""Asks the name system by dnspython, which is imported here only."""

import dns.exception
import dns.name
import dns.rcode
import dns.resolver

from digest.domains.lookups import Answer, Kind
from digest.errors import ConfigError, UsageError

__all__ = ["DnsResolver"]

# After so many answers that never came, the rest is not waited for.
_MAX_SILENT = 3


class DnsResolver:
    """A resolver that remembers what it was told. One per check; not for long-running use.

    ``nameserver`` is ``ADDRESS`` or ``ADDRESS:PORT``; without it the machine's own name servers are asked.
    ``timeout_s`` bounds one lookup, retries included. Raises ``UsageError`` for a name server that is no
    address and ``ConfigError`` where the machine names none.
    """

    def __init__(self, nameserver: str | None = None, *, timeout_s: float = 5.0) -> None:
        self._resolver = _own() if nameserver is None else _asking(nameserver)
        self._resolver.lifetime = timeout_s
        self._known: dict[tuple[str, Kind], Answer] = {}
        self._silent = 0

    def look_up(self, name: str, kind: Kind) -> Answer:
        """See :class:`~digest.domains.lookups.Resolver`. Search lists are not used."""
        key = (name.lower().rstrip("."), kind)
        if key not in self._known:
            self._known[key] = self._ask(*key)
        return self._known[key]

    def _ask(self, name: str, kind: Kind) -> Answer:
        if self._silent >= _MAX_SILENT:
            return Answer("failed", why="not asked any more, as the name server does not answer")
        try:
            found = self._resolver.resolve(dns.name.from_text(name), kind, search=False)
        except dns.resolver.NXDOMAIN:
            answer = Answer("no_name")
        except dns.resolver.NoAnswer:
            answer = Answer("no_data")
        except dns.exception.Timeout:
            self._silent += 1
            return Answer("failed", why="no answer came in time")
        except dns.resolver.NoNameservers as error:
            return Answer("failed", why=_codes(error))
        except (dns.exception.DNSException, UnicodeError):
            return Answer("failed", why="it is no name that can be asked for")
        except OSError as error:
            return Answer("failed", why=f"the name server cannot be reached ({error.strerror})")
        else:
            answer = Answer("found", tuple(sorted(_text(one, kind) for one in found)))
        self._silent = 0
        return answer


def _own() -> dns.resolver.Resolver:
    try:
        return dns.resolver.Resolver()
    except (dns.resolver.NoResolverConfiguration, OSError) as error:
        raise ConfigError(["this machine names no name server; give one with --nameserver"]) from error


def _asking(nameserver: str) -> dns.resolver.Resolver:
    address, colon, port = nameserver.rpartition(":")
    if not colon or (":" in address and not address.startswith("[")):
        address, port = nameserver, "53"  # an IPv6 address without a port
    resolver = dns.resolver.Resolver(configure=False)
    try:
        resolver.nameservers = [address.strip("[]")]
        resolver.port = int(port)
    except ValueError as error:
        message = f"{nameserver!r} is no name server: give an address, such as 192.0.2.53 or 127.0.0.1:5353"
        raise UsageError(message) from error
    return resolver


def _codes(error: dns.resolver.NoNameservers) -> str:
    """The servers' answers in words, such as SERVFAIL."""
    codes = set()
    for one in error.kwargs.get("errors", ()):
        response = one[4] if len(one) > 4 else None
        codes.add(dns.rcode.to_text(response.rcode()) if response is not None else "nothing usable")
    return f"the name server answered {', '.join(sorted(codes)) or 'nothing usable'}"


def _text(record: object, kind: Kind) -> str:
    if kind == "TXT":
        return b"".join(getattr(record, "strings", ())).decode("utf-8", "replace")
    if kind == "MX":
        exchange = getattr(record, "exchange", None)
        return f"{getattr(record, 'preference', 0)} {_name(exchange)}"
    if kind == "PTR":
        return _name(getattr(record, "target", None))
    return str(getattr(record, "address", ""))


def _name(name: object) -> str:
    return name.to_text(omit_final_dot=True) if isinstance(name, dns.name.Name) else ""
