"""Is a page to be believed? One test for each verdict, and the alarms that must not ring."""

from dataclasses import replace
from datetime import date

import pytest

from digest.errors import FetchError, ParseError, SourceError
from digest.types import Change, ChangeKind, Entry, ParsedPage, Verdict
from digest.verdict import judge

FRIDAY, SATURDAY = date(2026, 3, 6), date(2026, 3, 7)
ENTRY = Entry(title="Kettle", position=1, listed_on=FRIDAY)


def page(count: int, *, listed_on: date | None = FRIDAY, declared: int | None = None) -> ParsedPage:
    entries = tuple(replace(ENTRY, title=f"Kettle {n}", listed_on=listed_on) for n in range(count))
    return ParsedPage(entries=entries, declared=declared)


def changes(kind: ChangeKind, count: int = 1) -> list[Change]:
    return [Change(kind, ENTRY, FRIDAY, "f")] * count


def verdict(
    parsed: ParsedPage | None,
    found: list[Change] | None = None,
    *,
    error: SourceError | None = None,
    day: date = FRIDAY,
) -> Verdict:
    return judge(parsed, found or [], day=day, error=error)


def test_new_papers_are_fresh() -> None:
    assert verdict(page(3), changes(ChangeKind.NEW, 3)) is Verdict.FRESH


def test_one_change_among_many_is_fresh() -> None:
    found = changes(ChangeKind.UNCHANGED, 9) + changes(ChangeKind.MODIFIED)
    assert verdict(page(10), found) is Verdict.FRESH


def test_a_second_identical_pass_is_unchanged() -> None:
    assert verdict(page(3), changes(ChangeKind.UNCHANGED, 3)) is Verdict.UNCHANGED


def test_a_page_without_papers_is_empty() -> None:
    """A weekend or a holiday; no alarm."""
    assert verdict(ParsedPage(())) is Verdict.EMPTY


def test_a_page_whose_items_could_not_be_read_is_broken_and_not_empty() -> None:
    assert verdict(ParsedPage((), skipped=20)) is Verdict.BROKEN


def test_fewer_papers_than_declared_are_partial() -> None:
    assert verdict(page(30, declared=79), changes(ChangeKind.NEW, 30)) is Verdict.PARTIAL
    assert verdict(page(79, declared=79), changes(ChangeKind.NEW, 79)) is Verdict.FRESH


@pytest.mark.parametrize("count", [1, 2])
def test_a_day_of_one_or_two_papers_is_no_alarm(count: int) -> None:
    assert verdict(page(count), changes(ChangeKind.NEW, count)) is Verdict.FRESH


def test_a_saturday_that_repeats_friday_is_stale() -> None:
    assert verdict(page(10), changes(ChangeKind.UNCHANGED, 10), day=SATURDAY) is Verdict.STALE


def test_a_stale_page_that_is_cut_off_is_stale_first() -> None:
    """What a stale page lists must not be filed under the wrong day."""
    assert verdict(page(10, declared=20), day=SATURDAY) is Verdict.STALE


def test_a_few_entries_of_another_day_do_not_make_a_page_stale() -> None:
    mixed = ParsedPage(page(6).entries + page(5, listed_on=SATURDAY).entries)
    assert verdict(mixed, changes(ChangeKind.NEW, 11)) is Verdict.FRESH


def test_entries_without_a_day_of_their_own_prove_no_staleness() -> None:
    assert verdict(page(10, listed_on=None), changes(ChangeKind.NEW, 10), day=SATURDAY) is Verdict.FRESH


@pytest.mark.parametrize("told", [Verdict.UNREACHABLE, Verdict.BLOCKED, Verdict.BROKEN])
def test_an_error_of_the_fetch_is_what_it_says(told: Verdict) -> None:
    assert verdict(None, error=FetchError("no answer", verdict=told)) is told


def test_a_page_that_cannot_be_parsed_is_broken() -> None:
    assert verdict(None, error=ParseError("looked for papers, found HTML")) is Verdict.BROKEN


def test_a_list_that_broke_off_is_partial() -> None:
    """What came counts, and so does that something is missing."""
    assert verdict(page(3), changes(ChangeKind.NEW, 3), error=FetchError("cut off")) is Verdict.PARTIAL
    assert verdict(page(3), day=SATURDAY, error=FetchError("cut off")) is Verdict.STALE


@pytest.mark.parametrize("error", [None, SourceError("something")])
def test_neither_page_nor_a_known_error_is_broken(error: SourceError | None) -> None:
    assert verdict(None, error=error) is Verdict.BROKEN


@pytest.mark.parametrize("told", Verdict)
def test_only_pages_that_can_be_believed_are_good(told: Verdict) -> None:
    assert told.is_good is (told in {Verdict.FRESH, Verdict.UNCHANGED, Verdict.EMPTY})


def test_a_page_that_was_held_against_nothing_is_not_unchanged() -> None:
    assert verdict(page(3), []) is Verdict.FRESH
