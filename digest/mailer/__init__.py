"""Hands finished mails over and says truthfully what became of them: SMTP, Maildir, mbox, or a program.

Does not compose, does not retry later, and knows no tables: one call is one attempt, and the answer is
the server's reply or a :class:`~digest.errors.DeliveryError` that says whether trying again may help,
whether the mail may have arrived all the same, and whether it is the way of sending that is broken;
:func:`classify` makes one word of that. :class:`Pacer` says how fast to go, and waits for nobody.
"""

from digest.mailer.answers import Outcome, classify
from digest.mailer.channel import CanBeCut, Channel, Mail, check_address, check_sender
from digest.mailer.command import CommandChannel
from digest.mailer.maildir import MaildirChannel
from digest.mailer.mbox import MboxChannel
from digest.mailer.pace import Pacer, Rate, backoff, parse_rate
from digest.mailer.providers import Preset, presets
from digest.mailer.smtp import SmtpChannel
from digest.mailer.smtp_url import SmtpUrl, parse_smtp_url

__all__ = [
    "CanBeCut",
    "Channel",
    "CommandChannel",
    "Mail",
    "MaildirChannel",
    "MboxChannel",
    "Outcome",
    "Pacer",
    "Preset",
    "Rate",
    "SmtpChannel",
    "SmtpUrl",
    "backoff",
    "check_address",
    "check_sender",
    "classify",
    "parse_rate",
    "parse_smtp_url",
    "presets",
]
