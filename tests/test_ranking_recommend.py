"""Recommendations: sections, order, what is kept out, and that the input's order does not matter."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.ranking import Model, fit, prepare, recommend
from digest.ranking.trend import rising_score
from digest.types import (
    Candidate,
    Example,
    InterestSpec,
    Profile,
    Recommendation,
    Section,
    Sighting,
)
from tests.ranking_cases import FIELDS, NOW, field_of, looks, paper, papers

MODEL = fit([paper(1000 + number, field_of(1 + number % 48)) for number in range(200)])
RETRIEVAL = InterestSpec("Retrieval", 1, keywords=("dense retrieval", "ranking", "query"))
SPEECH = InterestSpec("Speech", 2, keywords=("speech recognition", "speaker"))
CLOUDS = InterestSpec("Clouds", 3, keywords=("point cloud", "lidar"))
VOTES = [
    sighting
    for number in range(1, 49)
    for sighting in looks(number, [number % 5, number % 5 + number * 7 % 11, (number % 9 == 0) * 30 + 16])
]


def run(
    *profiles: Profile,
    candidates: Sequence[Candidate] | None = None,
    votes: Sequence[Sighting] = (),
    sent: Mapping[int, Collection[int]] | None = None,
    model: Model = MODEL,
) -> list[list[Recommendation]]:
    ready = prepare(papers() if candidates is None else candidates, votes, model, NOW)
    return recommend(profiles, sent or {}, ready)


def ids(some: Sequence[Recommendation], section: Section | None = None) -> list[int]:
    return [one.paper_id for one in some if section in (None, one.section)]


def test_a_reader_gets_papers_of_the_interest_best_first() -> None:
    (found,) = run(Profile(1, (RETRIEVAL,)))
    assert {field_of(paper_id) for paper_id in ids(found)} == {"retrieval"}
    assert [one.section for one in found][:-1] == [Section.FOR_YOU] * (len(found) - 1)
    assert {(one.interest, one.interest_id) for one in found} == {("Retrieval", 1)}
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_two_readers_get_different_papers() -> None:
    first, second = run(Profile(1, (RETRIEVAL,)), Profile(2, (SPEECH,)))
    assert not set(ids(first)) & set(ids(second))


def test_a_strong_interest_does_not_crowd_out_another() -> None:
    strong = replace(RETRIEVAL, keywords=tuple(FIELDS["retrieval"].split()))
    weak = replace(SPEECH, keywords=("vocoder",))
    (found,) = run(Profile(1, (strong, weak), max_papers=6))
    assert {one.interest for one in found} == {"Retrieval", "Speech"}
    assert len(found) == 6


def test_the_cap_holds_and_zero_gives_nothing() -> None:
    profiles = [Profile(1, (RETRIEVAL, SPEECH, CLOUDS), max_papers=cap) for cap in range(8)]
    assert [len(found) for found in run(*profiles, votes=VOTES)] == list(range(8))


def test_a_poor_day_is_short() -> None:
    """Without papers of the field, and with a few, For you is not filled up with others."""
    elsewhere = [one for one in papers() if field_of(one.paper_id) in ("proteins", "clouds")]
    assert run(Profile(1, (RETRIEVAL,)), candidates=elsewhere) == [[]]
    (found,) = run(Profile(1, (RETRIEVAL,)), candidates=[*elsewhere, *papers()[:3]])
    assert 0 < len(found) <= 3


def test_sections_stand_in_their_order_and_keep_their_places() -> None:
    author = [replace(one, authors=("Ada Example",)) if one.paper_id == 30 else one for one in papers()]
    reader = Profile(1, (replace(RETRIEVAL, authors=("Ada Example",)), SPEECH))
    (found,) = run(reader, candidates=author, votes=VOTES)
    sections = [one.section for one in found]
    assert sections == sorted(sections, key=list(Section).index)
    assert sections.count(Section.FOLLOWING) == 1
    assert sections.count(Section.TRENDING) >= 2
    assert sections.count(Section.RISING) <= 2
    assert sections.count(Section.FOR_YOU) >= 5
    assert len(set(ids(found))) == len(found) == 10


def test_without_interests_there_are_trending_and_rising_only() -> None:
    (found,) = run(Profile(1), votes=VOTES)
    assert {one.section for one in found} == {Section.TRENDING, Section.RISING}
    assert len(found) == 10


def test_only_negatives_are_as_good_as_no_interest() -> None:
    disliked = InterestSpec("none", examples=(Example("Speech", "speech audio", weight=-1.0, origin="less"),))
    (found,) = run(Profile(1, (disliked,)), votes=VOTES)
    assert len(found) == 10
    assert Section.FOR_YOU not in {one.section for one in found}


def test_a_trend_weight_of_zero_leaves_taste_alone() -> None:
    (found,) = run(Profile(1, (RETRIEVAL,), trend_weight=0), votes=VOTES)
    assert {one.section for one in found} == {Section.FOR_YOU, Section.DIFFERENT}
    assert all(one.parts["trend_weight"] == 0 for one in found)
    assert run(Profile(1, trend_weight=0), votes=VOTES) == [[]]


def test_a_trend_weight_of_one_leaves_trend_alone() -> None:
    (found,) = run(Profile(1, (RETRIEVAL,), trend_weight=1), votes=VOTES)
    assert {one.section for one in found} <= {Section.TRENDING, Section.RISING}
    assert len(found) == 10


def test_trend_moves_a_paper_up_by_its_weight() -> None:
    """Of two equal papers the voted one is first, and more so with more weight."""
    twins = [paper(1, "speech"), paper(1, "speech", title="Speech elsewhere entirely")]
    # Of the same words, but for those that no paper has: the same text twice would be shown once.
    twins = [
        replace(one, paper_id=number, abstract=f"{one.abstract} {' '.join(f'{word}{n}' for n in range(40))}")
        for number, (one, word) in enumerate(zip(twins, ("ka", "lo"), strict=True), 1)
    ]
    twins[0] = replace(twins[0], title="Speech somewhere again")
    votes = looks(2, [10, 90])
    light, heavy = run(
        *(Profile(1, (SPEECH,), trend_weight=weight) for weight in (0.1, 0.5)), candidates=twins, votes=votes
    )
    assert ids(light)[0] == ids(heavy)[0] == 2
    gap = [found[0].score - found[1].score for found in (light, heavy)]
    assert gap[1] > gap[0] > 0


def test_between_equally_trending_papers_the_position_decides() -> None:
    votes = [*looks(5, [9], position=4), *looks(9, [9], position=1), *looks(7, [9], position=2)]
    assert ids(run(Profile(1), votes=votes)[0]) == [9, 7, 5]


def test_between_equal_interests_the_name_decides() -> None:
    twins = (replace(RETRIEVAL, name="B", interest_id=8), replace(RETRIEVAL, name="A", interest_id=9))
    for interests in (twins, twins[::-1]):
        (found,) = run(Profile(1, interests))
        assert {(one.interest, one.interest_id) for one in found} == {("A", 9)}


def test_interests_of_one_name_are_told_apart_by_what_they_ask_for() -> None:
    both = replace(papers()[0], categories=("cs.CL", "cs.LG"))
    like = InterestSpec("A", examples=(Example(both.title, both.abstract.upper(), origin="about"),))
    for one, two in (
        (InterestSpec("A", categories=("cs.CL",)), InterestSpec("A", categories=("cs.LG",))),
        (like, replace(like, examples=(replace(like.examples[0], origin="more", title="Another"),))),
    ):
        found = [run(Profile(1, each), candidates=[both]) for each in ((one, two), (two, one))]
        assert found[0] == found[1] != [[]]


def test_papers_without_votes_are_never_trending() -> None:
    """Saved pages tell positions, but no votes."""
    saved = [Sighting(one.paper_id, "saved", NOW, votes=None, position=one.paper_id) for one in papers()]
    zero = looks(7, [0, 0])
    assert run(Profile(1), votes=[*saved, *zero]) == [[]]


def test_sent_papers_and_given_examples_do_not_come_back() -> None:
    first = run(Profile(1, (RETRIEVAL,)), votes=VOTES)[0]
    (second,) = run(Profile(1, (RETRIEVAL,)), votes=VOTES, sent={1: set(ids(first)), 2: {1, 2, 3}})
    assert not set(ids(first)) & set(ids(second))
    given = papers()[0]
    liked = replace(RETRIEVAL, examples=(Example(given.title, given.abstract, paper_id=1),))
    by_title = replace(RETRIEVAL, examples=(Example(given.title.upper()),))
    for found in run(Profile(1, (liked,)), Profile(2, (by_title,))):
        assert 1 not in ids(found)


def test_nearly_equal_titles_come_once() -> None:
    """In one digest, and after one of them was sent."""
    title = "A Long Invented Title on Dense Retrieval and Ranking by Queries for Passage Search"
    twins = [
        replace(paper(1, "retrieval"), title=title),
        replace(paper(2, "retrieval"), title=title.upper()),
        replace(paper(3, "retrieval"), title=f"{title} Again"),
    ]
    for found in run(Profile(1, (RETRIEVAL,)), Profile(2), candidates=twins, votes=looks(1, [4])):
        assert len(found) == 1
    assert 2 not in ids(run(Profile(1, (RETRIEVAL,)), candidates=twins, sent={1: [1]})[0])


def test_papers_without_letters_in_their_titles_are_not_all_the_same() -> None:
    some = [replace(paper(number, "retrieval"), title="?" * number) for number in (1, 2, 3)]
    asked = InterestSpec("r", keywords=tuple(FIELDS["retrieval"].split()))
    assert len(run(Profile(1, (asked,)), candidates=some)[0]) == 3
    assert len(run(Profile(1, (asked,)), candidates=some, sent={1: [1]})[0]) == 2


def test_followed_authors_come_first_and_all_of_them_within_the_cap() -> None:
    """Whatever else speaks against: another field, an unwanted keyword, no must-have keyword."""
    some = [
        replace(one, authors=("Bo Sample", "Ada Example")) if one.paper_id > 44 else one for one in papers()
    ]
    strict = replace(
        RETRIEVAL, authors=("Ada Example",), must_keywords=("reranker",), not_keywords=("speech", "audio")
    )
    (found,) = run(Profile(1, (strict,)), candidates=some, votes=VOTES)
    assert set(ids(found, Section.FOLLOWING)) == {45, 46, 47, 48}
    assert [one.section for one in found[:4]] == [Section.FOLLOWING] * 4
    (few,) = run(Profile(1, (strict,), max_papers=3), candidates=some, votes=VOTES)
    assert [one.section for one in few] == [Section.FOLLOWING] * 3


def test_a_followed_authors_paper_behind_copies_of_another_comes_once() -> None:
    """As many copies as places stand before it, of which one is shown."""
    first, second, *_ = papers()
    copies = [replace(first, paper_id=100 + number, authors=("Ada Example",)) for number in range(3)]
    other = replace(second, authors=("Ada Example",))
    words = (*first.title.split()[1:5], *second.title.split()[1:4])
    profile = Profile(1, (InterestSpec("a", keywords=words, authors=("Ada Example",)),), max_papers=3)
    (found,) = run(profile, candidates=[*copies, other])
    assert ids(found) == ids(found, Section.FOLLOWING) == [100, other.paper_id]


def test_many_copies_of_a_paper_leave_the_places_to_others() -> None:
    """As where a source lists each volume of some proceedings under one title."""
    copies = [Candidate(100 + number, "Retrieval proceedings retrieval") for number in range(30)]
    profile = Profile(1, (InterestSpec("a", keywords=("retrieval",)),), trend_weight=0, max_papers=5)
    (found,) = run(profile, candidates=[*papers(), *copies])
    assert ids(found)[0] == 100
    assert len(ids(found, Section.FOR_YOU)) >= 4


def test_must_have_keywords_rank_first() -> None:
    must = InterestSpec("Must", 4, must_keywords=("enzyme",))
    (found,) = run(Profile(1, (RETRIEVAL, must)))
    with_enzyme = {one.paper_id for one in papers() if "enzyme" in f"{one.title} {one.abstract}"}
    liked = ids(found, Section.FOR_YOU)
    shown = [one for one in found if one.section is Section.FOR_YOU]
    of_must = [one.paper_id for one in shown if one.interest == "Must"]
    assert of_must
    assert set(of_must) <= with_enzyme
    assert liked[: len(of_must)] == of_must
    assert "Retrieval" in {one.interest for one in found}


def recomputed(one: Recommendation) -> float:
    parts = one.parts
    if one.section is Section.TRENDING:
        return (parts["votes"] + parts["votes_a_day"]) / 2
    if one.section is Section.RISING:
        return rising_score(parts)
    close = max(parts["similar_words"] + parts["similar_topic"] + parts["similar_readers"], 0)
    against = 1 - close**2 / (close**2 + parts["usual"] ** 2)
    for name in ("words", "keywords", "category", "people"):
        against *= 1 - parts[name]
    taste = (1 - against) * (1 - parts["less"]) * parts["admitted"]
    mixed = (1 - parts["trend_weight"]) * taste + parts["trend_weight"] * parts["trend"]
    return parts["author"] + parts["must"] + mixed


WORDS = sorted({word for words in FIELDS.values() for word in words.split()})
EXAMPLES = st.builds(
    lambda number, origin: Example(
        paper(number, field_of(1 + number % 48)).title,
        paper(number, field_of(1 + number % 48)).abstract,
        weight=-1.0 if origin == "less" else 1.0,
        origin=origin,
    ),
    st.integers(500, 520),
    st.sampled_from(["example", "more", "saved", "less"]),
)
INTERESTS = st.builds(
    InterestSpec,
    name=st.sampled_from(["a", "b", "c"]),
    keywords=st.lists(st.sampled_from([*WORDS, "dense retrieval", "zyx"]), max_size=3).map(tuple),
    must_keywords=st.lists(st.sampled_from(WORDS), max_size=1).map(tuple),
    not_keywords=st.lists(st.sampled_from(WORDS), max_size=1).map(tuple),
    authors=st.lists(st.sampled_from(["Ada Example", "Bo Sample"]), max_size=1).map(tuple),
    categories=st.lists(st.sampled_from(["cs.CL", "cs"]), max_size=1).map(tuple),
    examples=st.lists(EXAMPLES, max_size=3).map(tuple),
)
PROFILES = st.builds(
    Profile,
    subscriber_id=st.integers(1, 3),
    interests=st.lists(INTERESTS, max_size=3, unique_by=lambda one: one.name).map(tuple),
    max_papers=st.integers(0, 12),
    trend_weight=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    zone=st.sampled_from(["UTC", "Asia/Kathmandu"]),
)
NAMED = [
    replace(
        one,
        authors=(("A. Example",), ("Ada Example", "Bo Sample"), ("Cy Placeholder",))[one.paper_id % 3],
        categories=(("cs.CL",), ("cs.CV", "cs.CL"), ())[one.paper_id % 3],
    )
    for one in papers(5)
]
SOME_VOTES = [sighting for sighting in VOTES if sighting.paper_id % 3]


@settings(max_examples=25)
@given(st.lists(PROFILES, max_size=3), st.sets(st.integers(1, 20), max_size=5))
def test_what_holds_for_any_readers(profiles: list[Profile], sent: set[int]) -> None:
    """Caps, sections, nothing sent, nothing twice, a reason each, and scores that follow from their parts."""
    results = run(*profiles, candidates=NAMED, votes=SOME_VOTES, sent={1: sent})
    assert len(results) == len(profiles)
    for profile, found in zip(profiles, results, strict=True):
        assert len(found) <= profile.max_papers
        assert len(set(ids(found))) == len(found)
        if profile.subscriber_id == 1:
            assert not set(ids(found)) & sent
        order = [list(Section).index(one.section) for one in found]
        assert order == sorted(order)
        for one in found:
            assert one.reasons
            assert len(one.reasons) <= 2
            assert one.score == pytest.approx(recomputed(one), abs=1e-5)
        followed = any(interest.authors == ("Ada Example",) for interest in profile.interests)
        missing = {
            one.paper_id
            for one in NAMED
            if "Ada Example" in one.authors and not (profile.subscriber_id == 1 and one.paper_id in sent)
        } - set(ids(found, Section.FOLLOWING))
        assert not (followed and missing) or len(found) == profile.max_papers


@settings(max_examples=15)
@given(st.lists(PROFILES, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(profiles: list[Profile], chance: random.Random) -> None:
    def mixed(values: Sequence[Any]) -> list[Any]:
        return chance.sample(list(values), len(values))

    straight = run(*profiles, candidates=NAMED, votes=SOME_VOTES)
    places = mixed(range(len(profiles)))
    shuffled = [
        replace(
            profiles[place],
            interests=tuple(
                replace(
                    one,
                    keywords=tuple(mixed(one.keywords)),
                    examples=tuple(mixed(one.examples)),
                )
                for one in mixed(profiles[place].interests)
            ),
        )
        for place in places
    ]
    turned = run(*shuffled, candidates=mixed(NAMED), votes=mixed(SOME_VOTES))
    assert [straight[place] for place in places] == turned


def test_readers_in_many_blocks_get_what_they_get_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = [Profile(number, (RETRIEVAL, SPEECH) if number % 2 else (CLOUDS,)) for number in range(7)]
    together = run(*profiles, votes=VOTES)
    monkeypatch.setattr("digest.ranking.recommending.CELLS", 1)
    monkeypatch.setattr("digest.ranking.library.Library.MOST", 2)
    assert run(*profiles, votes=VOTES) == together
    assert [run(profile, votes=VOTES)[0] for profile in profiles] == together


def test_nobody_and_nothing() -> None:
    assert run() == []
    assert run(Profile(1, (RETRIEVAL,)), candidates=[]) == [[]]
    assert run(Profile(1, (RETRIEVAL,)), candidates=[], model=fit([])) == [[]]


def test_hostile_papers_do_no_harm() -> None:
    """A title of 10,000 characters, empty fields, control characters, lone surrogates, one id twice."""
    odd = [
        Candidate(101, "retrieval " * 1_000, "x" * 100_000, authors=("", "?", "a" * 5_000)),
        Candidate(102, "", ""),
        Candidate(103, "\u2028\x00\ud800", "\ud800 retrieval", keywords=("", "\ud800"), categories=("", ".")),
        Candidate(104, "密集检索", "", authors=("示例",)),
        Candidate(1, "Another paper of a known id", "proteins"),
    ]
    hostile = InterestSpec(
        "h", keywords=("\ud800", "a" * 10_000, "-", "retrieval"), authors=("示例", "\ud800")
    )
    seen = [Sighting(999, "example", NOW, votes=5), *looks(103, [-3, 2]), *looks(104, [5, 2])]
    (found,) = run(Profile(1, (hostile, RETRIEVAL)), candidates=[*papers(), *odd], votes=seen)
    assert 104 in ids(found, Section.FOLLOWING)
    assert len(found) == 10
