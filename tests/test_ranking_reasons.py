"""Reasons: true, recomputable, and in plain words."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from digest.ranking import fit, prepare, recommend
from digest.ranking.reasons import since_when
from digest.ranking.terms import feature_counts
from digest.types import Candidate, Example, InterestSpec, Profile, Reason, Recommendation, Section, Sighting
from tests.ranking_cases import NOW, field_of, looks, paper, papers

MODEL = fit([paper(1000 + number, field_of(1 + number % 48)) for number in range(200)])


def run(
    *interests: InterestSpec,
    candidates: Sequence[Candidate] | None = None,
    votes: Sequence[Sighting] = (),
    zone: str = "UTC",
    weight: float = 0.3,
) -> list[Recommendation]:
    ready = prepare(papers() if candidates is None else candidates, votes, MODEL, NOW)
    return recommend([Profile(1, interests, zone=zone, trend_weight=weight)], {}, ready)[0]


def reasons(found: Sequence[Recommendation], paper_id: int) -> dict[str, Reason]:
    return {reason.kind: reason for one in found if one.paper_id == paper_id for reason in one.reasons}


def alone(title: str, abstract: str = "", **more: object) -> Candidate:
    return Candidate(1, title, abstract, **more)  # type: ignore[arg-type]


def test_a_keyword_is_named_as_the_reader_wrote_it() -> None:
    found = run(
        InterestSpec("r", keywords=("Retrieval",)), candidates=[alone("Retrieval-Augmented Generation")]
    )
    assert found[0].reasons[0].text == "keyword “Retrieval”"
    assert found[0].reasons[0].facts["in_title"] == ["Retrieval"]


def test_two_keywords_at_most_are_named_and_none_that_another_contains() -> None:
    interest = InterestSpec("r", keywords=("dense retrieval", "retrieval", "query", "ranking"))
    found = run(
        interest, candidates=[alone("Dense retrieval, dense retrieval", "dense retrieval query ranking")]
    )
    reason = found[0].reasons[0]
    assert reason.text in (
        "keywords “dense retrieval” and “query”",
        "keywords “dense retrieval” and “ranking”",
    )
    assert set(reason.facts["all"]) == {"dense retrieval", "retrieval", "query", "ranking"}  # type: ignore[call-overload]


def test_words_of_a_phrase_that_stand_apart_are_called_that() -> None:
    interest = InterestSpec("c", keywords=("3D segmentation",))
    found = run(interest, candidates=[alone("Segmentation of instances in 3D scenes")])
    assert found[0].reasons[0].text == "words of “3D segmentation”: 3D, Segmentation"


@pytest.mark.parametrize(
    ("origin", "kind", "said"),
    [
        ("example", "example", "that you gave as an example"),
        ("more", "liked", "that you marked “more”"),
        ("saved", "liked", "that you saved"),
    ],
)
def test_the_closest_example_is_named_with_the_words_shared(origin: str, kind: str, said: str) -> None:
    near, far = paper(801, "proteins"), paper(802, "speech")
    liked = tuple(Example(one.title, one.abstract, one.paper_id, origin=origin) for one in (near, far))  # type: ignore[arg-type]
    found = run(InterestSpec("p", examples=liked))
    proteins = [
        one for one in found if field_of(one.paper_id) == "proteins" and one.section is Section.FOR_YOU
    ]
    assert proteins
    for one in proteins:
        (reason,) = one.reasons
        assert reason.kind == kind
        assert reason.facts["paper_id"] == 801
        words = reason.facts["words"]
        assert isinstance(words, dict)
        assert reason.text == f"close to “{near.title}” {said}: {', '.join(words)}"
        stored = papers()[one.paper_id - 1]
        for word in words:
            for text in (f"{near.title} {near.abstract}", f"{stored.title} {stored.abstract}"):
                assert set(feature_counts(word)) <= set(feature_counts(text))
        part = reason.facts["part"]
        assert isinstance(part, float)
        assert 0 < sum(words.values()) <= part
        assert part <= sum(one.parts[f"similar_{name}"] for name in ("words", "topic", "readers"))


def test_a_long_title_is_cut_at_a_word() -> None:
    given = replace(paper(801, "proteins"), title="Invented protein folding " * 10)
    found = run(InterestSpec("p", examples=(Example(given.title, given.abstract),)))
    quoted = found[0].reasons[0].text.split("“")[1].split("”")[0]
    assert quoted.endswith(("protein…", "folding…", "Invented…"))
    assert len(quoted) <= 60


def test_disliked_papers_are_no_reason() -> None:
    disliked = Example(*("Invented enzymes", "enzyme binding protein"), weight=-1.0, origin="less")
    found = run(InterestSpec("r", keywords=("protein folding",), examples=(disliked,)))
    assert {reason.kind for one in found for reason in one.reasons} == {"keyword", "different"}


def test_authors_are_named_and_initials_are_not_passed_off_as_the_same_person() -> None:
    some = [
        replace(paper(1, "speech"), authors=("Bo Sample", "Ada Example")),
        replace(paper(2, "speech"), authors=("A. Example",)),
    ]
    found = run(InterestSpec("r", authors=("Ada Example",)), candidates=some)
    assert [one.section for one in found] == [Section.FOLLOWING] * 2
    assert reasons(found, 1)["author"].text == "followed author Ada Example"
    assert reasons(found, 2)["author"].text == "author “A. Example” may be Ada Example, whom you follow"


def test_categories_and_must_have_keywords_are_named() -> None:
    some = [replace(paper(1, "speech"), categories=("eess.AS", "cs.CL"))]
    (found,) = run(InterestSpec("a", categories=("cs",)), candidates=some)
    assert [reason.text for reason in found.reasons] == ["category cs.CL"]
    (found,) = run(InterestSpec("a", must_keywords=("speech",), keywords=("audio",)), candidates=some)
    assert found.reasons[0].text == "must-have keyword “speech”"


def test_every_growth_is_recomputed_from_the_observations() -> None:
    votes = [
        sighting
        for paper_id in range(1, 49)
        for sighting in looks(paper_id, [paper_id % 5, paper_id % 7 + 6, paper_id * 13 % 40 + 15])
    ]
    found = run(InterestSpec("r", keywords=("retrieval",)), votes=votes)
    told = [(one.paper_id, reason) for one in found for reason in one.reasons if "from" in reason.facts]
    assert told
    for paper_id, reason in told:
        facts = reason.facts
        seen = {
            sighting.observed_at.isoformat(): sighting.votes
            for sighting in votes
            if sighting.paper_id == paper_id and sighting.source == facts["source"]
        }
        assert seen[str(facts["since"])] == facts["from"]
        assert seen[str(facts["until"])] == facts["to"]
        gain = int(str(facts["to"])) - int(str(facts["from"]))
        assert reason.text == f"+{gain} votes since Tuesday"


def test_growth_is_a_reason_beside_taste_and_votes_as_such_are_not() -> None:
    interest = InterestSpec("r", keywords=("retrieval",))
    few_and_many = [*looks(1, [1, 2]), *looks(2, [10, 94]), *looks(3, [80])]
    found = run(interest, votes=few_and_many)
    assert set(reasons(found, 1)) == {"keyword"}
    assert reasons(found, 2)["growth"].text == "+84 votes since Wednesday"
    assert set(reasons(found, 3)) == {"keyword"}
    for one in run(interest, votes=few_and_many, weight=0):
        assert {reason.kind for reason in one.reasons} <= {"keyword", "different"}


def test_rising_gives_growth_and_usual_growth() -> None:
    """Twelve papers have more votes, one grows faster."""
    votes = [look for number in range(2, 14) for look in looks(number, [1000, 1002])] + looks(1, [1, 12])
    (rising,) = [one for one in run(votes=votes) if one.section is Section.RISING]
    assert rising.paper_id == 1
    assert [reason.text for reason in rising.reasons] == [
        "+11 votes since Wednesday",
        "11 votes a day, where 2 is usual at its age",
    ]


def test_votes_are_told_with_their_source_and_one_is_singular() -> None:
    (found,) = run(votes=looks(1, [94], source="Example Site"))
    assert [reason.text for reason in found.reasons] == ["94 votes on Example Site"]
    (found,) = run(votes=looks(1, [1]))
    assert found.reasons[0].text == "1 vote on example"


@pytest.mark.parametrize(
    ("before", "zone", "said"),
    [
        (timedelta(hours=2), "UTC", "04:00"),
        (timedelta(hours=2), "Europe/Berlin", "06:00"),
        (timedelta(hours=7), "UTC", "Wednesday"),
        (timedelta(hours=7), "Asia/Kathmandu", "04:45"),
        (timedelta(days=6), "UTC", "Friday"),
        (timedelta(days=7), "UTC", "13 August"),
        (timedelta(days=6, hours=20), "UTC", "13 August"),
    ],
)
def test_since_when_is_said_in_the_readers_zone(before: timedelta, zone: str, said: str) -> None:
    """A weekday name never means today's weekday of last week."""
    assert since_when(NOW - before, NOW, ZoneInfo(zone)) == said


def test_the_baseline_lies_within_the_last_seven_days() -> None:
    found = run(votes=looks(1, list(range(0, 300, 10))))
    growth = reasons(found, 1)["growth"]
    since = datetime.fromisoformat(str(growth.facts["since"]))
    assert NOW - timedelta(days=7) <= since < NOW
    assert since.tzinfo == UTC
    assert growth.text == "+60 votes since Friday"


def test_an_interest_taken_away_takes_its_reasons_with_it() -> None:
    speech = InterestSpec("s", keywords=("speech",))
    both = run(InterestSpec("r", keywords=("retrieval",)), speech)
    assert any("speech" in reason.text for one in both for reason in one.reasons)
    less = run(InterestSpec("r", keywords=("retrieval",)))
    assert not any("speech" in reason.text for one in less for reason in one.reasons)
