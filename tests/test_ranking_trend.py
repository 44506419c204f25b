"""Votes and their growth."""

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking.trend import (
    Trend,
    measure_trend,
    rising_parts,
    rising_score,
    trending_parts,
    trending_score,
)
from digest.ranking.usual import Usual, UsualGrowth
from digest.types import Candidate, Sighting
from tests.ranking_cases import NOW, looks

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def measure(votes: dict[int, list[int]], *more: Sighting, listed: date = date(2026, 8, 18)) -> Trend:
    """Measure papers 1, 2, … with one look a day each."""
    seen = [sighting for paper_id, each in votes.items() for sighting in looks(paper_id, each)]
    papers = [Candidate(paper_id, f"Paper {paper_id}", listed_on=listed) for paper_id in votes]
    return measure_trend(papers, {one.paper_id: row for row, one in enumerate(papers)}, [*seen, *more], NOW)


def test_papers_without_votes_have_no_trend() -> None:
    trend = measure({1: [0, 0], 2: [5, 9]}, Sighting(3, "saved", NOW, votes=None, position=1))
    assert trend.score[0] == 0
    assert trend.score[1] > 0
    assert trend.order.tolist() == [1]
    assert measure({1: []}).order.tolist() == []


def test_the_score_is_the_mean_of_votes_and_votes_a_day_as_shares_of_the_most() -> None:
    trend = measure({1: [0, 99], 2: [9, 9]})
    assert trend.score[0] == pytest.approx(1)
    assert trend.level[1] == pytest.approx(0.5)
    assert trend.speed[1] == 0
    assert trend.score[1] == pytest.approx(0.25)


def test_of_two_with_equal_votes_the_faster_is_first() -> None:
    assert measure({1: [90, 95, 100], 2: [0, 50, 100]}).order.tolist() == [1, 0]


def test_the_position_only_decides_between_equals() -> None:
    papers = [Candidate(number, f"Paper {number}") for number in (1, 2, 3)]
    seen = [*looks(1, [8], position=3), *looks(2, [8], position=1), *looks(3, [9], position=7)]
    trend = measure_trend(papers, {1: 0, 2: 1, 3: 2}, seen, NOW)
    assert trend.order.tolist() == [2, 1, 0]


def test_growth_is_counted_from_the_first_look_within_seven_days() -> None:
    growth = measure({1: [1, 2, 4, 8, 16, 32, 64, 128, 256]}).growth[0]
    assert growth is not None
    assert (growth.votes_then, growth.votes) == (4, 256)
    assert growth.since == NOW - timedelta(days=6, hours=1)


def test_one_look_gives_votes_but_no_growth() -> None:
    growth = measure({1: [12]}).growth[0]
    assert growth is not None
    assert (growth.votes, growth.gain, growth.per_day) == (12, None, None)


def test_an_old_first_look_and_one_new_are_no_growth_within_the_week() -> None:
    old = Sighting(1, "example", NOW - timedelta(days=30), votes=3)
    growth = measure({1: [12]}, old).growth[0]
    assert growth is not None
    assert growth.gain is None


def test_what_is_seen_after_now_does_not_count() -> None:
    later = Sighting(1, "example", NOW + timedelta(minutes=1), votes=900)
    growth = measure({1: [3, 5]}, later).growth[0]
    assert growth is not None
    assert growth.votes == 5


def test_sources_are_measured_apart() -> None:
    """Fifty votes where fifty is the most say as much as nine where nine is."""
    elsewhere = looks(2, [9], source="elsewhere")
    trend = measure({1: [50], 2: []}, *elsewhere)
    assert trend.score[0] == trend.score[1] == 1


def test_rising_is_growth_against_what_is_usual_at_that_age() -> None:
    """Usual is what the others gained, nobody's own growth among it."""
    trend = measure({1: [1, 31], 2: [100, 104], 3: [10, 14], 4: [10, 14], 5: [3, 3]})
    assert trend.rising_order.tolist() == [0]
    assert trend.usual[0] == pytest.approx(3, abs=0.5)
    assert trend.gained[0] == 30
    assert trend.expected[0] == trend.usual[0]


def test_rising_needs_two_looks() -> None:
    assert measure({1: [500], 2: [1, 2], 3: [1, 2]}).rising_order.tolist() == []


def test_a_slow_paper_among_slower_ones_does_not_rise() -> None:
    assert measure({1: [1, 2, 4], 2: [1, 1, 1], 3: [2, 2, 2]}).rising_order.tolist() == []


