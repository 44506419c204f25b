"""What is shown of a paper, decided once for mail, its text part and feeds.

Templates and the text part only lay a card out. All text of a card is plain, on one line and of bounded
length; all its addresses are fit for a link.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from unicodedata import east_asian_width
from zoneinfo import ZoneInfo

from digest.templating import compact_number, number, one_line, short_date, sparkline
from digest.text import safe_url, truncate
from digest.translation import gettext as _
from digest.translation import gettext_noop, language, ngettext
from digest.types import PaperView

__all__ = [
    "Card",
    "Link",
    "card_matter",
    "card_paragraphs",
    "card_reasons",
    "card_why",
    "compact_card",
    "make_card",
    "sentence_excerpt",
]

EXCERPT = 340
SPARK_POINTS = 12
UNTITLED = gettext_noop("(untitled)")

_TITLE, _ORGANISATION, _AUTHOR, _REASON, _REASONS, _INTEREST = 300, 80, 60, 160, 5, 60
_MAKER = 60
_AUTHORS = 3


@dataclass(frozen=True, slots=True)
class Link:
    """One place to go on to; ``note`` stands behind it (the stars of a repository)."""

    label: str
    url: str
    note: str = ""

    @property
    def caption(self) -> str:
        """Label and note, for plain text."""
        return f"{self.label} ({self.note})" if self.note else self.label


@dataclass(frozen=True, slots=True)
class Card:
    """One paper as it is shown. Empty text means that nothing is shown there.

    ``votes`` says in words what ``spark`` draws. ``machine_made``: ``excerpt`` is a machine's summary,
    ``made_by`` whose or which machine's, where that is known.
    """

    paper_id: int
    title: str
    url: str | None
    byline: str = ""
    interest: str = ""
    reasons: tuple[str, ...] = ()
    excerpt: str = ""
    machine_made: bool = False
    made_by: str = ""
    votes: str = ""
    spark: str = ""
    links: tuple[Link, ...] = ()

    @property
    def summary_label(self) -> str:
        """What stands above a machine's summary."""
        if self.made_by:
            return _("Machine-made summary by %(maker)s", maker=self.made_by)
        return _("Machine-made summary")


def make_card(
    paper: PaperView,
    *,
    interest: str | None = None,
    reasons: Sequence[str] = (),
    zone: str = "UTC",
    excerpt_limit: int = EXCERPT,
) -> Card:
    """Everything that is shown of ``paper``; days are days in ``zone``.

    The summary is shown where there is one, else the abstract's beginning, of at most
    ``excerpt_limit`` characters (0: none).
    """
    shown_interest, shown_reasons = card_reasons(interest, tuple(reasons))
    card = _paper_card(paper, zone, excerpt_limit, language())
    if paper.votes and card.votes:
        votes, shown_reasons = _said_once(card.votes, paper.votes, shown_reasons)
        card = replace(card, votes=votes, spark=card.spark if votes else "")
    return replace(card, interest=shown_interest, reasons=shown_reasons)


