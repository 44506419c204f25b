"""Hands finished mails over: to a Maildir or to an SMTP server, and says truthfully what became of them.

Does not compose, does not retry later, and knows no tables: one call is one attempt, and the answer is
the server's reply or a :class:`~digest.errors.DeliveryError` that says whether trying again may help,
whether the mail may have arrived all the same, and whether it is the way of sending that is broken.
"""

from digest.mailer.channel import Channel, check_address
from digest.mailer.maildir import MaildirChannel
from digest.mailer.providers import Preset, presets
from digest.mailer.smtp import SmtpChannel
from digest.mailer.smtp_url import SmtpUrl, parse_smtp_url

__all__ = [
    "Channel",
    "MaildirChannel",
    "Preset",
    "SmtpChannel",
    "SmtpUrl",
    "check_address",
    "parse_smtp_url",
    "presets",
]
