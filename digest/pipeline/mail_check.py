"""``digest mail check``: what the domains of our mail publish, held against how it is set up.

Only looks things up; stores and sends nothing. Which domains count: the one readers see (From) for DKIM and
DMARC, the one of the envelope sender for SPF, and both of those that mail comes back to for MX.
"""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from digest.config import Settings
from digest.domains import (
    Finding,
    Kind,
    Level,
    Policy,
    Relay,
    Resolver,
    check_alignment,
    check_dkim,
    check_dmarc,
    check_mx,
    check_reverse,
    check_spf,
    find_policy,
    find_provider,
    owner_of,
)
from digest.errors import UsageError
from digest.mailer import SmtpUrl, parse_smtp_url
from digest.text import is_this_machine

__all__ = ["MailCheck", "MailSetup", "check_mail", "nothing_to_check", "setup_of"]

# Names that no other machine knows (RFC 6761, 6762, 8375 and the usual ones).
_LOCAL_ENDS = ("localhost", "local", "localdomain", "internal", "lan", "home.arpa", "invalid")
_SERVER_KINDS: tuple[Kind, ...] = ("A", "AAAA")


@dataclass(frozen=True, slots=True)
class MailSetup:
    """How mail is set up. ``channel`` is smtp, maildir, mbox or command; ``relay`` is set for smtp only.

    ``sends_from`` are the addresses that the operator says mail leaves from.
    """

    sender: str
    bounce_address: str
    unsubscribe_address: str
    channel: str = "smtp"
    relay: SmtpUrl | None = None
    base_url: str | None = None
    address_tags: bool = True
    dkim_selector: str | None = None
    sends_from: tuple[str, ...] = ()


def setup_of(settings: Settings, sends_from: tuple[str, ...] = ()) -> MailSetup:
    """What the check needs to know of the settings."""
    relay = None
    if settings.way == "smtp" and settings.smtp_url is not None:
        relay = parse_smtp_url(settings.smtp_url.get_secret_value())
    return MailSetup(
        sender=settings.sender,
        bounce_address=settings.bounce_address or settings.sender,
        unsubscribe_address=settings.unsubscribe_address or settings.sender,
        channel=settings.way,
        relay=relay,
        base_url=settings.base_url,
        address_tags=settings.address_tags,
        dkim_selector=settings.dkim_selector,
        sends_from=sends_from,
    )


@dataclass(frozen=True, slots=True)
class MailCheck:
    """What the check found. ``nothing`` is set where there is nothing to check, and says why."""

    sender: str
    findings: tuple[Finding, ...] = ()
    nothing: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is missing or wrong, and everything could be looked up."""
        return not any(finding.is_bad for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "ok": self.ok,
            "sender": self.sender,
            "nothing_to_check": self.nothing or None,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def lines(self) -> list[str]:
        """For a person."""
        if self.nothing:
            return [f"Nothing to check: {self.nothing}."]
        lines = []
        for finding in self.findings:
            lines.append(f"{finding.level.upper():6}  {finding.topic:8} {finding.sentence}")
            if finding.mend:
                lines.append(f"{'':17}→ {finding.mend}")
            if finding.record is not None:
                lines.append(f"{'':19}{finding.record}")
        bad = sum(finding.is_bad for finding in self.findings)
        lines.append(f"{bad} to mend" if bad else "nothing to mend; a test mail proves the rest")
        return lines


def nothing_to_check(setup: MailSetup) -> str:
    """Why no other server ever judges this mail; "" where one does."""
    if setup.channel in ("maildir", "mbox"):
        return f"mail is stored on this machine ({setup.channel}) and no other server ever judges it"
    domain = _domain(setup.sender)
    if "." not in domain or any(domain == end or domain.endswith(f".{end}") for end in _LOCAL_ENDS):
        return f"the sender's domain {domain} is known on this machine or network only"
    return ""


def check_mail(
    setup: MailSetup, resolver: Resolver | None, probe: Callable[[SmtpUrl], Finding] | None = None
) -> MailCheck:
    """Look up and judge everything. ``probe`` connects to the mail server; without it that is left out.

    Without a resolver only :func:`nothing_to_check` is told. Raises ``UsageError`` for an address in
    ``sends_from`` that is none.
    """
    _check_addresses(setup.sends_from)
    nothing = nothing_to_check(setup)
    if nothing or resolver is None:
        return MailCheck(setup.sender, nothing=nothing or "no name server was given")
    relay = _relay(setup, resolver)
    owner = owner_of(_domain(setup.sender))
    judged = _owned(setup, relay) if owner else _own_domain(setup, relay, resolver)
    server = [probe(setup.relay)] if probe is not None and setup.relay is not None else []
    return MailCheck(setup.sender, (*judged, *server, *_coming_back(setup, resolver), *_rules(setup)))


def _check_addresses(addresses: Sequence[str]) -> None:
    """Raise ``UsageError`` for what is no IP address."""
    for address in addresses:
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise UsageError(f"{address!r} is no IP address; give one such as 192.0.2.25") from error


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower().rstrip(".")


def _relay(setup: MailSetup, resolver: Resolver) -> Relay:
    """What is known of whom mail is handed to."""
    sends_from = tuple(str(ipaddress.ip_address(one)) for one in setup.sends_from)
    if setup.relay is None:
        return Relay(None, sends_from=sends_from)
    host = setup.relay.host
    provider = find_provider(host)
    addresses, why = ([], "") if provider or sends_from else _public(host, resolver)
    return Relay(host, provider, tuple(addresses), sends_from, why)


def _public(host: str, resolver: Resolver) -> tuple[list[str], str]:
    """The addresses of a host that others can see, else why there are none."""
    if is_this_machine(host):
        return [], "it is on this machine"
    try:
        found = [str(ipaddress.ip_address(host))]
    except ValueError:
        answers = [resolver.look_up(host, kind) for kind in _SERVER_KINDS]
        found = [value for answer in answers for value in answer.values]
        if not found:
            failed = [answer.why for answer in answers if answer.failed]
            return [], f"its address could not be looked up: {failed[0]}" if failed else "it has no address"
    public = [one for one in found if _is_public(one)]
    return public, "" if public else "it has a private address"


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    # Addresses for documentation stand for public ones in examples and tests.
    return not (ip.is_loopback or ip.is_link_local or ip.is_unspecified or any(ip in one for one in _PRIVATE))


_PRIVATE = tuple(
    ipaddress.ip_network(one)
    for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


def _owned(setup: MailSetup, relay: Relay) -> list[Finding]:
    """A sender at a provider's own domain: it publishes everything, for its own servers alone."""
    domain = _domain(setup.sender)
    owner = owner_of(domain)
    assert owner is not None  # noqa: S101 - the caller looked
    if relay.provider is not None and relay.provider.label == owner.label:
        sentence = (
            f"{domain} belongs to {owner.label}, which also sends the mail: SPF, DKIM and DMARC are its work"
        )
        return [Finding("rules", domain, Level.WELL, sentence)]
    sentence = f"{domain} belongs to {owner.label}, and mail from there that {relay.name} sends looks forged"
    mend = f"send through {owner.label}, or set mail_from to an address at a domain of your own"
    return [Finding("rules", domain, Level.WRONG, sentence, mend)]


