"""Rate ten: far apart, adaptive, the same for equal input; and what the use case makes of it."""

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.ranking import Model, Prepared, fit, prepare
from digest.ranking import rate_ten as room
from digest.ranking.rate_ten import TEN, next_to_rate
from digest.types import Candidate
from tests.ranking_cases import FIELDS, NOW, field_of, looks, paper, papers

EACH = 12
ALL = papers(EACH)
MODEL = fit(ALL)


def ready(of: Sequence[Candidate] = ALL, model: Model = MODEL) -> Prepared:
    return prepare(of, (), model, NOW)


def fields(ids: Sequence[int]) -> Counter[str]:
    return Counter(field_of(one, EACH) for one in ids)


def test_the_first_four_are_of_four_fields() -> None:
    """Far from each other: of each field one, before any has a second."""
    ten = next_to_rate(ready())
    assert len(set(ten)) == len(ten) == TEN
    assert set(fields(ten[:4])) == set(FIELDS)
    assert max(fields(ten).values()) <= 4


def test_the_largest_field_comes_first_and_an_odd_paper_last() -> None:
    """An answer on a paper speaks for those that are like it."""
    large = [paper(100 + number, "speech") for number in range(30)]
    odd = Candidate(999, "Mushrooms of northern fens", "Fungi gathered from peat by hand over nine autumns.")
    some = [*papers(4), *large, odd]
    ten = next_to_rate(ready(some, fit(some)))
    assert ten[0] >= 100
    assert 999 not in ten[:4]


def test_where_one_was_liked_the_next_come_from_its_field() -> None:
    first = next_to_rate(ready())[0]
    (second,) = next_to_rate(ready(), liked=[first], most=1)
    (third,) = next_to_rate(ready(), liked=[first, second], most=1)
    assert field_of(first, EACH) == field_of(second, EACH) == field_of(third, EACH)


def test_where_one_was_disliked_the_next_come_from_elsewhere() -> None:
    """Not a second time from there before all other fields had theirs."""
    first = next_to_rate(ready())[0]
    more = next_to_rate(ready(), disliked=[first], most=3)
    assert field_of(first, EACH) not in fields(more)


def test_what_is_disliked_leads_further_away_than_what_is_passed() -> None:
    """A field of which two papers were disliked has fewer of the next, and those later."""
    two = [one.paper_id for one in ALL if field_of(one.paper_id, EACH) == "clouds"][:2]
    passed, disliked = next_to_rate(ready(), passed=two), next_to_rate(ready(), disliked=two)
    assert fields(disliked)["clouds"] < fields(passed)["clouds"]


def test_a_passed_paper_teaches_nothing_of_its_field_but_is_not_asked_again() -> None:
    first, second = next_to_rate(ready())[:2]
    assert next_to_rate(ready(), passed=[first], most=1) == [second]


def test_ten_answers_for_one_field_find_most_of_them_there() -> None:
    """Somebody who likes one field of four is asked about it more often than chance would."""
    for field in FIELDS:
        liked: list[int] = []
        disliked: list[int] = []
        for _ in range(TEN):
            (one,) = next_to_rate(ready(), liked=liked, disliked=disliked, most=1)
            (liked if field_of(one, EACH) == field else disliked).append(one)
        assert len(liked) >= 6, field


def test_what_is_known_of_a_reader_leads_to_where_it_is_unclear() -> None:
    """What may be to their taste is asked about more, what surely is less; without any nothing changes."""
    prepared = ready()
    is_there = np.array([field_of(one.paper_id, EACH) == "proteins" for one in ALL], np.float32)
    asked = [fields(next_to_rate(prepared, taste=is_there * level))["proteins"] for level in (0.0, 0.4, 1.0)]
    assert asked[1] > asked[0] > asked[2]
    assert next_to_rate(prepared, taste=is_there * 0) == next_to_rate(prepared)


def test_votes_decide_between_papers_of_a_field() -> None:
    """What many look at, a person wants to look at."""
    voted = [1 + EACH * number + 5 for number in range(len(FIELDS))]
    seen = [look for one in voted for look in looks(one, [10, 40, 90])]
    ten = next_to_rate(prepare(ALL, seen, MODEL, NOW))
    assert len(set(ten[:6]) & set(voted)) >= 3


