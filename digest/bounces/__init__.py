"""Incoming mail: what a delivery report, a complaint or a reader's mail says. Bytes in, values out.

Everything here was written by strangers. Nothing is believed: whom a mail is about is for the caller to
prove, from the signed addresses among ``to_addresses``. No input raises; what cannot be read is unknown.
"""

from digest.bounces.commands import Command, CommandKind, parse_command
from digest.bounces.reading import MAX_BYTES
from digest.bounces.report import RecipientReport, Report, ReportKind, parse_report

__all__ = [
    "MAX_BYTES",
    "Command",
    "CommandKind",
    "RecipientReport",
    "Report",
    "ReportKind",
    "parse_command",
    "parse_report",
]
