"""What changed: new, modified with what, unchanged; and nothing when asked twice."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.diff import CONTENT_FIELDS, SourceFacts, diff
from digest.identity import JoiningChange, StoredPaper, as_stored, joined
from digest.sources.huggingface import parse_daily_api, parse_daily_cards, parse_daily_props
from digest.sources.saved import parse_saved
from digest.text import fingerprint
from digest.types import Change, ChangeKind, Entry, KnownPaper
from tests import golden
from tests.fake_papers import FakePapers, counted

DAY = date(2026, 3, 9)
TODAY = date(2026, 3, 20)
BASE = Entry(
    title="Kettle",
    position=3,
    abstract="We boil water.",
    arxiv_id="2603.90001",
    source_ref="2603.90001",
    listed_on=DAY,
    published_on=date(2026, 3, 6),
    votes=10,
    comments=2,
    stars=5,
    authors=("Ada Example",),
    submitter="ada",
    organisation="Example Lab",
    summary="Water boils.",
    keywords=("water",),
    categories=("cs.KT",),
    code_url="https://example.org/code",
    project_url="https://example.org/",
    thumbnail_url="https://example.org/t.png",
    media_urls=("https://example.org/m.mp4",),
    url="https://example.org/",
    venue="A Venue",
    citations=3,
    version=2,
)
OTHER: dict[str, Any] = {
    "title": "Kettle, Revised",
    "abstract": "We boil more water.",
    "published_on": date(2026, 3, 7),
    "authors": ("Ada Example", "Bo Sample"),
    "organisation": "Another Lab",
    "summary": "Water boils over.",
    "keywords": ("water", "steam"),
    "categories": ("cs.KT", "cs.TE"),
    "code_url": "https://example.org/code2",
    "project_url": "https://example.org/2",
    "thumbnail_url": "https://example.org/t2.png",
    "media_urls": ("https://example.org/m.mp4", "https://example.org/n.mp4"),
    "url": "https://example.org/other",
    "venue": "Another Venue",
    "citations": 4,
    "version": 3,
    "withdrawn": True,
    "votes": 11,
    "comments": 1,
    "stars": 6,
}


class Store(FakePapers):
    """Joins stored papers that a change's entry shows to be one, as the real store does."""

    def apply(self, changes: Iterable[Change]) -> None:
        changes = list(changes)
        for change in changes:
            for join in change.joins if isinstance(change, JoiningChange) else ():
                keep, gone = as_stored(self.papers[join.keep]), as_stored(self.papers[join.gone])
                one = joined(keep, gone, {})
                fields = one.fields
                text = fingerprint(str(fields.get("title", "")), str(fields.get("abstract", "")))
                self.papers[join.keep] = replace(one, fingerprint=text)
                # Numbers are never given twice: what is gone leaves an empty place.
                self.papers[join.gone] = StoredPaper(join.gone, None, None, None, f"gone {join.gone}")
        super().apply(changes)
        new = iter(sorted(self.papers)[len(self.papers) - sum(one.paper_id is None for one in changes) :])
        for change in changes:
            number = change.paper_id or next(new)
            paper = as_stored(self.papers[number])
            refs = [paper.source_ref, change.entry.source_ref, *(ref for _, ref in change.entry.other_ids)]
            told = dict.fromkeys((*paper.source_refs, *(ref for ref in refs if ref)))
            self.papers[number] = replace(paper, source_refs=tuple(told))

    def find_known(self, entries: Sequence[Entry]) -> list[KnownPaper]:
        found = {paper.paper_id: paper for paper in super().find_known(entries)}
        refs = {entry.source_ref for entry in entries}
        for number, paper in self.papers.items():
            found |= {number: paper} if refs.intersection(as_stored(paper).source_refs) else {}
        return [found[number] for number in sorted(found)]


@pytest.fixture
def store() -> Store:
    """A store that has seen ``BASE`` on its day."""
    filled = Store()
    filled.file([BASE])
    return filled


