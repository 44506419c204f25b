"""Explain a paper: why it is in a reader's digest of a day, or is not, and all that its score is made of.

A day that has a digest is explained as of when it was made: with what the reader knew and had said then, but
with the interests and the model of today. Stores nothing. Why a digest came or did not is in
:mod:`digest.pipeline.explain`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from digest.models import Issue, Paper, Subscriber, Subscription
from digest.pipeline.catch_up import question_of
from digest.pipeline.compose import Composer
from digest.pipeline.due import window_of
from digest.pipeline.explain_words import Outside, Told, sentence_of
from digest.pipeline.moment import Moment
from digest.pipeline.preview import told_reasons
from digest.pipeline.readers import get_subscriber
from digest.pipeline.states import States
from digest.ranking import Prepared
from digest.ranking.breakdown import InterestPart, TrendFigures
from digest.ranking.explaining import Cause, PaperExplanation
from digest.ranking.explaining import explain_paper as explain_choice
from digest.storage import issues as issue_rows
from digest.storage import papers as paper_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.known import Word, list_sent_days, list_words, listed_days
from digest.types import IssueStatus, Profile, Section

__all__ = ["explain_paper"]

KNOWN = (Cause.SENT, Cause.LIKE_KNOWN)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Whose digest it is, of which day, and what time it is or was for it; ``issue`` where there is one."""

    subscriber: Subscriber
    subscription: Subscription
    day: date
    now: datetime
    issue: Issue | None

    @property
    def id(self) -> int:
        assert self.subscriber.id is not None  # noqa: S101 - stored rows have ids
        return self.subscriber.id


@dataclass(frozen=True, slots=True)
class _Shown:
    """A paper in a digest, stored or as it would be."""

    place: int
    papers: int
    section: Section
    score: float
    interest: str | None
    parts: Mapping[str, float]
    why: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Knowledge:
    """What the reader knew: papers with the days they were sent, and what was said of them."""

    sent: Mapping[int, date]
    said: Mapping[int, Word]

    def until(self, day: date, at: datetime) -> "_Knowledge":
        """What they knew when the digest of a day was made."""
        return _Knowledge(
            {paper_id: on for paper_id, on in self.sent.items() if on < day},
            {paper_id: word for paper_id, word in self.said.items() if word.said_at < at},
        )

    @property
    def ids(self) -> frozenset[int]:
        return frozenset(self.sent) | frozenset(self.said)


def explain_paper(composer: Composer, email: str, asked: str, moment: Moment) -> dict[str, Any]:
    """The cause, its sentence and every figure behind it; JSON-ready.

    ``asked`` is our id, an arXiv id, a DOI or the whole title. Raises ``UsageError`` for an unknown reader,
    or a title that several papers have.
    """
    with composer.database.read() as session:
        reader = _reader(session, email, moment)
        paper = paper_rows.find_paper(session, asked)
    told = Told(asked, reader.day, reader.subscription.zone, Outside.NOT_STORED)
    if reader.issue is not None:
        told = replace(told, stored_at=reader.issue.composed_at)
    if paper is None:
        return _answer(reader, None, told, None)
    days = window_of(reader.subscription, composer.rules.window_days)
    prepared = composer.prepare(reader.day, reader.now, days=days, keep_model=False)
    with composer.database.read() as session:
        assert paper.id is not None  # noqa: S101 - stored rows have ids
        knowledge = _Knowledge(list_sent_days(session, reader.id), list_words(session, reader.id))
        if reader.issue is not None:
            knowledge = knowledge.until(reader.day, reader.now)
            shown, found = _stored(session, composer, reader, paper.id, knowledge.ids, prepared)
        else:
            shown, found = _drafted(session, composer, reader, paper.id, knowledge.ids, prepared)
        listed = listed_days(session, paper.id, reader.day)
    window = reader.day - timedelta(days=days - 1), reader.day
    told = replace(told, window=window, listed=listed, found=found)
    told = _known_by(told, knowledge) if shown is None else _told_shown(told, shown)
    if found is None and shown is None:
        told = _outside(told, paper)
    return _answer(reader, paper, told, shown)


