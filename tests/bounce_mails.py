"""Invented mails that come back, in the shapes that mail servers write."""

RETURNED_ID = "<0123456789abcdef0123456789abcdef@digest.example>"


def dsn(
    *recipients: str,
    to: str = "digest@digest.example",
    returned: str = f"Message-ID: {RETURNED_ID}\nSubject: Three papers\n",
    text: str = "Your mail could not be delivered.",
    headers: str = "",
) -> bytes:
    """A delivery status notification; each recipient is its block of fields."""
    blocks = "\n".join(f"{block.strip()}\n" for block in recipients)
    return (
        "Return-Path: <>\n"
        f"Delivered-To: {to}\n"
        "From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\n"
        f"To: {to}\nSubject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\n{headers}"
        "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status;\n"
        '\tboundary="B0/mx"\n\n'
        "This is a MIME-encapsulated message.\n\n"
        "--B0/mx\nContent-Description: Notification\nContent-Type: text/plain; charset=us-ascii\n\n"
        f"{text}\n\n"
        "--B0/mx\nContent-Description: Delivery report\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.example.net\nArrival-Date: Mon, 3 Aug 2026 06:30:00 +0000\n\n{blocks}\n"
        "--B0/mx\nContent-Description: Undelivered Message Headers\nContent-Type: text/rfc822-headers\n\n"
        f"{returned}\n--B0/mx--\n"
    ).encode()


def failed(
    status: str = "5.1.1",
    diagnostic: str = "",
    *,
    address: str = "ada@example.org",
    action: str = "failed",
) -> str:
    """One recipient's fields, as Postfix writes them."""
    told = diagnostic or f"550 {status} it did not work"
    return (
        f"Final-Recipient: rfc822; {address}\nOriginal-Recipient: rfc822;{address}\nAction: {action}\n"
        f"Status: {status}\nRemote-MTA: dns; mx.example.org\nDiagnostic-Code: smtp; {told}\n"
    )


def complaint(
    *,
    to: str = "abuse@digest.example",
    mail_from: str = "digest@digest.example",
    feedback_type: str = "abuse",
    recipient: str = "Original-Rcpt-To: <ada@example.org>\n",
) -> bytes:
    """An abuse report (ARF) of a mail provider."""
    return (
        f"From: feedback@provider.example\nTo: {to}\nSubject: FW: Three papers\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=arf\n\n"
        "--arf\nContent-Type: text/plain\n\nThis is an email abuse report.\n\n"
        "--arf\nContent-Type: message/feedback-report\n\n"
        f"Feedback-Type: {feedback_type}\nUser-Agent: Loop/1.0\nVersion: 1\n"
        f"Original-Mail-From: <{mail_from}>\n{recipient}\n"
        f"--arf\nContent-Type: message/rfc822\n\nMessage-ID: {RETURNED_ID}\nSubject: Three papers\n\nHello\n"
        "--arf--\n"
    ).encode()


def qmail(
    *, to: str = "digest@digest.example", words: str = "Sorry, no mailbox here by that name. (#5.1.1)"
) -> bytes:
    """A bounce as qmail-send writes it: no MIME at all."""
    return (
        f"Return-Path: <>\nDelivered-To: {to}\nFrom: MAILER-DAEMON@mx.example.org\nTo: {to}\n"
        "Subject: failure notice\n\nHi. This is the qmail-send program at mx.example.org.\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        f"This is a permanent error; I've given up.\n\n<ada@example.org>:\n{words}\n\n"
        "--- Below this line is a copy of the message.\n\nReturn-Path: <digest@digest.example>\n"
        f"Message-ID: {RETURNED_ID}\nSubject: Three papers\n\nunsubscribe\n"
    ).encode()


def letter(
    subject: str = "",
    *,
    to: str = "leave@digest.example",
    sender: str = "Ada Example <ada@example.org>",
    headers: str = "",
) -> bytes:
    """A mail from a person."""
    return (
        f"Return-Path: <ada@example.org>\n{headers}From: {sender}\nTo: {to}\nSubject: {subject}\n"
        "Date: Mon, 3 Aug 2026 09:00:00 +0000\n\nHello\n"
    ).encode()
