"""An issue as mail: the HTML part and its text part, with the same papers in the same order.

Pure: values in, text out. Says nothing of headers (``message``) and decides nothing about papers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from urllib.parse import quote

from markupsafe import Markup

from digest.branding import PLAIN, Look
from digest.cards import Card, Link, card_matter, card_why, compact_card, make_card
from digest.templating import (
    count_papers,
    long_date,
    one_line,
    render_template,
    safe_link,
    section_name,
    wrap,
)
from digest.text import truncate
from digest.translation import gettext as _
from digest.translation import listed
from digest.types import IssueItem, IssueView, Section

__all__ = [
    "EXCERPTS",
    "MAX_HTML_BYTES",
    "FeedbackLinks",
    "MailContext",
    "Page",
    "issue_card",
    "mailto",
    "make_page",
    "render_heading",
    "render_html",
    "render_letter",
    "render_page",
    "render_row",
    "render_rows",
    "render_text",
    "text_card",
    "text_foot",
    "text_head",
    "text_heading",
    "text_number",
    "text_why",
]

# Gmail cuts a mail at 102 KB, and the footer with it.
MAX_HTML_BYTES = 80_000
# How long excerpts may be, tried in turn until the mail is small enough; at last cards become compact.
EXCERPTS = (340, 160, 0)
PREVIEW = 140
WIDTH = 72
INDENT = "    "  # of the text part, below a paper's number


@dataclass(frozen=True, slots=True)
class FeedbackLinks:
    """Where a reader says "more" or "less" of one paper, or saves it: http(s) or mailto addresses.

    Saving is for the web, so by mail it is left out.
    """

    more: str
    less: str
    save: str = ""


@dataclass(frozen=True, slots=True)
class MailContext:
    """What a mail says besides its papers.

    ``unsubscribe_mailto`` is a mailto address (or a plain one). Without ``base_url`` nothing links to us:
    ``unsubscribe_url``, ``preferences_url`` and ``view_url`` (this issue in a browser) are left out, and so
    are ``feedback`` links (by paper id) that are not mailto; ``other_cadence`` then changes how often a
    digest comes, by mail. ``is_shared``: it goes to a list of people, which has its own way of leaving.
    """

    list_name: str
    unsubscribe_mailto: str
    base_url: str | None = None
    unsubscribe_url: str | None = None
    preferences_url: str | None = None
    view_url: str | None = None
    other_cadence: Link | None = None
    is_shared: bool = False
    feedback: Mapping[int, FeedbackLinks] = field(default_factory=lambda: MappingProxyType({}))
    look: Look = PLAIN

    @property
    def logo_url(self) -> str:
        """Where the logo is loaded from; empty where none is shown."""
        logo = self.look.logo
        if self.base_url is None or logo is None or not logo.is_for_mail:
            return ""
        return f"{self.base_url}/static/logo/logo-{logo.name}"

    @property
    def leave_links(self) -> tuple[Link, ...]:
        """How to leave or change what comes, the best way first."""
        if self.is_shared:
            return ()
        by_mail = self.unsubscribe_mailto
        if not by_mail.startswith("mailto:"):
            by_mail = mailto(by_mail, "unsubscribe")
        links = [*([self.other_cadence] if self.other_cadence else []), Link(_("Leave by mail"), by_mail)]
        if self.base_url:
            links = [
                Link(_("Leave this list"), self.unsubscribe_url or ""),
                Link(_("Change what you get"), self.preferences_url or ""),
                Link(_("View in browser"), self.view_url or ""),
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
                for url in (links.more, links.less, *filter(None, [links.save]))
            )
        }


def mailto(address: str, subject: str = "", body: str = "") -> str:
    """A mailto address (RFC 6068)."""
    fields = [("subject", subject), ("body", body)]
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields if value)
    return f"mailto:{quote(address, safe='@+.-_')}{'?' if query else ''}{query}"


def render_html(issue: IssueView, ctx: MailContext) -> str:
    """The HTML part: complete, with nothing to load but a logo, at most ``MAX_HTML_BYTES`` long.

    Excerpts become shorter where many papers would make it longer; for very many, cards become compact.
    """
    feedback, page = ctx.usable_feedback, make_page(issue, ctx)
    for limit in EXCERPTS:
        html = render_page(page, render_rows(issue, limit, feedback, look=ctx.look), ctx.look)
        if len(html.encode()) <= MAX_HTML_BYTES:
            return html
    return render_page(page, render_rows(issue, 0, {}, compact=True, look=ctx.look), ctx.look)


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows around its papers, all of it plain text.

    ``date`` is the line below the name; ``notice`` are the lines that stand in place of papers.
    """

    list_name: str
    date: str
    subject: str
    preview: str
    notice: tuple[str, ...]
    coverage: str
    why_you: str
    leave: tuple[Link, ...]
    logo_url: str = ""