def _reader(session: Session, email: str, moment: Moment) -> _Reader:
    subscriber = get_subscriber(session, email)
    assert subscriber.id is not None  # noqa: S101 - stored rows have ids
    subscription = subscriber_rows.list_subscriptions(session, subscriber.id)[0]
    assert subscription.id is not None  # noqa: S101
    day = moment.today_in(subscription.zone)
    issue = issue_rows.get_issue(session, subscription.id, day)
    if issue is not None and issue.status == IssueStatus.SKIPPED:
        issue = None  # only the mark of a date that had none; one can still be made
    now = moment.now_in(subscription.zone) if issue is None else issue.composed_at
    return _Reader(subscriber, subscription, day, now, issue)


def _stored(
    session: Session,
    composer: Composer,
    reader: _Reader,
    paper_id: int,
    known: Collection[int],
    prepared: Prepared,
) -> tuple[_Shown | None, PaperExplanation | None]:
    """The paper in the digest as it was frozen, and the choice made once more."""
    assert reader.issue is not None  # noqa: S101
    assert reader.issue.id is not None  # noqa: S101 - stored rows have ids
    rows = issue_rows.list_recommendations(session, reader.issue.id)
    shown = [
        _Shown(place, len(rows), Section(row.section), row.score, row.interest, row.parts, row.reasons)
        for place, row in enumerate(rows, start=1)
        if row.paper_id == paper_id
    ]
    pair = reader.subscriber, reader.subscription
    (draft,) = composer.draft(session, [pair], reader.day, reader.now, prepared, turns={}, wide={})
    if paper_id not in prepared.rows:
        return next(iter(shown), None), None
    profile = _before(draft.profile, reader.now)
    (learned,) = States().learned(session, [profile], prepared.model)
    found = explain_choice(profile, known, prepared.rows[paper_id], prepared, learned)
    return next(iter(shown), None), found


def _before(profile: Profile, at: datetime) -> Profile:
    """The profile without what was said of papers since then."""
    interests = [
        replace(one, examples=tuple(each for each in one.examples if not each.liked_at or each.liked_at < at))
        for one in profile.interests
    ]
    return replace(profile, interests=tuple(interests))


def _drafted(
    session: Session,
    composer: Composer,
    reader: _Reader,
    paper_id: int,
    known: Collection[int],
    prepared: Prepared,
) -> tuple[_Shown | None, PaperExplanation | None]:
    """The paper in the digest as it would be made now, and the choice read out."""
    pair = reader.subscriber, reader.subscription
    turns, wide = composer.looked_up(session, [pair], reader.day, reader.now, prepared)
    (draft,) = composer.draft(session, [pair], reader.day, reader.now, prepared, turns, wide)
    chosen = draft.recommendations
    shown = [
        _Shown(place, len(chosen), one.section, one.score, one.interest, one.parts, told_reasons(one))
        for place, one in enumerate(chosen, start=1)
        if one.paper_id == paper_id
    ]
    turn = turns.get(reader.subscription.id)
    new = sum(one.section is not Section.AWAY for one in chosen)
    absence = turn.absence if turn is not None else None
    profile, had, among = question_of(paper_id, draft.profile, absence, new, known, prepared, wide)
    if paper_id not in among.rows:
        return next(iter(shown), None), None
    (learned,) = States().learned(session, [profile], among.model)
    found = explain_choice(profile, had, among.rows[paper_id], among, learned)
    return next(iter(shown), None), found


def _told_shown(told: Told, shown: _Shown) -> Told:
    return replace(
        told,
        cause=Cause.SHOWN,
        section=shown.section,
        place=shown.place,
        papers=shown.papers,
        interest=shown.interest,
    )


