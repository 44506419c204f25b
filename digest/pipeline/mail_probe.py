"""Opens a session with the mail server as sending would, log-in and all, and says how it went."""

import ssl
import time
from datetime import UTC, datetime

from digest.domains import Finding, Level
from digest.errors import DeliveryError
from digest.mailer import SmtpUrl
from digest.mailer.smtp_session import open_session
from digest.text import is_this_machine

__all__ = ["probe_server"]

_TOPIC = "tls"
_FEW_DAYS = 14


def probe_server(
    url: SmtpUrl, *, now: datetime, tls: ssl.SSLContext | None = None, timeout_s: float = 15.0
) -> Finding:
    """Connect, encrypt and log in as ``url`` says, then say goodbye; nothing is sent.

    ``tls`` replaces the default context, as in the channel; ``timeout_s`` bounds it all.
    """
    deadline = time.monotonic() + timeout_s
    try:
        session = open_session(
            url, lambda: tls or ssl.create_default_context(), timeout_s=timeout_s, deadline=deadline
        )
    except DeliveryError as error:
        level = Level.FAILED if error.transient else Level.WRONG
        mend = "see whether it runs and can be reached" if error.transient else "correct smtp_url"
        return Finding(_TOPIC, url.host, level, str(error).rstrip("."), mend)
    try:
        return _judge(url, session.sock, now)
    finally:
        session.say_goodbye()


def _judge(url: SmtpUrl, socket: object, now: datetime) -> Finding:
    where = f"{url.host}:{url.port}"
    logged_in = " and the log-in is accepted" if url.user else ""
    if not isinstance(socket, ssl.SSLSocket):
        if is_this_machine(url.host):
            sentence = f"{where} answers{logged_in}; it is this machine, so nothing need be encrypted"
            return Finding(_TOPIC, url.host, Level.WELL, sentence)
        sentence = f"mail goes to {where} in the clear" + (", password included" if url.user else "")
        mend = "use smtps:// or smtp:// in smtp_url, unless the line between is your own"
        return Finding(_TOPIC, url.host, Level.WRONG if url.user else Level.NOTE, sentence, mend)
    ends = (socket.getpeercert() or {}).get("notAfter")
    if ends:
        left = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC) - now
        if left.days < _FEW_DAYS:
            sentence = f"the certificate of {where} ends in {max(left.days, 0)} days"
            return Finding(_TOPIC, url.host, Level.NOTE, sentence, "see that it is renewed")
    sentence = f"{where} speaks {socket.version()}, its certificate is trusted{logged_in}"
    return Finding(_TOPIC, url.host, Level.WELL, sentence)