def only(store: Store, entry: Entry, listed_on: date | None = None) -> tuple[str, tuple[str, ...]]:
    (change,) = store.file([entry], listed_on=listed_on, today=TODAY)
    return change.kind.value, change.fields


class TestKinds:
    def test_a_paper_never_seen_is_new(self) -> None:
        (change,) = diff([BASE], [], listed_on=None, today=TODAY)
        assert (change.kind, change.paper_id, change.fields) == (ChangeKind.NEW, None, ())
        assert change.fingerprint == fingerprint(BASE.title, BASE.abstract)

    def test_the_same_entry_again_is_unchanged(self, store: Store) -> None:
        assert only(store, BASE) == ("unchanged", ())

    @pytest.mark.parametrize("name", OTHER)
    def test_each_field_that_differs_is_named(self, store: Store, name: str) -> None:
        assert only(store, replace(BASE, **{name: OTHER[name]})) == ("modified", (name,))

    def test_names_of_fields_are_sorted(self, store: Store) -> None:
        kind, fields = only(store, replace(BASE, **OTHER))
        assert (kind, fields) == ("modified", tuple(sorted(OTHER)))

    def test_every_content_field_is_watched(self) -> None:
        assert set(CONTENT_FIELDS) == set(OTHER) - {"votes", "comments", "stars"}

    @pytest.mark.parametrize("name", sorted(set(OTHER) - {"title", "abstract", "votes", "comments", "stars"}))
    def test_what_an_entry_does_not_tell_is_no_change(self, store: Store, name: str) -> None:
        for empty in (None, "", ()):
            assert only(store, replace(BASE, **{name: empty})) == ("unchanged", ())  # type: ignore[arg-type]

    def test_an_entry_without_abstract_and_counts_changes_nothing(self, store: Store) -> None:
        silent = replace(BASE, abstract="", votes=None, comments=None, stars=None)
        assert only(store, silent) == ("unchanged", ())

    def test_a_position_moves_without_being_a_change(self, store: Store) -> None:
        assert only(store, replace(BASE, position=1)) == ("unchanged", ())

    def test_zero_is_a_count_and_not_silence(self, store: Store) -> None:
        assert only(store, replace(BASE, votes=0)) == ("modified", ("votes",))

    def test_counts_are_held_against_those_of_the_same_day(self, store: Store) -> None:
        store.file([replace(BASE, votes=50, listed_on=TODAY)])
        assert only(store, BASE) == ("unchanged", ())
        assert only(store, replace(BASE, votes=50, listed_on=TODAY)) == ("unchanged", ())

    def test_another_dash_or_capital_is_no_other_text(self, store: Store) -> None:
        """Sources that write a title differently would take turns changing it for ever."""
        assert only(store, replace(BASE, title="KETTLE", abstract="We boil – water")) == ("unchanged", ())

    def test_lists_from_the_database_compare_like_tuples(self) -> None:
        store = Store()
        store.file([BASE])
        stored = store.papers[1]
        lists = {
            key: list(value) if isinstance(value, tuple) else value for key, value in stored.fields.items()
        }
        known = replace(stored, fields=MappingProxyType(lists))
        assert diff([BASE], [known], listed_on=None, today=TODAY)[0].kind is ChangeKind.UNCHANGED

    def test_the_fingerprint_is_that_of_the_paper_afterwards(self, store: Store) -> None:
        """Cards carry no abstracts, and must not make the stored one forgotten."""
        known = store.find_known([BASE])
        (change,) = diff([replace(BASE, title="Pot", abstract="")], known, listed_on=None, today=TODAY)
        assert change.fingerprint == fingerprint("Pot", BASE.abstract)


class TestDays:
    def test_the_day_asked_for_comes_first(self) -> None:
        (change,) = diff([BASE], [], listed_on=date(2026, 1, 1), today=TODAY)
        assert change.listed_on == date(2026, 1, 1)

    def test_then_the_entrys_own_day(self) -> None:
        assert diff([BASE], [], listed_on=None, today=TODAY)[0].listed_on == DAY

    def test_else_today(self) -> None:
        assert diff([replace(BASE, listed_on=None)], [], listed_on=None, today=TODAY)[0].listed_on == TODAY

    def test_a_paper_seen_again_under_a_new_date_is_the_same_paper(self, store: Store) -> None:
        assert only(store, replace(BASE, listed_on=TODAY)) == ("modified", ("listed_on",))
        assert only(store, replace(BASE, listed_on=TODAY)) == ("unchanged", ())