def test_papers_that_say_the_same_are_asked_about_once() -> None:
    again = [Candidate(500 + one.paper_id, one.title, one.abstract) for one in ALL]
    prepared = ready([*ALL, *again])
    ten = next_to_rate(prepared, most=20)
    assert len({one % 500 for one in ten}) == len(ten) == 20
    assert len(next_to_rate(prepared, most=200)) == len(ALL)
    asked = ten[0]
    double = asked + 500 if asked < 500 else asked - 500
    for how in ("liked", "disliked", "passed", "known"):
        more = next_to_rate(prepared, most=100, **{how: [asked]})  # type: ignore[arg-type]
        assert not {asked, double} & set(more), how


def test_what_is_known_is_not_asked_about() -> None:
    known = {one.paper_id for one in ALL[: len(ALL) - 7]}
    rest = {one.paper_id for one in ALL} - known
    assert set(next_to_rate(ready(), known=known)) == rest
    assert next_to_rate(ready(), known=known | rest) == []


def test_a_paper_without_an_abstract_comes_only_where_there_is_no_other() -> None:
    bare = [Candidate(900 + number, f"A title alone on retrieval {number}") for number in range(20)]
    mixed = [*ALL, *bare]
    assert max(next_to_rate(ready(mixed))) < 900
    ten = next_to_rate(ready([*ALL[:3], *bare]))
    assert len(ten) == TEN
    assert {one.paper_id for one in ALL[:3]} <= set(ten)


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.data())
def test_the_order_of_the_input_does_not_matter(chance: random.Random, data: st.DataObject) -> None:
    said = data.draw(st.lists(st.sampled_from(range(1, len(ALL) + 1)), unique=True, max_size=9))
    liked, disliked, passed = said[:3], said[3:6], said[6:]
    expected = next_to_rate(ready(), liked=liked, disliked=disliked, passed=passed)
    mixed = list(ALL)
    chance.shuffle(mixed)
    found = next_to_rate(ready(mixed), liked=liked[::-1], disliked=set(disliked), passed=(*passed, *passed))
    assert found == expected
    assert not set(expected) & set(said)


@pytest.mark.parametrize("number", [0, 1, 3, 9, 40])
def test_few_papers_give_as_many_as_there_are(number: int) -> None:
    """A fresh installation; the model is fitted on just these."""
    few = ALL[:number]
    found = next_to_rate(ready(few, fit(few)))
    assert len(set(found)) == len(found) == min(number, TEN)


def test_without_a_model_papers_are_still_found() -> None:
    """Nothing is like anything then: each paper is asked about for its own sake."""
    found = next_to_rate(ready(ALL, fit([])))
    assert len(set(found)) == TEN
    some = ready(model=fit([]))
    assert len(next_to_rate(some, known=[1, 2, 3])) == TEN


def test_hostile_papers_break_nothing() -> None:
    """Without words, in Chinese, of a hundred thousand characters, with nothing but marks."""
    hostile = [
        Candidate(701, "", ""),
        Candidate(702, "\ud800 \x00", "\u202e"),
        Candidate(703, "深度学习在医学影像中的应用", "本文提出一种方法。" * 20),
        Candidate(704, "Long", "word " * 20_000),
        Candidate(705, "'\"><script>", "<script>alert(1)</script>" * 50),
        Candidate(706, "$$$", "\\frac{" * 500),
    ]
    some = [*ALL, *hostile]
    found = next_to_rate(ready(some, fit(some)), liked=[703, 10**12, -1], disliked=[702], most=100)
    assert len(set(found)) == len(found)
    assert not {702, 703} & set(found)
    assert len(next_to_rate(ready(hostile, fit(hostile)))) == len(hostile)


@pytest.mark.parametrize("most", [0, -1])
def test_asked_for_none_it_gives_none(most: int) -> None:
    assert next_to_rate(ready(), most=most) == []


def test_of_many_candidates_a_bounded_table_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of it what is wanted most, half spread evenly; the answers still count."""
    monkeypatch.setattr(room, "MOST_ASKABLE", 16)
    prepared = ready()
    taste = np.zeros(len(ALL), np.float32)
    taste[40:44] = 0.9
    kept = room._askable([np.zeros(0, np.int32)], np.ones(len(ALL), np.float32), taste, prepared, TEN)
    assert len(kept) == 16
    assert set(range(40, 44)) <= set(kept.tolist())
    assert len({field_of(int(row) + 1, EACH) for row in kept}) == len(FIELDS)
    assert len(next_to_rate(prepared, liked=[1], disliked=[2])) == TEN