def test_papers_rise_against_their_own_age() -> None:
    """New papers grow fast: ten votes a day are much for an old one only."""
    papers = [Candidate(1, "Old", listed_on=date(2026, 8, 14))]
    papers += [Candidate(number, f"Old {number}", listed_on=date(2026, 8, 14)) for number in (2, 3)]
    papers += [Candidate(number, f"New {number}", listed_on=date(2026, 8, 19)) for number in (4, 5, 6)]
    seen = looks(1, [10, 20]) + looks(2, [10, 11]) + looks(3, [10, 11])
    seen += [look for number in (4, 5, 6) for look in looks(number, [2, 14])]
    rows = {one.paper_id: row for row, one in enumerate(papers)}
    assert measure_trend(papers, rows, seen, NOW).rising_order.tolist() == [0]


def test_the_order_of_observations_does_not_matter() -> None:
    votes = {number: [number, number * 3 % 7, number * 5] for number in range(1, 9)}
    seen = [sighting for paper_id, each in votes.items() for sighting in looks(paper_id, each)]
    papers = [Candidate(paper_id, f"Paper {paper_id}") for paper_id in votes]
    rows = {one.paper_id: row for row, one in enumerate(papers)}
    first = measure_trend(papers, rows, seen, NOW)
    random.Random(1).shuffle(seen)
    second = measure_trend(papers, rows, seen, NOW)
    assert first.growth == second.growth
    assert first.score.tolist() == second.score.tolist()
    assert first.rising.tolist() == second.rising.tolist()


# --- rising ----------------------------------------------------------------------------------------


def seen(votes: Mapping[float, int | None], paper_id: int = 1, **more: object) -> list[Sighting]:
    """Return looks at a paper by the hours before now."""
    return [
        Sighting(paper_id, "example", NOW - hours * HOUR, votes=count, **more)  # type: ignore[arg-type]
        for hours, count in votes.items()
    ]


def measure_looks(
    *each: Sequence[Sighting], usual: UsualGrowth | None = None, listed: date | None = None
) -> Trend:
    """Measure papers 1, 2, … from their looks."""
    papers = [Candidate(number, f"Paper {number}", listed_on=listed) for number in range(1, len(each) + 1)]
    told = [one for own in each for one in own]
    rows = {one.paper_id: row for row, one in enumerate(papers)}
    return measure_trend(papers, rows, told, NOW, usual)


def others(votes: Mapping[float, int | None], many: int = 9) -> list[list[Sighting]]:
    """Return looks at papers 2, 3, … that all grow alike."""
    return [seen(votes, number) for number in range(2, 2 + many)]


def test_few_votes_in_an_hour_prove_little_and_many_prove_much() -> None:
    rest = others({25: 0, 1: 3, 0: 3})
    assert measure_looks(seen({1: 0, 0: 3}), *rest).rising_order.tolist() == []
    assert measure_looks(seen({1: 0, 0: 15}), *rest).rising_order.tolist() == [0]


def test_a_young_paper_with_few_votes_rises_among_old_ones_with_many() -> None:
    """It gained more in a day than its like, though the old ones have ten times its votes."""
    old = others({120: 200, 96: 210, 72: 215, 48: 218, 24: 220, 0: 222})
    young = [seen({24: 1, 0: 4}, paper_id) for paper_id in range(11, 17)]
    trend = measure_looks(seen({24: 1, 0: 19}), *old, *young)
    assert trend.rising_order.tolist() == [0]
    assert trend.level[0] < trend.level[1:10].min()


def test_who_is_discovered_late_rises_by_the_last_days_growth() -> None:
    """Over all four days it gained less than the others; growth is told from the look that shows the rise."""
    trend = measure_looks(
        seen({96: 2, 72: 2, 48: 3, 24: 3, 0: 30}), *others({96: 0, 72: 30, 48: 35, 24: 37, 0: 38})
    )
    assert trend.rising_order.tolist() == [0]
    growth = trend.growth[0]
    assert growth is not None
    assert (growth.votes_then, growth.votes, growth.since) == (3, 30, NOW - DAY)
    assert trend.gained[0] == growth.gain
    assert trend.growth[1] is not None
    assert trend.growth[1].since == NOW - 4 * DAY


