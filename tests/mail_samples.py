"""A mail, and ways to send it that watch what is called when."""

from typing import Any

import pytest

from digest.errors import DeliveryError
from digest.mailer import Channel, Mail

SENDER = "digest@lists.example"
READER = "ada@reader.example"
MESSAGE = b"From: digest@lists.example\r\nSubject: Papers\r\n\r\nHello.\r\n.\r\n..dots\r\n"
MESSAGE_ID = "<issue-1.mail@lists.example>"


def make_mail(
    *, sender: str = SENDER, to: str = READER, message: bytes = MESSAGE, message_id: str = MESSAGE_ID
) -> Mail:
    return Mail(sender, to, message, message_id)


class Ending:
    """A ``before_end`` that counts its calls; raises ``error`` if there is one."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error


def sent(channel: Channel, **facts: Any) -> str:
    """Send a mail; returns the reply. ``before_end`` was called once, whatever the channel."""
    ending = Ending()
    reply = channel.send(make_mail(**facts), ending)
    assert ending.calls == 1
    return reply


def failed(channel: Channel, **facts: Any) -> DeliveryError:
    """Send a mail that cannot be sent; returns why. ``before_end`` was called once at most."""
    ending = Ending()
    with pytest.raises(DeliveryError) as caught:
        channel.send(make_mail(**facts), ending)
    assert ending.calls <= 1
    # Once it was called, the end may have left, and the row says so; else it cannot have.
    assert ending.calls == 1 or not caught.value.uncertain
    return caught.value
