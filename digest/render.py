"""An issue as mail: the HTML part and its text part, with the same papers in the same order.

Pure: values in, text out. Says nothing of headers (``message``) and decides nothing about papers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from urllib.parse import quote

from digest.cards import Card, Link, card_paragraphs, compact_card, make_card
from digest.templating import long_date, one_line, render_template, safe_link, wrap
from digest.text import truncate
from digest.types import IssueItem, IssueView

__all__ = ["MAX_HTML_BYTES", "FeedbackLinks", "MailContext", "mailto", "render_html", "render_text"]

# Gmail cuts a mail at 102 KB, and the footer with it.
MAX_HTML_BYTES = 80_000
# How long excerpts may be, tried in turn until the mail is small enough; at last cards become compact.
EXCERPTS = (340, 160, 0)
PREVIEW = 140
WIDTH = 72
INDENT = "    "  # of the text part, below a paper's number


@dataclass(frozen=True, slots=True)
class FeedbackLinks:
    """Where a reader says "more" or "less" of one paper: http(s) or mailto addresses."""

    more: str
    less: str


@dataclass(frozen=True, slots=True)
class MailContext:
    """What a mail says besides its papers.

    ``unsubscribe_mailto`` is a mailto address (or a plain one). Without ``base_url`` nothing links to us:
    ``unsubscribe_url`` and ``preferences_url`` are left out, and so are ``feedback`` links (by paper id)
    that are not mailto.
    """

    list_name: str
    unsubscribe_mailto: str
    base_url: str | None = None
    unsubscribe_url: str | None = None
    preferences_url: str | None = None
    feedback: Mapping[int, FeedbackLinks] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def leave_links(self) -> tuple[Link, ...]:
        """How to leave or change what comes, the best way first."""
        by_mail = self.unsubscribe_mailto
        if not by_mail.startswith("mailto:"):
            by_mail = mailto(by_mail, "unsubscribe")
        links = [Link("Leave by mail", by_mail)]
        if self.base_url:
            links = [
                Link("Leave this list", self.unsubscribe_url or ""),
                Link("Change what you get", self.preferences_url or ""),
                *([] if self.unsubscribe_url else links),
            ]
        return tuple(link for link in links if safe_link(link.url))

    @property
    def usable_feedback(self) -> dict[int, FeedbackLinks]:
        """The feedback links that may be shown."""
        return {
            paper_id: links
            for paper_id, links in self.feedback.items()
            if all(
                safe_link(url) and (self.base_url or url.startswith("mailto:"))
                for url in (links.more, links.less)
            )
        }


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    cards: tuple[Card, ...]


def mailto(address: str, subject: str = "", body: str = "") -> str:
    """A mailto address (RFC 6068)."""
    fields = [("subject", subject), ("body", body)]
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields if value)
    return f"mailto:{quote(address, safe='@+.-_')}{'?' if query else ''}{query}"


def render_html(issue: IssueView, ctx: MailContext) -> str:
    """The HTML part: complete, without images or anything to load, at most ``MAX_HTML_BYTES`` long.

    Excerpts become shorter where many papers would make it longer; for very many, cards become compact.
    """
    values = {
        "issue": issue,
        "subject": one_line(issue.subject) or one_line(ctx.list_name),
        "preview": _preview(issue),
        "list_name": one_line(ctx.list_name),
        "papers": _papers(issue),
        "notice": _notice(issue),
        "why_you": _why_you(issue, ctx),
        "leave": ctx.leave_links,
        "feedback": ctx.usable_feedback,
    }
    for limit in EXCERPTS:
        html = render_template("mail/issue.html", sections=_sections(issue, limit), **values)
        if len(html.encode()) <= MAX_HTML_BYTES:
            return html
    sections = [
        _Section(section.name, tuple(map(compact_card, section.cards))) for section in _sections(issue, 0)
    ]
    return render_template("mail/issue.html", sections=sections, **values | {"feedback": {}})


def render_text(issue: IssueView, ctx: MailContext) -> str:
    """The text part: at most 72 columns but for addresses, no trailing blanks, ends with a line end.

    Without the links to say more or less of a paper: as bare addresses they would drown the papers.
    """
    day = long_date(issue.local_date)
    lines = [*wrap(ctx.list_name), f"{day} · {_papers(issue)}" if issue.items else day]
    for line in [] if issue.items else _notice(issue):
        lines += ["", *wrap(line)]
    count = 0
    for section in _sections(issue, EXCERPTS[0]):
        lines += ["", "", section.name.upper(), "-" * len(section.name)]
        for card in section.cards:
            count += 1
            lines += ["", *_text_card(count, card)]
    if issue.coverage:
        lines += ["", "", *wrap(issue.coverage)]
    lines += ["", "-" * WIDTH, *wrap(_why_you(issue, ctx))]
    for link in ctx.leave_links:
        lines += _text_link(link, "")
    return "\n".join(lines) + "\n"


def _sections(issue: IssueView, excerpt_limit: int) -> tuple[_Section, ...]:
    return tuple(
        _Section(section.value, tuple(_card(item, issue.zone, excerpt_limit) for item in items))
        for section, items in groupby(issue.items, key=lambda item: item.section)
    )


def _card(item: IssueItem, zone: str, excerpt_limit: int) -> Card:
    return make_card(
        item.paper, interest=item.interest, reasons=item.reasons, zone=zone, excerpt_limit=excerpt_limit
    )


def _text_card(count: int, card: Card) -> list[str]:
    first, *rest = wrap(card.title, indent=INDENT)
    lines = [f"{count:>2}. {first[len(INDENT) :]}", *rest]
    for paragraph in card_paragraphs(card):
        lines += wrap(paragraph, indent=INDENT)
    for link in card.links:
        lines += _text_link(link, INDENT)
    return lines


def _text_link(link: Link, indent: str) -> list[str]:
    whole = f"{indent}{link.caption}: {link.url}"
    # An address is never broken: it gets a line of its own where it is too long to share one.
    return [whole] if len(whole) <= WIDTH else [f"{indent}{link.caption}:", f"{indent}{link.url}"]


def _papers(issue: IssueView) -> str:
    return f"{len(issue.items)} paper{'' if len(issue.items) == 1 else 's'}"


def _notice(issue: IssueView) -> list[str]:
    lines = [one_line(line) for line in (issue.notice or "Nothing new today.").split("\n")]
    return [line for line in lines if line]


def _preview(issue: IssueView) -> str:
    """What an inbox shows beside the subject: the first titles that the subject does not name."""
    titles = [one_line(item.paper.title) for item in issue.items[:4]]
    unnamed = [title for title in titles if title and title not in issue.subject] or titles
    return truncate(" · ".join(unnamed or _notice(issue)), PREVIEW)


def _why_you(issue: IssueView, ctx: MailContext) -> str:
    interests = [one_line(name) for name in issue.interests]
    follow = f", for {_listed(interests)}" if interests else ""
    return truncate(f"You get this because you subscribed to {one_line(ctx.list_name)}{follow}", 400) + "."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
