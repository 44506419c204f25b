"""Reads an SPF record (RFC 7208, 4 to 6): its terms, and what is wrong with its grammar."""

import ipaddress
import re
from dataclasses import dataclass

from digest.domains.lookups import shown

__all__ = ["LOOKS_UP", "Network", "SpfRecord", "Term", "is_spf", "parse_spf"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Each of these costs one of the ten lookups that a check may make (4.6.4).
LOOKS_UP = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})

_MECHANISM = re.compile(
    r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::([^/]*))?((?:/.*)?)\Z", re.IGNORECASE
)
_ADDRESS = re.compile(r"([+?~-]?)(ip4|ip6):(.+)\Z", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)\Z", re.IGNORECASE)
_CIDR = re.compile(r"(?:/(\d{1,2}))?(?://(\d{1,3}))?\Z")


@dataclass(frozen=True, slots=True)
class Term:
    """One mechanism. ``value`` is the domain it names ("" for the record's own).

    ``network`` is set for ip4 and ip6; ``lengths`` are the prefix lengths of a and mx.
    """

    qualifier: str
    name: str
    value: str = ""
    network: Network | None = None
    lengths: tuple[int, int] = (32, 128)

    @property
    def has_macro(self) -> bool:
        """Whether what it names depends on the mail, so that it cannot be looked up ahead."""
        return "%" in self.value


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """The terms in order, where it redirects to ("" for nowhere), and its faults in words."""

    terms: tuple[Term, ...]
    redirect: str = ""
    faults: tuple[str, ...] = ()

    @property
    def all(self) -> Term | None:
        """The term that says what becomes of everybody else."""
        return next((term for term in self.terms if term.name == "all"), None)


def is_spf(text: str) -> bool:
    """Whether a TXT record is meant as SPF (4.5)."""
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


def parse_spf(text: str) -> SpfRecord:
    """Read a record that :func:`is_spf`; what cannot be read is a fault, not an error."""
    terms: list[Term] = []
    faults: list[str] = []
    redirects: list[str] = []
    for word in text.split(" ")[1:]:
        if not word:
            continue
        term = _term(word)
        modifier = _MODIFIER.match(word)
        if term is not None:
            terms.append(term)
        elif modifier is None:
            faults.append(f"{shown(word)!r} is no term of SPF")
        elif modifier[1].lower() == "redirect":
            redirects.append(modifier[2])
    if len(redirects) > 1 or "" in redirects:
        faults.append("redirect= must be there once at most, with a domain")
    return SpfRecord(tuple(terms), redirects[0] if redirects else "", tuple(faults))


def _term(word: str) -> Term | None:
    if (found := _ADDRESS.match(word)) is not None:
        qualifier, name, address = found[1] or "+", found[2].lower(), found[3]
        try:
            network = ipaddress.ip_network(address, strict=False)
        except ValueError:
            return None
        return Term(qualifier, name, network=network) if network.version == int(name[2]) else None
    found = _MECHANISM.match(word)
    if found is None or found[2].lower() in ("ip4", "ip6"):
        return None
    qualifier, name, value, cidr = found[1] or "+", found[2].lower(), found[3], found[4]
    lengths = _CIDR.match(cidr)
    if lengths is None or value == "" or (cidr and name not in ("a", "mx")):
        return None
    if (name == "all" and value is not None) or (name in ("include", "exists") and not value):
        return None
    four, six = int(lengths[1] or 32), int(lengths[2] or 128)
    return Term(qualifier, name, value or "", lengths=(four, six)) if four <= 32 and six <= 128 else None
