"""Follows an SPF record through all it names, counts the lookups, and says what it says of an address.

The count is of the whole tree, which is what a sender no term matches costs: a receiver that finds a
match early stops earlier, but the record must not depend on that.
"""

import ipaddress
from dataclasses import dataclass, field
from typing import Literal

from digest.domains.lookups import Kind, Resolver, shown
from digest.domains.spf_record import LOOKS_UP, Network, SpfRecord, Term, is_spf, parse_spf

__all__ = ["MAX_LOOKUPS", "Node", "SpfTree", "SpfVerdict", "judge_address", "read_tree"]

MAX_LOOKUPS = 10
MAX_VOID = 2
MAX_MX_NAMES = 10
# Where a record is hopeless anyway, stop asking.
_GIVE_UP = 30

SpfVerdict = Literal["pass", "fail", "softfail", "neutral", "none", "permerror", "temperror"]
_VERDICTS: dict[str, SpfVerdict] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


@dataclass(slots=True)
class Node:
    """One domain's record and all that hangs below it. ``texts`` are its SPF records; one is right."""

    domain: str
    texts: tuple[str, ...] = ()
    failed: str = ""
    record: SpfRecord | None = None
    networks: dict[int, tuple[Network, ...]] = field(default_factory=dict)
    children: dict[int, "Node"] = field(default_factory=dict)
    redirect: "Node | None" = None


@dataclass(slots=True)
class SpfTree:
    """A whole record: ``lookups`` it costs, ``void`` ones without an answer, and its faults in words.

    ``untold`` names terms that depend on the mail (macros, exists, ptr), ``failed`` names that could not
    be looked up, ``included`` all domains it includes or redirects to.
    """

    root: Node
    lookups: int = 0
    void: int = 0
    faults: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    included: set[str] = field(default_factory=set)


def read_tree(domain: str, resolver: Resolver) -> SpfTree:
    """Look up the record of a domain and everything it leads to."""
    walk = _Walk(resolver, SpfTree(Node(domain)))
    walk.fill(walk.tree.root, ())
    return walk.tree


class _Walk:
    def __init__(self, resolver: Resolver, tree: SpfTree) -> None:
        self.resolver = resolver
        self.tree = tree

    def fill(self, node: Node, path: tuple[str, ...]) -> None:
        """Read one domain's record, then what it names."""
        if node.domain in path:
            self.tree.faults.append(f"{node.domain} leads back to itself")
            return
        answer = self.resolver.look_up(node.domain, "TXT")
        if answer.failed:
            node.failed = answer.why
            self.tree.failed.append(f"{node.domain} ({answer.why})")
            return
        if path and answer.state != "found":
            self._void()
        node.texts = tuple(text for text in answer.values if is_spf(text))
        if len(node.texts) != 1:
            if path:
                number = "no SPF record" if not node.texts else f"{len(node.texts)} SPF records"
                self.tree.faults.append(f"{shown(node.domain)}, which it includes, has {number}")
            return
        node.record = parse_spf(node.texts[0])
        self.tree.faults += [f"in {shown(node.domain)}: {fault}" for fault in node.record.faults]
        self._follow(node, node.record, (*path, node.domain))

    def _follow(self, node: Node, record: SpfRecord, path: tuple[str, ...]) -> None:
        for place, term in enumerate(record.terms):
            if term.name == "all":
                return  # what follows is never looked at, and a redirect not followed
            self._term(node, place, term, path)
        if record.redirect:
            node.redirect = self._child("redirect", record.redirect, path)

    def _term(self, node: Node, place: int, term: Term, path: tuple[str, ...]) -> None:
        if term.network is not None:
            node.networks[place] = (term.network,)
        elif term.name == "include":
            child = self._child("include", term.value, path)
            if child is not None:
                node.children[place] = child
        elif self._count(term.name):
            if term.has_macro or term.name in ("ptr", "exists"):
                self.tree.untold.append(f"{term.name}:{shown(term.value)}" if term.value else term.name)
            else:
                node.networks[place] = self._networks(term, term.value or node.domain)

    def _child(self, name: str, domain: str, path: tuple[str, ...]) -> Node | None:
        if not self._count(name):
            return None
        if "%" in domain:
            self.tree.untold.append(f"{name}:{shown(domain)}")
            return None
        child = Node(domain.lower().rstrip("."))
        self.tree.included.add(child.domain)
        self.fill(child, path)
        return child

    def _count(self, name: str) -> bool:
        """Count a lookup; ``False`` where enough have been made."""
        self.tree.lookups += name in LOOKS_UP
        return self.tree.lookups <= _GIVE_UP

    def _void(self) -> None:
        self.tree.void += 1

    def _networks(self, term: Term, domain: str) -> tuple[Network, ...]:
        """The addresses that an a or mx term stands for."""
        names = [domain]
        if term.name == "mx":
            answer = self.resolver.look_up(domain, "MX")
            if answer.failed:
                self.tree.failed.append(f"{domain} ({answer.why})")
            if answer.state in ("no_name", "no_data"):
                self._void()
            names = [value.rpartition(" ")[2] for value in answer.values]
            if len(names) > MAX_MX_NAMES:
                self.tree.faults.append(f"mx:{domain} names more than {MAX_MX_NAMES} servers")
        found: list[Network] = []
        for name in names[:MAX_MX_NAMES]:
            found += self._addresses(name, term) if name else []
        return tuple(found)

    def _addresses(self, name: str, term: Term) -> list[Network]:
        found: list[Network] = []
        states = []
        kinds: tuple[tuple[Kind, int], ...] = (("A", term.lengths[0]), ("AAAA", term.lengths[1]))
        for kind, length in kinds:
            answer = self.resolver.look_up(name, kind)
            states.append(answer.state)
            if answer.failed:
                self.tree.failed.append(f"{name} ({answer.why})")
            found += [ipaddress.ip_network(f"{value}/{length}", strict=False) for value in answer.values]
        # A receiver asks for one of both kinds; void is what is void for either.
        if all(state in ("no_name", "no_data") for state in states) and term.name == "a":
            self._void()
        return found


def judge_address(node: Node, address: str) -> SpfVerdict:
    """What a record says of a sending address (``check_host``, 4 to 5), macros never matching."""
    if node.failed:
        return "temperror"
    if node.record is None:
        return "permerror" if len(node.texts) > 1 else "none"
    if node.record.faults:
        return "permerror"
    ip = ipaddress.ip_address(address)
    for place, term in enumerate(node.record.terms):
        if term.name == "all" or any(ip in network for network in node.networks.get(place, ())):
            return _VERDICTS[term.qualifier]
        if place in node.children:
            inner = judge_address(node.children[place], address)
            if inner == "pass":
                return _VERDICTS[term.qualifier]
            if inner in ("none", "permerror", "temperror"):
                return _passed_on(inner)
    return "neutral" if node.redirect is None else _passed_on(judge_address(node.redirect, address))


def _passed_on(verdict: SpfVerdict) -> SpfVerdict:
    """The verdict of a record named by another: that there is none is then an error (5.2, 6.1)."""
    return "permerror" if verdict == "none" else verdict