class TestIds:
    def test_an_id_that_is_learnt_is_a_change(self) -> None:
        store = Store()
        store.file([replace(BASE, arxiv_id=None, source_ref=None)])
        assert only(store, BASE) == ("modified", ("arxiv_id",))
        assert only(store, replace(BASE, doi="10.1/kettle")) == ("modified", ("doi",))
        assert only(store, BASE) == ("unchanged", ())

    def test_an_id_of_another_paper_is_not_taken(self) -> None:
        store = Store()
        store.file([BASE, replace(BASE, title="Pot", arxiv_id="2603.90002", source_ref="b", doi="10.1/pot")])
        assert only(store, replace(BASE, doi="10.1/pot")) == ("unchanged", ())
        (change,) = store.file(
            [replace(BASE, title="Pan", arxiv_id="2603.90003", source_ref="c", doi="10.1/pot")]
        )
        assert (change.kind, change.entry.doi) == (ChangeKind.NEW, None)

    def test_a_paper_knows_the_ids_that_its_repeats_on_the_page_tell(self) -> None:
        bare = replace(BASE, arxiv_id=None, source_ref=None)
        (change,) = diff([bare, BASE], [], listed_on=None, today=TODAY)
        assert (change.entry.arxiv_id, change.entry.source_ref) == ("2603.90001", "2603.90001")

    def test_repeats_on_a_page_yield_one_change(self) -> None:
        changes = diff([BASE, replace(BASE, position=4), BASE], [], listed_on=None, today=TODAY)
        assert [change.entry.position for change in changes] == [3]

    def test_a_doi_learnt_later_joins_two_stored_papers(self) -> None:
        store = Store()
        store.file([replace(BASE, source_ref=None), Entry("Pot", 1, "Holds water.", doi="10.1/pot")])
        (change,) = store.file([replace(BASE, source_ref=None, doi="10.1/pot")])
        assert isinstance(change, JoiningChange)
        assert [(join.keep, join.gone, join.reason) for join in change.joins] == [(1, 2, "same DOI")]
        assert (change.kind, change.paper_id) == (ChangeKind.MODIFIED, 1)
        assert only(store, replace(BASE, source_ref=None, doi="10.1/pot")) == ("unchanged", ())

    def test_each_join_says_why_and_how_sure_that_is(self, store: Store) -> None:
        (change,) = diff([BASE], store.find_known([BASE]), listed_on=None, today=TODAY)
        assert (change.joined_by, change.confidence) == ("same arXiv id", 1.0)
        bare = replace(BASE, arxiv_id=None, source_ref=None)
        (change,) = diff([bare], store.find_known([bare]), listed_on=None, today=TODAY)
        assert (change.joined_by, change.confidence) == ("same title and abstract", 0.99)
        (new,) = diff([BASE], [], listed_on=None, today=TODAY)
        assert (new.joined_by, new.confidence) == (None, None)

    def test_further_ids_of_the_source_on_one_page_are_all_told(self) -> None:
        (change,) = diff([BASE, replace(BASE, source_ref="b")], [], listed_on=None, today=TODAY)
        assert (change.entry.source_ref, change.entry.other_ids) == ("2603.90001", (("ref", "b"),))


TRUST = {"arxiv": 90, "huggingface": 40, "feed": 30}


def told(entry: Entry, stored: StoredPaper, kind: str) -> tuple[str, ...]:
    """What a source of that kind changes of a stored paper that it listed on the entry's day."""
    source = SourceFacts(kind, kind, TRUST)
    (change,) = diff([entry], [stored], listed_on=None, today=TODAY, source=source)
    return change.fields


