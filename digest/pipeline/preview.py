"""Preview: a reader's issue as it was frozen, or as it would be now. Stores nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from digest.message import make_message_id
from digest.models import Issue, Subscriber, Subscription
from digest.pipeline.assemble import Addressee, Assembler
from digest.pipeline.compose import Composer, Draft
from digest.pipeline.deliver import Deliverer
from digest.pipeline.due import window_of
from digest.pipeline.moment import Moment
from digest.pipeline.readers import get_subscriber
from digest.render import render_html, render_text
from digest.storage import issues as issue_rows
from digest.storage import subscribers as subscriber_rows
from digest.translation import in_language, speaking
from digest.types import Cadence, IssueStatus, IssueView, Recommendation, Section
from digest.wording import spoken

__all__ = ["preview_as", "told_reasons"]


class _Chosen(NamedTuple):
    """A recommended paper: the parts of its score (see ``digest.ranking.parts``), its reasons with facts."""

    paper_id: int
    parts: dict[str, float]
    why: list[dict[str, Any]]


def told_reasons(one: Recommendation) -> list[dict[str, Any]]:
    """The reasons of a recommendation as JSON, as they are stored too."""
    return [{"kind": reason.kind, "text": reason.text, "facts": dict(reason.facts)} for reason in one.reasons]


def preview_as(
    composer: Composer, deliverer: Deliverer, email: str, moment: Moment, form: str
) -> tuple[str | bytes | dict[str, Any], datetime | None]:
    """The issue as ``html`` or ``text`` (str), ``eml`` (bytes) or ``json`` (dict).

    A day that has an issue shows that one, frozen as it was, and the time it was composed; any other,
    one that was skipped too, shows what would be composed, and ``None``. Raises ``UsageError`` for an
    unknown reader.
    """
    with composer.database.read() as session:
        subscriber = get_subscriber(session, email)
        assert subscriber.id is not None  # noqa: S101 - stored rows have ids
        subscription = subscriber_rows.list_subscriptions(session, subscriber.id)[0]
        assert subscription.id is not None  # noqa: S101
        day = moment.today_in(subscription.zone)
        stored = issue_rows.get_issue(session, subscription.id, day)
        if stored is not None and stored.status == IssueStatus.SKIPPED:
            stored = None  # only the mark of a date that had no issue; one can still be made
        if stored is not None and stored.id is not None:
            view = issue_rows.load_issue_views(session, [stored.id])[stored.id]
            rows = issue_rows.list_recommendations(session, stored.id)
            chosen = [_Chosen(row.paper_id, row.parts, row.reasons) for row in rows]
            reason = stored.reason
        else:
            draft = _draft(composer, subscriber, subscription, moment)
            view, reason = draft.view(), str(draft.reason or "")
            drafted = draft.recommendations
            chosen = [_Chosen(one.paper_id, dict(one.parts), told_reasons(one)) for one in drafted]
    composed_at = stored.composed_at if stored else None
    if form == "json":
        return _as_json(view, chosen, stored, reason), composed_at
    assembler = Assembler(deliverer.envelope)
    reader = Addressee(subscriber.id, subscriber.token_version, Cadence(subscription.cadence))
    with speaking(in_language(view.language, deliverer.envelope.language)):
        said = spoken(view)
        context = assembler.context(said, reader)
        if form == "html":
            return render_html(said, context), composed_at
        if form == "text":
            return render_text(said, context), composed_at
    message_id = make_message_id(f"preview {subscription.id} {day}", composer.rules.mail_domain)
    return assembler.message(view, reader, subscriber.email or email, message_id), composed_at


def _draft(composer: Composer, subscriber: Subscriber, subscription: Subscription, moment: Moment) -> Draft:
    day, now = moment.today_in(subscription.zone), moment.now_in(subscription.zone)
    days = window_of(subscription, composer.rules.window_days)
    prepared = composer.prepare(day, now, days=days, keep_model=False)
    with composer.database.read() as session:
        return composer.draft(session, [(subscriber, subscription)], day, now, prepared)[0]


def _as_json(
    view: IssueView, chosen: Sequence[_Chosen], stored: Issue | None, reason: str | None
) -> dict[str, Any]:
    sections = []
    for section in Section:
        papers = [
            {
                "id": one.paper_id,
                "arxiv_id": item.paper.arxiv_id,
                "title": item.paper.title,
                "score": item.score,
                "interest": item.interest,
                "reasons": list(item.reasons),
                "parts": one.parts,
                "why": one.why,
            }
            for one, item in zip(chosen, view.items, strict=True)
            if item.section is section
        ]
        if papers:
            sections.append({"name": section.value, "papers": papers})
    return {
        "date": view.local_date.isoformat(),
        "subject": view.subject,
        "sections": sections,
        "coverage": view.coverage,
        "reason": reason.partition(" ")[2] if reason else None,
        "stored": stored is not None,
    }