def test_a_missed_refresh_is_no_jump() -> None:
    """All papers gain four votes a day; one was not looked at for four days."""
    rest = [
        seen({hours: int((120 - hours) / 6) for hours in (120, 96, 72, 48, 24, 0)}, paper_id)
        for paper_id in range(2, 12)
    ]
    assert measure_looks(seen({100: 3, 0: 19}), *rest).rising_order.tolist() == []


def test_a_busy_day_is_the_same_for_all() -> None:
    """On Monday everything grows five times as fast as was learnt; only who outgrows the others rises."""
    usual = UsualGrowth({"example": Usual(papers=500)})
    rest = others({24: 0, 0: 20}, many=60)
    assert measure_looks(seen({24: 0, 0: 24}), *rest, usual=usual).rising_order.tolist() == []
    assert measure_looks(seen({24: 0, 0: 90}), *rest, usual=usual).rising_order.tolist() == [0]


def test_what_was_learnt_says_what_is_usual_where_there_is_nobody_to_compare_with() -> None:
    slow, fast = (UsualGrowth({"example": Usual(rate=np.full(13, rate), papers=500)}) for rate in (1.0, 30.0))
    alone = seen({24: 0, 0: 20})
    assert measure_looks(alone, usual=slow).rising_order.tolist() == [0]
    assert measure_looks(alone, usual=fast).rising_order.tolist() == []
    assert measure_looks(alone).rising_order.tolist() == []


def test_weekends_count_for_less() -> None:
    """From Saturday morning to Monday morning ten votes are much, from Tuesday to Thursday they are not."""
    activity = np.array([1.36, 1.36, 1.36, 1.36, 1.36, 0.1, 0.1])
    usual = UsualGrowth({"example": Usual(rate=np.full(13, 4.0), activity=activity, papers=500)})
    weekend = [Sighting(1, "example", NOW - days * DAY, votes) for days, votes in ((5, 0), (3, 10))]
    assert (NOW - 5 * DAY).weekday() == 5
    week = [Sighting(1, "example", NOW - days * DAY, votes) for days, votes in ((2, 0), (0, 10))]
    assert measure_looks(weekend, usual=usual).rising_order.tolist() == [0]
    assert measure_looks(week, usual=usual).rising_order.tolist() == []


def test_a_count_that_fell_and_comes_back_does_not_rise() -> None:
    rest = others({48: 0, 24: 1, 0: 2})
    assert measure_looks(seen({48: 80, 24: 0, 0: 85}), *rest).rising_order.tolist() == []
    assert measure_looks(seen({48: 80, 24: 60, 0: 40}), *rest).rising_order.tolist() == []


def test_who_was_not_looked_at_for_days_no_longer_rises() -> None:
    """The source was read since, without it."""
    rest = others({48: 0, 24: 1, 0: 2})
    assert measure_looks(seen({120: 0, 72: 60}), *rest).rising_order.tolist() == []
    assert measure_looks(seen({72: 0, 30: 60}), *rest).rising_order.tolist() == [0]


def test_a_bots_comment_is_no_evidence_and_more_comments_are_a_little() -> None:
    rest = others({24: 0, 0: 2})

    def gained(before: int | None, after: int | None) -> float:
        mine = [
            Sighting(1, "example", NOW - DAY, votes=0, comments=before),
            Sighting(1, "example", NOW, votes=20, comments=after),
        ]
        return float(measure_looks(mine, *rest).gained[0])

    assert gained(None, None) == gained(0, 1) == gained(1, 1) == gained(5, 2) == 20
    assert gained(1, 5) == gained(0, 5) == 22
    assert gained(1, 500) == 25
    quiet = [Sighting(1, "example", NOW - hours * HOUR, votes=0, comments=24 - hours) for hours in (24, 0)]
    assert measure_looks(quiet, *rest).rising_order.tolist() == []


def test_stars_count_where_a_source_tells_no_votes() -> None:
    """And only there: a source that tells votes is gone by its votes."""
    looked = [
        Sighting(number, "code", NOW - hours * HOUR, stars=900 + (24 - hours) * (20 if number == 1 else 1))
        for number in range(1, 9)
        for hours in (24, 0)
    ]
    papers = [Candidate(number, "") for number in range(1, 10)]
    rows = {one.paper_id: row for row, one in enumerate(papers)}
    trend = measure_trend(papers, rows, looked, NOW)
    assert trend.rising_order.tolist() == [0]
    assert trend.growth[0] is not None
    assert (trend.growth[0].counted, trend.growth[0].votes, trend.growth[0].gain) == ("stars", 1380, 480)
    voted = [*looked, Sighting(9, "code", NOW, votes=4)]
    assert measure_trend(papers, rows, voted, NOW).order.tolist() == [8]


