"""A mail to the operator that needs nothing but the way of sending: the database may be what is wrong."""

from dataclasses import dataclass
from datetime import datetime

from digest.mailer import Channel, Mail
from digest.message import MessageParts, make_message, make_message_id
from digest.render import render_letter

__all__ = ["OperatorMail", "send_operator_mail"]

# The end of a log is enough to begin with.
MAX_TEXT = 64 * 1024


@dataclass(frozen=True, slots=True)
class OperatorMail:
    """What is said, from whom and to whom. ``text`` keeps its line breaks."""

    sender: str
    list_name: str
    recipient: str
    subject: str
    text: str


def send_operator_mail(channel: Channel, mail: OperatorMail, now: datetime) -> str:
    """Send it at once and return the server's answer; of a long text only the end goes.

    Raises ``DeliveryError`` where it was not taken. Keeps no row, so nothing sends it again.
    """
    text = mail.text[-MAX_TEXT:]
    domain = mail.sender.rpartition("@")[2]
    message_id = make_message_id(f"operator {mail.recipient} {now.isoformat()}", domain)
    message = make_message(
        MessageParts(
            message_id=message_id,
            date=now,
            from_name=mail.list_name,
            from_address=mail.sender,
            to_address=mail.recipient,
            subject=mail.subject,
            text=text,
            html=render_letter(mail.subject, mail.subject, text.splitlines()),
        )
    )
    try:
        sent = Mail(mail.sender, mail.recipient, message, message_id, is_canonical=True)
        return channel.send(sent, lambda: None)
    finally:
        channel.close()
