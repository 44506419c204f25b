"""Each interest by itself: words, keywords, examples, categories, and what speaks against."""

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from digest.ranking import Model, Prepared, fit, learn, prepare
from digest.ranking.asking import ask
from digest.ranking.library import Library
from digest.ranking.parts import examples_of
from digest.ranking.reader import THRESHOLD
from digest.ranking.taste import taste_of
from digest.ranking.tastes import Tastes
from digest.types import Candidate, Example, InterestSpec
from tests.ranking_cases import NOW, field_of, paper, papers

EACH = 12


@pytest.fixture(scope="module")
def model() -> Model:
    return fit([paper(1000 + number, field_of(1 + number % 48)) for number in range(200)])


@pytest.fixture(scope="module")
def prepared(model: Model) -> Prepared:
    return prepare(papers(EACH), [], model, NOW)


def scored(prepared: Prepared, *interests: InterestSpec) -> Tastes:
    return taste_of(interests, learn(interests, prepared.model), Library(prepared))


def parts(found: Tastes, interest: int, row: int) -> dict[str, float]:
    """The parts of one taste, each from 0 to 1."""
    values = {
        name: float(each[0]) for name, each in found.parts(np.array([interest]), np.array([row])).items()
    }
    return {name: values[name] for name in ("words", "keywords", "category", "less")} | {
        "examples": examples_of(values)
    }


def tastes(prepared: Prepared, *interests: InterestSpec, part: str = "taste") -> NDArray[np.float32]:
    found = scored(prepared, *interests)
    if part == "taste":
        return found.taste
    rows = range(len(prepared.candidates))
    return np.array([[parts(found, at, row)[part] for row in rows] for at in range(len(interests))])


def fields(prepared: Prepared, taste: Sequence[float], first: int) -> set[str]:
    """The fields of the best candidates."""
    best = np.argsort(-np.asarray(taste), kind="stable")[:first]
    return {field_of(prepared.candidates[row].paper_id, EACH) for row in best}


def example(paper_id: int, field: str, **more: object) -> Example:
    given = paper(paper_id, field)
    return replace(Example(given.title, given.abstract), **more)  # type: ignore[arg-type]


def test_keywords_find_their_field(prepared: Prepared) -> None:
    taste = tastes(prepared, InterestSpec("r", keywords=("dense retrieval", "question answering")))
    assert fields(prepared, taste[0], 8) == {"retrieval"}


def test_examples_find_their_field(prepared: Prepared) -> None:
    liked = tuple(example(number, "proteins") for number in (801, 802))
    taste = tastes(prepared, InterestSpec("p", examples=liked))
    assert fields(prepared, taste[0], EACH) == {"proteins"}


def test_two_interests_do_not_blur(prepared: Prepared) -> None:
    """Each one's scores are what they are without the other."""
    speech = InterestSpec("s", keywords=("speech recognition",), examples=(example(901, "speech"),))
    clouds = InterestSpec("c", keywords=("point cloud",), not_keywords=("driving",))
    both = tastes(prepared, speech, clouds)
    assert both[0].tolist() == tastes(prepared, speech)[0].tolist()
    assert both[1].tolist() == tastes(prepared, clouds)[0].tolist()


def test_the_taste_is_made_from_its_parts(prepared: Prepared) -> None:
    interest = InterestSpec(
        "r",
        keywords=("dense retrieval", "index"),
        examples=(example(801, "retrieval"), example(802, "retrieval", weight=-1.0, origin="less")),
    )
    found = scored(prepared, interest)
    for row, taste in enumerate(found.taste[0].tolist()):
        own = parts(found, 0, row)
        against = np.prod([1 - own[name] for name in ("words", "keywords", "examples", "category")])
        assert taste == pytest.approx((1 - against) * (1 - own["less"]), abs=1e-5)
        assert all(0 <= value <= 1 for value in own.values())


def test_less_lowers_the_neighbourhood_and_not_the_field(prepared: Prepared) -> None:
    """A near copy of the disliked paper sinks; papers of other fields do not move, few of its field do."""
    likes = InterestSpec("r", keywords=("retrieval", "ranking"), examples=(example(801, "retrieval"),))
    target = prepared.candidates[3]
    assert field_of(target.paper_id) == "retrieval"
    words = target.abstract.split()
    disliked = Example(target.title, " ".join(words[:-5]), weight=-1.0, origin="less")
    before, after = tastes(prepared, likes, replace(likes, examples=(*likes.examples, disliked)))
    assert after[3] < 0.3 * before[3]
    others = [row for row in range(len(before)) if field_of(row + 1) != "retrieval"]
    assert after[others] == pytest.approx(before[others], rel=0.05)
    same = [row for row in range(EACH) if row != 3]
    assert np.mean(after[same] / before[same]) > 0.7


