"""What people write of what they want: weights of keywords, ORCID iDs, groups; and how old likes fade."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import UsageError
from digest.pipeline.wishes import InterestWish, Wishes
from digest.ranking.authors import index_authors
from digest.ranking.fading import faded, faded_weight
from digest.text import (
    author_fault,
    boost_fault,
    id_title,
    is_id_title,
    parse_orcid,
    read_followed,
    split_boost,
)
from digest.types import Candidate, Example, InterestSpec, Profile

NOW = datetime(2026, 8, 3, tzinfo=UTC)
ORCID = "0000-0002-1825-0097"


@pytest.mark.parametrize(
    ("written", "word", "weight"),
    [
        ("graph networks", "graph networks", 1.0),
        ("graph networks^2", "graph networks", 2.0),
        ("graphs ^0.5", "graphs", 0.5),
        ("graphs^.5", "graphs", 0.5),
        ("graphs^1", "graphs", 1.0),
        ("graphs^50", "graphs", 10.0),
        ("graphs^0", "graphs", 0.1),
        (r"R\^2", "R^2", 1.0),
        (r"R\^2^3", "R^2", 3.0),
        ("^2", "^2", 1.0),
        ("x^y", "x^y", 1.0),
        ("x^", "x^", 1.0),
        ("图^2", "图", 2.0),
    ],
)
def test_a_keyword_may_end_in_its_weight(written: str, word: str, weight: float) -> None:
    assert split_boost(written) == (word, weight)


@given(st.text(max_size=30))
def test_every_text_is_a_keyword_of_some_weight(text: str) -> None:
    word, weight = split_boost(text)
    assert 0.1 <= weight <= 10
    assert bool(word) == bool(text)


@pytest.mark.parametrize("written", ["graphs^11", "graphs^0.05", "graphs^0", "graphs^999999999"])
def test_a_weight_that_cannot_be_is_refused_where_it_is_typed(written: str) -> None:
    assert "0.1 to 10" in (boost_fault(written) or "")
    for given_words in ({"keywords": (written,)}, {"must_keywords": (written,)}):
        with pytest.raises(UsageError, match=r"0\.1 to 10"):
            Wishes(interests=(InterestWish(name="A", **given_words),)).checked()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "orcid"),
    [
        (ORCID, ORCID),
        (f" {ORCID} ", ORCID),
        (f"https://orcid.org/{ORCID}", ORCID),
        (f"orcid:{ORCID}", ORCID),
        ("0000-0002-1694-233X", "0000-0002-1694-233X"),
        ("0000-0002-1694-233x", "0000-0002-1694-233X"),
        ("0000-0002-1825-0098", None),
        ("0000-0002-1825-009", None),
        ("Ada Example", None),
        ("", None),
    ],
)
def test_an_orcid_is_known_by_its_check_digit(written: str, orcid: str | None) -> None:
    assert parse_orcid(written) == orcid


@given(st.integers(0, 14), st.integers(0, 9))
def test_a_slip_in_one_digit_is_seen(place: int, digit: int) -> None:
    digits = ORCID.replace("-", "")
    slipped = digits[:place] + str(digit) + digits[place + 1 :]
    written = "-".join(slipped[first : first + 4] for first in range(0, 16, 4))
    assert (parse_orcid(written) is not None) == (written == ORCID)


def test_an_author_is_a_name_an_id_with_it_or_a_group() -> None:
    assert read_followed("Ada Example") == ("Ada Example", None, False)
    assert read_followed(f"{ORCID} = Ada Example") == ("Ada Example", ORCID, False)
    assert read_followed(ORCID) == ("", ORCID, False)
    assert read_followed("Group: Example Lab") == ("Example Lab", None, True)
    assert read_followed("group:") == ("group:", None, False)
    assert author_fault("Ada = Example") is None
    assert "ORCID" in (author_fault("0000-0002-1825-0098 = Ada Example") or "")
    with pytest.raises(UsageError, match="ORCID"):
        Wishes(interests=(InterestWish(name="A", authors=("0000-0002-1825-0098",)),)).checked()


PAPERS = [
    Candidate(1, "By a lab", organisation="Example Lab"),
    Candidate(2, "Among its authors", authors=("Bo Sample", "The Example-Lab")),
    Candidate(3, "By a person", authors=("Ada Example", "Bo Sample")),
    Candidate(4, "By another lab", authors=("Example Lab 2",), organisation="Example Laboratory"),
    Candidate(5, "Of the same letters", authors=("Example Lab",)),
]


def rows(followed: str) -> list[int]:
    return [match.row for match in index_authors(PAPERS).find(followed)]


def test_a_group_is_a_papers_organisation_or_stands_among_its_authors() -> None:
    assert rows("group:example lab") == [0, 4]
    assert rows("group:The Example Lab") == [1]
    assert rows("group:Example Lab 2") == [3]
    assert rows("group:Nobody") == []
    (match, _) = index_authors(PAPERS).find("group:EXAMPLE LAB")
    assert (match.followed, match.listed, match.exact, match.is_group) == (
        "EXAMPLE LAB",
        "Example Lab",
        True,
        True,
    )


def test_a_person_is_no_organisation_and_an_id_goes_by_its_name() -> None:
    assert rows("Ada Example") == rows(f"{ORCID} = Ada Example") == [2]
    assert index_authors(PAPERS).find(f"{ORCID} = Ada Example")[0].followed == "Ada Example"
    assert rows(ORCID) == []
    assert rows("Example Lab") == [3, 4]  # as a name, not as an organisation


# --- fading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "half_life", "weight"),
    [
        (0, 365, 1.0),
        (29, 365, 1.0),
        (30, 30, 0.5),
        (59, 30, 0.5),
        (60, 30, 0.25),
        (360, 360, 0.5),
        (10_000, 30, 0.05),
        (10_000, 0, 1.0),
        (-5, 30, 1.0),
    ],
)
def test_a_like_fades_in_steps_to_a_twentieth(days: int, half_life: float, weight: float) -> None:
    at = NOW - timedelta(days=days)
    assert faded_weight(1.0, at, NOW, half_life) == pytest.approx(weight)
    assert faded_weight(-2.0, at, NOW, half_life) == pytest.approx(-2 * weight)


@given(st.integers(0, 40_000), st.integers(0, 40_000), st.floats(1, 36_500))
def test_an_older_like_never_weighs_more(one: int, two: int, half_life: float) -> None:
    newer, older = sorted((one, two))
    weights = [faded_weight(1.0, NOW - timedelta(days=days), NOW, half_life) for days in (newer, older)]
    assert 0.05 <= weights[1] <= weights[0] <= 1


def test_what_was_given_without_a_date_does_not_fade() -> None:
    given_one, liked = Example("Given"), Example("Liked", liked_at=NOW - timedelta(days=365))
    profile = Profile(
        1, (InterestSpec("A", examples=(given_one,)), InterestSpec("B", examples=(given_one, liked)))
    )
    aged = faded(profile, NOW, 360)
    assert aged.interests[0] is profile.interests[0]
    assert [one.weight for one in aged.interests[1].examples] == [1.0, 0.5]
    assert faded(profile, NOW, 0) is profile
    # Within one step nothing changes, so that what was learnt of an interest holds.
    assert faded(profile, NOW + timedelta(days=20), 360) == aged


def test_an_id_may_stand_for_a_title() -> None:
    assert id_title(("arXiv", None), ("doi", "10.1/x")) == "doi:10.1/x"
    assert is_id_title("arXiv:2101.00001")
    assert not is_id_title("Attention: all you need")
    assert id_title(("doi", None)) == ""
