"""From an issue to the bytes that go over the wire, fast: what many readers share is made once.

The templates are rendered with marks in the places of what is personal and cut there; what lies between is
encoded once and kept. A mail then is a matter of joining. The slow way (``render_html``, ``render_text`` and
``make_message``) gives the same mail, and is taken for the few that do not fit the fast one.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup, escape

from digest.branding import PLAIN, Look
from digest.cards import Link, card_reasons
from digest.message import (
    Fragment,
    Headers,
    MessageParts,
    encode_fragment,
    make_message,
    make_message_from_fragments,
    needs_smtputf8,
)
from digest.models import Letter
from digest.pipeline.letters import fill_in_link
from digest.render import (
    EXCERPTS,
    MAX_HTML_BYTES,
    FeedbackLinks,
    MailContext,
    Page,
    issue_card,
    mailto,
    make_page,
    render_heading,
    render_html,
    render_page,
    render_row,
    render_text,
    text_card,
    text_foot,
    text_head,
    text_heading,
    text_number,
    text_why,
)
from digest.tokens import TAG_CHARS, Secret, make_tag, make_token, reader_reference, tag_address
from digest.translation import ENGLISH, in_language, speaking
from digest.translation import gettext as _
from digest.translation import language as spoken_language
from digest.types import Cadence, IssueItem, IssueView, Section
from digest.wording import spoken

__all__ = ["Addressee", "Assembler", "Envelope"]

MAX_LOCAL = 64  # octets of what stands before the @ (RFC 5321, 4.5.3.1.1)
KEPT = 8192

# What marks a place: letters that no escaping or quoting changes, and that nobody can know.
_MARK = f"qz{secrets.token_hex(12)}"
_PLACES = re.compile(f"{_MARK}([A-Z])")
_INTEREST, _REASONS, _TOKEN, _ROWS, _SUBJECT, _PREVIEW, _WHY, _LINK = (_MARK + one for one in "IRTCSPWL")

# Fragments, and between them the letters of places.
Skeleton = tuple[Fragment | str, ...]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all mails of this installation have in common.

    ``address_tags``: mail to ``local+anything@domain`` reaches ``local@domain``. ``language`` is that of
    readers who chose none.
    """

    sender: str
    list_name: str
    unsubscribe_address: str
    bounce_address: str
    base_url: str | None
    secret: Secret
    address_tags: bool = True
    look: Look = PLAIN
    language: str = ENGLISH

    @property
    def domain(self) -> str:
        """The sender's domain."""
        return self.sender.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Addressee:
    """The reader a mail is for: what their links are signed with, and how often they are served.

    ``shared``: it goes to a list of people, and holds no link that is one person's.
    """

    subscriber_id: int
    token_version: int
    cadence: Cadence = Cadence.DAILY
    shared: bool = False


class _Body(NamedTuple):
    plain: Fragment
    html: Fragment


