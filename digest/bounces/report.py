"""Delivery status notifications (RFC 3464, 6533), complaints (ARF, RFC 5965), bounces of no standard."""

import re
from dataclasses import dataclass, replace

from digest.bounces.codes import ReportKind, judge, judge_text
from digest.bounces.heuristics import find_failures
from digest.bounces.reading import Part, addresses_in, one_line, parse_fields, read_mail

__all__ = [
    "RecipientReport",
    "Report",
    "ReportKind",
    "delivered_to",
    "is_automatic",
    "is_report",
    "parse_report",
]

MAX_DIAGNOSTIC = 300
MAX_RECIPIENTS = 100
MAX_STATUS = 200_000
MAX_TEXT = 16_000

_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_FEEDBACK_TYPE = "message/feedback-report"
_DELIVERED_TO = (
    "to", "cc", "delivered-to", "x-delivered-to", "x-original-to", "envelope-to", "x-envelope-to",
    "x-rcpt-to", "apparently-to",
)  # fmt: skip
_RECEIVED_FOR = re.compile(r"\bfor\s{1,5}<?([^\s<>;]{3,320})>?")
_HEX = re.compile(r"\+([0-9A-F]{2})")
_QUOTED_ID = re.compile(r"(?im)^[> \t]{0,8}message-id:[ \t]{0,8}(<[^<>\s]{3,250}>)")
_MESSAGE_ID = re.compile(r"<[^<>\s]{3,250}>")
_GRAVITY = tuple(ReportKind)


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What a report says of one recipient. ``spellings`` are all ways their address is given in."""

    address: str
    kind: ReportKind
    code: str | None = None
    diagnostic: str = ""
    spellings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What one incoming mail reports.

    ``kind``, ``code`` and ``diagnostic`` are those of the gravest recipient. ``to_addresses`` is where the
    mail itself was sent, ``quoted_senders`` the envelope senders that the returned mail had, and
    ``message_id`` its Message-ID with angle brackets. ``is_structured``: it was made for programs to read.
    """

    kind: ReportKind = ReportKind.UNKNOWN
    recipients: tuple[RecipientReport, ...] = ()
    code: str | None = None
    diagnostic: str = ""
    to_addresses: tuple[str, ...] = ()
    quoted_senders: tuple[str, ...] = ()
    message_id: str | None = None
    is_structured: bool = False

    def about(self, address: str) -> RecipientReport:
        """What this says of one address.

        An address that a report does not name was forwarded: then the mildest that is said of any
        recipient holds, so that a reader is not lost while one of their mailboxes works. Without a
        standard form the guess has to name the address, else it is taken for a soft failure.
        """
        wanted = address.casefold()
        named = [one for one in self.recipients if wanted in (text.casefold() for text in one.spellings)]
        if named:
            return min(named, key=_rank)
        known = [one for one in self.recipients if one.kind is not ReportKind.UNKNOWN]
        if not known:
            return RecipientReport(address, self.kind, self.code, self.diagnostic)
        mildest = max(known, key=_rank)
        if mildest.kind is ReportKind.HARD and not self.is_structured:
            return replace(mildest, kind=ReportKind.SOFT)
        return mildest


def _rank(one: RecipientReport) -> int:
    return _GRAVITY.index(one.kind)


