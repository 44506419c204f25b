"""Compose: one issue per subscription and local date, frozen with its recommendations.

Reads in blocks, decides in the ranking room, writes issue, recommendations and planned delivery in
one transaction. Sends nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sqlmodel import Session

from digest.message import make_message_id
from digest.models import Delivery, Issue, Run, StoredRecommendation, Subscriber, Subscription
from digest.pipeline.coverage import load_checks, source_labels
from digest.pipeline.model_store import ModelStore
from digest.pipeline.moment import Moment
from digest.ranking import Prepared, prepare, recommend
from digest.schedule import SubscriptionRule, due_at, due_date, is_served
from digest.storage import issues as issue_rows
from digest.storage import papers as paper_rows
from digest.storage import runs as run_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database
from digest.text import truncate
from digest.types import (
    Cadence,
    DeliveryStatus,
    IssueStatus,
    IssueView,
    PaperView,
    Profile,
    Recommendation,
)
from digest.types import IssueItem as Item
from digest.why import (
    Explanation,
    RunFacts,
    SourceCheck,
    WhyFacts,
    empty_reason,
    notice_text,
    summarise_coverage,
)

__all__ = ["ComposeRules", "Composer", "Draft", "rule_of"]

Pair = tuple[Subscriber, Subscription]
Value = TypeVar("Value")
BLOCK = 500
SUBJECT_TITLE = 90
MAIL = "mail"


@dataclass(frozen=True, slots=True)
class ComposeRules:
    """The settings that composing goes by."""

    window_days: int = 7
    papers: int = 10
    trend_weight: float = 0.3
    when_empty: str = "skip"
    silent_days: int = 3
    issue_window_h: int = 20
    mail_domain: str = "localhost"


@dataclass(frozen=True, slots=True)
class Draft:
    """One issue before it is stored: what a reader would get, and why if it is nothing."""

    subscriber: Subscriber
    subscription: Subscription
    profile: Profile
    local_date: date
    now: datetime
    recommendations: Sequence[Recommendation]
    views: Mapping[int, PaperView]
    coverage: str
    reason: Explanation | None = None

    @property
    def subject(self) -> str:
        """The best paper's title, and how many more there are."""
        if not self.recommendations:
            return "Nothing new today"
        title = truncate(self.views[self.recommendations[0].paper_id].title, SUBJECT_TITLE)
        more = len(self.recommendations) - 1
        return f"{title} · and {more} more" if more else title

    @property
    def notice(self) -> str | None:
        """The two lines that are shown where there is nothing to show."""
        return notice_text(self.reason.sentence, self.coverage) if self.reason else None

    def view(self) -> IssueView:
        """The draft as it would be shown."""
        items = [
            Item(
                paper=self.views[one.paper_id],
                section=one.section,
                score=one.score,
                interest=one.interest,
                reasons=tuple(reason.text for reason in one.reasons),
            )
            for one in self.recommendations
        ]
        return IssueView(
            issue_id=0,
            local_date=self.local_date,
            subject=self.subject,
            items=tuple(items),
            coverage=self.coverage,
            notice=self.notice,
            composed_at=self.now,
            zone=self.subscription.zone,
            interests=tuple(interest.name for interest in self.profile.interests),
        )


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes issues. Knows neither mail nor feeds."""

    database: Database
    rules: ComposeRules
    models_dir: Path

    def compose(
        self,
        moment: Moment,
        *,
        only: str | None = None,
        early: bool = False,
        progress: Callable[[str], None] = lambda _: None,
    ) -> dict[str, int]:
        """Compose and freeze every issue that is due (or that of the reader ``only``).

        ``early``: the day asked for is due even before the reader's hour.

        Returns ``issues`` (composed now), ``empty`` (nothing to say; recorded with its reason) and
        ``skipped`` (had one already, or not due).
        """
        with self.database.read() as session:
            pairs = [
                pair
                for pair in subscriber_rows.list_active(session)
                if (only is None or pair[0].email == only) and _is_served(pair, moment)
            ]
            due = self._due(session, pairs, moment, early=early)
        counts = {"issues": 0, "empty": 0, "skipped": len(pairs)}
        done = 0
        for (day, now), group in sorted(due.items(), key=lambda one: one[0]):
            prepared = self.prepare(day, now)
            for block in _blocks(group, BLOCK):
                with self.database.read() as session:
                    drafts = self.draft(session, block, day, now, prepared)
                with self.database.write() as session:
                    for draft in self._still_due(session, drafts, moment):
                        counts["issues" if self._freeze(session, draft, moment) else "empty"] += 1
                counts["skipped"] = len(pairs) - counts["issues"] - counts["empty"]
                done += len(block)
                progress(f"{done} readers")
        return counts

    def _due(
        self, session: Session, pairs: Sequence[Pair], moment: Moment, *, early: bool
    ) -> dict[tuple[date, datetime], list[Pair]]:
        """Who is due, by local date and by what time it is for them."""
        ids = [subscription.id for _, subscription in pairs if subscription.id is not None]
        oldest = (moment.day or moment.now.date()) - timedelta(days=self.rules.issue_window_h // 24 + 3)
        served = issue_rows.served_dates(session, ids, since=oldest)
        due: dict[tuple[date, datetime], list[Pair]] = defaultdict(list)
        for subscriber, subscription in pairs:
            now = moment.now_in(subscription.zone)
            rule = rule_of(subscription, now)
            dates = served.get(subscription.id or 0, {})
            if moment.day is None:
                day = due_date(rule, now, dates, self.rules.issue_window_h)
            else:
                begins = due_at(rule, moment.day)
                is_due = begins is not None and (early or begins <= now) and moment.day not in dates
                day = moment.day if is_due else None
            if day is not None:
                due[day, now].append((subscriber, subscription))
        return due

    def _still_due(self, session: Session, drafts: Sequence[Draft], moment: Moment) -> list[Draft]:
        """Those whose reader is still there to be served, and who got no issue from elsewhere meanwhile."""
        ids = [draft.subscription.id for draft in drafts if draft.subscription.id is not None]
        there = {pair[1].id for pair in subscriber_rows.list_active(session, ids) if _is_served(pair, moment)}
        since = min((draft.local_date for draft in drafts), default=date.min)
        served = issue_rows.served_dates(session, ids, since=since)
        return [
            draft
            for draft in drafts
            if draft.subscription.id in there and draft.local_date not in served[draft.subscription.id or 0]
        ]

    def prepare(self, day: date, now: datetime, *, keep_model: bool = True) -> Prepared:
        """Everything about the papers of that day's window that does not depend on a reader."""
        with self.database.read() as session:
            first = day - timedelta(days=self.rules.window_days - 1)
            candidates = paper_rows.list_candidates(session, first_day=first, last_day=day)
            ids = [candidate.paper_id for candidate in candidates]
            labels = source_labels(session)
            sightings = [
                replace(one, source=labels[one.source])
                for one in paper_rows.list_sightings(session, ids, until=now)
            ]
            model = ModelStore(self.models_dir).current(session, keep=keep_model)
        return prepare(candidates, sightings, model, now)

    def draft(
        self, session: Session, pairs: Sequence[Pair], day: date, now: datetime, prepared: Prepared
    ) -> list[Draft]:
        """What each of these readers would get on that day."""
        profiles = subscriber_rows.load_profiles(
            session, pairs, max_papers=self.rules.papers, trend_weight=self.rules.trend_weight
        )
        ids = [profile.subscriber_id for profile in profiles]
        judged = subscriber_rows.list_judged(session, ids)
        sent = {who: had | judged.get(who, set()) for who, had in issue_rows.list_sent(session, ids).items()}
        chosen = recommend(profiles, sent, prepared)
        wanted = {one.paper_id for recommendations in chosen for one in recommendations}
        views = paper_rows.get_views(session, sorted(wanted), until=now)
        checks = load_checks(session, day, now, self.rules.window_days)
        drafts = []
        for (subscriber, subscription), profile, recommendations in zip(pairs, profiles, chosen, strict=True):
            draft = Draft(
                subscriber=subscriber,
                subscription=subscription,
                profile=profile,
                local_date=day,
                now=now,
                recommendations=recommendations,
                views=views,
                coverage=summarise_coverage(checks, today=day, zone=subscription.zone),
            )
            if not recommendations:
                last = run_rows.last_run(session, "refresh")
                facts = _empty_facts(draft, prepared, sent.get(profile.subscriber_id, ()), checks, last)
                draft = replace(draft, reason=empty_reason(facts))
            drafts.append(draft)
        return drafts

    def _freeze(self, session: Session, draft: Draft, moment: Moment) -> bool:
        """Store one issue with all that belongs to it; say whether it has something to show."""
        assert draft.subscription.id is not None  # noqa: S101 - stored rows have ids
        status, notice = IssueStatus.COMPOSED, None
        if not draft.recommendations:
            silent = issue_rows.silent_days(session, draft.subscription.id, draft.local_date)
            speak = self.rules.when_empty == "mail" or silent >= self.rules.silent_days
            status = IssueStatus.NOTICE if speak else IssueStatus.EMPTY
            notice = draft.notice if speak else None
        # An issue of a day gone by that somebody asks for today is not old news, so its time counts
        # from when it is made; a restored backup's issues keep the time they were made at.
        expires = max(draft.now, moment.now) + timedelta(hours=self.rules.issue_window_h)
        issue = Issue(
            subscription_id=draft.subscription.id,
            local_date=draft.local_date,
            status=status,
            subject=draft.subject,
            coverage=draft.coverage,
            notice=notice,
            reason=str(draft.reason) if draft.reason else None,
            interests=[interest.name for interest in draft.profile.interests],
            zone=draft.subscription.zone,
            composed_at=draft.now,
            expires_at=expires,
        )
        delivery = self._plan(draft) if status is not IssueStatus.EMPTY else None
        issue_rows.add_issue(
            session, issue, [_stored(n, one, draft) for n, one in _numbered(draft)], delivery
        )
        return bool(draft.recommendations)

    def _plan(self, draft: Draft) -> Delivery | None:
        subscriber, subscription = draft.subscriber, draft.subscription
        if not subscription.mail or subscriber.email is None:
            return None
        # Hashed: the Message-ID is seen by others, the feed's name is the reader's secret.
        key = f"{subscription.id} {draft.local_date} {subscriber.feed_token}".encode()
        return Delivery(
            issue_id=0,  # set when the issue is stored
            channel=MAIL,
            recipient=subscriber.email,
            message_id=make_message_id(blake2b(key, digest_size=16).hexdigest(), self.rules.mail_domain),
            status=DeliveryStatus.PLANNED,
            planned_at=draft.now,
        )

    def trending(self, moment: Moment, *, limit: int) -> list[PaperView]:
        """The papers that trend now, best first; where too few are voted on, the newest follow.

        Where nothing was listed within the window, it is the last one in which something was.
        """
        now, today = moment.now_in("UTC"), moment.today_in("UTC")
        with self.database.read() as session:
            latest = paper_rows.latest_listed_day(session, until=today) or today
        if latest <= today - timedelta(days=self.rules.window_days):
            today = latest
        prepared = self.prepare(today, now)
        everybody = Profile(subscriber_id=0, max_papers=limit, trend_weight=1.0)
        chosen = [one.paper_id for one in recommend([everybody], {}, prepared)[0]]
        newest = sorted(
            prepared.candidates, key=lambda one: (one.listed_on or date.min, -one.paper_id), reverse=True
        )
        ids = list(dict.fromkeys([*chosen, *(one.paper_id for one in newest)]))[:limit]
        with self.database.read() as session:
            views = paper_rows.get_views(session, ids, until=now)
        return [views[paper_id] for paper_id in ids]