def test_scores_are_recomputed_from_their_parts() -> None:
    trend = measure({1: [1, 31], 2: [100, 104], 3: [10, 14], 4: [10, 14], 5: [3, 3]})
    parts = rising_parts(trend, 0)
    assert rising_score(parts) == pytest.approx(trend.rising[0], abs=1e-6)
    a, b = parts["gained"] + 1, parts["usual"] + 1
    at_least = a / b * (1 - 1 / (9 * a) - 1.645 / (3 * a**0.5)) ** 3
    assert rising_score(parts) == pytest.approx(1 - 1 / at_least, abs=1e-6)
    for row in range(5):
        assert trending_score(trending_parts(trend, row)) == pytest.approx(trend.score[row], abs=1e-6)
    assert rising_score({"gained": 0, "usual": 9}) == 0


COUNTS = st.none() | st.integers(-5, 60) | st.sampled_from([-(10**12), 2**31, 10**12])
SIGHTINGS = st.lists(
    st.builds(
        Sighting,
        st.integers(1, 8),
        st.sampled_from(["a", "b"]),
        st.integers(-3, 400).map(lambda hours: NOW - hours * HOUR),
        COUNTS,
        st.none() | st.integers(-1, 9),
        COUNTS,
        COUNTS,
    ),
    max_size=60,
)


@given(told=SIGHTINGS, chance=st.randoms())
def test_whatever_sources_tell_scores_are_sound_and_order_does_not_matter(
    told: list[Sighting], chance: random.Random
) -> None:
    papers = [Candidate(number, "", listed_on=date(2026, 8, 12 + number)) for number in range(1, 9)]
    rows = {one.paper_id: row for row, one in enumerate(papers)}
    trend = measure_trend(papers, rows, told, NOW)
    for values, most in ((trend.score, 1), (trend.level, 1), (trend.speed, 1), (trend.rising, 0.9999999999)):
        assert ((values >= 0) & (values <= most)).all()
    for row in trend.rising_order.tolist():
        growth = trend.growth[row]
        assert growth is not None
        assert growth.gain is not None
        assert growth.gain >= 4
        assert growth.per_day is not None
        assert growth.per_day > trend.usual[row] >= 0
    shuffled = list(told)
    chance.shuffle(shuffled)
    again = measure_trend(papers, rows, shuffled, NOW)
    assert again.growth == trend.growth
    for name in ("level", "speed", "score", "rising", "order", "rising_order", "position", "usual", "gained"):
        assert getattr(again, name).tobytes() == getattr(trend, name).tobytes()


def test_of_two_looks_at_one_time_the_higher_count_and_the_better_place_stand() -> None:
    told = [
        Sighting(1, "example", NOW, votes=count, position=position, comments=comments)
        for count, position, comments in ((4, 1, None), (9, 7, 2), (9, 2, None), (9, 2, 3))
    ]
    for looked in (told, told[::-1]):
        trend = measure_looks([*seen({24: 0}), *looked])
        assert trend.growth[0] is not None
        assert (trend.growth[0].votes, trend.growth[0].position) == (9, 2)


@given(told=SIGHTINGS)
def test_what_one_source_tells_changes_nothing_at_another(told: list[Sighting]) -> None:
    papers = [Candidate(number, "") for number in range(1, 17)]
    rows = {one.paper_id: row for row, one in enumerate(papers)}
    apart = [
        Sighting(one.paper_id + 8, "c", one.observed_at, 3 * (one.votes or 0), one.position) for one in told
    ]
    alone, beside = (measure_trend(papers, rows, each, NOW) for each in (told, [*told, *apart]))
    assert alone.score[:8].tolist() == beside.score[:8].tolist()
    assert alone.rising[:8].tolist() == beside.rising[:8].tolist()


def test_one_absurd_count_takes_nobodys_rise_away() -> None:
    rest = others({24: 10, 0: 12}, many=20)
    calm = measure_looks(seen({24: 1, 0: 40}), *rest)
    loud = measure_looks(seen({24: 1, 0: 40}), *rest[:-1], seen({24: 0, 0: 10**12}, 21))
    assert loud.rising_order.tolist() == [20, 0]
    assert loud.rising[0] == pytest.approx(calm.rising[0], abs=0.1)
    assert loud.score[0] > calm.score[0] / 3