def make_page(issue: IssueView, ctx: MailContext) -> Page:
    """The page of that issue for that reader."""
    return Page(
        list_name=one_line(ctx.list_name),
        date=shown_date(issue),
        subject=one_line(issue.subject) or one_line(ctx.list_name),
        preview=_preview(issue),
        notice=_notice(issue),
        coverage=issue.coverage,
        why_you=_why_you(issue, ctx),
        leave=ctx.leave_links,
        logo_url=ctx.logo_url,
    )


def render_page(page: Page, rows: Sequence[Markup], look: Look = PLAIN) -> str:
    """The page around the rows of its papers."""
    return render_template("mail/issue.html", look, page=page, rows=rows)


def render_letter(
    subject: str,
    heading: str,
    lines: Sequence[str],
    *,
    link: str = "",
    button: str = "",
    look: Look = PLAIN,
) -> str:
    """The HTML of a mail that is no issue: a heading, a paragraph for each line, and one way to go on.

    ``link`` is an address of ours, or a mark that one will take the place of.
    """
    return render_template(
        "mail/letter.html",
        look,
        subject=one_line(subject),
        heading=one_line(heading),
        lines=lines,
        link=link,
        button=button,
    )


def render_rows(
    issue: IssueView,
    excerpt_limit: int,
    feedback: Mapping[int, FeedbackLinks],
    *,
    compact: bool = False,
    look: Look = PLAIN,
) -> list[Markup]:
    """A row for each heading and each paper of the page."""
    rows = []
    for section, items in groupby(issue.items, key=lambda item: item.section):
        rows.append(render_heading(section, look))
        cards = [issue_card(item, issue.zone, excerpt_limit) for item in items]
        cards = list(map(compact_card, cards)) if compact else cards
        rows += [
            render_row(card, feedback.get(card.paper_id), is_last=place == len(cards), look=look)
            for place, card in enumerate(cards, start=1)
        ]
    return rows


def render_heading(section: Section, look: Look = PLAIN) -> Markup:
    """The row above a section's papers."""
    return Markup(render_template("mail/section.html", look, heading=section_name(section)))  # noqa: S704 - escaped there


def render_row(card: Card, feedback: FeedbackLinks | None, *, is_last: bool, look: Look = PLAIN) -> Markup:
    """The row of one paper; ``is_last`` of its section."""
    row = render_template("mail/paper.html", look, card=card, feedback=feedback, is_last=is_last)
    return Markup(row)  # noqa: S704 - escaped there


def render_text(issue: IssueView, ctx: MailContext) -> str:
    """The text part: at most 72 columns but for addresses, no trailing blanks, ends with a line end.

    Without the links to say more or less of a paper: as bare addresses they would drown the papers.
    """
    texts = [text_head(issue, ctx.list_name)]
    count = 0
    for section, items in groupby(issue.items, key=lambda item: item.section):
        texts.append(text_heading(section))
        for item in items:
            count += 1
            card = issue_card(item, issue.zone, EXCERPTS[0])
            before, after = text_card(card)
            texts += [text_number(count), before, text_why(card.interest, card.reasons), after]
    return "".join([*texts, text_foot(issue, ctx)])


