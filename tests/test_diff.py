"""What changed: new, modified with what, unchanged; and nothing when asked twice."""

import random
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.diff import CONTENT_FIELDS, diff
from digest.sources.huggingface import parse_daily_api, parse_daily_cards, parse_daily_props
from digest.sources.saved import parse_saved
from digest.text import fingerprint
from digest.types import ChangeKind, Entry
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
    "votes": 11,
    "comments": 1,
    "stars": 6,
}


@pytest.fixture
def store() -> FakePapers:
    """A store that has seen ``BASE`` on its day."""
    filled = FakePapers()
    filled.file([BASE])
    return filled


def only(store: FakePapers, entry: Entry, listed_on: date | None = None) -> tuple[str, tuple[str, ...]]:
    (change,) = store.file([entry], listed_on=listed_on, today=TODAY)
    return change.kind.value, change.fields


class TestKinds:
    def test_a_paper_never_seen_is_new(self) -> None:
        (change,) = diff([BASE], [], listed_on=None, today=TODAY)
        assert (change.kind, change.paper_id, change.fields) == (ChangeKind.NEW, None, ())
        assert change.fingerprint == fingerprint(BASE.title, BASE.abstract)

    def test_the_same_entry_again_is_unchanged(self, store: FakePapers) -> None:
        assert only(store, BASE) == ("unchanged", ())

    @pytest.mark.parametrize("name", OTHER)
    def test_each_field_that_differs_is_named(self, store: FakePapers, name: str) -> None:
        assert only(store, replace(BASE, **{name: OTHER[name]})) == ("modified", (name,))

    def test_names_of_fields_are_sorted(self, store: FakePapers) -> None:
        kind, fields = only(store, replace(BASE, **OTHER))
        assert (kind, fields) == ("modified", tuple(sorted(OTHER)))

    def test_every_content_field_is_watched(self) -> None:
        assert set(CONTENT_FIELDS) == set(OTHER) - {"votes", "comments", "stars"}

    @pytest.mark.parametrize("name", sorted(set(OTHER) - {"title", "abstract", "votes", "comments", "stars"}))
    def test_what_an_entry_does_not_tell_is_no_change(self, store: FakePapers, name: str) -> None:
        for empty in (None, "", ()):
            assert only(store, replace(BASE, **{name: empty})) == ("unchanged", ())  # type: ignore[arg-type]

    def test_an_entry_without_abstract_and_counts_changes_nothing(self, store: FakePapers) -> None:
        silent = replace(BASE, abstract="", votes=None, comments=None, stars=None)
        assert only(store, silent) == ("unchanged", ())

    def test_a_position_moves_without_being_a_change(self, store: FakePapers) -> None:
        assert only(store, replace(BASE, position=1)) == ("unchanged", ())

    def test_zero_is_a_count_and_not_silence(self, store: FakePapers) -> None:
        assert only(store, replace(BASE, votes=0)) == ("modified", ("votes",))

    def test_counts_are_held_against_those_of_the_same_day(self, store: FakePapers) -> None:
        store.file([replace(BASE, votes=50, listed_on=TODAY)])
        assert only(store, BASE) == ("unchanged", ())
        assert only(store, replace(BASE, votes=50, listed_on=TODAY)) == ("unchanged", ())

    def test_another_dash_or_capital_is_no_other_text(self, store: FakePapers) -> None:
        """Sources that write a title differently would take turns changing it for ever."""
        assert only(store, replace(BASE, title="KETTLE", abstract="We boil – water")) == ("unchanged", ())

    def test_lists_from_the_database_compare_like_tuples(self) -> None:
        store = FakePapers()
        store.file([BASE])
        stored = store.papers[1]
        lists = {
            key: list(value) if isinstance(value, tuple) else value for key, value in stored.fields.items()
        }
        known = replace(stored, fields=MappingProxyType(lists))
        assert diff([BASE], [known], listed_on=None, today=TODAY)[0].kind is ChangeKind.UNCHANGED

    def test_the_fingerprint_is_that_of_the_paper_afterwards(self, store: FakePapers) -> None:
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

    def test_a_paper_seen_again_under_a_new_date_is_the_same_paper(self, store: FakePapers) -> None:
        assert only(store, replace(BASE, listed_on=TODAY)) == ("modified", ("listed_on",))
        assert only(store, replace(BASE, listed_on=TODAY)) == ("unchanged", ())


class TestIds:
    def test_an_id_that_is_learnt_is_a_change(self) -> None:
        store = FakePapers()
        store.file([replace(BASE, arxiv_id=None, source_ref=None)])
        assert only(store, BASE) == ("modified", ("arxiv_id",))
        assert only(store, replace(BASE, doi="10.1/kettle")) == ("modified", ("doi",))
        assert only(store, BASE) == ("unchanged", ())

    def test_an_id_of_another_paper_is_not_taken(self) -> None:
        store = FakePapers()
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


