"""Phrases that explanations of a digest are made of."""

from datetime import datetime
from typing import TypeVar

from digest.translation import gettext as _
from digest.translation import ngettext
from digest.why.days import full_day, one_line, when
from digest.why.facts import DeliveryFacts, IssueFacts, WhyFacts

__all__ = ["at_time", "digest_of", "known", "next_one", "papers_of", "words_of"]

_T = TypeVar("_T")


def digest_of(facts: WhyFacts) -> str:
    """What begins most sentences."""
    return _("The digest of %(day)s", day=full_day(facts.local_date))


def at_time(facts: WhyFacts, at: datetime | None) -> str:
    """When something that has a time was, as the reader's clock had it."""
    return when(known(at), facts.zone, facts.local_date)


def next_one(facts: WhyFacts) -> str:
    """The end of a sentence: when the next digest is due, if any is."""
    if facts.next_due_at is None:
        return ""
    return _("; the next is due %(when)s", when=when(facts.next_due_at, facts.zone, facts.local_date))


def papers_of(issue: IssueFacts) -> str:
    """How many papers an issue has, and how many of them are from days before."""
    papers = ngettext("%(count)s paper", "%(count)s papers", issue.papers, count=f"{issue.papers}")
    if not issue.away:
        return papers
    return _(
        "%(papers)s, %(away)s of them from days before that had no digest", papers=papers, away=issue.away
    )


def words_of(delivery: DeliveryFacts) -> str:
    """Why a mail did not go its way, in the words that were stored."""
    return one_line(delivery.reason or delivery.reply or _("no reason was recorded"))


def known(value: _T | None) -> _T:
    """What the caller knows to be there."""
    assert value is not None  # noqa: S101 - the caller has looked
    return value
