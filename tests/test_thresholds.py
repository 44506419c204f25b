"""A reader's own threshold, from their issues and what they said of them, in digests and previews."""

from datetime import timedelta

import pytest

from digest.models import Feedback
from digest.pipeline.moment import Moment
from digest.pipeline.previewing import Previewer
from digest.pipeline.thresholds import with_thresholds
from digest.pipeline.wishes import load_wishes
from digest.ranking.parts import taste_when_chosen
from digest.ranking.threshold import learn_threshold
from digest.storage import issues as issue_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.verdicts import list_verdicts
from digest.types import FeedbackKind, Profile, Section
from tests.web_site import READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]


def say(site: WebSite, kind: FeedbackKind) -> int:
    """Say that of all papers that the reader was sent for their taste; return how many these are."""
    with site.app.database.write() as session:
        owner = subscriber_rows.get_subscriber(session, READER)
        assert owner is not None
        assert owner.id is not None
        (row,) = subscriber_rows.list_subscriptions(session, owner.id)
        chosen = [
            one
            for issue_id in issue_rows.list_issue_ids(session, row.id or 0, limit=10)
            for one in issue_rows.list_recommendations(session, issue_id)
            if one.section in (Section.FOR_YOU, Section.DIFFERENT)
        ]
        for one in chosen:
            word = Feedback(
                subscriber_id=owner.id, paper_id=one.paper_id, kind=kind, created_at=site.app.now()
            )
            subscriber_rows.add_feedback(session, word)
    return len(chosen)


def threshold_of(site: WebSite) -> float | None:
    """The threshold that the next digest is composed with."""
    composer, moment = site.app.composer(), Moment(site.app.now() + timedelta(days=1))
    with site.app.database.read() as session:
        owner = subscriber_rows.get_subscriber(session, READER)
        assert owner is not None
        (row,) = subscriber_rows.list_subscriptions(session, owner.id or 0)
        day, now = moment.today_in(row.zone), moment.now_in(row.zone)
        prepared = composer.prepare(day, now)
        (draft,) = composer.draft(session, [(owner, row)], day, now, prepared, turns={}, wide={})
        known = composer.draft(
            session, [(owner, row)], day, now, prepared, turns={}, wide={}, profiles=[draft.profile]
        )
    assert known[0].profile.threshold == draft.profile.threshold
    return draft.profile.threshold


@pytest.mark.parametrize(
    ("kind", "is_lower"),
    [(FeedbackKind.MORE, True), (FeedbackKind.SAVED, True), (FeedbackKind.LESS, False)],
)
def test_what_is_said_of_sent_papers_moves_it(site: WebSite, kind: FeedbackKind, is_lower: bool) -> None:
    assert threshold_of(site) is None
    assert say(site, kind) >= 2
    found = threshold_of(site)
    assert found is not None
    assert (found < 0.6) == is_lower


def test_it_is_learnt_from_the_stored_parts_and_silence_counts_a_little(site: WebSite) -> None:
    say(site, FeedbackKind.MORE)
    owner = site.subscriber()
    with site.app.database.read() as session:
        now = site.app.now()
        sent = list_verdicts(session, [owner.id or 0], since=now - timedelta(days=180))[owner.id or 0]
        (profile,) = with_thresholds(session, [Profile(owner.id or 0)], now)
    tastes = [(taste, one.said) for one in sent if (taste := taste_when_chosen(one.parts)) is not None]
    assert {said for _, said in tastes} <= {"more", None}
    assert profile.threshold == learn_threshold((taste, "good" if said else "left") for taste, said in tastes)


def test_a_visitor_has_none_and_a_readers_preview_goes_by_theirs(site: WebSite) -> None:
    """A wish that is not stored is previewed with the reader's threshold: fewer papers after many "less"."""
    say(site, FeedbackKind.LESS)
    owner, moment = site.subscriber(), Moment(site.app.now() + timedelta(days=1))
    with site.app.database.read() as session:
        wishes = load_wishes(session, owner.id or 0)
        assert with_thresholds(session, [Profile(0)], moment.now)[0].threshold is None
    previewer = Previewer(site.app.composer())
    seen = previewer.preview(wishes, moment, subscriber=owner)
    low = [item.score for item in seen.items if item.section is Section.FOR_YOU]
    threshold = threshold_of(site)
    assert threshold is not None
    assert threshold > 0.62
    assert all(score >= threshold * 0.7 for score in low)
