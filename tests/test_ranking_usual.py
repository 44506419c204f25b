"""What is usual: learnt from looks, whenever they were made."""

import io
import random
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking.habits import History, fit_usual
from digest.ranking.usual import AGES, ENDS, PRIOR, Usual, UsualGrowth

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
NOW = MONDAY + timedelta(days=42)
DAY = timedelta(days=1)

Votes = Callable[[float], float]


def history(
    paper: int, came: datetime, hours: Iterable[float], votes: Votes, source: str = "site", **more: int
) -> list[History]:
    """Looks at a paper so many hours after it came; ``votes`` by its age in days."""
    return [
        (source, paper, came.date(), at, round(votes(hour / 24)), more.get("stars"), more.get("comments"))
        for hour in hours
        if (at := came + timedelta(hours=hour)) <= NOW
    ]


def weeks_of(votes: Votes, hours: Iterable[float], papers: int = 6, **more: int) -> list[History]:
    """Papers of six weeks, as many each day, that all grow alike."""
    hours = list(hours)
    return [
        look
        for day in range(42)
        for number in range(papers)
        for look in history(day * papers + number, MONDAY + day * DAY, hours, votes, **more)
    ]


def rates(usual: UsualGrowth, source: str = "site") -> dict[float, float]:
    """The rate from each age on."""
    return dict(zip(AGES.tolist(), usual.of(source).rate.tolist(), strict=True))


def halving(age: float) -> float:
    """A hundred votes a day at first, half of it each day."""
    return float(100 / np.log(2) * (1 - 0.5**age))


def test_rates_by_age_are_learnt() -> None:
    learnt = rates(fit_usual(weeks_of(halving, range(0, 100, 4)), NOW))
    for begin, end in ((1, 2), (2, 3), (3, 4)):
        assert learnt[begin] == pytest.approx(halving(end) - halving(begin), rel=0.1)
    assert learnt[30] < learnt[3]


def test_when_papers_were_looked_at_does_not_matter() -> None:
    """Every two hours, once a day, or with days that were missed: growth is spread over the time between."""
    often = rates(fit_usual(weeks_of(halving, range(0, 170, 2)), NOW))
    daily = rates(fit_usual(weeks_of(halving, range(0, 170, 24)), NOW))
    chance = random.Random(1)
    missed = rates(fit_usual(weeks_of(halving, [h for h in range(0, 170, 6) if chance.random() < 0.3]), NOW))
    for age in (1, 2, 3, 4):
        assert daily[age] == pytest.approx(often[age], rel=0.35)
        assert missed[age] == pytest.approx(often[age], rel=0.35)


def test_weekdays_are_learnt() -> None:
    """At weekends nothing comes; what is usual then is little, and on other days more than the mean."""
    rows = []
    for day in range(42):
        for number in range(8):
            came = MONDAY + day * DAY
            worked = [0.0]
            for ahead in range(8):
                worked.append(worked[-1] + (10 if (day + ahead) % 7 < 5 else 0))
            at = [float(24 * ahead) for ahead in range(9)]
            rows += history(day * 8 + number, came, at, lambda age, worked=worked: worked[int(age)])  # type: ignore[misc]
    usual = fit_usual(rows, NOW).of("site")
    assert usual.activity[5:].max() < 0.1
    assert usual.activity[:5].min() > 1.3
    begin = np.array([20_605.0])  # a Monday, in days since 1970
    week, weekend = (usual.gain(begin - 1, begin + days, begin + days + 2)[0] for days in (0, 5))
    assert weekend < week / 10


def test_nothing_seen_and_too_little_seen_is_the_prior() -> None:
    assert fit_usual([], NOW).of("site").rate.tolist() == PRIOR.tolist()
    few = [look for paper in range(4) for look in history(paper, MONDAY, range(0, 90, 6), halving)]
    assert fit_usual(few, NOW).sources == {}
    one_look_each = weeks_of(halving, [5])
    assert fit_usual(one_look_each, NOW).sources == {}


def test_little_is_mixed_with_the_prior_and_has_its_shape_at_the_sources_scale() -> None:
    """One day of six papers: of ages that were not seen the prior tells, many times as much as usual."""
    rows = [look for paper in range(6) for look in history(paper, NOW - DAY, range(0, 25, 4), halving)]
    learnt = fit_usual(rows, NOW).of("site").rate
    assert (np.diff(learnt) < 0).all()
    assert learnt[-1] > 2 * PRIOR[-1]
    none = [look for paper in range(6) for look in history(paper, NOW - DAY, range(0, 25, 4), lambda _: 0)]
    assert (fit_usual(none, NOW).of("site").rate > PRIOR / 10).all()


def test_a_few_stars_are_not_what_is_usual() -> None:
    """One paper in twenty with ten thousand times the votes changes little."""
    rows = weeks_of(halving, range(0, 100, 6), papers=19)
    stars = [
        look
        for day in range(42)
        for look in history(
            9_000 + day, MONDAY + day * DAY, range(0, 100, 6), lambda age: 10_000 * halving(age)
        )
    ]
    calm, loud = rates(fit_usual(rows, NOW)), rates(fit_usual([*rows, *stars], NOW))
    for age in (0.5, 1, 2, 3):
        assert loud[age] == pytest.approx(calm[age], rel=0.15)


