"""The 403 real papers, for two people: one working on retrieval, one on 3D segmentation."""

from pathlib import Path

import pytest

from digest.ranking import Prepared, fit, prepare, recommend
from digest.types import Candidate, Example, InterestSpec, Profile, Recommendation, Section, Sighting
from tests.ranking_cases import NOW

RETRIEVAL = InterestSpec(
    "Retrieval",
    1,
    keywords=("retrieval", "dense retrieval", "question answering", "RAG", "search", "ranking"),
)
SEGMENTATION = InterestSpec(
    "3D segmentation",
    2,
    keywords=(
        "point cloud segmentation",
        "3D semantic segmentation",
        "LiDAR",
        "3D segmentation",
        "point cloud",
    ),
)


def read(folder: Path) -> list[tuple[str, str]]:
    """Titles and abstracts of the saved pages, each once: after the heading they take turns, line by line."""
    found: dict[tuple[str, str], None] = {}
    for path in sorted(folder.glob("*.txt")):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        first = next(number for number, line in enumerate(lines) if line.startswith("Subscribe"))
        glued = lines[first].removeprefix("Subscribe")
        lines = [glued, *lines[first + 1 :]] if glued else lines[first + 3 :]
        found.update(dict.fromkeys(zip(lines[::2], lines[1::2], strict=True)))
    return list(found)


@pytest.fixture(scope="module")
def prepared(shared: Path) -> Prepared:
    seeds = read(shared / "pages" / "seeds")
    assert len(seeds) == 403
    papers = [Candidate(number, *seed) for number, seed in enumerate(seeds, 1)]
    seen = [Sighting(one.paper_id, "saved", NOW, position=one.paper_id) for one in papers]
    return prepare(papers, seen, fit(papers), NOW)


def texts(found: list[Recommendation], prepared: Prepared) -> list[str]:
    chosen = [prepared.candidates[prepared.rows[one.paper_id]] for one in found]
    return [f"{one.title} {one.abstract}".casefold() for one in chosen]


def test_the_first_ten_are_of_the_field_and_differ(prepared: Prepared) -> None:
    first, second = recommend([Profile(1, (RETRIEVAL,)), Profile(2, (SEGMENTATION,))], {}, prepared)
    assert len(first) == len(second) == 10
    assert not {one.paper_id for one in first} & {one.paper_id for one in second}
    assert all("retriev" in text or "search" in text for text in texts(first, prepared))
    assert all(
        "3d" in text or "segmentation" in text or "point cloud" in text for text in texts(second, prepared)
    )


def test_what_no_one_writes_about_gives_nothing(prepared: Prepared) -> None:
    interest = InterestSpec("Manuscripts", keywords=("medieval manuscripts", "palaeography", "vellum"))
    assert recommend([Profile(1, (interest,))], {}, prepared) == [[]]


def test_keywords_named_stand_in_the_paper(prepared: Prepared) -> None:
    (found,) = recommend([Profile(1, (RETRIEVAL, SEGMENTATION), max_papers=40)], {}, prepared)
    for one, text in zip(found, texts(found, prepared), strict=True):
        for reason in [each for each in one.reasons if each.kind == "keyword"]:
            words = reason.facts.get("words") or reason.facts["keywords"]
            assert isinstance(words, list)
            assert all(word.casefold().replace("-", " ") in text.replace("-", " ") for word in words), reason


def test_examples_bring_their_neighbours(prepared: Prepared) -> None:
    """Two papers on text retrieval as examples: the first five are on retrieval or on representing texts."""
    given = [one for one in prepared.candidates if "Text Retrieval" in one.title or "MASTER" in one.title]
    examples = tuple(Example(one.title, one.abstract, one.paper_id) for one in given)
    (found,) = recommend([Profile(1, (InterestSpec("By example", examples=examples),))], {}, prepared)
    assert not {one.paper_id for one in given} & {one.paper_id for one in found}
    assert all("retriev" in text or "embedding" in text for text in texts(found[:5], prepared))
    liked = [one for one in found if one.section is Section.FOR_YOU]
    assert len(liked) >= 5
    assert all(one.reasons[0].kind == "example" for one in liked)