def parse_report(raw: bytes | None) -> Report:
    """What an incoming mail reports; never raises, and reads at most 1 MiB.

    A delivery status notification is judged by its codes. Only where there is none is the text searched
    for the forms that mail servers had of their own. What is neither is an automatic reply or unknown.
    """
    mail = read_mail(raw)
    parts = list(_unwrapped(mail).walk())
    returned = next((part for part in parts if part.is_enclosed), None)
    # Only the first one: the report comes before what it returns.
    status = next((part for part in parts if part.content_type in _STATUS_TYPES), None)
    feedback = next((part for part in parts if part.content_type == _FEEDBACK_TYPE), None)
    named: tuple[RecipientReport, ...] = ()
    senders = _returned(returned).get_all("return-path", "x-envelope-from")
    if feedback is not None:
        kind, recipients, more = _complaint(feedback)
        senders = more + senders
    else:
        named = _recipients(status)
        recipients = named or _guessed(mail)
        kind = _gravest(recipients)
        if kind is ReportKind.UNKNOWN and is_automatic(mail) and not is_report(mail):
            kind = ReportKind.AUTOREPLY
    told = next((one for one in recipients if one.kind is kind), None)
    return Report(
        kind=kind,
        recipients=recipients,
        code=told.code if told else None,
        diagnostic=told.diagnostic if told else one_line(mail.get("subject"), MAX_DIAGNOSTIC),
        to_addresses=delivered_to(mail),
        quoted_senders=addresses_in(senders),
        message_id=_message_id(mail, returned),
        is_structured=feedback is not None or bool(named),
    )


def delivered_to(mail: Part) -> tuple[str, ...]:
    """The addresses a mail was sent to, as its own headers say; a signed tag among them proves itself."""
    received = [match[1] for value in mail.get_all("received") for match in _RECEIVED_FOR.finditer(value)]
    return addresses_in(mail.get_all(*_DELIVERED_TO) + received)


def is_report(mail: Part) -> bool:
    """Whether a mail is a report of any kind (RFC 6522), or bounced from nobody."""
    kinds = {part.content_type for part in mail.walk()}
    sender = mail.get("return-path").replace(" ", "")
    return bool(kinds & {"multipart/report", *_STATUS_TYPES, _FEEDBACK_TYPE}) or sender == "<>"


def is_automatic(mail: Part) -> bool:
    """Whether a program wrote this mail (RFC 3834, and what programs older than it set)."""
    submitted = mail.get("auto-submitted").partition(";")[0].strip().lower()
    if submitted not in ("", "no"):
        return True
    if mail.get("precedence").strip().lower() in ("bulk", "junk", "list", "auto_reply", "auto-reply"):
        return True
    names = ("x-autoreply", "x-autorespond", "x-autoresponse", "x-auto-reply", "x-vacation", "list-id")
    local = mail.get("from").casefold().partition("@")[0]
    return bool(mail.get_all(*names)) or local.endswith(("mailer-daemon", "postmaster"))


# --- parts of a report -----------------------------------------------------------------------------


def _unwrapped(mail: Part) -> Part:
    """The report itself, where a gateway enclosed it whole in an automatic mail of its own."""
    kinds = {part.content_type for part in mail.walk()}
    says_so = "report-type" in mail.parameters or is_automatic(mail)
    if says_so and not kinds & {*_STATUS_TYPES, _FEEDBACK_TYPE}:
        inner = (part.parts[0] for part in mail.walk() if part.is_enclosed and part.parts)
        return next((part for part in inner if part.content_type == "multipart/report"), mail)
    return mail


def _recipients(status: Part | None) -> tuple[RecipientReport, ...]:
    found = []
    content = status.content()[:MAX_STATUS].strip() if status is not None else b""
    for block in re.split(rb"\n[ \t]*\n", content, maxsplit=2 * MAX_RECIPIENTS):
        fields = dict(reversed(parse_fields(block.lstrip(b"\n"))[0]))
        if fields.keys() & {"final-recipient", "original-recipient", "action"}:
            found.append(_recipient(fields))
    return tuple(dict.fromkeys(found))[:MAX_RECIPIENTS]


def _recipient(fields: dict[str, str]) -> RecipientReport:
    diagnostic = fields.get("diagnostic-code", "")
    status = fields.get("status", "")
    kind, code = judge(fields.get("action", ""), status, diagnostic)
    names = ("original-recipient", "final-recipient", "x-actual-recipient")
    spellings = [spelling for name in names for spelling in _spellings(fields.get(name, ""))]
    text = diagnostic.partition(";")[2] or diagnostic or status
    return RecipientReport(
        address=spellings[0] if spellings else "",
        kind=kind,
        code=code,
        diagnostic=one_line(text, MAX_DIAGNOSTIC),
        spellings=tuple(dict.fromkeys(spellings)),
    )


