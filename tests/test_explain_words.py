"""The sentences of ``digest explain``: each names its facts, and reads well in each of its cases."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from digest.pipeline.explain_words import WORDS, Outside, Told, sentence_of
from digest.ranking.breakdown import InterestPart, Lowered, TrendFigures
from digest.ranking.explaining import Cause, PaperExplanation
from digest.types import Recommendation, Section

DAY = date(2026, 1, 12)
PART = InterestPart("Retrieval", 1, taste=0.41, score=0.3, parts={"less": 0.0})
TREND = TrendFigures({}, 0.0, None, {}, 0.0, None, None)
TOLD = Told("a paper", DAY, "Europe/Berlin", Outside.NOT_STORED)


def told(cause: Cause | Outside, /, **facts: Any) -> str:
    """The sentence for a cause; names of an explanation's facts go there."""
    own = {name: facts.pop(name) for name in list(facts) if name in Told.__dataclass_fields__}
    found = PaperExplanation(paper_id=3, cause=Cause.SHOWN, threshold=0.6, interests=(PART,), trend=TREND)
    return sentence_of(replace(TOLD, cause=cause, found=replace(found, **facts), **own))


CASES: list[tuple[Cause | Outside, dict[str, Any], str]] = [
    (
        Outside.NOT_STORED,
        {},
        "No stored paper is “a paper” (digest papers search WORDS finds others).",
    ),
    (
        Outside.WITHDRAWN,
        {"withdrawn_on": date(2026, 1, 9)},
        "It was withdrawn (known since Friday 9 January 2026); withdrawn papers are not recommended.",
    ),
    (
        Outside.NOT_LISTED,
        {"window": (date(2026, 1, 6), DAY), "listed": (None, None)},
        "No source has listed it on any day, and only what is listed is recommended.",
    ),
    (
        Outside.NOT_LISTED,
        {"window": (date(2026, 1, 6), DAY), "listed": (date(2026, 1, 2), date(2026, 1, 14))},
        "It was last listed on Friday 2 January 2026, and the digest of Monday 12 January 2026 looks at the "
        "lists from Tuesday 6 January 2026 to Monday 12 January 2026.",
    ),
    (
        Outside.JUDGED,
        {"said": ("seen", DAY)},
        "It is a paper that the reader brought along as received elsewhere on Monday 12 January 2026; what a "
        "reader knows does not come again.",
    ),
    (
        Outside.CHANGED_SINCE,
        {"stored_at": datetime(2026, 1, 12, 6, 5, tzinfo=UTC)},
        "It was not chosen when the digest of Monday 12 January 2026 was made at 07:05, and "
        "would be now: interests, likes, papers or votes have changed since.",
    ),
    (
        Cause.SHOWN,
        {"section": Section.FOR_YOU, "place": 3, "papers": 8, "interest": "Retrieval"},
        "It would be paper 3 of 8 in the digest of Monday 12 January 2026, under “For you”, for the interest "
        "“Retrieval”, were it made now.",
    ),
    (
        Cause.SHOWN,
        {
            "section": Section.TRENDING,
            "place": 3,
            "papers": 8,
            "stored_at": datetime(2026, 1, 12, 6, tzinfo=UTC),
        },
        "It is paper 3 of 8 in the digest of Monday 12 January 2026, under “Trending”.",
    ),
    (
        Cause.SENT,
        {"sent_on": date(2026, 1, 5)},
        "It was sent on Monday 5 January 2026, and no paper is sent twice.",
    ),
    (
        Cause.GIVEN,
        {"interest": None, "origin": "saved"},
        "It is a paper that the reader saved; what a reader knows does not come again.",
    ),
    (
        Cause.LIKE_KNOWN,
        {"other": 7, "other_title": "Another", "origin": "sent", "sent_on": date(2026, 1, 5)},
        "It says the same as “Another” (#7), which was sent on Monday 5 January 2026.",
    ),
    (
        Cause.LIKE_KNOWN,
        {"other": 7, "other_title": "Another", "origin": "sent", "said": ("less", DAY)},
        "It says the same as “Another” (#7), which the reader marked “less” on Monday 12 January 2026.",
    ),
    (
        Cause.LIKE_KNOWN,
        {"other": 7, "other_title": "Another", "origin": "sent"},
        "It says the same as “Another” (#7), which is looked at in its place.",
    ),
    (
        Cause.LIKE_SHOWN,
        {"other": 7, "other_title": "Another"},
        "It says the same as “Another” (#7), which is shown; of such papers one is.",
    ),
    (
        Cause.NO_VOTES,
        {},
        "Nobody has voted on it, and the digest of Monday 12 January 2026 goes by votes alone.",
    ),
    (
        Cause.NOTHING_WANTED,
        {},
        "The reader names nothing to look for and wants no trends: the digest of Monday 12 January 2026 has "
        "nothing to go by.",
    ),
]