def stored_as(text_by: str | None, *, mine: bool, **fields: Any) -> StoredPaper:
    """``BASE`` as it is stored when a kind's text stands."""
    values = {name: getattr(BASE, name) for name in CONTENT_FIELDS} | fields
    return StoredPaper(
        paper_id=1,
        arxiv_id=BASE.arxiv_id,
        doi=None,
        source_ref=BASE.source_ref,
        fingerprint=fingerprint(values["title"], values["abstract"]),
        fields=values,
        text_by=text_by,
        listed={DAY: (BASE.votes, BASE.comments, BASE.stars)},
        mine=mine,
    )


class TestWhoseTextStands:
    """A written order: the more trusted kind's; fields that are empty are filled by anyone."""

    MANGLED = replace(BASE, abstract="We boil water at 100times100 degrees.", authors=("A. Example",))

    def test_the_more_trusted_text_is_taken_over(self) -> None:
        fields = told(self.MANGLED, stored_as("huggingface", mine=False), "arxiv")
        assert fields == ("abstract", "authors", "text_by")

    def test_the_less_trusted_text_is_not(self) -> None:
        assert told(self.MANGLED, stored_as("arxiv", mine=False), "huggingface") == ()

    def test_of_equal_trust_the_source_that_told_it_first_may_change_it(self) -> None:
        assert told(self.MANGLED, stored_as("feed", mine=True), "feed") == ("abstract", "authors")
        assert told(self.MANGLED, stored_as("feed", mine=False), "feed") == ()

    def test_what_is_empty_is_filled_by_anyone(self) -> None:
        empty = stored_as("arxiv", mine=False, abstract="", organisation=None, keywords=())
        assert told(BASE, empty, "feed") == ("abstract", "keywords", "organisation")

    def test_a_more_trusted_source_with_the_same_text_owns_it_silently(self) -> None:
        source = SourceFacts("arxiv", "arxiv", TRUST)
        stored = stored_as("huggingface", mine=False)
        (change,) = diff([BASE], [stored], listed_on=None, today=TODAY, source=source)
        assert (change.kind, change.fields) == (ChangeKind.UNCHANGED, ("text_by",))

    def test_the_text_of_an_older_version_is_not_taken_over(self) -> None:
        assert told(replace(self.MANGLED, version=1), stored_as("arxiv", mine=True), "arxiv") == ()

    def test_a_later_version_counts_even_where_its_text_is_the_same(self) -> None:
        assert told(replace(BASE, version=3), stored_as("arxiv", mine=True), "arxiv") == ("version",)
        assert told(replace(BASE, version=1), stored_as("arxiv", mine=True), "arxiv") == ()

    def test_of_citations_the_most_that_anyone_counts_stands(self) -> None:
        assert told(replace(BASE, citations=9), stored_as("arxiv", mine=False), "feed") == ("citations",)
        assert told(replace(BASE, citations=1), stored_as("feed", mine=True), "arxiv") == ("text_by",)

    def test_a_sources_own_summary_comes_before_a_machines(self) -> None:
        machine = stored_as("arxiv", mine=False, summary="By a model.", summary_by="machine:tiny")
        assert told(BASE, machine, "feed") == ("summary",)
        asked = replace(BASE, summary="By a model, again.", summary_by="machine:tiny", announces=False)
        assert told(asked, machine, "feed") == ("summary",)
        assert told(asked, stored_as("arxiv", mine=True), "arxiv") == ()
        assert told(asked, stored_as("arxiv", mine=False, summary=None), "feed") == ("summary",)


class TestWithdrawn:
    def test_a_withdrawal_is_a_change_once(self) -> None:
        gone = replace(BASE, withdrawn=True, version=3)
        assert told(gone, stored_as("arxiv", mine=True), "arxiv") == ("version", "withdrawn")
        assert told(gone, stored_as("arxiv", mine=True, withdrawn=True, version=3), "arxiv") == ()

    def test_only_a_later_version_of_a_trusted_source_takes_it_back(self) -> None:
        gone = stored_as("arxiv", mine=True, withdrawn=True)
        assert told(BASE, gone, "arxiv") == ()
        assert told(replace(BASE, version=3), gone, "arxiv") == ("version", "withdrawn")
        assert "withdrawn" not in told(replace(BASE, version=3), gone, "feed")


