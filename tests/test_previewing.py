"""Previews: what they show is what would be composed, and nothing is stored by them."""

from dataclasses import replace

import pytest

from digest.models import Feedback
from digest.pipeline.compose import Composer
from digest.pipeline.due import window_of
from digest.pipeline.previewing import Previewer
from digest.pipeline.wishes import ExamplePaper, InterestWish, Wishes, load_wishes, store_wishes
from digest.storage import subscribers as subscriber_rows
from digest.types import FeedbackKind, IssueView, Section, SubscriberStatus
from tests.web_site import READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]

RETRIEVAL = InterestWish(name="Retrieval", keywords=("dense retrieval", "RAG"), not_keywords=("survey",))
PROTEINS = InterestWish(name="Proteins", about="How language models predict the structure of proteins.")
WISHES = [
    Wishes(),
    Wishes(interests=(RETRIEVAL,)),
    Wishes(interests=(RETRIEVAL, PROTEINS), max_papers=4, trend_weight=0.9, zone="Asia/Tokyo"),
    Wishes(interests=(PROTEINS,), trend_weight=0.0, hidden_sections=(Section.TRENDING.value,)),
    Wishes(
        interests=(
            InterestWish(name="Like", examples=(ExamplePaper(paper_id=2, title="", abstract=""),)),
            InterestWish(name="Words", examples=(ExamplePaper(paper_id=None, title="Robots", abstract=""),)),
        ),
        cadence="weekly",
        weekday="fri",
    ),
]


def _draft(site: WebSite, composer: Composer, number: int) -> IssueView:
    """What the composer would make for a stored reader who missed no day."""
    with site.app.database.read() as session:
        reader = subscriber_rows.get_by_id(session, number)
        assert reader is not None
        (row,) = subscriber_rows.list_subscriptions(session, number)
        moment = site.web.site.moment()
        day, now = moment.today_in(row.zone), moment.now_in(row.zone)
        prepared = composer.prepare(day, now, days=window_of(row, composer.rules.window_days))
        return composer.draft(session, [(reader, row)], day, now, prepared, turns={}, wide={})[0].view()


@pytest.mark.parametrize("wishes", WISHES)
def test_a_visitors_preview_is_what_a_reader_with_these_wishes_gets(site: WebSite, wishes: Wishes) -> None:
    composer, now = site.app.composer(), site.app.now()
    seen = Previewer(composer).preview(wishes, site.web.site.moment())
    with site.app.database.write() as session:
        reader = subscriber_rows.add_subscriber(
            session, email="new@example.org", status=SubscriberStatus.ACTIVE, now=now
        )
        store_wishes(session, reader, wishes, now)
    assert reader.id is not None
    drafted = _draft(site, composer, reader.id)
    assert replace(seen, notice=None) == replace(drafted, notice=None)
    assert bool(seen.items) == (not seen.notice) == (not drafted.notice)


def test_a_readers_preview_is_what_they_get_after_saving_it(site: WebSite) -> None:
    """Without what they had, with what they said of papers, for the interest it was said for."""
    composer, reader, now = site.app.composer(), site.subscriber(), site.app.now()
    assert reader.id is not None
    with site.app.database.write() as session:
        stored = load_wishes(session, reader.id)
        (interest, *_) = subscriber_rows.list_interests(session, reader.id)
        for paper_id in (1, 40):
            said = Feedback(
                subscriber_id=reader.id,
                paper_id=paper_id,
                kind=FeedbackKind.MORE,
                interest_id=interest.id,
                created_at=now,
            )
            subscriber_rows.add_feedback(session, said)
    first = stored.interests[0]
    wishes = replace(stored, interests=(PROTEINS, replace(first, name="Another name")), trend_weight=0.1)
    renamed = {"Another name": first.name}
    seen = Previewer(composer).preview(wishes, site.web.site.moment(), subscriber=reader, renamed=renamed)
    with site.app.database.write() as session:
        store_wishes(session, reader, wishes, now, renamed=renamed)
    assert seen == _draft(site, composer, reader.id)


def test_the_name_that_feedback_was_said_for_counts(site: WebSite) -> None:
    """A preview that lost the rows' ids would show the papers for other interests, or none."""
    reader = site.subscriber()
    assert reader.id is not None
    previewer, moment = Previewer(site.app.composer()), site.web.site.moment()
    odd = InterestWish(name="Odd", about="zzyzx")
    with site.app.database.write() as session:
        store_wishes(session, reader, Wishes(interests=(odd,)), site.app.now())
        (row,) = subscriber_rows.list_interests(session, reader.id)
        for paper_id in range(1, 6):
            said = Feedback(
                subscriber_id=reader.id,
                paper_id=paper_id,
                kind=FeedbackKind.MORE,
                interest_id=row.id,
                created_at=site.app.now(),
            )
            subscriber_rows.add_feedback(session, said)
    kept = previewer.preview(
        Wishes(interests=(replace(odd, name="New"),)), moment, subscriber=reader, renamed={"New": "Odd"}
    )
    lost = previewer.preview(Wishes(interests=(replace(odd, name="New"),)), moment, subscriber=reader)
    assert "Papers you liked" not in kept.interests
    assert "Papers you liked" in lost.interests


def test_a_comparison_tells_what_comes_and_what_goes(site: WebSite) -> None:
    reader = site.subscriber()
    assert reader.id is not None
    with site.app.database.read() as session:
        stored = load_wishes(session, reader.id)
    previewer, moment = Previewer(site.app.composer()), site.web.site.moment()
    same = previewer.compare(stored, moment, reader, {})
    assert same.before == same.after
    assert not same.come
    assert not same.go
    other = previewer.compare(replace(stored, interests=(PROTEINS,), max_papers=2), moment, reader, {})
    shown = {item.paper.paper_id for item in other.after.items}
    assert other.come <= shown
    assert not shown & {paper.paper_id for paper in other.go}
    assert len(other.go) + len(shown - other.come) == len(other.before.items)


def test_previews_store_nothing(site: WebSite) -> None:
    before = site.rows()
    previewer, moment = Previewer(site.app.composer()), site.web.site.moment()
    previewer.preview(WISHES[2], moment)
    previewer.compare(WISHES[1], moment, site.subscriber(READER), {})
    assert site.rows() == before


def test_what_is_kept_ready_is_made_anew_when_the_hour_or_the_papers_change(site: WebSite) -> None:
    previewer = Previewer(site.app.composer())
    early = previewer.preview(Wishes(), site.web.site.moment())
    site.pass_time(hours=24 * 30)
    late = previewer.preview(Wishes(), site.web.site.moment())
    assert early.items
    assert not late.items
    assert late.notice