@pytest.mark.parametrize(("cause", "facts", "sentence"), CASES)
def test_what_is_said(cause: Cause | Outside, facts: dict[str, Any], sentence: str) -> None:
    assert told(cause, **facts) == sentence


def choice(cause: Cause, **facts: Any) -> str:
    """The sentence for a cause that lies in the choice and speaks of an interest."""
    part = facts.pop("part", PART)
    found = PaperExplanation(
        paper_id=3, cause=cause, threshold=0.6, interests=(part,), trend=TREND, interest=part
    )
    return sentence_of(replace(TOLD, cause=cause, found=replace(found, **facts)))


@pytest.mark.parametrize(
    ("taken", "better", "said"),
    [
        (3, 3, "the 3 places under “For you” went to papers that score higher."),
        (1, 1, "the one place under “For you” went to papers that score higher."),
        (
            3,
            1,
            "the 3 places under “For you” went to others: 1 of them scores higher; the others are for "
            "interests that had fewer, or less like those already chosen.",
        ),
        (
            3,
            0,
            "the 3 places under “For you” went to others: they are for interests that had fewer, or less "
            "like those already chosen.",
        ),
        (0, 0, "all places of the digest went to other sections."),
    ],
)
def test_places_that_others_have(taken: int, better: int, said: str) -> None:
    facts = {"section": Section.FOR_YOU, "taken": taken, "better": better}
    good = "It is good enough for “Retrieval” (taste 0.41, where 0.60 is enough), but "
    assert choice(Cause.CROWDED_OUT, **facts) == good + said


def test_keywords_and_tastes() -> None:
    unwanted = replace(PART, unwanted=("survey", "review"))
    assert choice(Cause.UNWANTED_KEYWORD, part=unwanted) == (
        "It has the unwanted keywords “survey” and “review” of the interest “Retrieval” (but for that: taste "
        "0.41, where 0.60 is enough)."
    )
    assert choice(Cause.NO_MUST_KEYWORD).startswith("It has none of the must-have keywords of the interest ")
    assert choice(Cause.SECTION_HIDDEN, section=Section.RISING) == (
        "It would be under “Rising”, a section that the reader hides."
    )
    assert choice(Cause.GIVEN, origin="example") == (
        "It is an example of the interest “Retrieval”; what a reader knows does not come again."
    )


def test_what_lowered_a_taste_and_what_votes_would_have_made_of_it() -> None:
    lowered = replace(PART, parts={"less": 0.5}, lowered_by=(Lowered(9, "Disliked", 0.5),))
    assert choice(Cause.BELOW_THRESHOLD, part=lowered).endswith(
        "where 0.60 is enough. Without “Disliked”, marked “less”, it would be 0.82."
    )
    trending = (Recommendation(1, Section.TRENDING, 0.9), Recommendation(2, Section.TRENDING, 0.8))
    voted = choice(Cause.BELOW_THRESHOLD, trend=replace(TREND, trending_place=5), papers=trending)
    assert voted == (
        "It is not close enough to what the reader wants: for “Retrieval”, taste 0.41, where 0.60 is enough. "
        "By votes it is number 5; “Trending” shows 2."
    )


def test_every_cause_has_its_words() -> None:
    assert set(WORDS) == {*Cause, *Outside}