def test_not_keywords_exclude_for_that_interest_only(prepared: Prepared) -> None:
    plain = InterestSpec("a", keywords=("retrieval",))
    without = InterestSpec("b", keywords=("retrieval",), not_keywords=("rerankers",))
    first, second = tastes(prepared, plain, without)
    has = ["reranker" in f"{one.title} {one.abstract}" for one in prepared.candidates]
    assert any(has)
    assert not second[np.array(has)].any()
    assert second[~np.array(has)].tolist() == first[~np.array(has)].tolist()


def test_only_papers_with_a_must_have_keyword_are_admitted(prepared: Prepared) -> None:
    interest = InterestSpec("a", keywords=("retrieval",), must_keywords=("documents",))
    found = scored(prepared, interest)
    has = np.array(["document" in f"{one.title} {one.abstract}" for one in prepared.candidates])
    assert found.must[0] is not None
    assert found.must[0].tolist() == np.flatnonzero(has).tolist()
    assert not found.taste[0, ~has].any()
    without = tastes(prepared, replace(interest, must_keywords=()))[0]
    assert without[~has].any()


def test_a_category_is_enough_only_where_nothing_else_is_asked_for(model: Model) -> None:
    some = [paper(1, "speech", categories=("cs.SD",)), paper(2, "speech", categories=("eess.AS", "cs.CL"))]
    ready = prepare(some, [], model, NOW)
    only = tastes(ready, InterestSpec("a", categories=("CS.cl",)))[0]
    archive = tastes(ready, InterestSpec("a", categories=("cs",)))[0]
    also = tastes(ready, InterestSpec("a", categories=("cs.CL",), keywords=("protein",)))[0]
    assert only[0] == 0
    assert only[1] > 0.6
    assert archive.tolist() == [only[1], only[1]]
    assert 0 < also[1] < 0.6


def test_a_word_of_a_phrase_alone_says_little() -> None:
    """ "cloud" is not "point cloud"."""
    some = [
        Candidate(1, "Invented scanning", "we scan a point cloud, then a point cloud, for results"),
        Candidate(2, "Invented hosting", "we rent a cloud of machines for results"),
    ]
    both, alone = tastes(prepare(some, [], fit([]), NOW), InterestSpec("c", keywords=("point cloud",)))[0]
    assert both > 0.6
    assert alone < 0.5


def test_a_keyword_of_two_meanings_is_read_in_the_interests_field(model: Model) -> None:
    """Where keywords meet in papers, these tell "search" of documents from "search" for minerals."""
    field = [
        Candidate(
            number, f"Invented ranking {number}", "query document passage search ranking relevance index"
        )
        for number in range(1, 7)
    ]
    documents = Candidate(11, "Invented search", "search search over query document passage index")
    minerals = Candidate(12, "Invented search", "search search over rock drill ore geology quarry")
    ready = prepare([*field, documents, minerals], [], model, NOW)
    taste = tastes(ready, InterestSpec("r", keywords=("search", "ranking")))[0]
    assert taste[ready.rows[11]] > 1.2 * taste[ready.rows[12]]
    found = tastes(ready, InterestSpec("r", keywords=("search", "ranking")), part="keywords")[0]
    assert found[ready.rows[11]] > 1.2 * found[ready.rows[12]]
    alone = tastes(ready, InterestSpec("r", keywords=("search",)), part="keywords")[0]
    assert alone[ready.rows[11]] == alone[ready.rows[12]]


def test_a_common_keyword_says_less_than_a_rare_one() -> None:
    model = fit(papers(EACH))
    (common,) = ask([InterestSpec("a", keywords=("models",))], model)
    (rare,) = ask([InterestSpec("a", keywords=("vocoder",))], model)
    assert common is not None
    assert rare is not None
    assert common.hits["models"] < 0.7 * rare.hits["vocoder"]


def test_an_example_is_not_worth_less_for_a_further_like(prepared: Prepared) -> None:
    """A liked paper more never puts its neighbours below papers of other fields."""
    before = (example(801, "retrieval"), example(802, "speech"))
    for liked in (example(803, "proteins"), example(804, "clouds")):
        field = "proteins" if "803" in liked.title else "clouds"
        taste = tastes(prepared, InterestSpec("a", examples=(*before, liked)))[0]
        own = [taste[row] for row in range(len(taste)) if field_of(row + 1) == field]
        others = {"proteins", "clouds"} - {field}
        assert min(own) > max(taste[row] for row in range(len(taste)) if field_of(row + 1) in others)


