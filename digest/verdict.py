"""Is this page to be believed? Pure: what was parsed and what changed in, a verdict out."""

from collections.abc import Sequence
from datetime import date

from digest.errors import FetchError, ParseError, SourceError
from digest.types import Change, ChangeKind, ParsedPage, Verdict

__all__ = ["judge"]


def judge(
    parsed: ParsedPage | None, changes: Sequence[Change], *, day: date, error: SourceError | None
) -> Verdict:
    """What a refresh proved about the page of ``day``.

    In this order: without a page the error is what it says it is; a page is empty without entries
    (broken, if it had things that could not be read as entries), stale when most entries that give a
    day of their own give another, partial when its list broke off (``error``) or declares more than it
    lists, unchanged when nothing differs from what was filed under this day before, else fresh. How
    many entries a page has proves nothing by itself: a day of one paper is a day.
    """
    if parsed is None:
        return error.verdict if isinstance(error, FetchError | ParseError) else Verdict.BROKEN
    if not parsed.entries:
        return Verdict.BROKEN if parsed.skipped else Verdict.EMPTY
    days = [entry.listed_on for entry in parsed.entries if entry.listed_on is not None]
    if sum(own != day for own in days) * 2 > len(days):
        return Verdict.STALE
    if error is not None or (parsed.declared or 0) > len(parsed.entries):
        return Verdict.PARTIAL
    if changes and all(change.kind is ChangeKind.UNCHANGED for change in changes):
        return Verdict.UNCHANGED
    return Verdict.FRESH
