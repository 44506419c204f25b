"""What a kind finds on a page, told field by field: as values, as JSON and as lines for people."""

import json
from datetime import date

import pytest

from digest.sources import get_kind
from digest.sources.huggingface import HuggingFace
from digest.sources.trying import FieldReport, explain, explain_parsed, lines, report
from digest.types import Entry, PageRequest, ParsedPage
from tests import golden

API = PageRequest("http://x/api/daily_papers?date=2026-03-09&limit=100&p=0", day=date(2026, 3, 9))


def by_name(reports: list[FieldReport]) -> dict[str, FieldReport]:
    return {one.name: one for one in reports}


class TestAnyKind:
    def test_each_field_says_in_how_many_entries_it_is(self) -> None:
        kind = HuggingFace()
        found = by_name(explain(kind, golden.read("huggingface/daily_2026.json"), API, kind.Options()))
        assert (found["list"].found, found["list"].of, found["list"].problem) == (3, 3, None)
        assert (found["title"].found, found["summary"].found, found["title"].selector) == (3, 1, None)
        assert found["listed_on"].examples == ("2026-03-09",)
        assert found["authors"].examples[0] == "Ada Example, Bo Sample, Zoë Müster-Beispiel"
        assert found["next"].examples == ("http://x/api/daily_papers?date=2026-03-09&limit=100&p=1",)

    def test_what_every_entry_should_have_is_missed_aloud(self) -> None:
        found = by_name(explain_parsed(ParsedPage((Entry("A Kettle", 1), Entry("A Pot", 2)))))
        assert [found[name].problem for name in ("title", "abstract", "authors")] == [
            None,
            "no entry tells it",
            "no entry tells it",
        ]
        assert "doi" not in found

    @pytest.mark.parametrize("body", [b"", b"null", b"<html>", b'{"error": "x"}'])
    def test_what_cannot_be_read_is_told_and_raises_nothing(self, body: bytes) -> None:
        (one,) = explain(HuggingFace(), body, API, HuggingFace.Options())
        assert (one.name, one.found) == ("list", 0)
        assert "looked for the list of papers" in (one.problem or "")

    @pytest.mark.parametrize(
        ("page", "problem"),
        [
            (ParsedPage(()), "the list is empty"),
            (ParsedPage((), skipped=3), "3 items could not be read"),
            (ParsedPage((Entry("T", 1),), disagreement="two ways differ"), "two ways differ"),
            (ParsedPage((), next_requests=(API,)), None),
        ],
    )
    def test_what_is_wrong_with_the_list_is_told(self, page: ParsedPage, problem: str | None) -> None:
        assert explain_parsed(page)[0].problem == problem

    def test_facts_about_the_page_are_told(self) -> None:
        page = ParsedPage((Entry("T", 1),), declared=9, page_date=date(2026, 3, 9))
        found = by_name(explain_parsed(page))
        assert (found["declared"].examples, found["page_date"].examples) == (("9",), ("2026-03-09",))

    def test_zero_votes_are_told_and_no_votes_are_not(self) -> None:
        page = ParsedPage((Entry("T", 1, votes=0), Entry("U", 2)))
        assert (by_name(explain_parsed(page))["votes"].found, by_name(explain_parsed(page))["votes"].of) == (
            1,
            2,
        )

    def test_a_kind_that_can_tell_more_is_asked_itself(self) -> None:
        kind = get_kind("page")
        options = kind.Options.model_validate({"item": "li", "title": "a", "link": "a"})
        found = explain(kind, b"<li><a href=/x>T</a>", PageRequest("https://x.org/"), options)
        assert [(one.name, one.selector, one.found) for one in found] == [
            ("item", "li", 1),
            ("title", "a", 1),
            ("link", "a", 1),
        ]


class TestReports:
    def test_a_report_is_ready_for_json(self) -> None:
        one = report("votes", ".v", [3, None, 4], is_required=False)
        assert json.loads(json.dumps(one.as_dict())) == {
            "name": "votes",
            "selector": ".v",
            "found": 2,
            "of": 3,
            "examples": ["3", "4"],
            "problem": None,
        }

    def test_examples_are_three_different_ones_and_short(self) -> None:
        one = report("title", None, ["a", "a", "b" * 500, "c", "d"], is_required=True)
        assert one.examples[0] == "a"
        assert len(one.examples) == 3
        assert max(map(len, one.examples)) <= 80

    def test_a_field_that_is_needed_and_missing_is_a_problem(self) -> None:
        assert report("title", "h2", ["a", None], is_required=True).problem == (
            "missing in 1 of 2 items, which are left out for it"
        )
        assert report("votes", ".v", ["a", None], is_required=False).problem is None
        assert report("votes", ".v", [None, None], is_required=False).problem == "it finds nothing"
        assert report("votes", ".v", [], is_required=False).problem is None

    def test_lines_stand_in_columns_with_problems_below(self) -> None:
        rows = [
            FieldReport("item", "li", 12, 12),
            FieldReport("title", "h2 a", 12, 12, ("One", "Two")),
            FieldReport("votes", ".v", 0, 12, (), "it finds nothing"),
        ]
        assert lines(rows) == [
            "item   12 of 12  [li]",
            "title  12 of 12  [h2 a]  One | Two",
            "votes   0 of 12  [.v]",
            "       ! it finds nothing",
        ]
        assert lines([]) == []
