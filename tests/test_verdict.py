"""Is a page to be believed? One test for each verdict, and the alarms that must not ring."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from digest.errors import FetchError, ParseError, SourceError
from digest.types import Change, ChangeKind, Entry, ParsedPage, Verdict
from digest.verdict import History, ids_hash, judge, key_of, look_short, usual_number, weigh

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


# --- against what was before -----------------------------------------------------------------------

MONDAY = date(2026, 3, 9)


def listed(*numbers: int, day: date | None = None, **given: object) -> ParsedPage:
    """A page of those papers, which have ids and, unless told, no day of their own."""
    entries = tuple(
        Entry(title=f"Kettle {n}", position=at, source_ref=f"k{n}", listed_on=day)
        for at, n in enumerate(numbers, start=1)
    )
    return ParsedPage(entries, **given)  # type: ignore[arg-type]


def days(**numbers: tuple[int, ...]) -> dict[date, frozenset[str]]:
    """What was listed on days before Monday: ``d3`` is three days before."""
    return {
        MONDAY - timedelta(days=int(name[1:])): frozenset(f"k{n}" for n in found)
        for name, found in numbers.items()
    }


def on_monday(
    parsed: ParsedPage,
    history: History,
    *,
    is_over: bool = False,
    is_dated: bool = True,
    check: frozenset[str] | None = None,
    proven: bool = False,
) -> Verdict:
    own = MONDAY if is_dated else parsed.page_date or MONDAY
    evidence = weigh(parsed, history, day=own, check=check, proven=proven)
    return judge(
        parsed,
        [],
        day=MONDAY,
        error=None,
        evidence=evidence,
        history=history,
        is_dated=is_dated,
        is_over=is_over,
    )


def test_another_days_ids_under_this_date_are_stale() -> None:
    """Yesterday repeated, whatever date the page claims."""
    history = History(None, days(d1=(1, 2, 3, 4, 5), d3=(6, 7)))
    assert on_monday(listed(5, 4, 3, 2, 1), history) is Verdict.STALE
    assert on_monday(listed(5, 4, 3, 2, 1, day=MONDAY), history) is Verdict.STALE
    assert on_monday(listed(1, 2, 3, 4, 9), history) is Verdict.STALE, "one paper more is the same list"
    assert on_monday(listed(1, 2, 8, 9, 10), history) is Verdict.FRESH


def test_a_paper_that_comes_back_does_not_make_a_small_day_stale() -> None:
    """Seen in April 2026: one paper again six days later."""
    history = History(None, days(d6=(1, 2, 3), d1=(4, 5)))
    assert on_monday(listed(1), history) is Verdict.FRESH
    assert on_monday(listed(4), history) is Verdict.FRESH
    assert on_monday(listed(4, 5), history) is Verdict.STALE


def test_a_list_that_is_not_dated_may_repeat_itself() -> None:
    history = History(None, days(d1=(1, 2, 3)))
    assert on_monday(listed(1, 2, 3), history, is_dated=False) is Verdict.FRESH


@pytest.mark.parametrize(
    ("days_back", "verdict"),
    [(0, Verdict.FRESH), (3, Verdict.FRESH), (4, Verdict.STALE), (30, Verdict.STALE)],
)
def test_an_announcement_may_be_as_old_as_the_last_weekday(days_back: int, verdict: Verdict) -> None:
    """Friday's list is the newest until Monday's comes; Thursday's is not."""
    parsed = listed(1, 2, 3, page_date=MONDAY - timedelta(days=days_back))
    assert on_monday(parsed, History(), is_dated=False) is verdict


@pytest.mark.parametrize(("count", "verdict"), [(11, Verdict.PARTIAL), (12, Verdict.FRESH)])
def test_far_fewer_than_usual_on_a_day_that_is_over_are_partial(count: int, verdict: Verdict) -> None:
    """Fewer than 0.4 of the usual; a day that lasts may still grow, and a declared count is better proof."""
    history = History(30.0)
    parsed = listed(*range(count))
    assert on_monday(parsed, history, is_over=True) is verdict
    assert on_monday(parsed, history, is_over=False) is Verdict.FRESH
    assert on_monday(replace(parsed, declared=count), history, is_over=True) is Verdict.FRESH
    assert on_monday(parsed, history, is_over=True, proven=True) is Verdict.FRESH


def test_a_one_paper_day_that_is_complete_is_no_alarm() -> None:
    """Seen on 2025-07-07."""
    assert on_monday(listed(1, declared=1), History(40.0), is_over=True) is Verdict.FRESH


def test_no_papers_in_their_proper_place_are_empty_however_many_are_usual() -> None:
    assert on_monday(ParsedPage(()), History(40.0), is_over=True) is Verdict.EMPTY