class TestEntriesThatDoNotAnnounce:
    SILENT = replace(BASE, announces=False, listed_on=TODAY, votes=99)

    def test_they_change_the_paper_and_not_its_listing(self, store: Store) -> None:
        assert only(store, self.SILENT) == ("unchanged", ())
        assert only(store, replace(self.SILENT, doi="10.1/kettle")) == ("modified", ("doi",))

    def test_they_are_dropped_where_the_paper_is_not_stored(self) -> None:
        assert diff([self.SILENT], [], listed_on=None, today=TODAY) == []

    def test_a_repeat_on_the_page_that_announces_counts(self) -> None:
        (change,) = diff([self.SILENT, BASE], [], listed_on=None, today=TODAY)
        assert change.entry.announces


class TestTraps:
    """Traps of the real pages, on invented ones."""

    def test_days_grow_and_votes_move(self) -> None:
        store = Store()
        morning = [replace(BASE, title=f"Kettle {n}", arxiv_id=str(n), source_ref=str(n)) for n in range(20)]
        evening = [replace(one, votes=30) for one in morning[:5]] + morning[5:]
        evening += [
            replace(BASE, title=f"Pot {n}", arxiv_id=str(n), source_ref=str(n)) for n in range(20, 30)
        ]
        assert counted(store.file(morning)) == {"new": 20, "modified": 0, "unchanged": 0}
        assert counted(store.file(evening)) == {"new": 10, "modified": 5, "unchanged": 15}

    def test_a_weekend_that_repeats_friday_brings_no_new_paper(self) -> None:
        store = Store()
        friday = [replace(BASE, listed_on=None, arxiv_id=str(n), source_ref=str(n)) for n in range(10)]
        for ahead, new in ((0, 10), (1, 0), (2, 0)):
            changes = store.file(friday, listed_on=date(2024, 1, 5) + timedelta(days=ahead))
            assert counted(changes)["new"] == new
            assert all(change.fields == ("listed_on",) for change in changes if not new)

    def test_cards_after_the_api_change_nothing(self) -> None:
        """They carry less, and what they do not carry is no change."""
        store, html = Store(), golden.read("huggingface/page_2024.html").decode()
        store.file(parse_daily_props(html).entries)
        assert counted(store.file(parse_daily_cards(html).entries)) == {
            "new": 0,
            "modified": 0,
            "unchanged": 2,
        }

    def test_a_saved_text_is_the_papers_that_the_site_gave(self) -> None:
        store = Store()
        saved = parse_saved(golden.read("saved/blank_lines.txt"), today=TODAY).entries
        store.file([replace(one, arxiv_id=f"2603.{n}", source_ref=str(n)) for n, one in enumerate(saved)])
        assert counted(store.file(saved))["new"] == 0