class Assembler:
    """Makes the mails of one installation. Keeps what it made, in bounds; not for several threads at once."""

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self._kept: OrderedDict[Hashable, Skeleton] = OrderedDict()
        # Links as they are for everybody, with a mark in the place of the token: quoting takes its time.
        ours = envelope.unsubscribe_address
        self._change_links = {
            one: mailto(ours, subject=f"{one.value} {_TOKEN}") for one in (Cadence.DAILY, Cadence.WEEKLY)
        }
        self._help_link = mailto(ours, subject="help")
        self._leave_link = mailto(ours, subject=f"unsubscribe {_TOKEN}")
        self._tagged_leave_link: str | None = None
        if envelope.address_tags and _tagged(ours, "t" * TAG_CHARS) is not None:
            self._tagged_leave_link = mailto(tag_address(ours, _TOKEN), subject="unsubscribe")

    def envelope_sender(self, message_id: str) -> str:
        """The envelope sender of the mail with that Message-ID: signed, so a bounce tells whose it is."""
        envelope = self.envelope
        if not envelope.address_tags:
            return envelope.bounce_address
        tag = make_tag(envelope.secret, "b", bytes.fromhex(message_id[1:17]))
        return _tagged(envelope.bounce_address, tag) or envelope.bounce_address

    def message(self, view: IssueView, reader: Addressee, recipient: str, message_id: str) -> bytes:
        """One issue as the bytes that go over the wire; the same on every attempt.

        Raises ``DeliveryError`` (see ``make_message``).
        """
        if reader.shared:  # one a day: nothing to share with other mails
            return self.slow_message(view, reader, recipient, message_id)
        with speaking(in_language(view.language, self.envelope.language)):
            said = spoken(view)
            ctx = self._links(said, reader)
            body = self._body(said, ctx, self._token("feedback", reader))
            if body is not None:
                return make_message_from_fragments(self._headers(said, ctx, recipient, message_id), *body)
        return self.slow_message(view, reader, recipient, message_id)

    def slow_message(self, view: IssueView, reader: Addressee, recipient: str, message_id: str) -> bytes:
        """The same by the plain way: each mail rendered and encoded by itself."""
        with speaking(in_language(view.language, self.envelope.language)):
            view = spoken(view)
            ctx = self.context(view, reader)
            text, html = render_text(view, ctx), render_html(view, ctx)
        headers = self._headers(view, ctx, recipient, message_id)
        if reader.shared:
            # How to leave, and whom to ask, is what the list's own headers say (RFC 2369).
            list_id = f"group-{reader.subscriber_id}.{headers.list_id}"
            headers = replace(
                headers, list_id=list_id, unsubscribe_url=None, unsubscribe_mailto=None, help_url=None
            )
        return make_message(MessageParts(**asdict(headers), text=text, html=html))

    def letter(self, letter: Letter, recipient: str, message_id: str) -> bytes:
        """A mail that is no issue. It belongs to no list, so there is nothing to leave.

        Raises ``DeliveryError`` (transient) for one that leads to a web which is there no more.
        """
        letter = fill_in_link(letter, self.envelope.secret, self.envelope.base_url)
        return make_message(
            MessageParts(
                message_id=message_id,
                date=letter.created_at,
                from_name=self.envelope.list_name,
                from_address=self.envelope.sender,
                to_address=recipient,
                subject=letter.subject,
                text=letter.text,
                html=letter.html,
                allow_utf8=needs_smtputf8(recipient),
            )
        )

    def context(self, view: IssueView, reader: Addressee) -> MailContext:
        """What a mail shows besides the issue: how to leave, how to say more or less of a paper.

        Without a web of ours there is no link to us; everything then goes by mail.
        """
        if reader.shared:
            base = self.envelope.base_url
            return MailContext(self.envelope.list_name, "", base, is_shared=True, look=self.envelope.look)
        token = self._token("feedback", reader)
        ids = (item.paper.paper_id for item in view.items)
        return replace(self._links(view, reader), feedback={one: self._feedback(one, token) for one in ids})

    # --- links and headers ---

    def _links(self, view: IssueView, reader: Addressee) -> MailContext:
        envelope, base = self.envelope, self.envelope.base_url
        leave = self._token("unsubscribe", reader)
        change = self._token("preferences", reader)
        other = Cadence.DAILY if reader.cadence is Cadence.WEEKLY else Cadence.WEEKLY
        return MailContext(
            list_name=envelope.list_name,
            base_url=base,
            unsubscribe_url=f"{base}/u/{leave}" if base else None,
            unsubscribe_mailto=self._leave_by_mail(reader, leave),
            preferences_url=f"{base}/p/{change}" if base else None,
            view_url=self._view_url(view.issue_id, reader),
            other_cadence=Link(
                _("Daily instead") if other is Cadence.DAILY else _("Weekly instead"),
                self._change_links[other].replace(_TOKEN, change),
            ),
            look=envelope.look,
        )

    def _view_url(self, issue_id: int, reader: Addressee) -> str | None:
        """Where the issue is read in a browser; what is not stored is nowhere."""
        if self.envelope.base_url is None or not issue_id:
            return None
        subject = f"{reader.subscriber_id}.{issue_id}"
        token = make_token(self.envelope.secret, "issue", subject, reader.token_version)
        return f"{self.envelope.base_url}/i/{token}"

    def _leave_by_mail(self, reader: Addressee, token: str) -> str:
        """Who to write to for leaving: with the tag in the address, whatever is written leaves."""
        if self._tagged_leave_link is None:
            return self._leave_link.replace(_TOKEN, token)
        reference = reader_reference(reader.subscriber_id, reader.token_version)
        return self._tagged_leave_link.replace(_TOKEN, make_tag(self.envelope.secret, "u", reference))

    def _feedback(self, paper_id: int, token: str) -> FeedbackLinks:
        if self.envelope.base_url is not None:
            where = f"{self.envelope.base_url}/f/{token}/{paper_id}"
            return FeedbackLinks(more=f"{where}/more", less=f"{where}/less", save=f"{where}/saved")
        address = self.envelope.unsubscribe_address
        return FeedbackLinks(
            more=mailto(address, subject=f"more {paper_id} {token}"),
            less=mailto(address, subject=f"less {paper_id} {token}"),
        )

    def _token(self, purpose: str, reader: Addressee) -> str:
        return make_token(self.envelope.secret, purpose, str(reader.subscriber_id), reader.token_version)

    def _headers(self, view: IssueView, ctx: MailContext, recipient: str, message_id: str) -> Headers:
        envelope = self.envelope
        return Headers(
            message_id=message_id,
            date=view.composed_at,
            from_name=envelope.list_name,
            from_address=envelope.sender,
            to_address=recipient,
            subject=view.subject,
            list_name=envelope.list_name,
            list_id=f"digest.{envelope.domain}",
            unsubscribe_url=ctx.unsubscribe_url,
            unsubscribe_mailto=ctx.unsubscribe_mailto,
            help_url=ctx.preferences_url or self._help_link,
            feedback_id=f"{view.local_date:%Y%m%d}:digest:issue:{_hash(envelope.domain)}",
            allow_utf8=needs_smtputf8(recipient),
        )

    # --- bodies from fragments ---

    def _body(self, view: IssueView, ctx: MailContext, token: str) -> _Body | None:
        """Both parts, or ``None`` where they cannot be made from fragments."""
        if any(item.shown_id is None for item in view.items):
            return None
        html = self._html(view, ctx, token)
        if html is None:
            return None
        return _Body(_joined(self._text(view, ctx)), _joined(html))

    def _html(self, view: IssueView, ctx: MailContext, token: str) -> list[Fragment] | None:
        page = make_page(view, ctx)
        values = {
            "S": _escaped(page.subject),
            "P": _escaped(page.preview),
            "W": _escaped(page.why_you),
            "T": encode_fragment(token),
        }
        links = [encode_fragment(str(escape(link.url))) for link in page.leave]
        key = (page.list_name, page.date, page.coverage, page.notice, *(one.label for one in page.leave))
        has_rows = bool(view.items)
        around = self._skeleton(("page", has_rows, *key), lambda: self._marked_page(page, has_rows))
        room = MAX_HTML_BYTES - sum(one.size for one in _filled(around, values, links))
        for limit in EXCERPTS:
            middle = self._rows(view, limit, values)
            if sum(one.size for one in middle) <= room:
                return list(_filled(around, values, links, middle))
        return None

    def _rows(self, view: IssueView, limit: int, values: Mapping[str, Fragment]) -> list[Fragment]:
        own = dict(values)
        rows: list[Fragment] = []
        for section, items in _sections(view):
            rows += _filled(self._heading(section), own)
            for item in items:
                interest, reasons = card_reasons(item.interest, item.reasons)
                own["I"], own["R"] = _escaped(interest), _escaped(" · ".join(reasons))
                shows = bool(interest), bool(reasons), item is items[-1]
                row = self._row(view.zone, limit, item, *shows)
                rows += [part if isinstance(part, Fragment) else own[part] for part in row]
        return rows

    def _heading(self, section: Section) -> Skeleton:
        return self._skeleton(("heading", section), lambda: render_heading(section, self.envelope.look))

    def _row(
        self, zone: str, limit: int, item: IssueItem, has_interest: bool, has_reasons: bool, is_last: bool
    ) -> Skeleton:
        key = ("row", item.shown_id, zone, limit, has_interest, has_reasons, is_last)

        def make() -> str:
            card = issue_card(item, zone, limit)
            marked = replace(
                card,
                interest=_INTEREST if has_interest else "",
                reasons=(_REASONS,) if has_reasons else (),
            )
            links = self._feedback(item.paper.paper_id, _TOKEN)
            shown = MailContext(
                "", "", self.envelope.base_url, feedback={item.paper.paper_id: links}
            ).usable_feedback
            return render_row(
                marked, shown.get(item.paper.paper_id), is_last=is_last, look=self.envelope.look
            )

        return self._skeleton(key, make)

    def _text(self, view: IssueView, ctx: MailContext) -> list[Fragment]:
        text = [_encoded(text_head(view, ctx.list_name))]
        count = 0
        for section, items in _sections(view):
            text.append(_encoded(text_heading(section)))
            for item in items:
                count += 1
                before, after = self._card(view.zone, item)
                why = _encoded(text_why(*card_reasons(item.interest, item.reasons)))
                text += (_encoded(text_number(count)), before, why, after)
        text.append(encode_fragment(text_foot(view, ctx)))
        return text

    def _card(self, zone: str, item: IssueItem) -> tuple[Fragment, Fragment]:
        key = ("card", item.shown_id, zone)
        found = self._keep(
            key, lambda: tuple(map(encode_fragment, text_card(issue_card(item, zone, EXCERPTS[0]))))
        )
        before, after = found
        assert isinstance(before, Fragment)  # noqa: S101 - made two lines above
        assert isinstance(after, Fragment)  # noqa: S101
        return before, after

    def _marked_page(self, page: Page, has_rows: bool) -> str:
        """The page with marks for all that differs between readers."""
        marked = replace(
            page,
            subject=_SUBJECT,
            preview=_PREVIEW,
            why_you=_WHY,
            leave=tuple(Link(link.label, _LINK) for link in page.leave),
        )
        rows = [Markup(_ROWS)] if has_rows else []  # noqa: S704 - a mark of ours
        return render_page(marked, rows, self.envelope.look)

    def _skeleton(self, key: Hashable, make: Callable[[], str]) -> Skeleton:
        return self._keep(key, lambda: _cut(make()))

    def _keep(self, key: Hashable, make: Callable[[], Skeleton]) -> Skeleton:
        key = (spoken_language(), key)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = make()
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found


