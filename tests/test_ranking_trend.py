"""Votes and their growth."""

import random
from datetime import date, timedelta

import pytest

from digest.ranking.trend import Trend, measure_trend
from digest.types import Candidate, Sighting
from tests.ranking_cases import NOW, looks


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
    trend = measure({1: [1, 31], 2: [100, 104], 3: [10, 14], 4: [10, 14], 5: [3, 3]})
    assert trend.rising_order.tolist() == [0]
    assert trend.usual[0] == 4
    assert trend.rising[0] == pytest.approx(1 - 5 / 31)


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