class TestRealPages:
    def read(self, shared: Path, day: str) -> tuple[Entry, ...]:
        return parse_daily_api((shared / f"pages/huggingface/daily/{day}.json").read_bytes()).entries

    def test_consecutive_days_twice(self, shared: Path) -> None:
        """2026-08-03 … 08-18: each day its papers, a second pass nothing."""
        store = Store()
        days = sorted(file.stem for file in (shared / "pages/huggingface/daily").glob("2026-08-*.json"))
        assert len(days) == 12
        for day in days:
            entries = self.read(shared, day)
            assert counted(store.file(entries, listed_on=date.fromisoformat(day)))["new"] == len(entries)
        for day in days:
            changes = store.file(self.read(shared, day), listed_on=date.fromisoformat(day))
            assert {change.kind for change in changes} == {ChangeKind.UNCHANGED}

    def test_2604_07429_comes_back_six_days_later_as_the_same_paper(self, shared: Path) -> None:
        store = Store()
        first, second = self.read(shared, "2026-04-10"), self.read(shared, "2026-04-16")
        assert counted(store.file(first))["new"] == len(first)
        changes = store.file(second)
        assert counted(changes)["new"] == len(second) - 1
        back = next(change for change in changes if change.kind is not ChangeKind.NEW)
        assert back.entry.arxiv_id == "2604.07429"
        assert "listed_on" in back.fields
        paper = next(one for one in store.papers.values() if one.arxiv_id == "2604.07429")
        assert sorted(paper.listed) == [date(2026, 4, 10), date(2026, 4, 16)]

    def test_the_weekend_that_repeats_friday(self, shared: Path) -> None:
        """2024-01-05, 06 and 07 list the same papers; another program's files, so only facts are read."""
        import json

        store, new = Store(), []
        for day in ("2024-01-04", "2024-01-05", "2024-01-06", "2024-01-07", "2024-01-08"):
            told = json.loads((shared / f"pages/huggingface/weekend-repeats/{day}.json").read_bytes())
            entries = [
                Entry(
                    one["title"],
                    n,
                    one["abstract"],
                    arxiv_id=one["url"].rsplit("/", 1)[1],
                    votes=one["upvotes"],
                )
                for n, one in enumerate(told["papers"], start=1)
            ]
            new.append(counted(store.file(entries, listed_on=date.fromisoformat(day)))["new"] / len(entries))
        assert new == [1, 1, 0, 0, 1]


IDS = st.none() | st.sampled_from(["1", "2", "3"])
COUNTS = st.none() | st.integers(0, 3)
ENTRIES = st.builds(
    Entry,
    title=st.sampled_from(["Kettle", "Kettle!", "Pot", "?", "!"]),
    position=st.integers(1, 9),
    abstract=st.sampled_from(["", "Boils.", "boils", "Boils fast."]),
    arxiv_id=IDS,
    doi=IDS,
    source_ref=IDS,
    listed_on=st.none() | st.sampled_from([DAY, TODAY]),
    votes=COUNTS,
    comments=COUNTS,
    authors=st.sampled_from([(), ("Ada Example",), ("Bo Sample",)]),
    summary=st.none() | st.sampled_from(["", "Short."]),
)
PAGES = st.lists(ENTRIES, max_size=5)


@given(st.lists(PAGES, max_size=2), PAGES, st.none() | st.just(DAY))
def test_diffing_twice_changes_nothing(past: list[list[Entry]], page: list[Entry], day: date | None) -> None:
    store = Store()
    for earlier in past:
        store.file(earlier)
    store.file(page, listed_on=day)
    again = store.file(page, listed_on=day)
    assert [change.kind for change in again] == [ChangeKind.UNCHANGED] * len(again)


@given(PAGES, PAGES, st.randoms(use_true_random=False))
def test_the_order_of_a_page_does_not_change_what_is_new(
    past: list[Entry], page: list[Entry], shuffle: random.Random
) -> None:
    store = Store()
    store.file(past)
    mixed = page[:]
    shuffle.shuffle(mixed)
    known = store.find_known(page)
    before, after = (diff(one, known, listed_on=DAY, today=TODAY) for one in (page, mixed))
    assert counted(before)["new"] == counted(after)["new"]
    assert {change.paper_id for change in before} == {change.paper_id for change in after}


@given(PAGES, PAGES)
def test_identical_entries_collapse(past: list[Entry], page: list[Entry]) -> None:
    store = Store()
    store.file(past)
    known = store.find_known(page)
    assert diff(page + page, known, listed_on=DAY, today=TODAY) == diff(
        page, known, listed_on=DAY, today=TODAY
    )


@given(PAGES, PAGES)
def test_changes_come_in_the_order_of_the_page(past: list[Entry], page: list[Entry]) -> None:
    store = Store()
    store.file(past)
    numbered = [replace(one, position=number) for number, one in enumerate(page)]
    changes = diff(numbered, store.find_known(page), listed_on=None, today=TODAY)
    positions = [change.entry.position for change in changes]
    assert positions == sorted(positions)