def _said_once(line: str, votes: int, reasons: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The line on votes and the reasons, of which only one tells how many votes there are.

    Where the line tells how they moved too, it is the line, as long as there is another reason.
    """
    count = ngettext("%(num)s vote", "%(num)s votes", votes)
    written = (f"{count} ", f"{votes} votes ")
    others = tuple(one for one in reasons if not one.startswith(written))
    if len(others) == len(reasons):
        return line, reasons
    told, _between, rest = line.partition(" · ")
    if told == count:
        return rest, reasons
    return line, others or reasons


@lru_cache(maxsize=4096)
def card_reasons(interest: str | None, reasons: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Interest and reasons as a card shows them: on one line, of bounded length, not too many."""
    shown = (truncate(one_line(reason), _REASON) for reason in reasons[:_REASONS] if reason.strip())
    return truncate(one_line(interest or ""), _INTEREST), tuple(shown)


@lru_cache(maxsize=4096)  # the same papers go to many readers
def _paper_card(paper: PaperView, zone: str, excerpt_limit: int, _language: str) -> Card:
    summary = one_line(paper.summary or "")
    excerpt = summary or one_line(paper.abstract[: 4 * excerpt_limit])
    # A line of Chinese holds half as many characters as one of English.
    wide = sum(east_asian_width(character) in "WF" for character in excerpt[:60]) > 30
    return Card(
        paper_id=paper.paper_id,
        title=truncate(one_line(paper.title), _TITLE) or _(UNTITLED),
        url=safe_url(paper.url),
        byline=_byline(paper),
        excerpt=sentence_excerpt(excerpt, excerpt_limit * 6 // 10 if wide else excerpt_limit),
        machine_made=bool(summary),
        made_by=_maker(paper.summary_by) if summary else "",
        votes=_votes(paper, ZoneInfo(zone)),
        spark=_spark(paper.votes_history),
        links=_links(paper),
    )


def _maker(summary_by: str | None) -> str:
    """``machine (MODEL)`` by the model's name, others by theirs."""
    name = one_line(summary_by or "")
    model = re.fullmatch(r"machine \((.+)\)", name)
    return truncate(model[1] if model else name, _MAKER)


def compact_card(card: Card) -> Card:
    """The least that a card is: its title (which is the link), whose it is, and the first reasons."""
    title, reasons = truncate(card.title, _TITLE // 2), card.reasons[:2]
    return replace(card, title=title, reasons=reasons, excerpt="", votes="", spark="", links=())


def card_paragraphs(card: Card) -> list[str]:
    """The card as plain text after its title and before its links, in reading order."""
    why = card_why(card.interest, card.reasons)
    return [*filter(None, (card.byline, why)), *card_matter(card)]


def card_matter(card: Card) -> list[str]:
    """What a card says of the paper itself: what it is about, and how it was voted on."""
    label = f"{card.summary_label}: " if card.machine_made and card.excerpt else ""
    votes = f"{card.spark} {card.votes}".strip() if card.votes else ""
    return [*filter(None, (label + card.excerpt, votes))]


def card_why(interest: str, reasons: Sequence[str]) -> str:
    """Why a paper is there, as plain text: ``Retrieval: keyword “index” · 12 votes``."""
    return ": ".join(part for part in (interest, " · ".join(reasons)) if part)


def sentence_excerpt(text: str, limit: int) -> str:
    """The beginning of ``text``: whole sentences where they fill half of ``limit``, else whole words."""
    if limit <= 0 or len(text) <= limit:
        return text if limit > 0 else ""
    head = text[:limit]
    for end in range(len(head) - 2, limit // 2, -1):
        if head[end] in ".!?" and head[end + 1] == " " and _ends_sentence(head, end):
            return head[: end + 1]
        if head[end] in "。！？":
            return head[: end + 1]
    return truncate(text, limit)


def _ends_sentence(text: str, dot: int) -> bool:
    word = text[text.rfind(" ", 0, dot) + 1 : dot].lower()
    # "et al.", "i.e.", "cf." and initials end no sentence.
    return len(word) > 2 and "." not in word and word not in ("etc", "fig", "resp", "approx")


def _byline(paper: PaperView) -> str:
    authors = [name for name in (truncate(one_line(name), _AUTHOR) for name in paper.authors) if name]
    shown = authors if len(authors) <= _AUTHORS else authors[: _AUTHORS - 1]
    more = len(authors) - len(shown)
    names = ", ".join(shown)
    if more:
        names = _("%(names)s and %(more)s more", names=names, more=number(more))
    organisation = truncate(one_line(paper.organisation or ""), _ORGANISATION)
    return " · ".join(part for part in (names, organisation) if part)


def _links(paper: PaperView) -> tuple[Link, ...]:
    known = paper.arxiv_id or paper.doi
    code = Link(_("Code"), paper.code_url or "", f"{compact_number(paper.stars)} ★" if paper.stars else "")
    wanted = (
        Link(_("Abstract") if known else _("Look it up"), paper.url),
        Link("PDF", paper.pdf_url or ""),
        code,
        Link(_("Project"), paper.project_url or ""),
        Link(_("Discussion"), paper.discussion_url or ""),
    )
    return tuple(link for link in wanted if link.url and safe_url(link.url) == link.url)


def _votes(paper: PaperView, zone: ZoneInfo) -> str:
    """``128 votes, up from 3 on 12 Mar · 14 comments``: true to the first and the last observation."""
    said = []
    if paper.votes:
        votes = ngettext("%(num)s vote", "%(num)s votes", paper.votes)
        said.append(votes + _movement(paper.votes, paper.votes_history, zone))
    if paper.comments:
        said.append(ngettext("%(num)s comment", "%(num)s comments", paper.comments))
    return " · ".join(said)


def _movement(votes: int, history: Sequence[tuple[datetime, int]], zone: ZoneInfo) -> str:
    if len(history) < 2 or history[0][1] == votes:
        return ""
    (first_at, first), last_day = history[0], history[-1][0].astimezone(zone).date()
    day = first_at.astimezone(zone).date()
    said = {"first": number(first), "day": short_date(day, beside=last_day)}
    if day == last_day:
        return _(", up from %(first)s", **said) if first < votes else _(", down from %(first)s", **said)
    if first < votes:
        return _(", up from %(first)s on %(day)s", **said)
    return _(", down from %(first)s on %(day)s", **said)


def _spark(history: Sequence[tuple[datetime, int]]) -> str:
    """The votes at even steps of time, so that the line's slope is the true one."""
    if len(history) < 2 or history[0][0] >= history[-1][0]:
        return ""
    points = min(len(history), SPARK_POINTS)
    if points < 3:
        return sparkline([votes for _, votes in history])
    start, whole = history[0][0], history[-1][0] - history[0][0]
    pairs = list(pairwise(history))
    values: list[float] = []
    place = 0
    for step in range(points):
        at = start + whole * step / (points - 1)
        while place < len(pairs) - 1 and pairs[place][1][0] < at:
            place += 1
        (before_at, before), (after_at, after) = pairs[place]
        share = (at - before_at) / (after_at - before_at) if after_at > before_at else 1.0
        values.append(before + (after - before) * share)
    return sparkline(values)
