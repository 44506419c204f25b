"""Previews as pages show them: an issue's papers by section, and what a change brings and takes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from digest.cards import Card, make_card
from digest.pipeline.previewing import Comparison
from digest.pipeline.steering import for_reader
from digest.templating import long_date, one_line
from digest.translation import gettext as _
from digest.types import IssueView
from digest.wording import spoken

__all__ = ["PreviewSection", "ShownPreview", "show_comparison", "show_issue"]


@dataclass(frozen=True, slots=True)
class PreviewSection:
    """A heading and its papers."""

    heading: str
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class ShownPreview:
    """An issue as a page shows it, all of it plain text.

    ``come`` are the ids of the papers that a change brings, ``go`` those that it takes; ``None`` where
    nothing is compared.
    """

    date: str
    subject: str
    count: int
    sections: tuple[PreviewSection, ...]
    coverage: str
    notice: tuple[str, ...]
    come: Collection[int] = frozenset()
    go: Sequence[Card] | None = None


def show_issue(issue: IssueView) -> ShownPreview:
    """An issue that is compared with nothing."""
    issue = spoken(issue)
    sections = tuple(
        PreviewSection(
            section.value,
            tuple(
                make_card(item.paper, interest=item.interest, reasons=item.reasons, zone=issue.zone)
                for item in items
            ),
        )
        for section, items in groupby(issue.items, key=lambda item: item.section)
    )
    lines = (one_line(line) for line in for_reader(issue.notice or _("Nothing new today.")).split("\n"))
    return ShownPreview(
        date=long_date(issue.local_date),
        subject=one_line(issue.subject),
        count=len(issue.items),
        sections=sections,
        coverage=issue.coverage,
        notice=() if issue.items else tuple(filter(None, lines)),
    )


def show_comparison(both: Comparison) -> ShownPreview:
    """An issue with the change that it shows."""
    go = tuple(make_card(paper, zone=both.before.zone) for paper in both.go)
    return replace(show_issue(both.after), come=both.come, go=go)
