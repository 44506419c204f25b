"""The sending servers of common mail providers, for ``digest init``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

from digest.errors import UsageError

__all__ = ["Preset", "presets"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider's sending server. ``advice`` says which password it wants.

    ``user`` is the name to log in with where it is the same for everyone. A ``host`` with ``{region}``
    in it needs the account's region.
    """

    label: str
    host: str
    port: int
    scheme: Literal["smtps", "smtp"]
    advice: str
    user: str | None = None

    @property
    def needs_region(self) -> bool:
        """Whether the host depends on the account's region."""
        return "{region}" in self.host

    def smtp_url(self, user: str, password: str, region: str = "") -> str:
        """The value for ``DIGEST_SMTP_URL``, a secret. Raises ``UsageError`` for a missing or odd region."""
        if self.needs_region and not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d+", region):
            raise UsageError(f"{self.label} needs the region of your account, such as eu-central-1.")
        login = f"{quote(self.user or user, safe='')}:{quote(password, safe='')}"
        return f"{self.scheme}://{login}@{self.host.replace('{region}', region)}:{self.port}"


_TWO_STEP = "turn on two-step verification, then make an app password"
_PRESETS = {
    "gmail": Preset(
        "Gmail",
        "smtp.gmail.com",
        465,
        "smtps",
        f"Your own password does not work: {_TWO_STEP} at https://myaccount.google.com/apppasswords.",
    ),
    "fastmail": Preset(
        "Fastmail",
        "smtp.fastmail.com",
        465,
        "smtps",
        "Make an app password for SMTP under Settings, Privacy & Security; your own password does not work.",
    ),
    "icloud": Preset(
        "iCloud Mail",
        "smtp.mail.me.com",
        587,
        "smtp",
        "Make an app-specific password at https://account.apple.com; your own password does not work.",
    ),
    "yahoo": Preset(
        "Yahoo Mail",
        "smtp.mail.yahoo.com",
        465,
        "smtps",
        "Make an app password under Account security; your own password does not work.",
    ),
    "outlook": Preset(
        "Outlook.com",
        "smtp-mail.outlook.com",
        587,
        "smtp",
        f"Often refused, since Microsoft wants OAuth: {_TWO_STEP} in your Microsoft account and try it, else "
        "choose another provider.",
    ),
    "microsoft365": Preset(
        "Microsoft 365",
        "smtp.office365.com",
        587,
        "smtp",
        "Works only where an administrator has turned on authenticated SMTP for the mailbox; Microsoft turns "
        "passwords off by default at the end of 2026.",
    ),
    "mailbox.org": Preset(
        "mailbox.org",
        "smtp.mailbox.org",
        465,
        "smtps",
        "Your mailbox password works, unless two-factor authentication is on: then make an application "
        "password under All settings, Security.",
    ),
    "posteo": Preset("Posteo", "posteo.de", 465, "smtps", "Your mailbox password works."),
    "ses": Preset(
        "Amazon SES",
        "email-smtp.{region}.amazonaws.com",
        465,
        "smtps",
        "Make SMTP credentials in the SES console of your region; they are not your access keys.",
    ),
    "sendgrid": Preset(
        "SendGrid",
        "smtp.sendgrid.net",
        465,
        "smtps",
        "The password is an API key with the right to send mail.",
        user="apikey",
    ),
    "sendgrid-eu": Preset(
        "SendGrid (EU)",
        "smtp.eu.sendgrid.net",
        465,
        "smtps",
        "The password is an API key of an EU subuser with the right to send mail.",
        user="apikey",
    ),
    "mailgun": Preset(
        "Mailgun",
        "smtp.mailgun.org",
        465,
        "smtps",
        "Use the SMTP credentials of your sending domain.",
    ),
    "mailgun-eu": Preset(
        "Mailgun (EU)",
        "smtp.eu.mailgun.org",
        465,
        "smtps",
        "Use the SMTP credentials of your sending domain.",
    ),
    "postmark": Preset(
        "Postmark",
        "smtp-broadcasts.postmarkapp.com",
        587,
        "smtp",
        "Use access key and secret key of a broadcast stream with SMTP turned on: digests are not "
        "transactional mail.",
    ),
    "brevo": Preset(
        "Brevo",
        "smtp-relay.brevo.com",
        587,
        "smtp",
        "Use the SMTP login and an SMTP key from Settings, SMTP & API; an API key does not work.",
    ),
}


def presets() -> Mapping[str, Preset]:
    """The common providers by the name ``digest init`` takes; as their help pages said in November 2026."""
    return MappingProxyType(_PRESETS)
