"""Wishes: what somebody writes of their interests, what is checked, and what is stored of them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.errors import UsageError
from digest.models import Feedback
from digest.pipeline.liked import LIKED, read_lines, read_upload, together, with_liked
from digest.pipeline.own_words import read_own_words
from digest.pipeline.wishes import HIDEABLE, ExamplePaper, InterestWish, Wishes, load_wishes, store_wishes
from digest.storage import subscribers as subscriber_rows
from digest.types import FeedbackKind, Section
from tests.web_site import WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]


def _only(text: str) -> InterestWish:
    (found,) = read_own_words(text)
    return found


# --- own words -------------------------------------------------------------------------------------


def test_each_line_is_an_interest_called_by_its_first_keyword() -> None:
    first, second = read_own_words("- dense retrieval, reranking\n\n2. protein folding\n")
    assert (first.name, first.keywords) == ("Dense retrieval", ("dense retrieval", "reranking"))
    assert second == InterestWish(name="Protein folding", keywords=("protein folding",))


def test_a_name_stands_before_a_colon() -> None:
    found = _only("Retrieval: dense retrieval; RAG, not surveys, no code generation, by Jane Doe, cs.IR")
    assert found == InterestWish(
        name="Retrieval",
        keywords=("dense retrieval", "RAG"),
        not_keywords=("surveys", "code generation"),
        authors=("Jane Doe",),
        categories=("cs.IR",),
    )


@pytest.mark.parametrize(
    "text",
    ["I work on retrieval.", "how language models fold proteins", "large models for long code generation"],
)
def test_a_sentence_says_what_it_is_about(text: str) -> None:
    found = _only(text)
    assert (found.about, found.keywords) == (text, ())


def test_phrases_and_sentences_may_stand_together() -> None:
    found = _only("RAG: retrieval, cs.IR. How models use what was found. Reranking!")
    assert found.keywords == ("retrieval", "Reranking")
    assert found.categories == ("cs.IR",)
    assert found.about == "How models use what was found."


def test_a_paragraph_that_was_broken_by_hand_is_one_interest() -> None:
    assert _only("I work on language models\nand on how they retrieve.").about.endswith("how they retrieve.")
    assert len(read_own_words("I like proteins.\nI like search.")) == 2
    assert len(read_own_words("proteins\nsearch")) == 2


def test_a_line_of_exclusions_holds_for_every_interest() -> None:
    first, second = read_own_words("proteins\nno surveys, no benchmarks\nsearch")
    assert first.not_keywords == second.not_keywords == ("surveys", "benchmarks")
    assert _only("Proteins: no surveys").keywords == ("Proteins",)
    with pytest.raises(UsageError, match="also what you do want"):
        read_own_words("no surveys")


def test_the_same_name_is_the_same_interest_and_a_made_one_never_is() -> None:
    assert _only("RAG: retrieval\nrag: reranking").keywords == ("retrieval", "reranking")
    names = [one.name for one in read_own_words("search, one\nsearch, two")]
    assert names == ["Search", "Search 2"]


@pytest.mark.parametrize("text", ["https://arxiv.org/abs/2401.12345", "search\n2401.12345"])
def test_a_paper_among_interests_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="is a paper"):
        read_own_words(text)


def test_what_is_too_much_is_told() -> None:
    for text in (
        "x" * 50_000,
        "\n".join(f"word{n}" for n in range(51)),
        ", ".join(f"w{n}" for n in range(201)),
    ):
        with pytest.raises(UsageError):
            read_own_words(text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300) | st.text("ab ,;:.!?\n-*no1我。，", max_size=80))
@example("\n:\n")
@example("<script>alert(1)</script>: ,")
@example("not not x")
@example("ῧ")
def test_any_text_gives_checked_wishes_or_is_refused(text: str) -> None:
    """And what was understood is what is kept: checking changes nothing of it."""
    try:
        wishes = Wishes(interests=read_own_words(text))
        checked = wishes.checked()
    except UsageError:
        return
    assert checked == wishes
    assert Wishes.from_dict(wishes.as_dict()) == wishes


# --- papers that are liked -------------------------------------------------------------------------


def test_papers_are_found_by_id_link_and_title(site: WebSite) -> None:
    database = site.app.database
    known = read_lines(database, "1").papers[0]
    assert known["paper_id"] == 1
    by_title = read_lines(database, f"* {known['title'].upper()}\n#1\n\nA paper that nobody knows")
    assert [one["paper_id"] for one in by_title.papers] == [1, None]
    assert by_title.known == 1
    assert not by_title.problems


def test_what_is_no_paper_is_told_with_its_line(site: WebSite) -> None:
    found = read_lines(site.app.database, "A title\n\n#999999\nhttps://example.org/x")
    assert len(found.papers) == 1
    assert found.problems[0].startswith("line 3: ")
    assert found.problems[1].startswith("line 4: no paper is known by https://example.org/x")


def test_a_library_may_be_pasted_or_sent(site: WebSite) -> None:
    known = read_lines(site.app.database, "1").papers[0]["title"]
    text = f"@article{{a, title={{{known}}}}}\n@article{{b, title={{Unknown work}}, abstract={{Of words}}}}\n"
    for found in (
        read_lines(site.app.database, text),
        read_upload(site.app.database, "x.bib", text.encode()),
    ):
        assert [one["paper_id"] for one in found.papers] == [1, None]
        told = {"kind": "article"}
        assert found.papers[1] == ExamplePaper(
            paper_id=None, title="Unknown work", abstract="Of words", told=told
        )


def test_liked_papers_are_an_interest_of_their_own() -> None:
    paper = ExamplePaper(paper_id=3, title="A title", abstract="")
    assert with_liked((), ()) == ()
    (made,) = with_liked((), (paper,))
    assert (made.name, made.examples) == (LIKED, (paper,))
    assert with_liked((made,), (paper,)) == (made,)
    assert together([paper], [dict(paper)]) == (paper,)  # type: ignore[list-item]


# --- checking --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"hour": 7.5},
        {"hour": True},
        {"hour": 24},
        {"max_papers": 0},
        {"max_papers": 2.5},
        {"trend_weight": float("nan")},
        {"trend_weight": "0.3"},
        {"mail": "yes"},
        {"cadence": "hourly"},
        {"weekday": 0},
        {"zone": "Mars"},
        {"zone": 5},
        {"hidden_sections": ["Following", "For you", "Trending", "Rising"]},
        {"hidden_sections": [section.value for section in HIDEABLE]},
        {"interests": [{"about": "nameless"}]},
        {"interests": [{"name": "a", "about": "x"}, {"name": "a", "about": "y"}]},
        {"interests": 7},
    ],
)
def test_what_cannot_be_wished_is_refused_in_words(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Wishes.from_dict(Wishes().as_dict() | wrong)


@pytest.mark.parametrize("left", HIDEABLE[:-1])
def test_every_section_but_one_can_be_hidden_and_one_paper_to_learn_from_is_not_enough(left: Section) -> None:
    hidden = tuple(section.value for section in HIDEABLE if section is not left)
    assert Section.DIFFERENT.value in hidden
    assert Wishes(hidden_sections=hidden).checked().hidden_sections == hidden


@pytest.mark.parametrize("number", [-1, 0, 2**63, True, "1", 1.5])
def test_a_number_that_is_no_papers_is_forgotten(number: Any) -> None:
    wish = {"name": "a", "examples": [{"paper_id": number, "title": "T"}]}
    (one,) = Wishes.from_dict({"interests": [wish]}).interests
    assert one.examples == (ExamplePaper(paper_id=None, title="T", abstract=""),)


# --- rows ------------------------------------------------------------------------------------------


def _store(site: WebSite, wishes: Wishes, renamed: dict[str, str]) -> dict[str, int | None]:
    reader = site.subscriber()
    with site.app.database.write() as session:
        store_wishes(session, reader, wishes, site.app.now(), renamed=renamed)
    assert reader.id is not None
    with site.app.database.read() as session:
        assert load_wishes(session, reader.id) == wishes
        return {one.name: one.id for one in subscriber_rows.list_interests(session, reader.id)}


def test_an_interest_that_is_renamed_keeps_what_was_said_for_it(site: WebSite) -> None:
    """Even two that change names with one another; one that goes takes its row along."""
    first = InterestWish(name="A", about="one")
    second = InterestWish(name="B", about="two")
    before = _store(site, Wishes(interests=(first, second)), {})
    reader = site.subscriber()
    assert reader.id is not None
    with site.app.database.write() as session:
        said = Feedback(
            subscriber_id=reader.id,
            paper_id=1,
            kind=FeedbackKind.MORE,
            interest_id=before["A"],
            created_at=site.app.now(),
        )
        subscriber_rows.add_feedback(session, said)
    swapped = Wishes(interests=(InterestWish(name="B", about="one"), InterestWish(name="A", about="two")))
    after = _store(site, swapped, {"B": "A", "A": "B"})
    assert after == {"B": before["A"], "A": before["B"]}
    moved = _store(site, Wishes(interests=(InterestWish(name="C", about="one"),)), {"C": "B"})
    assert moved == {"C": before["A"]}
    rows = site.rows()["feedback"]
    assert any(f", {before['A']}, " in str(row) for row in rows)


def test_names_that_were_never_stored_rename_nothing(site: WebSite) -> None:
    one = Wishes(interests=(InterestWish(name="A", about="one"),))
    before = _store(site, one, {"A": "nothing"})
    assert _store(site, one, {"A": "A", "B": "A"}) == before


def test_wishes_with_hostile_words_are_stored_as_words(site: WebSite, hostile: tuple[str, ...]) -> None:
    interests = tuple(
        InterestWish(name=f"{n} {word}", about=word, keywords=(word, "x"), examples=())
        for n, word in enumerate(hostile[:50])
    )
    _store(site, Wishes(interests=interests).checked(), {})


@pytest.fixture
def hostile() -> tuple[str, ...]:
    path = Path(__file__).resolve().parents[2] / "shared" / "corpora" / "xss-payload-list.txt"
    if not path.exists():
        return (
            "<script>alert(1)</script>",
            '" onfocus=alert(1) x="',
            "'; drop table interests; --",
            "{{7*7}}",
        )
    return tuple(path.read_text(encoding="utf-8", errors="replace").splitlines()[::130])