def _spellings(value: str) -> list[str]:
    """A recipient field's address: with its xtext (RFC 3461) decoded where that gives one, and as it is."""
    kind, semicolon, address = value.rpartition(";")
    if semicolon and kind.strip().casefold() not in ("rfc822", "utf-8", "smtp", "x400", "unknown"):
        address = value.partition(";")[2]
    plain = one_line(address, 320).strip("<> \"'")
    if "@" not in plain:
        return []
    decoded = _HEX.sub(lambda match: chr(int(match[1], 16)), plain)
    usable = decoded.isascii() and decoded.isprintable() and " " not in decoded
    return [decoded, plain] if usable else [plain]


def _gravest(recipients: tuple[RecipientReport, ...]) -> ReportKind:
    return min((one.kind for one in recipients), key=_GRAVITY.index, default=ReportKind.UNKNOWN)


def _complaint(feedback: Part) -> tuple[ReportKind, tuple[RecipientReport, ...], list[str]]:
    """Kind, recipients and envelope senders that a feedback report tells."""
    fields, _ = parse_fields(feedback.content()[:MAX_STATUS].lstrip(b"\n"))
    told = dict(reversed(fields))
    kind_of = told.get("feedback-type", "abuse").partition(";")[0].strip().lower()
    # "not-spam" takes a complaint back, "auth-failure" (RFC 6591) and "dmarc" speak of signatures.
    is_complaint = kind_of in ("abuse", "fraud", "opt-out", "opt-out-list", "other", "virus")
    kind = ReportKind.COMPLAINT if is_complaint else ReportKind.UNKNOWN
    addresses = [value for name, value in fields if name in ("original-rcpt-to", "removal-recipient")]
    words = one_line(f"{kind_of} report by {told.get('user-agent') or 'an unnamed program'}", MAX_DIAGNOSTIC)
    recipients = tuple(
        RecipientReport(address, kind, None, words, (address,)) for address in addresses_in(addresses)
    )
    return kind, recipients, [value for name, value in fields if name == "original-mail-from"]


def _guessed(mail: Part) -> tuple[RecipientReport, ...]:
    """What the heuristics find; a code in the part for people still decides how grave it is."""
    delayed, failed = find_failures(mail)
    if not delayed and not failed:
        return ()
    text = next((part.text()[:MAX_TEXT] for part in mail.walk() if part.content_type == "text/plain"), "")
    kind, code = judge_text(text)
    words = one_line(_telling_line(text, code) or mail.get("subject"), MAX_DIAGNOSTIC)
    found = [RecipientReport(address, kind, code, words, (address,)) for address in sorted(failed)]
    found += [
        RecipientReport(address, ReportKind.DELAYED, code, words, (address,))
        for address in sorted(delayed - failed)
    ]
    return tuple(found[:MAX_RECIPIENTS])


def _telling_line(text: str, code: str | None) -> str:
    """The line with the code, else the first one that a server's reply may be."""
    sign = re.compile(re.escape(code) if code else r"\b[45]\d\d[ -]\S")
    return next((line for line in text.split("\n", 400) if sign.search(line[:1000])), "")


def _returned(part: Part | None) -> Part:
    return part.parts[0] if part is not None and part.parts else Part((), b"")


def _message_id(mail: Part, returned: Part | None) -> str | None:
    match = _MESSAGE_ID.search(_returned(returned).get("message-id"))
    if match is None and returned is None and not mail.content_type.startswith("text/html"):
        match = _QUOTED_ID.search(mail.body[:MAX_STATUS].decode("utf-8", "replace"))
        return match[1] if match else None
    return match[0] if match else None