def _own_domain(setup: MailSetup, relay: Relay, resolver: Resolver) -> list[Finding]:
    domain, envelope = _domain(setup.sender), _domain(setup.bounce_address)
    policy = find_policy(domain, resolver)
    other = policy if envelope == domain else find_policy(envelope, resolver)
    return [
        *check_spf(envelope, resolver, relay),
        *check_dkim(domain, resolver, relay, setup.dkim_selector, _signing_parents(policy)),
        *check_dmarc(policy),
        check_alignment(policy, other),
        *(_reverse(one, resolver, envelope) for one in relay.sends_from),
    ]


def _signing_parents(policy: Policy) -> tuple[str, ...]:
    """The organisation's domain, where a signature by it counts for the sender's."""
    strict = policy.record is not None and policy.record.strict_dkim
    is_other = policy.organisation not in ("", policy.domain)
    return (policy.organisation,) if is_other and not strict else ()


def _reverse(address: str, resolver: Resolver, domain: str) -> Finding:
    return check_reverse(address, resolver, ipaddress.ip_address(address).reverse_pointer, domain)


# --- coming back, and what large receivers demand -----------------------------------------------------


def _coming_back(setup: MailSetup, resolver: Resolver) -> list[Finding]:
    """Whether bounces and mails of people who leave find their way."""
    purposes: dict[str, list[str]] = {}
    for address, purpose in (
        (setup.bounce_address, "bounces"),
        (setup.unsubscribe_address, "mails of people who leave"),
        (setup.sender, "replies"),
    ):
        purposes.setdefault(_domain(address), []).append(purpose)
    findings = []
    for domain, words in purposes.items():
        told = f"{', '.join(words[:-1])} and {words[-1]}" if words[1:] else words[0]
        findings += check_mx(domain, resolver, told)
    if setup.address_tags:
        findings.append(_tags(setup))
    return findings


def _tags(setup: MailSetup) -> Finding:
    addresses = dict.fromkeys((setup.bounce_address, setup.unsubscribe_address))
    written = [f"{local}+test@{domain}" for local, _, domain in (one.rpartition("@") for one in addresses)]
    sentence = "whether mail to addresses with a +tag arrives (address_tags) only a test shows"
    mend = f"write to {' and '.join(written)}; if that does not arrive, set address_tags to false"
    return Finding("tags", _domain(setup.bounce_address), Level.OPEN, sentence, mend)


def _rules(setup: MailSetup) -> list[Finding]:
    """What Gmail and Yahoo demand since 2024 of those who send to many, as far as settings tell."""
    domain = _domain(setup.sender)
    if setup.base_url and setup.base_url.startswith("https://"):
        sentence = f"readers can leave by one click ({setup.base_url})"
        click = Finding("rules", domain, Level.WELL, sentence)
    else:
        has = "base_url is not https" if setup.base_url else "there is no base_url"
        sentence = (
            f"{has}, so readers leave by mail and not by one click, which Gmail and Yahoo demand of those "
            "who send to many"
        )
        click = Finding("rules", domain, Level.NOTE, sentence, "serve the web at https and set base_url")
    sentence = "complaints must stay below 0.3 % of mails, better 0.1 %, which only the receivers can tell"
    mend = f"add {domain} to Google Postmaster Tools, and to complaint feedback loops where they are offered"
    return [click, Finding("rules", domain, Level.OPEN, sentence, mend)]
