"""What a status code means for a reader's address (RFC 3463, and the registry that RFC 5248 made)."""

import re
from enum import StrEnum

__all__ = ["ReportKind", "judge", "judge_text"]


class ReportKind(StrEnum):
    """What a report says, gravest first."""

    COMPLAINT = "complaint"  # the reader, or their provider for them, calls it spam (RFC 5965)
    HARD = "hard"  # the address does not take mail
    SOFT = "soft"  # it could not be delivered this time
    POLICY = "policy"  # refused for the sender's or the mail's sake: says nothing of the reader
    DELAYED = "delayed"  # still being tried
    DELIVERED = "delivered"
    AUTOREPLY = "autoreply"
    UNKNOWN = "unknown"


_CODE = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
# In free text only where a mail server puts one ("550 5.1.1", "550-5.1.1", "#5.1.1", "(5.1.1)",
# "smtp; 5.1.1"): a bare number of three parts may be a program's version.
_TOLD = re.compile(r"(?:\b[45]\d\d[ -]{1,3}|#|\(|\[|; ?)([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([45])\d\d(?=[ -])")
_FULL = re.compile(
    r"(?i)(?:mail|in)box (?:is )?full|over ?quota|disk quota|quota exceed|exceeded .{0,30}quota"
)
_POLICY = re.compile(
    r"(?i)\bspam|block(?:ed|list)|black ?list|\bdnsbl|\brbl\b|reputation|\bpolicy\b"
    r"|\bdmarc\b|\bdkim\b|\bspf\b"
)

# Permanent by class, yet not because the address is dead: full, mail too large, a loop, given up after
# days, a fault of protocol or content.
_SOFT = frozenset({"2.2", "2.3", "3.1", "3.4", "4.3", "4.5", "4.6", "4.7"})
# The sender's address is at fault, not the reader's.
_SENDER = frozenset({"1.7", "1.8"})


def _find(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return f"{match[1]}.{int(match[2])}.{int(match[3])}" if match else None


def judge(action: str, status: str, diagnostic: str) -> tuple[ReportKind, str | None]:
    """The kind and the code of one recipient's fields; the code decides, the action where there is none.

    A status that says no more than its class (``5.0.0``) is made precise by a code of that class in the
    diagnostic, else by words that mail servers use for full boxes and for blocked senders.
    """
    code = _find(_CODE, status)
    if code is None or code.endswith(".0.0"):
        named = _find(_TOLD, diagnostic)
        reply = _REPLY.search(f"{status} {diagnostic}")
        if named is not None and (code is None or named[0] == code[0]):
            code = named
        elif code is None and reply is not None:
            code = f"{reply[1]}.0.0"
    return _kind(action.strip().lower(), code, f"{status} {diagnostic}"), code


def judge_text(text: str) -> tuple[ReportKind, str | None]:
    """The same of a report that people were meant to read: by a code in its text, else by its words."""
    code = _find(_TOLD, text)
    return _kind("failed", code, text), code


def _kind(action: str, code: str | None, diagnostic: str) -> ReportKind:
    if action.startswith("delayed"):
        return ReportKind.DELAYED
    if action.startswith(("delivered", "relayed", "expanded")) or (code or "").startswith("2"):
        return ReportKind.DELIVERED
    if code is None:
        # RFC 3464 has "failed" mean that it will not be tried again.
        failed = action.startswith(("fail", "error"))
        return _by_words(diagnostic, ReportKind.HARD) if failed else ReportKind.UNKNOWN
    if not action and code.startswith("4"):
        return ReportKind.DELAYED
    detail = code[2:]
    if detail.startswith("7.") or detail in _SENDER:
        return ReportKind.POLICY
    kind = ReportKind.SOFT if code.startswith("4") else ReportKind.HARD
    if detail in _SOFT or detail.startswith(("5.", "6.")):
        kind = ReportKind.SOFT
    return _by_words(diagnostic, kind) if detail == "0.0" else kind


def _by_words(diagnostic: str, kind: ReportKind) -> ReportKind:
    if _FULL.search(diagnostic):
        return ReportKind.SOFT
    return ReportKind.POLICY if _POLICY.search(diagnostic) else kind