def test_no_papers_where_some_are_declared_are_partial() -> None:
    assert on_monday(ParsedPage((), declared=12), History()) is Verdict.PARTIAL


def test_fault_61_a_feed_that_claims_today_and_lists_yesterday_is_stale() -> None:
    """Also where nothing stands beside it to count; its own day again is no repetition."""
    history = History(None, days(d0=(7, 8, 9), d3=(1, 2, 3)))
    assert on_monday(listed(1, 2, 3, page_date=MONDAY), history, is_dated=False) is Verdict.STALE
    friday = MONDAY - timedelta(days=3)
    assert on_monday(listed(1, 2, 3, page_date=friday), history, is_dated=False) is Verdict.FRESH


def test_what_a_page_that_counts_has_more_is_missing() -> None:
    """A feed against the listing beside it."""
    check = frozenset({"k1", "k2", "k3", "k4"})
    assert on_monday(listed(1, 2, 3), History(), check=check) is Verdict.PARTIAL
    assert on_monday(listed(1, 2, 3, 4, 5), History(), check=check) is Verdict.FRESH
    assert weigh(listed(1, 2, 3), History(), day=MONDAY, check=check).declared == 4


def test_fault_61_a_feed_that_is_silently_yesterdays_is_stale() -> None:
    """Every step reported success, and 212 papers were missed."""
    check = frozenset(f"k{n}" for n in range(100, 312))
    parsed = listed(*range(1, 100), page_date=MONDAY)
    assert on_monday(parsed, History(), check=check, is_dated=False) is Verdict.STALE


def test_a_page_that_is_empty_while_the_listing_has_papers_is_partial() -> None:
    assert on_monday(ParsedPage(()), History(), check=frozenset({"k1"})) is Verdict.PARTIAL


@pytest.mark.parametrize(("skipped", "verdict"), [(1, Verdict.FRESH), (2, Verdict.BROKEN)])
def test_required_fields_missing_in_more_than_a_tenth_are_broken(skipped: int, verdict: Verdict) -> None:
    assert on_monday(listed(*range(10), skipped=skipped), History()) is verdict


def test_two_extractors_that_disagree_are_broken() -> None:
    assert on_monday(listed(1, 2, 3, disagreement="12 cards, 3 items"), History()) is Verdict.BROKEN


def test_replacements_do_not_count_as_listed() -> None:
    """They update papers, and are no part of what was announced."""
    page_ = listed(1, 2, 3, declared=2)
    entries = (*page_.entries[:2], replace(page_.entries[2], announces=False))
    assert on_monday(replace(page_, entries=entries), History()) is Verdict.FRESH
    only = tuple(replace(entry, announces=False) for entry in page_.entries)
    assert on_monday(ParsedPage(only), History()) is Verdict.EMPTY


def test_the_usual_number_is_that_of_the_weekday_else_of_such_days() -> None:
    """Fewer than three days tell nothing."""
    mondays = {MONDAY - timedelta(weeks=n): 40 + n for n in (1, 2, 3)}
    others = {MONDAY - timedelta(days=n): 10 for n in (3, 4, 5, 6)}
    weekend = {MONDAY - timedelta(days=n): 0 for n in (1, 2, 8, 9)}
    assert usual_number(mondays | others | weekend, MONDAY) == 42
    assert usual_number(others | weekend, MONDAY) == 10
    assert usual_number(weekend, MONDAY) is None
    assert usual_number({MONDAY - timedelta(days=n): 10 for n in (3, 4)}, MONDAY) is None


def test_the_evidence_names_what_the_verdict_rests_on() -> None:
    evidence = weigh(listed(1, 2, 3, declared=5), History(20.0, days(d1=(1, 2))), day=MONDAY)
    assert evidence.as_dict() == {"declared": 5, "parsed": 3, "overlap": 0.67, "usual": 20.0}
    assert weigh(None, History(), day=MONDAY).as_dict() == {
        "declared": None,
        "parsed": 0,
        "overlap": None,
        "usual": None,
    }
    assert not look_short(weigh(ParsedPage(()), History(20.0), day=MONDAY), is_over=True)


def test_which_papers_a_list_has_does_not_depend_on_its_order() -> None:
    assert ids_hash(listed(1, 2, 3).entries) == ids_hash(listed(3, 1, 2).entries)
    assert ids_hash(listed(1, 2).entries) != ids_hash(listed(1, 2, 3).entries)
    assert ids_hash([Entry(title="\ud800", position=1)])


def test_the_strongest_id_tells_entries_apart() -> None:
    entry = Entry(title="t", position=1, abstract="a", source_ref="r", doi="10.1/x", arxiv_id="2601.00001")
    keys = [key_of(entry), key_of(replace(entry, arxiv_id=None))]
    assert keys == ["2601.00001", "10.1/x"]
    assert key_of(Entry(title="t", position=1, abstract="a")) == "t\na"