class TestTraps:
    """Traps of the real pages, on invented ones."""

    def test_days_grow_and_votes_move(self) -> None:
        store = FakePapers()
        morning = [replace(BASE, title=f"Kettle {n}", arxiv_id=str(n), source_ref=str(n)) for n in range(20)]
        evening = [replace(one, votes=30) for one in morning[:5]] + morning[5:]
        evening += [
            replace(BASE, title=f"Pot {n}", arxiv_id=str(n), source_ref=str(n)) for n in range(20, 30)
        ]
        assert counted(store.file(morning)) == {"new": 20, "modified": 0, "unchanged": 0}
        assert counted(store.file(evening)) == {"new": 10, "modified": 5, "unchanged": 15}

    def test_a_weekend_that_repeats_friday_brings_no_new_paper(self) -> None:
        store = FakePapers()
        friday = [replace(BASE, listed_on=None, arxiv_id=str(n), source_ref=str(n)) for n in range(10)]
        for ahead, new in ((0, 10), (1, 0), (2, 0)):
            changes = store.file(friday, listed_on=date(2024, 1, 5) + timedelta(days=ahead))
            assert counted(changes)["new"] == new
            assert all(change.fields == ("listed_on",) for change in changes if not new)

    def test_cards_after_the_api_change_nothing(self) -> None:
        """They carry less, and what they do not carry is no change."""
        store, html = FakePapers(), golden.read("huggingface/page_2024.html").decode()
        store.file(parse_daily_props(html).entries)
        assert counted(store.file(parse_daily_cards(html).entries)) == {
            "new": 0,
            "modified": 0,
            "unchanged": 2,
        }

    def test_a_saved_text_is_the_papers_that_the_site_gave(self) -> None:
        store = FakePapers()
        saved = parse_saved(golden.read("saved/blank_lines.txt"), today=TODAY).entries
        store.file([replace(one, arxiv_id=f"2603.{n}", source_ref=str(n)) for n, one in enumerate(saved)])
        assert counted(store.file(saved))["new"] == 0


class TestRealPages:
    def read(self, shared: Path, day: str) -> tuple[Entry, ...]:
        return parse_daily_api((shared / f"pages/huggingface/daily/{day}.json").read_bytes()).entries

    def test_consecutive_days_twice(self, shared: Path) -> None:
        """2026-08-03 … 08-18: each day its papers, a second pass nothing."""
        store = FakePapers()
        days = sorted(file.stem for file in (shared / "pages/huggingface/daily").glob("2026-08-*.json"))
        assert len(days) == 12
        for day in days:
            entries = self.read(shared, day)
            assert counted(store.file(entries, listed_on=date.fromisoformat(day)))["new"] == len(entries)
        for day in days:
            changes = store.file(self.read(shared, day), listed_on=date.fromisoformat(day))
            assert {change.kind for change in changes} == {ChangeKind.UNCHANGED}

    def test_2604_07429_comes_back_six_days_later_as_the_same_paper(self, shared: Path) -> None:
        store = FakePapers()
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

        store, new = FakePapers(), []
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
    store = FakePapers()
    for earlier in past:
        store.file(earlier)
    store.file(page, listed_on=day)
    again = store.file(page, listed_on=day)
    assert [change.kind for change in again] == [ChangeKind.UNCHANGED] * len(again)


@given(PAGES, PAGES, st.randoms(use_true_random=False))
def test_the_order_of_a_page_does_not_change_what_is_new(
    past: list[Entry], page: list[Entry], shuffle: random.Random
) -> None:
    store = FakePapers()
    store.file(past)
    mixed = page[:]
    shuffle.shuffle(mixed)
    known = store.find_known(page)
    before, after = (diff(one, known, listed_on=DAY, today=TODAY) for one in (page, mixed))
    assert counted(before)["new"] == counted(after)["new"]
    assert {change.paper_id for change in before} == {change.paper_id for change in after}


@given(PAGES, PAGES)
def test_identical_entries_collapse(past: list[Entry], page: list[Entry]) -> None:
    store = FakePapers()
    store.file(past)
    known = store.find_known(page)
    assert diff(page + page, known, listed_on=DAY, today=TODAY) == diff(
        page, known, listed_on=DAY, today=TODAY
    )


@given(PAGES, PAGES)
def test_changes_come_in_the_order_of_the_page(past: list[Entry], page: list[Entry]) -> None:
    store = FakePapers()
    store.file(past)
    numbered = [replace(one, position=number) for number, one in enumerate(page)]
    changes = diff(numbered, store.find_known(page), listed_on=None, today=TODAY)
    positions = [change.entry.position for change in changes]
    assert positions == sorted(positions)