def test_papers_that_drop_out_of_a_list_were_slow() -> None:
    """Eight in ten are seen for a day only, while two of each day stay for six: usual is less than theirs."""

    def rows(stay: float, many: int) -> list[History]:
        return [
            look
            for day in range(35)
            for number in range(10)
            for look in history(
                day * 10 + number,
                MONDAY + day * DAY,
                range(0, int(24 * (6 if number < many else stay)) + 1, 6),
                lambda age, number=number: 20 * age * (1 + number % 2),  # type: ignore[misc]
            )
        ]

    stayed, dropped = rates(fit_usual(rows(6, 10), NOW)), rates(fit_usual(rows(1, 2), NOW))
    assert dropped[4] < 0.85 * stayed[4]
    # Where a list is not read for longer, nobody dropped out of it; nor where one of ten comes back.
    short = rows(2, 0)
    assert rates(fit_usual(short, NOW))[1] == pytest.approx(stayed[1], rel=0.1)
    back = [
        look
        for day in range(35)
        for look in history(
            day * 10,
            MONDAY + day * DAY,
            range(72, 145, 6),
            lambda age, day=day: (2 if day % 2 else 38) * age,  # type: ignore[misc]
        )
    ]
    assert rates(fit_usual([*short, *back], NOW))[5] == pytest.approx(20, rel=0.2)


def test_comments_that_every_paper_has_are_learnt() -> None:
    """One where nothing is known: a bot's."""
    usual = fit_usual(weeks_of(halving, range(0, 90, 6), comments=3), NOW).of("site")
    assert usual.usual_comments(np.array([0.1, 2.5, 40])).tolist() == [3, 3, 1]


def test_stars_are_learnt_from_where_a_source_tells_no_votes() -> None:
    rows = [
        ("code", paper, None, at, None, 5_000 + votes, None)
        for _, paper, _, at, votes, _, _ in weeks_of(halving, range(0, 90, 6))
        if votes is not None
    ]
    assert rates(fit_usual(rows, NOW), "code")[2] == pytest.approx(halving(3) - halving(2), rel=0.1)


def test_what_is_older_than_sixty_days_or_to_come_does_not_count() -> None:
    rows = weeks_of(halving, range(0, 90, 6))
    late, early = NOW + 100 * DAY, MONDAY - DAY
    assert fit_usual(rows, late).sources == {}
    assert fit_usual(rows, early).sources == {}


def test_sources_are_learnt_apart_and_can_be_renamed() -> None:
    rows = weeks_of(halving, range(0, 90, 6))
    slow = weeks_of(lambda age: 3 * age, range(0, 90, 6), source="slow")  # type: ignore[arg-type]
    both, alone = fit_usual([*slow, *rows], NOW), fit_usual(rows, NOW)
    assert rates(both) == rates(alone)
    assert rates(both, "slow")[2] == pytest.approx(3, rel=0.15)
    renamed = both.renamed({"site": "A site", "gone": "x"})
    assert list(renamed.sources) == ["A site"]
    assert rates(renamed, "A site") == rates(both)


@given(chance=st.randoms())
def test_the_same_looks_in_any_order_give_the_same_bytes(chance: random.Random) -> None:
    rows = weeks_of(lambda age: 7 * age**0.5, range(0, 90, 13), papers=2)
    rows += weeks_of(halving, range(1, 90, 17), papers=2, source="other")  # type: ignore[arg-type]
    shuffled = list(rows)
    chance.shuffle(shuffled)
    first, second = fit_usual(rows, NOW).to_arrays(), fit_usual(shuffled, NOW).to_arrays()
    assert {name: each.tobytes() for name, each in first.items()} == {
        name: each.tobytes() for name, each in second.items()
    }


COUNTS = st.none() | st.integers(-5, 60) | st.sampled_from([-(10**12), 2**31, 10**12])
HISTORIES = st.lists(
    st.tuples(
        st.just("site"),
        st.integers(1, 7),
        st.none() | st.dates(date(2026, 4, 1), date(2026, 8, 1)),
        st.integers(-5, 1500).map(lambda hours: NOW - timedelta(hours=hours)),
        COUNTS,
        COUNTS,
        COUNTS,
    ),
    max_size=80,
)


@given(rows=HISTORIES)
def test_whatever_was_told_what_is_learnt_is_sound(rows: list[History]) -> None:
    usual = fit_usual(rows, NOW).of("site")
    for values in (usual.rate, usual.activity, usual.comments):
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    assert (usual.rate > 0).all()
    begin = np.array([20_600.0, 20_630.5])
    assert (usual.gain(begin, begin + 0.1, begin + 6.9) > 0).all()


def test_it_is_kept_in_a_file_and_read_again() -> None:
    usual = fit_usual(weeks_of(halving, range(0, 90, 6)), NOW)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **usual.to_arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as kept:
        again = UsualGrowth.from_arrays(kept)
    assert rates(again) == rates(usual)
    assert again.of("site").papers == usual.of("site").papers == 252
    assert again.of("site").activity.tolist() == usual.of("site").activity.tolist()
    assert UsualGrowth.from_arrays(UsualGrowth().to_arrays()).sources == {}


@pytest.mark.parametrize("name", ["usual_ages", "usual_rate", "usual_activity", "usual_papers"])
def test_a_damaged_file_is_refused(name: str) -> None:
    arrays = UsualGrowth({"site": Usual()}).to_arrays()
    with pytest.raises(ValueError, match=r"ages|fit"):
        UsualGrowth.from_arrays({**arrays, name: arrays[name][..., :0]})
    with pytest.raises(KeyError):
        UsualGrowth.from_arrays({key: each for key, each in arrays.items() if key != name})
    bad = {**arrays, "usual_rate": np.full((1, len(ENDS)), np.nan)}
    with pytest.raises(ValueError, match="none"):
        UsualGrowth.from_arrays(bad)