def _is_served(pair: Pair, moment: Moment) -> bool:
    subscriber, subscription = pair
    return is_served(subscriber.status, subscriber.paused_until, moment.today_in(subscription.zone))


def rule_of(subscription: Subscription, now: datetime) -> SubscriptionRule:
    """A subscription's schedule. Under a moved clock a reader may seem to have come later than now."""
    return SubscriptionRule(
        cadence=Cadence(subscription.cadence),
        weekday=subscription.weekday,
        hour=subscription.hour,
        zone=subscription.zone,
        created_at=min(subscription.created_at, now),
    )


def _empty_facts(
    draft: Draft,
    prepared: Prepared,
    sent: Collection[int],
    checks: tuple[SourceCheck, ...],
    refresh: Run | None,
) -> WhyFacts:
    """What is known about why there is nothing to say."""
    ids = {candidate.paper_id for candidate in prepared.candidates}
    already = len(ids.intersection(sent))
    return WhyFacts(
        local_date=draft.local_date,
        zone=draft.subscription.zone,
        now=draft.now,
        email=draft.subscriber.email or "",
        cadence=Cadence(draft.subscription.cadence),
        last_refresh=RunFacts("refresh", refresh.started_at, refresh.ok) if refresh else None,
        checks=checks,
        n_candidates=len(ids),
        n_already_sent=already,
        n_below_threshold=len(ids) - already,
    )


def _numbered(draft: Draft) -> Iterator[tuple[int, Recommendation]]:
    return iter(enumerate(draft.recommendations, start=1))


def _stored(position: int, one: Recommendation, draft: Draft) -> StoredRecommendation:
    return StoredRecommendation(
        issue_id=0,  # set when the issue is stored
        paper_id=one.paper_id,
        position=position,
        section=one.section,
        score=one.score,
        interest=one.interest,
        interest_id=one.interest_id,
        reasons=[
            {"kind": reason.kind, "text": reason.text, "facts": dict(reason.facts)} for reason in one.reasons
        ],
        parts=dict(one.parts),
        shown=issue_rows.shown_to_dict(draft.views[one.paper_id]),
    )


def _blocks(values: Sequence[Value], size: int) -> Iterator[Sequence[Value]]:
    rest = iter(values)
    while block := list(islice(rest, size)):
        yield block