@pytest.mark.parametrize(
    "interest",
    [
        InterestSpec("nothing"),
        InterestSpec("blank", keywords=("", " ", "…"), authors=("",), categories=("",)),
        InterestSpec("unknown", keywords=("zyxwvut", "quux frobnicate")),
        InterestSpec("negative", examples=(Example("Retrieval", "dense retrieval", weight=-1.0),)),
        InterestSpec("empty example", examples=(Example("", ""),)),
        InterestSpec("stop words", keywords=("the", "of the")),
    ],
)
def test_an_interest_that_asks_for_nothing_here_likes_nothing(
    prepared: Prepared, interest: InterestSpec
) -> None:
    assert not tastes(prepared, interest).any()


def test_an_empty_model_serves_too() -> None:
    ready = prepare(papers(EACH), [], fit([]), NOW)
    taste = tastes(ready, InterestSpec("r", keywords=("dense retrieval", "query")))[0]
    assert fields(ready, taste, 5) == {"retrieval"}
    liked = tastes(ready, InterestSpec("p", examples=(example(801, "proteins"),)))[0]
    assert fields(ready, liked, 8) == {"proteins"}


def test_forty_papers_serve_too() -> None:
    """A fresh installation: the model saw what is to be ranked, and no more."""
    some = papers(10)
    ready = prepare(some, [], fit(some), NOW)
    taste = tastes(ready, InterestSpec("s", keywords=("speech recognition", "speaker")))[0]
    best = np.argsort(-taste, kind="stable")[:5]
    assert {field_of(some[row].paper_id, 10) for row in best} == {"speech"}
    assert (taste >= 0.6).sum() <= 12


def test_a_taste_does_not_depend_on_the_interests_beside_it() -> None:
    """To the last bit, also where keywords meet in a field and papers are more or less of it."""
    chance = random.Random(0)
    words = [f"term{number}" for number in range(200)]
    some = [
        Candidate(number, "", " ".join(chance.choices(words[number % 8 * 25 :][:40], k=20)))
        for number in range(250)
    ]
    ready = prepare(some[:100], [], fit(some), NOW)
    interests = [InterestSpec(f"i{at}", keywords=tuple(chance.sample(words, 6))) for at in range(30)]
    alone = [tastes(ready, one).tolist()[0] for one in interests]
    assert tastes(ready, *interests).tolist() == alone


def test_no_papers_and_no_interests_give_empty_arrays(model: Model) -> None:
    assert tastes(prepare([], [], model, NOW), InterestSpec("a", keywords=("retrieval",))).shape == (1, 0)
    assert tastes(prepare([], [], fit([]), NOW), InterestSpec("a", keywords=("retrieval",))).shape == (1, 0)
    assert tastes(prepare(papers(1), [], model, NOW)).shape == (0, 4)


def test_words_the_model_never_saw_still_match(model: Model) -> None:
    new = paper(1, "retrieval", title="Invented Frobnicator for retrieval")
    ready = prepare([new, paper(2, "retrieval")], [], model, NOW)
    first, second = tastes(ready, InterestSpec("a", keywords=("frobnicators",)))[0]
    assert first > 0.6
    assert second == 0


def test_chinese_titles_are_matched(model: Model) -> None:
    some = [Candidate(1, "面向问答的密集检索"), Candidate(2, "三维点云分割")]
    taste = tastes(prepare(some, [], model, NOW), InterestSpec("r", keywords=("检索",)))[0]
    assert taste[0] > 0.6
    assert taste[1] == 0


def test_a_rare_word_shared_by_chance_is_no_common_topic() -> None:
    """Of a single example: a paper with one rare word of it stays below the threshold."""
    given = example(9000, "retrieval")
    given = replace(given, abstract=f"{given.abstract} zymurgy zymurgy zymurgy")
    stray = paper(901, "proteins")
    stray = replace(stray, abstract=f"{stray.abstract} zymurgy zymurgy zymurgy")
    some = [paper(number, field_of(number)) for number in range(1, 49)] + [stray]
    small = prepare(some, [], fit(some), NOW)
    taste = tastes(small, InterestSpec("one", examples=(given,)), part="examples")[0]
    assert taste[small.rows[901]] < THRESHOLD
    assert max(taste[small.rows[number]] for number in range(1, 13)) > taste[small.rows[901]]
