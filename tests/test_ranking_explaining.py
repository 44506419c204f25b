"""Why a paper is in a digest or not: every cause is reached by doing what leads to it; all figures agree."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings

from digest.ranking import fit, learn, prepare, recommend
from digest.ranking.explaining import Cause, PaperExplanation, explain_paper
from digest.ranking.parts import examples_of, score_of
from digest.types import Candidate, Example, InterestSpec, Profile, Section, Sighting
from tests.ranking_cases import NOW, field_of, looks, paper, papers
from tests.test_ranking_recommend import PROFILES

MODEL = fit([paper(1000 + number, field_of(1 + number % 48)) for number in range(200)])
RETRIEVAL = InterestSpec("Retrieval", 1, keywords=("dense retrieval", "ranking", "query"))
SPEECH = InterestSpec("Speech", 2, keywords=("speech recognition", "speaker"))
VOTES = [look for number in range(1, 49) for look in looks(number, [number % 5, number * 7 % 11 + 5])]


def explained(
    profile: Profile,
    paper_id: int,
    *,
    candidates: Sequence[Candidate] | None = None,
    votes: Sequence[Sighting] = (),
    sent: Collection[int] = (),
) -> PaperExplanation:
    ready = prepare(papers() if candidates is None else candidates, votes, MODEL, NOW)
    learned = learn(profile.interests, MODEL)
    return explain_paper(profile, sent, ready.rows[paper_id], ready, learned)


def test_what_is_shown_has_its_section_and_place() -> None:
    profile = Profile(1, (RETRIEVAL, SPEECH))
    ready = prepare(papers(), VOTES, MODEL, NOW)
    (digest,) = recommend([profile], {}, ready)
    for place, one in enumerate(digest, start=1):
        found = explain_paper(profile, (), ready.rows[one.paper_id], ready)
        assert (found.cause, found.section, found.place) == (Cause.SHOWN, one.section, place)
        assert (found.interest.name if found.interest else None) == one.interest
        assert found.papers == tuple(digest)
        if found.interest is not None:
            assert (found.interest.parts, found.interest.score) == (one.parts, one.score)


def test_what_was_sent_does_not_come_again() -> None:
    found = explained(Profile(1, (RETRIEVAL,)), 3, sent={3})
    assert (found.cause, found.other) == (Cause.SENT, 3)


def test_an_example_is_not_recommended_to_who_gave_it() -> None:
    third = papers()[2]
    by_id = replace(RETRIEVAL, examples=(Example("Elsewhere", "", paper_id=3),))
    by_title = replace(RETRIEVAL, examples=(Example(third.title.upper(), ""),))
    for interest in (by_id, by_title):
        found = explained(Profile(1, (SPEECH, interest)), 3)
        assert (found.cause, found.origin) == (Cause.GIVEN, "example")
        assert found.interest is not None
        assert found.interest.name == "Retrieval"


def test_what_says_the_same_as_a_known_one_is_known_too() -> None:
    twin = replace(papers()[2], paper_id=99)
    found = explained(Profile(1, (RETRIEVAL,)), 99, candidates=[*papers(), twin], sent={3})
    assert (found.cause, found.other, found.origin) == (Cause.LIKE_KNOWN, 3, "sent")
    marked = replace(RETRIEVAL, examples=(Example("x", "", paper_id=3, origin="more"),))
    found = explained(Profile(1, (marked,)), 99, candidates=[*papers(), twin])
    assert (found.cause, found.other, found.origin) == (Cause.GIVEN, 99, "more") or (
        found.cause,
        found.other,
        found.origin,
    ) == (Cause.LIKE_KNOWN, 3, "more")


def test_of_two_that_say_the_same_the_other_is_shown() -> None:
    twin = replace(papers()[2], paper_id=99)
    found = [explained(Profile(1, (RETRIEVAL,)), number, candidates=[*papers(), twin]) for number in (3, 99)]
    assert {one.cause for one in found} == {Cause.SHOWN, Cause.LIKE_SHOWN}
    (other,) = [one for one in found if one.cause is Cause.LIKE_SHOWN]
    assert {other.paper_id, other.other} == {3, 99}


@pytest.mark.parametrize("section", [Section.FOR_YOU, Section.FOLLOWING, Section.TRENDING, Section.DIFFERENT])
def test_a_hidden_section_is_the_cause_where_it_would_be_there(section: Section) -> None:
    some = [replace(one, authors=("Ada Example",)) if one.paper_id == 30 else one for one in papers()]
    profile = Profile(1, (replace(RETRIEVAL, authors=("Ada Example",)),))
    ready = prepare(some, VOTES, MODEL, NOW)
    first = next(one.paper_id for one in recommend([profile], {}, ready)[0] if one.section is section)
    hiding = replace(profile, hidden=frozenset({section}))
    found = explain_paper(hiding, (), ready.rows[first], ready)
    if found.cause is Cause.SHOWN:  # in another section
        assert found.section is not section
    else:
        assert (found.cause, found.section) == (Cause.SECTION_HIDDEN, section)


def test_a_good_paper_for_which_there_is_no_place() -> None:
    profile = Profile(1, (RETRIEVAL,), max_papers=3, trend_weight=0)
    everything = [explained(profile, number) for number in range(1, 13)]
    crowded = [one for one in everything if one.cause is Cause.CROWDED_OUT]
    assert crowded
    for one in crowded:
        assert (one.section, one.taken) == (Section.FOR_YOU, 3)
        assert one.interest is not None
        assert one.interest.taste >= one.threshold == 0.6
        shown = [other.score for other in one.papers]
        assert one.better == sum(score > one.interest.score for score in shown)


def test_too_many_papers_of_followed_authors() -> None:
    some = [replace(one, authors=("Ada Example",)) for one in papers()]
    profile = Profile(1, (replace(RETRIEVAL, authors=("Ada Example",)),), max_papers=2)
    causes = {explained(profile, number, candidates=some).cause for number in range(1, 49)}
    assert causes == {Cause.SHOWN, Cause.CROWDED_OUT}


def test_unwanted_and_missing_keywords() -> None:
    title = papers()[2].title.split()[1]
    found = explained(Profile(1, (replace(RETRIEVAL, not_keywords=(title, "zyx")),)), 3)
    assert found.cause is Cause.UNWANTED_KEYWORD
    assert found.interest is not None
    assert found.interest.unwanted == (title,)
    assert found.interest.parts["admitted"] == 0 == found.interest.score
    assert found.interest.taste > 0.3  # what it would be
    for must in (replace(RETRIEVAL, must_keywords=("zyx",)), InterestSpec("Must", must_keywords=("zyx",))):
        found = explained(Profile(1, (must,)), 3)
        assert found.cause is Cause.NO_MUST_KEYWORD


def test_a_good_interest_counts_more_than_one_that_does_not_want_it() -> None:
    strict = replace(SPEECH, not_keywords=("speech",), name="Strict")
    ready = prepare(papers(), (), MODEL, NOW)
    spoken = next(one for one in papers() if "speech" in one.title)
    found = explain_paper(Profile(1, (strict,)), (), ready.rows[spoken.paper_id], ready)
    assert found.cause is Cause.UNWANTED_KEYWORD
    found = explain_paper(Profile(1, (strict, SPEECH)), (), ready.rows[spoken.paper_id], ready)
    assert found.cause in (Cause.SHOWN, Cause.CROWDED_OUT)
    assert found.interest is not None
    assert found.interest.name == "Speech"


def test_what_is_below_the_readers_own_threshold() -> None:
    found = explained(Profile(1, (RETRIEVAL,)), 40)
    assert (found.cause, found.threshold) == (Cause.BELOW_THRESHOLD, 0.6)
    assert found.interest is not None
    assert found.interest.taste < 0.6
    profile = Profile(1, (RETRIEVAL,), hidden=frozenset({Section.DIFFERENT}))
    lenient = explained(profile, 3)
    assert lenient.cause in (Cause.SHOWN, Cause.CROWDED_OUT)
    strict = explained(replace(profile, threshold=0.995), 3)
    assert (strict.cause, strict.threshold) == (Cause.BELOW_THRESHOLD, 0.995)


def test_readers_who_go_by_votes_alone() -> None:
    voted = explained(Profile(1, max_papers=2), 3, votes=VOTES)
    assert (voted.cause, voted.section) == (Cause.CROWDED_OUT, Section.TRENDING)
    assert voted.trend.trending_place is not None
    hides = explained(Profile(1, max_papers=2, hidden=frozenset({Section.TRENDING})), 3, votes=VOTES)
    assert (hides.cause, hides.section) == (Cause.SECTION_HIDDEN, Section.TRENDING)
    silent = explained(Profile(1, (RETRIEVAL,), trend_weight=1), 3)
    assert (silent.cause, silent.trend.trending_place) == (Cause.NO_VOTES, None)
    assert explained(Profile(1, trend_weight=0), 3, votes=VOTES).cause is Cause.NOTHING_WANTED


def test_the_facts_behind_the_parts() -> None:
    liked = tuple(Example(one.title, one.abstract, one.paper_id) for one in map(_protein, range(801, 806)))
    seventh = papers()[30]
    disliked = Example(seventh.title, seventh.abstract, weight=-1.0, origin="less")
    interest = InterestSpec(
        "p", 1, keywords=("protein", "zyx"), categories=("q-bio",), examples=(*liked, disliked)
    )
    near = replace(papers()[30], paper_id=31, title=f"{papers()[30].title} again", categories=("q-bio.BM",))
    found = explained(Profile(1, (interest,)), 31, candidates=[*papers()[:30], near])
    (part,) = found.interests
    assert [one.keyword for one in part.keywords] == ["protein" for _ in part.keywords]
    assert part.categories == ("q-bio.BM",)
    assert [one.part for one in part.nearest] == sorted((one.part for one in part.nearest), reverse=True)
    assert len(part.nearest) == 3
    close = sum(part.parts[f"similar_{name}"] for name in ("words", "topic", "readers"))
    assert sum(one.part for one in part.nearest) <= close
    assert [one.title for one in part.lowered_by] == [seventh.title]
    assert part.lowered_by[0].by == pytest.approx(part.parts["less"], abs=1e-5)


def _protein(number: int) -> Candidate:
    return paper(number, "proteins")


def test_trend_figures_are_those_of_the_sections() -> None:
    votes = [look for number in range(2, 14) for look in looks(number, [1000, 1002])] + looks(1, [1, 12])
    found = explained(Profile(1), 1, votes=votes)
    assert (found.section, found.trend.rising_place) == (Section.RISING, 1)
    (rising,) = [one for one in found.papers if one.section is Section.RISING]
    assert (found.trend.rising, found.trend.rising_score) == (rising.parts, rising.score)
    assert found.trend.growth is not None
    assert found.trend.growth.since == NOW - timedelta(days=1, hours=1)


@settings(max_examples=40, deadline=None)
@given(PROFILES)
def test_every_candidate_has_one_cause_and_it_is_true(profile: Profile) -> None:
    ready = prepare(
        [replace(one, authors=("Ada Example",) if one.paper_id % 5 == 0 else ()) for one in papers(6)],
        VOTES,
        MODEL,
        NOW,
    )
    sent = {2, 20}
    (digest,) = recommend([profile], {profile.subscriber_id: sent}, ready)
    shown = {one.paper_id: one for one in digest}
    for row, candidate in enumerate(ready.candidates):
        found = explain_paper(profile, sent, row, ready)
        assert (found.cause is Cause.SHOWN) == (candidate.paper_id in shown)
        assert (found.cause is Cause.SENT) == (candidate.paper_id in sent)
        for part in found.interests:
            assert part.score == score_of(part.parts)
            assert part.taste == pytest.approx(
                (
                    1
                    - (1 - part.parts["words"])
                    * (1 - part.parts["keywords"])
                    * (1 - part.parts["category"])
                    * (1 - examples_of(part.parts))
                )
                * (1 - part.parts["less"])
            )
        if found.cause is Cause.BELOW_THRESHOLD:
            assert max(one.taste for one in found.interests if one.is_admitted) < found.threshold + 1e-5
        if found.cause in (Cause.UNWANTED_KEYWORD, Cause.NO_MUST_KEYWORD):
            assert found.interest is not None
            assert not found.interest.is_admitted
