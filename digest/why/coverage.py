"""What was looked at for a digest and what was not, in one short sentence per source."""

from collections.abc import Sequence
from datetime import date

from digest.translation import gettext as _
from digest.translation import gettext_noop, ngettext
from digest.types import Verdict
from digest.why.days import on_days, since
from digest.why.facts import SourceCheck

__all__ = ["latest_by_day", "notice_text", "summarise_coverage"]

# What a bad verdict means, said of the days it was given for.
_WORDS = {
    Verdict.PARTIAL: gettext_noop("incomplete"),
    Verdict.STALE: gettext_noop("still showing an older day"),
    Verdict.BLOCKED: gettext_noop("access refused"),
    Verdict.BROKEN: gettext_noop("not readable"),
    Verdict.UNREACHABLE: gettext_noop("not reachable"),
}


def summarise_coverage(checks: Sequence[SourceCheck], *, today: date, zone: str = "UTC") -> str:
    """``Hugging Face: 41 papers, complete. arXiv cs.CL: not reachable since Thursday.``

    One sentence per source, in the order given; days are named as seen from ``today`` in ``zone``.
    Several days of a source are added up. Without any check it says that nothing was looked at.
    """
    labels = list(dict.fromkeys(check.label for check in checks))
    if not labels:
        return _("No source was looked at.")
    sentences = []
    for label in labels:
        days = latest_by_day([check for check in checks if check.label == label])
        sentences.append(f"{label.rstrip('.')}: {_account(days, today, zone)}.")
    return " ".join(sentences)


def notice_text(reason: str) -> str:
    """The line that goes out where there is nothing else to say: why.

    What was looked at follows it at the foot, as in every mail.
    """
    return " ".join(reason.split())


def latest_by_day(checks: Sequence[SourceCheck]) -> list[SourceCheck]:
    """Of several checks of one page the last one, by day."""
    latest: dict[date, SourceCheck] = {}
    for check in sorted(checks, key=lambda one: one.checked_at):
        latest[check.day] = check
    return [latest[day] for day in sorted(latest)]


def _account(days: Sequence[SourceCheck], today: date, zone: str) -> str:
    """What one source gave and what it did not, without its name."""
    told = [day for day in days if day.verdict.is_good or day.verdict is Verdict.PARTIAL]
    total = sum(day.entries for day in told)
    bad = [day for day in days if not day.verdict.is_good]
    if bad:
        faults = list(dict.fromkeys(day.verdict for day in bad))
        words = [_fault([day for day in bad if day.verdict is fault], days, today, zone) for fault in faults]
        return ", ".join([_counted(told, total), *words] if total else words)
    if total:
        return _("%(counted)s, complete", counted=_counted(told, total))
    empty = any(day.verdict is Verdict.EMPTY for day in days)
    return _("no papers listed") if empty else _("nothing changed since it was last read")


def _counted(days: Sequence[SourceCheck], total: int) -> str:
    """``30 papers``, ``30 of 41 papers`` where the page says it has more, ``118 papers over 3 days``."""
    listing = [day for day in days if day.entries]
    declared = sum(max(day.declared or 0, day.entries) for day in listing)
    if declared > total:
        # Of at least two, so its form is that of many.
        papers = _("%(some)s of %(all)s papers", some=f"{total}", all=f"{declared}")
    else:
        papers = ngettext("%(count)s paper", "%(count)s papers", total, count=f"{total}")
    if len(listing) <= 1:
        return papers
    return _("%(papers)s over %(days)s days", papers=papers, days=f"{len(listing)}")


def _fault(bad: Sequence[SourceCheck], days: Sequence[SourceCheck], today: date, zone: str) -> str:
    """``not reachable since Thursday``; of a fault that is over, or of a lone day, for which days it held."""
    newest = bad[-1]
    words = _(_WORDS[newest.verdict])
    is_lasting = newest is days[-1] and newest.failing_since is not None
    if (
        is_lasting
        and newest.failing_since is not None
        and newest.verdict not in (Verdict.PARTIAL, Verdict.STALE)
    ):
        return f"{words} {since(newest.failing_since, zone, today)}"
    if len(bad) == len(days) == 1 and newest.day == today:
        return words
    return _("%(fault)s for %(days)s", fault=words, days=on_days([day.day for day in bad], today))
