"""Compose: one issue per subscription and local date, frozen with its recommendations.

Reads in blocks, decides in the ranking room, writes issue, recommendations and planned delivery in
one transaction. Sends nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlmodel import Session

from digest.models import Subscriber, Subscription
from digest.pipeline.compose_rules import ComposeRules
from digest.pipeline.coverage import load_checks, source_labels
from digest.pipeline.draft import Draft, empty_facts
from digest.pipeline.due import Absence, Turn, hold_back, take_turns, window_of
from digest.pipeline.freezing import freeze
from digest.pipeline.moment import Moment
from digest.pipeline.uncollected import uncollected
from digest.schedule import is_served
from digest.storage import days as day_rows
from digest.storage import issues as issue_rows
from digest.storage import papers as paper_rows
from digest.storage import runs as run_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database
from digest.translation import in_language, speaking
from digest.types import IssueStatus, PaperView, Profile, Recommendation
from digest.why import SourceCheck, empty_reason, summarise_coverage, waited_sentence

if TYPE_CHECKING:
    # The ranking is imported where something is chosen: most runs find nothing due, and need no numpy.
    from digest.pipeline.states import States
    from digest.pipeline.vector_store import KeptEncoder
    from digest.ranking import Library, Model, Prepared

__all__ = ["ComposeRules", "Composer", "Draft"]

Pair = tuple[Subscriber, Subscription]
Value = TypeVar("Value")
BLOCK = 500


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes issues; with ``encoder``, papers are seen by a text model too. Knows neither mail nor feeds."""

    database: Database
    rules: ComposeRules
    models_dir: Path
    encoder: "KeptEncoder | None" = None

    def compose(
        self,
        moment: Moment,
        *,
        only: str | None = None,
        early: bool = False,
        hold: bool = True,
        progress: Callable[[str], None] = lambda _: None,
    ) -> dict[str, int]:
        """Compose and freeze every issue that is due (or that of the reader ``only``).

        ``early``: the day asked for is due even before the reader's hour; where there is nothing to say yet,
        it stays open for that hour. ``hold``: an issue waits for a source that is expected and not good yet;
        one of a day that was asked for does not.

        Returns ``issues`` (composed now), ``empty`` (nothing to say; recorded with its reason), ``skipped``
        (had one already, or not due) and, where there are any, ``held`` (waiting for a source).
        """
        there, turns, held = self._turns(moment, only, early=early, hold=hold)
        self._mark([turn for turn in turns if turn.day is None], moment)
        counts = {"issues": 0, "empty": 0, "skipped": there - held} | ({"held": held} if held else {})
        done = 0
        for (day, now, days), group in sorted(self._groups(turns).items(), key=lambda one: one[0]):
            prepared = self.prepare(day, now, days=days)
            wide, library = self._wide(group, day, now, days, prepared), _library(prepared)
            for block in _blocks(group, BLOCK):
                with uncollected():
                    made = self._compose_block(block, day, now, library, wide, moment, keep_empty=not early)
                counts["issues"] += sum(bool(draft.recommendations) for draft in made)
                counts["empty"] += sum(not draft.recommendations for draft in made)
                counts["skipped"] = there - held - counts["issues"] - counts["empty"]
                done += len(block)
                progress(f"{done} readers")
        if self.encoder is not None:
            self.encoder.save()
        return counts

    def _turns(
        self, moment: Moment, only: str | None, *, early: bool, hold: bool
    ) -> tuple[int, list[Turn], int]:
        """How many readers there are to serve, for whom there is something to do, and how many wait."""
        rules, held = self.rules, 0
        with self.database.read() as session:
            pairs = [
                pair
                for pair in subscriber_rows.list_active(session)
                if (only is None or pair[0].email == only) and _is_served(pair, moment)
            ]
            with speaking(rules.language):
                turns = take_turns(session, pairs, moment, window_h=rules.issue_window_h, early=early)
            if hold and moment.day is None and rules.hold_h > 0:
                turns, held = hold_back(
                    session, turns, rules.sources, moment.now, rules.hold_h, rules.issue_window_h
                )
        return len(pairs), turns, held

    def composes_often(self, moment: Moment) -> bool:
        """Whether compose ran lately and often enough that an issue which waits now is seen to in time.

        Asked before a run that may hold issues back: where compose runs once a day, waiting is losing.
        Two earlier runs, since one may have been made by hand.
        """
        since = moment.now - 2 * timedelta(hours=self.rules.hold_h)
        with self.database.read() as session:
            return len(run_rows.list_runs(session, "compose", first=since, last=moment.now)) > 1

    def _groups(self, turns: Sequence[Turn]) -> dict[tuple[date, datetime, int], list[Turn]]:
        """The issues to compose, by local date, by what time it is for them, and by days looked at."""
        groups: dict[tuple[date, datetime, int], list[Turn]] = defaultdict(list)
        for turn in turns:
            if turn.day is not None:
                days = window_of(turn.subscription, self.rules.window_days)
                groups[turn.day, turn.now, days].append(turn)
        return groups

    def _mark(self, turns: Sequence[Turn], moment: Moment) -> None:
        """Mark dates as skipped for readers who get no issue now."""
        for block in _blocks(turns, BLOCK):
            with self.database.write() as session:
                ids = [turn.subscription.id for turn in block if turn.subscription.id is not None]
                there = {pair[1].id for pair in subscriber_rows.list_active(session, ids)}
                day_rows.add_skipped(
                    session,
                    [one for turn in block if turn.subscription.id in there for one in turn.skipped],
                    moment.now,
                )

    def _compose_block(
        self,
        block: Sequence[Turn],
        day: date,
        now: datetime,
        library: "Library",
        wide: "Mapping[Absence, Prepared]",
        moment: Moment,
        *,
        keep_empty: bool,
    ) -> list[Draft]:
        """Compose and store the issues of one block of readers, with the dates that were missed before."""
        from digest.pipeline.states import States

        turns = {turn.subscription.id: turn for turn in block}
        states = States()
        with self.database.read() as session:
            pairs = [turn.pair for turn in block]
            drafts = self.draft(
                session, pairs, day, now, library.prepared, turns, wide, states=states, library=library
            )
        with self.database.write() as session:
            wanted = [draft for draft in drafts if keep_empty or draft.recommendations]
            made = self._still_due(session, wanted, moment)
            ids = [draft.subscription.id for draft in made if draft.subscription.id is not None]
            day_rows.delete_skipped(session, ids, day)
            issue_rows.add_issues(session, [freeze(session, draft, moment, self.rules) for draft in made])
            states.store(session)
            skipped = [one for number in ids for one in turns[number].skipped]
            day_rows.add_skipped(session, skipped, max(now, moment.now))
        return made

    def _wide(
        self,
        turns: Sequence[Turn],
        day: date,
        now: datetime,
        days: int,
        prepared: "Prepared",
    ) -> "dict[Absence, Prepared]":
        """For each absence the papers to look back on; few spans serve all."""
        from digest.pipeline.catch_up import over_time, span_days

        by_days = {days: prepared}
        wide: dict[Absence, Prepared] = {}
        for absence in {turn.absence for turn in turns if turn.absence is not None}:
            span = span_days(absence, day, days)
            if span not in by_days:
                # With the same model, since what was learnt of a reader goes with it.
                by_days[span] = over_time(self.prepare(day, now, days=span, model=prepared.model))
            wide[absence] = by_days[span]
        return wide

    def _still_due(self, session: Session, drafts: Sequence[Draft], moment: Moment) -> list[Draft]:
        """Those whose reader is still there to be served, and who got no issue from elsewhere meanwhile."""
        ids = [draft.subscription.id for draft in drafts if draft.subscription.id is not None]
        there = {pair[1].id for pair in subscriber_rows.list_active(session, ids) if _is_served(pair, moment)}
        since = min((draft.local_date for draft in drafts), default=date.min)
        served = issue_rows.served_dates(session, ids, since=since)
        return [
            draft
            for draft in drafts
            if draft.subscription.id in there
            and served[draft.subscription.id or 0].get(draft.local_date) in (None, IssueStatus.SKIPPED.value)
        ]

    def prepare(
        self,
        day: date,
        now: datetime,
        *,
        days: int | None = None,
        keep_model: bool = True,
        model: "Model | None" = None,
    ) -> "Prepared":
        """Everything about the papers of the last ``days`` (default: the usual window) up to that day
        that does not depend on a reader; with ``model``, or else the one that suits the stored papers.
        """
        from digest.pipeline.model_store import ModelStore
        from digest.pipeline.usual_store import UsualStore
        from digest.ranking import prepare

        with self.database.read() as session:
            first = day - timedelta(days=(days or self.rules.window_days) - 1)
            candidates = paper_rows.list_candidates(session, first_day=first, last_day=day)
            ids = [candidate.paper_id for candidate in candidates]
            labels = source_labels(session)
            sightings = [
                replace(one, source=labels[one.source])
                for one in paper_rows.list_sightings(session, ids, until=now)
            ]
            if model is None:
                store = ModelStore(self.models_dir, self.database, self.encoder)
                model = store.current(session, keep=keep_model)
            usual = UsualStore(self.models_dir).current(session, now, keep=keep_model)
        return prepare(candidates, sightings, model, now, usual.renamed(labels))

    def draft(
        self,
        session: Session,
        pairs: Sequence[Pair],
        day: date,
        now: datetime,
        prepared: "Prepared",
        turns: Mapping[int | None, Turn] | None = None,
        wide: "Mapping[Absence, Prepared] | None" = None,
        profiles: Sequence[Profile] | None = None,
        states: "States | None" = None,
        library: "Library | None" = None,
    ) -> list[Draft]:
        """What each of these readers would get on that day.

        ``turns`` (by subscription) and ``wide`` say what they missed before; left out, it is looked up.
        ``profiles`` stand in for those that are stored, one for each pair. ``states`` takes up what is learnt
        of them, for the caller to store; ``library`` is what was looked up for other readers of ``prepared``.
        """
        from digest.pipeline.catch_up import recommend_with_missed
        from digest.pipeline.states import States
        from digest.pipeline.thresholds import with_thresholds
        from digest.ranking.fading import faded

        library = library or _library(prepared)
        if turns is None or wide is None:
            turns, wide = self.looked_up(session, pairs, day, now, prepared)
        profiles = self._profiles(session, pairs) if profiles is None else profiles
        profiles = [faded(profile, now, self.rules.likes_half_life_days) for profile in profiles]
        profiles = with_thresholds(session, profiles, now)
        sent = _known(session, [profile.subscriber_id for profile in profiles])
        absences = [turns[row.id].absence if row.id in turns else None for _, row in pairs]
        learned = (states or States()).learned(session, profiles, prepared.model)
        chosen = recommend_with_missed(profiles, absences, sent, library, wide, learned)
        wanted = {one.paper_id for recommendations in chosen for one in recommendations}
        views = paper_rows.get_views(session, sorted(wanted), until=now)
        checks = load_checks(session, day, now, window_of(pairs[0][1], self.rules.window_days))
        last = run_rows.last_run(session, "refresh")
        drafts = []
        for pair, profile, recommendations in zip(pairs, profiles, chosen, strict=True):
            draft = self._drafted(pair, profile, day, now, recommendations, views, checks, turns)
            if not recommendations:
                facts = empty_facts(draft, prepared, sent[profile.subscriber_id], checks, last)
                with speaking(draft.language):
                    draft = replace(draft, reason=empty_reason(facts))
            drafts.append(draft)
        return drafts

    def _drafted(
        self,
        pair: Pair,
        profile: Profile,
        day: date,
        now: datetime,
        recommendations: Sequence[Recommendation],
        views: Mapping[int, PaperView],
        checks: Sequence[SourceCheck],
        turns: Mapping[int | None, Turn],
    ) -> Draft:
        """The issue of one reader, in their language."""
        subscriber, subscription = pair
        language = in_language(subscription.language, self.rules.language)
        with speaking(language):
            coverage = self._coverage(checks, day, subscription, turns.get(subscription.id))
        return Draft(
            subscriber=subscriber,
            subscription=subscription,
            profile=profile,
            local_date=day,
            now=now,
            recommendations=recommendations,
            views=views,
            coverage=coverage,
            language=language,
        )

    def _profiles(self, session: Session, pairs: Sequence[Pair]) -> list[Profile]:
        rules = self.rules
        return subscriber_rows.load_profiles(
            session, pairs, max_papers=rules.papers, trend_weight=rules.trend_weight
        )

    def looked_up(
        self, session: Session, pairs: Sequence[Pair], day: date, now: datetime, prepared: "Prepared"
    ) -> "tuple[dict[int | None, Turn], dict[Absence, Prepared]]":
        """The turns of these readers on that day, and the papers to look back on."""
        asked = Moment(now, day=day, pinned=True)
        turns = take_turns(session, pairs, asked, window_h=self.rules.issue_window_h, early=True)
        days = window_of(pairs[0][1], self.rules.window_days)
        wide = self._wide(turns, day, now, days, prepared)
        return {turn.subscription.id: turn for turn in turns}, wide

    def _coverage(
        self, checks: Sequence[SourceCheck], day: date, subscription: Subscription, turn: Turn | None
    ) -> str:
        """What was looked at, and what was waited for in vain."""
        coverage = summarise_coverage(checks, today=day, zone=subscription.zone)
        if turn is None or not turn.waited_for:
            return coverage
        return f"{coverage} {waited_sentence(turn.waited_for, self.rules.hold_h)}"

    def trending(self, moment: Moment, *, limit: int) -> list[PaperView]:
        """The papers that trend now, best first; where too few are voted on, the newest follow.

        Where nothing was listed within the window, it is the last one in which something was.
        """
        from digest.ranking import recommend

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


def _known(session: Session, subscriber_ids: Sequence[int]) -> dict[int, set[int]]:
    """The papers each reader had, and those they said anything of."""
    sent = issue_rows.list_sent(session, subscriber_ids)
    judged = subscriber_rows.list_judged(session, subscriber_ids)
    return {who: had | judged.get(who, set()) for who, had in sent.items()}


def _is_served(pair: Pair, moment: Moment) -> bool:
    subscriber, subscription = pair
    return is_served(subscriber.status, subscriber.paused_until, moment.today_in(subscription.zone))


def _blocks(values: Sequence[Value], size: int) -> Iterator[Sequence[Value]]:
    rest = iter(values)
    while block := list(islice(rest, size)):
        yield block


def _library(prepared: "Prepared") -> "Library":
    from digest.ranking import Library

    return Library(prepared)