def _joined(fragments: Iterable[Fragment]) -> Fragment:
    wires, sizes = zip(*fragments, strict=True)
    return Fragment(b"".join(wires), sum(sizes))


def _sections(view: IssueView) -> Iterator[tuple[Section, list[IssueItem]]]:
    for section, items in groupby(view.items, key=lambda item: item.section):
        yield section, list(items)


def _cut(text: str) -> Skeleton:
    """Cut rendered text at its marks: what stands between them encoded, and each mark as its letter."""
    pieces = _PLACES.split(text)
    return tuple(
        piece if place % 2 else encode_fragment(piece)
        for place, piece in enumerate(pieces)
        if place % 2 or piece
    )


def _filled(
    skeleton: Skeleton,
    values: Mapping[str, Fragment],
    links: Sequence[Fragment] = (),
    rows: Sequence[Fragment] = (),
) -> Iterator[Fragment]:
    """The skeleton with something in every place; links are taken in order."""
    rest = iter(links)
    for part in skeleton:
        if isinstance(part, Fragment):
            yield part
        elif part == "L":
            yield next(rest)
        elif part == "C":
            yield from rows
        else:
            yield values[part]


@lru_cache(maxsize=KEPT)
def _encoded(text: str) -> Fragment:
    return encode_fragment(text)


@lru_cache(maxsize=KEPT)
def _escaped(text: str) -> Fragment:
    return encode_fragment(str(escape(text)))


def _tagged(address: str, tag: str) -> str | None:
    """The address with the tag, or ``None`` where that is too long to be one."""
    tagged = tag_address(address, tag)
    return tagged if len(tagged.rpartition("@")[0]) <= MAX_LOCAL else None


@lru_cache(maxsize=16)
def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=4).hexdigest()
