"""Through whom mail leaves: what is known of the common providers, and of a relay of one's own."""

from dataclasses import dataclass

from digest.text import is_this_machine

__all__ = [
    "COMMON_SELECTORS",
    "PROVIDERS",
    "Provider",
    "Relay",
    "find_provider",
    "owner_of",
]


@dataclass(frozen=True, slots=True)
class Provider:
    """A mail provider, as its help pages describe it.

    ``hosts`` are its sending servers (a leading dot: any name below), ``include`` what its customers put
    into their SPF record, ``selectors`` the names of DKIM keys it uses, where they are the same for all.
    ``own_domains``: addresses there are the provider's, so its customers publish nothing for them.
    ``own_envelope``: it may put an envelope sender of its own on mail, and bounces then go to it.
    """

    label: str
    hosts: tuple[str, ...]
    include: str = ""
    selectors: tuple[str, ...] = ()
    own_domains: tuple[str, ...] = ()
    own_envelope: bool = False


PROVIDERS = (
    Provider(
        "Google",
        ("smtp.gmail.com", "smtp-relay.gmail.com"),
        "_spf.google.com",
        ("google",),
        ("gmail.com", "googlemail.com"),
    ),
    Provider(
        "Fastmail",
        ("smtp.fastmail.com",),
        "spf.messagingengine.com",
        ("fm1", "fm2", "fm3"),
        ("fastmail.com", "fastmail.fm"),
    ),
    Provider("iCloud", ("smtp.mail.me.com",), "icloud.com", ("sig1",), ("icloud.com", "me.com", "mac.com")),
    Provider("Yahoo", ("smtp.mail.yahoo.com",), own_domains=("yahoo.com", "ymail.com", "rocketmail.com")),
    Provider(
        "Outlook.com",
        ("smtp-mail.outlook.com",),
        own_domains=("outlook.com", "hotmail.com", "live.com", "msn.com"),
    ),
    Provider(
        "Microsoft 365",
        ("smtp.office365.com",),
        "spf.protection.outlook.com",
        ("selector1", "selector2"),
    ),
    Provider(
        "mailbox.org",
        ("smtp.mailbox.org",),
        "mailbox.org",
        ("MBO0001", "MBO0002", "MBO0003", "MBO0004"),
        ("mailbox.org",),
    ),
    Provider("Posteo", ("posteo.de",), own_domains=("posteo.de", "posteo.net")),
    Provider("Amazon SES", (".amazonaws.com",), "amazonses.com", own_envelope=True),
    Provider("SendGrid", (".sendgrid.net",), "sendgrid.net", ("s1", "s2"), own_envelope=True),
    Provider(
        "Mailgun", (".mailgun.org",), "mailgun.org", ("mx", "smtp", "pic", "krs", "mailo"), own_envelope=True
    ),
    Provider("Postmark", (".postmarkapp.com",), own_envelope=True),
    Provider("Brevo", (".brevo.com",), "spf.brevo.com", ("brevo1", "brevo2", "mail"), own_envelope=True),
)

# What milters are set up with by their own instructions.
COMMON_SELECTORS = ("default", "mail", "dkim", "s1", "k1", "key1", "selector1", "google")


@dataclass(frozen=True, slots=True)
class Relay:
    """The server that mail is handed to. ``host`` is ``None`` where a command takes it.

    ``addresses`` are those of the host that other servers could see; ``sends_from`` those the operator
    named as the ones mail leaves from, which are the ones that count. ``why_unknown`` says why the host's
    addresses could not be had.
    """

    host: str | None
    provider: Provider | None = None
    addresses: tuple[str, ...] = ()
    sends_from: tuple[str, ...] = ()
    why_unknown: str = ""

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        if self.provider is not None:
            return self.provider.label
        if self.host is None:
            return "the command that takes the mail"
        return "the mail server on this machine" if is_this_machine(self.host) else self.host


def find_provider(host: str) -> Provider | None:
    """The provider whose sending server that is."""
    host = host.lower().rstrip(".")
    for provider in PROVIDERS:
        for known in provider.hosts:
            if host == known or (known.startswith(".") and host.endswith(known)):
                return provider
    return None


def owner_of(domain: str) -> Provider | None:
    """The provider that a domain belongs to itself, such as the one of ``gmail.com``."""
    return next((provider for provider in PROVIDERS if domain.lower() in provider.own_domains), None)