def _known_by(told: Told, knowledge: _Knowledge) -> Told:
    """What was found in the choice; where the reader knows the paper, how they came to know it."""
    found = told.found
    if found is None:
        return told
    cause: Cause | Outside = found.cause
    if cause is Cause.SHOWN:
        return replace(told, cause=Outside.CHANGED_SINCE)
    if cause not in KNOWN or found.other is None:
        return replace(told, cause=cause)
    sent_on, word = knowledge.sent.get(found.other), knowledge.said.get(found.other)
    if cause is Cause.SENT and sent_on is None:
        cause = Outside.JUDGED
    said = (word.kind, word.said_at.astimezone(ZoneInfo(told.zone)).date()) if word is not None else None
    return replace(told, cause=cause, sent_on=sent_on, said=said)


def _outside(told: Told, paper: Paper) -> Told:
    """Why a stored paper was not among those to choose from."""
    if paper.withdrawn_at is not None:
        on = paper.withdrawn_at.astimezone(ZoneInfo(told.zone)).date()
        return replace(told, cause=Outside.WITHDRAWN, withdrawn_on=on)
    return replace(told, cause=Outside.NOT_LISTED)


def _answer(reader: _Reader, paper: Paper | None, told: Told, shown: _Shown | None) -> dict[str, Any]:
    found = told.found
    interest = found.interest.name if found is not None and found.interest is not None else None
    return {
        "email": reader.subscriber.email,
        "date": reader.day.isoformat(),
        "stored": told.stored_at is not None,
        "paper": None if paper is None else _paper(paper),
        "cause": told.cause.value,
        "sentence": sentence_of(told),
        "section": shown.section.value if shown else found.section if found else None,
        "place": shown.place if shown else None,
        "papers": shown.papers if shown else len(found.papers) if found else None,
        "interest": shown.interest if shown else interest,
        "score": shown.score if shown else None,
        "parts": dict(shown.parts) if shown else None,
        "reasons": [one["text"] for one in shown.why] if shown else [],
        "why": list(shown.why) if shown else [],
        "threshold": found.threshold if found else None,
        "same_as": {"id": found.other, "title": found.other_title} if found and found.other else None,
        "interests": [_interest(one) for one in found.interests] if found else [],
        "trend": _trend(found.trend) if found else None,
    }


def _paper(paper: Paper) -> dict[str, Any]:
    return {"id": paper.id, "arxiv_id": paper.arxiv_id, "doi": paper.doi, "title": paper.title}


def _interest(part: InterestPart) -> dict[str, Any]:
    author = part.author
    return {
        "name": part.name,
        "id": part.interest_id,
        "taste": part.taste,
        "admitted": part.is_admitted,
        "score": part.score,
        "parts": dict(part.parts),
        "keywords": [hit._asdict() for hit in part.keywords],
        "words": list(part.words),
        "unwanted": list(part.unwanted),
        "lacks_must": part.lacks_must,
        "categories": list(part.categories),
        "author": {"followed": author.followed, "listed": author.listed, "exact": author.exact}
        if author
        else None,
        "by_liked": None if part.by_liked is None else part.by_liked._asdict(),
        "nearest": [
            {**one.paper._asdict(), "part": round(one.part, 6), "words": dict(one.words)}
            for one in part.nearest
        ],
        "lowered_by": [one._asdict() for one in part.lowered_by],
    }


def _trend(trend: TrendFigures) -> dict[str, Any]:
    growth = trend.growth
    told: dict[str, Any] = {
        "trending": {
            "parts": dict(trend.trending),
            "score": trend.trending_score,
            "place": trend.trending_place,
        },
        "rising": {"parts": dict(trend.rising), "score": trend.rising_score, "place": trend.rising_place},
    }
    if growth is None:
        return told | dict.fromkeys(("source", "counted", "votes", "since", "votes_then"))
    since = growth.since.isoformat() if growth.since is not None else None
    return told | {
        "source": growth.source,
        "counted": growth.counted,
        "votes": growth.votes,
        "since": since,
        "votes_then": growth.votes_then,
    }
