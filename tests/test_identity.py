"""Which paper an entry is: by ids, then by text, and never by a title alone where an id is known."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.identity import SameAs, StoredJoin, StoredPaper, identify, recognise
from digest.text import fingerprint
from digest.types import Entry, KnownPaper

ABSTRACT = "We boil water with a kettle."


def entry(title: str = "Kettle", abstract: str = ABSTRACT, **ids: Any) -> Entry:
    return Entry(title=title, position=1, abstract=abstract, **ids)


def known(paper_id: int, title: str = "Kettle", abstract: str = ABSTRACT, **ids: Any) -> KnownPaper:
    return KnownPaper(
        paper_id,
        ids.get("arxiv_id"),
        ids.get("doi"),
        ids.get("source_ref"),
        fingerprint(title, abstract),
        {"title": title, "abstract": abstract},
        other_ids=ids.get("other_ids", ()),
    )


class TestStoredPapers:
    def test_without_stored_papers_all_are_new(self) -> None:
        assert identify([entry("A"), entry("B")], []) == [None, None]

    @pytest.mark.parametrize("kind", ["arxiv_id", "doi", "source_ref"])
    def test_an_equal_id_is_the_same_paper_whatever_its_text(self, kind: str) -> None:
        assert identify([entry("New name", "", **{kind: "x1"})], [known(7, **{kind: "x1"})]) == [7]

    @pytest.mark.parametrize("kind", ["arxiv_id", "doi", "source_ref"])
    def test_ids_that_differ_are_two_papers_whatever_their_text(self, kind: str) -> None:
        assert identify([entry(**{kind: "x1"})], [known(7, **{kind: "x2"})]) == [None]

    def test_without_ids_equal_title_and_abstract_are_the_same_paper(self) -> None:
        assert identify([entry("KETTLE", "We boil water, with a kettle")], [known(7)]) == [7]

    def test_one_title_with_two_abstracts_is_two_papers(self) -> None:
        """Fully Convolutional Networks for Semantic Segmentation are two."""
        assert identify([entry(abstract="We boil water with a pot.")], [known(7)]) == [None]

    def test_an_entry_with_an_id_adopts_a_stored_paper_without_one_by_its_exact_text(self) -> None:
        assert identify([entry(arxiv_id="2603.90001")], [known(7)]) == [7]

    def test_an_entry_without_an_id_is_the_stored_paper_with_one_by_its_exact_text(self) -> None:
        assert identify([entry()], [known(7, arxiv_id="2603.90001")]) == [7]

    def test_papers_are_never_joined_by_title_when_an_id_is_known(self) -> None:
        """Sites mangle the LaTeX of titles and papers share them; so a title alone proves nothing."""
        assert identify([entry(abstract="", arxiv_id="2603.90001")], [known(7, abstract="")]) == [None]
        assert identify([entry(abstract="")], [known(7, abstract="", arxiv_id="2603.90001")]) == [None]

    def test_a_title_alone_is_itself_when_neither_has_an_id(self) -> None:
        assert identify([entry(abstract="")], [known(7, abstract="")]) == [7]

    def test_ids_of_two_stored_papers_make_them_one(self) -> None:
        """A cross-reference learnt later joins what two sources told; the older id stays."""
        stored = [known(1, doi="10.1/a"), known(2, arxiv_id="2603.90001")]
        page = [entry("X", arxiv_id="2603.90001", doi="10.1/a")]
        assert identify(page, stored) == [1]
        assert recognise(page, stored).joins == (StoredJoin(1, 2, "same DOI"),)

    def test_the_arxiv_id_decides_before_the_doi(self) -> None:
        stored = [known(1, arxiv_id="2603.90002", doi="10.1/a"), known(2, arxiv_id="2603.90001")]
        assert identify([entry("X", arxiv_id="2603.90001", doi="10.1/a")], stored) == [2]

    def test_stored_papers_whose_ids_differ_stay_two_whatever_an_entry_says(self) -> None:
        stored = [
            known(1, doi="10.1/a", other_ids=(("pmid", "1"),)),
            known(2, arxiv_id="1", other_ids=(("pmid", "2"),)),
        ]
        found = recognise([entry("X", arxiv_id="1", doi="10.1/a")], stored)
        assert (found.joins, identify([entry("X", arxiv_id="1", doi="10.1/a")], stored)) == ((), [2])

    def test_papers_that_a_person_told_apart_stay_two(self) -> None:
        stored = [
            StoredPaper(1, None, "10.1/a", None, "x", split_from=frozenset({2})),
            StoredPaper(2, "1", None, None, "y", split_from=frozenset({1})),
        ]
        assert recognise([entry("X", arxiv_id="1", doi="10.1/a")], stored).joins == ()

    def test_another_id_is_the_same_paper(self) -> None:
        stored = [known(7, other_ids=(("pmid", "314"),))]
        assert identify([entry("X", "", other_ids=(("PMID", " 314 "),))], stored) == [7]
        assert identify([entry(other_ids=(("pmid", "315"),))], stored) == [None]

    def test_a_doi_of_arxivs_own_is_the_arxiv_id_that_it_names(self) -> None:
        assert identify(
            [entry("X", "", doi="10.48550/arXiv.2603.90001v2")], [known(7, arxiv_id="2603.90001")]
        ) == [7]

    def test_every_id_that_a_source_ever_gave_leads_to_the_paper(self) -> None:
        """A known fault: of several only the last was known."""
        stored = [StoredPaper(7, None, None, "a", "x", source_refs=("a", "b"))]
        assert identify([entry("X", source_ref="a")], stored) == [7]
        assert identify([entry("X", source_ref="b")], stored) == [7]

    def test_a_doi_does_not_join_papers_whose_arxiv_ids_differ(self) -> None:
        stored = [known(1, arxiv_id="2603.90001", doi="10.1/a")]
        assert identify([entry("X", arxiv_id="2603.90002", doi="10.1/a")], stored) == [None]

    def test_of_equal_texts_the_exact_one_is_meant(self) -> None:
        stored = [known(1, "Kettle - A Study"), known(2, "Kettle: A Study")]
        assert identify([entry("Kettle: A Study")], stored) == [2]

    def test_a_stored_paper_found_by_id_is_not_given_to_another_entry_for_its_text(self) -> None:
        page = [entry(), entry("Kettle, Revised", arxiv_id="2603.90001")]
        assert identify(page, [known(7, arxiv_id="2603.90001")]) == [None, 7]


class TestOnePage:
    def test_identical_entries_are_one(self) -> None:
        assert identify([entry("B"), entry(), entry("C"), entry()], []) == [None, None, None, SameAs(1)]

    @pytest.mark.parametrize("kind", ["arxiv_id", "doi", "source_ref"])
    def test_entries_of_one_id_are_one_whatever_their_text(self, kind: str) -> None:
        assert identify([entry("A", **{kind: "x"}), entry("B", **{kind: "x"})], []) == [None, SameAs(0)]

    def test_entries_that_differ_in_a_few_words_are_two(self) -> None:
        assert identify([entry(), entry(abstract=ABSTRACT + " Fast.")], []) == [None, None]

    def test_entries_that_differ_in_punctuation_only_are_two(self) -> None:
        """Against stored papers they would be one, but a page that lists both means both."""
        assert identify([entry("???"), entry("!!!")], []) == [None, None]
        assert identify([entry("???"), entry("!!!")], [known(1, "???"), known(2, "!!!")]) == [1, 2]

    def test_one_doi_does_not_join_entries_whose_arxiv_ids_differ(self) -> None:
        page = [entry("A", arxiv_id="1", doi="10.1/a"), entry("B", arxiv_id="2", doi="10.1/a")]
        assert identify(page, []) == [None, None]

    def test_equal_texts_with_different_ids_are_two(self) -> None:
        assert identify([entry(arxiv_id="1"), entry(arxiv_id="2")], []) == [None, None]

    def test_an_entry_without_ids_repeats_the_identical_one_with_ids(self) -> None:
        assert identify([entry(), entry(arxiv_id="1")], []) == [None, SameAs(0)]
        assert identify([entry(arxiv_id="1"), entry()], []) == [None, SameAs(0)]

    def test_ids_of_one_stored_paper_make_two_entries_one(self) -> None:
        stored = [known(7, arxiv_id="2603.90001", doi="10.1/a")]
        page = [entry("A", doi="10.1/a"), entry("B", arxiv_id="2603.90001")]
        assert identify(page, stored) == [7, SameAs(0)]

    def test_entries_whose_ids_differ_never_meet_in_one_stored_paper(self) -> None:
        """Both share an id with it, but it cannot be both; the stronger id decides."""
        stored = [known(7, doi="10.1/a", source_ref="r")]
        page = [entry("A", arxiv_id="1", source_ref="r"), entry("B", arxiv_id="2", doi="10.1/a")]
        assert identify(page, stored) == [None, 7]
        assert identify(page[::-1], stored) == [7, None]

    def test_of_stored_papers_with_one_source_ref_the_one_that_fits_is_meant(self) -> None:
        stored = [known(1, arxiv_id="1", source_ref="r"), known(2, source_ref="r")]
        assert identify([entry("A", arxiv_id="2", source_ref="r")], stored) == [2]

    def test_only_one_entry_adopts_a_stored_paper_by_text(self) -> None:
        page = [entry(arxiv_id="2"), entry(arxiv_id="1")]
        assert identify(page, [known(7)]) == [None, 7]
        assert identify(page[::-1], [known(7)]) == [7, None]


IDS = st.none() | st.sampled_from(["1", "2", "3"])
TEXTS = st.sampled_from(["", "Kettle", "Kettle!", "Pot"])
ENTRIES = st.builds(
    Entry,
    title=TEXTS.filter(bool),
    position=st.just(1),
    abstract=TEXTS,
    arxiv_id=IDS,
    doi=IDS,
    source_ref=IDS,
)
KNOWN = st.lists(ENTRIES, max_size=6).map(
    lambda entries: [
        known(
            number,
            one.title,
            one.abstract,
            **{kind: value for kind in ("arxiv_id", "doi", "source_ref") if (value := getattr(one, kind))},
        )
        for number, one in enumerate(entries, start=1)
    ]
)


@given(st.lists(ENTRIES, max_size=8), KNOWN)
def test_answers_are_sound(page: list[Entry], stored: list[KnownPaper]) -> None:
    """A repeat points to an earlier entry that is no repeat, and no stored paper is given twice."""
    answers = identify(page, stored)
    assert len(answers) == len(page)
    found = [answer for answer in answers if isinstance(answer, int)]
    assert len(found) == len(set(found))
    for index, answer in enumerate(answers):
        if isinstance(answer, SameAs):
            assert answer.index < index
            assert not isinstance(answers[answer.index], SameAs)


@given(st.lists(ENTRIES, max_size=8), KNOWN, st.randoms(use_true_random=False))
def test_order_does_not_change_what_is_new(
    page: list[Entry], stored: list[KnownPaper], shuffle: random.Random
) -> None:
    order = list(range(len(page)))
    shuffle.shuffle(order)
    mixed = stored[:]
    shuffle.shuffle(mixed)
    before, after = identify(page, stored), identify([page[index] for index in order], mixed)
    assert after.count(None) == before.count(None)
    found = [{one for one in answers if isinstance(one, int)} for answers in (before, after)]
    assert found[0] == found[1]


@given(st.lists(ENTRIES, max_size=6), KNOWN)
def test_a_page_twice_over_gives_each_paper_once(page: list[Entry], stored: list[KnownPaper]) -> None:
    once, twice = identify(page, stored), identify(page + page, stored)
    assert twice[: len(page)] == once
    assert all(isinstance(answer, SameAs) for answer in twice[len(page) :])


@given(ENTRIES, KNOWN)
def test_entries_and_papers_whose_arxiv_ids_differ_are_never_the_same(
    one: Entry, stored: list[KnownPaper]
) -> None:
    (answer,) = identify([one], stored)
    if isinstance(answer, int) and one.arxiv_id:
        assert stored[answer - 1].arxiv_id in (None, one.arxiv_id)