def text_head(issue: IssueView, list_name: str) -> str:
    """What stands above the papers, or in their place."""
    lines = [*wrap(list_name), shown_date(issue)]
    for line in () if issue.items else _notice(issue):
        lines += ["", *wrap(line)]
    return _ended(lines)


def text_heading(section: Section) -> str:
    """What stands above a section's papers."""
    heading = section_name(section)
    return _ended(["", "", heading.upper(), "-" * len(heading)])


def text_number(count: int) -> str:
    """What stands before the ``count``-th paper, as wide as the indent."""
    return f"\n{count:>2}. "


def text_card(card: Card) -> tuple[str, str]:
    """A paper behind its number: what stands before and what after the line that says why it is there."""
    first, *rest = wrap(card.title, indent=INDENT)
    before = [first[len(INDENT) :], *rest]
    before += wrap(card.byline, indent=INDENT)
    after = [line for paragraph in card_matter(card) for line in wrap(paragraph, indent=INDENT)]
    for link in card.links:
        after += _text_link(link, INDENT)
    return _ended(before), _ended(after)


def text_why(interest: str, reasons: Sequence[str]) -> str:
    """The lines that say why a paper is there."""
    return _ended(wrap(card_why(interest, reasons), indent=INDENT))


def text_foot(issue: IssueView, ctx: MailContext) -> str:
    """What stands below the papers: what was looked at, why this comes, and how to leave."""
    lines = ["", "", *wrap(issue.coverage)] if issue.coverage else []
    lines += ["", "-" * WIDTH, *wrap(_why_you(issue, ctx))]
    for link in ctx.leave_links:
        lines += _text_link(link, "")
    lines += [part for line in ctx.look.footer for part in ("", *wrap(line))]
    return _ended(lines)


def issue_card(item: IssueItem, zone: str, excerpt_limit: int) -> Card:
    """The card of one recommendation."""
    return make_card(
        item.paper, interest=item.interest, reasons=item.reasons, zone=zone, excerpt_limit=excerpt_limit
    )


def _ended(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _text_link(link: Link, indent: str) -> list[str]:
    whole = f"{indent}{link.caption}: {link.url}"
    # An address is never broken: it gets a line of its own where it is too long to share one.
    return [whole] if len(whole) <= WIDTH else [f"{indent}{link.caption}:", f"{indent}{link.url}"]


def shown_date(issue: IssueView) -> str:
    """``Monday, 3 August 2026 · 7 papers``."""
    day, count = long_date(issue.local_date), len(issue.items)
    return f"{day} · {count_papers(count)}" if count else day


def _notice(issue: IssueView) -> tuple[str, ...]:
    lines = [one_line(line) for line in (issue.notice or _("Nothing new today.")).split("\n")]
    return tuple(line for line in lines if line)


def _preview(issue: IssueView) -> str:
    """What an inbox shows beside the subject: the first titles that the subject does not name."""
    titles = [one_line(item.paper.title) for item in issue.items[:4]]
    unnamed = [title for title in titles if title and title not in issue.subject] or titles
    return truncate(" · ".join(unnamed or _notice(issue)), PREVIEW)


def _why_you(issue: IssueView, ctx: MailContext) -> str:
    interests = [one_line(name) for name in issue.interests]
    said = {"name": one_line(ctx.list_name), "interests": listed(interests)}
    if ctx.is_shared:
        told = _("This issue of %(name)s goes to everybody on this mailing list", **said)
        if interests:
            told = _(
                "This issue of %(name)s goes to everybody on this mailing list, for %(interests)s", **said
            )
        return truncate(told, 400) + _(". To get no more of them, leave the list in its own way.")
    told = _("You get this because you subscribed to %(name)s", **said)
    if interests:
        told = _("You get this because you subscribed to %(name)s, for %(interests)s", **said)
    return truncate(told, 400) + "."
