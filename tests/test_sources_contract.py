"""The contract of kinds: all of ours keep it, and each way to break it is told."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from digest.errors import ParseError
from digest.sources import KINDS
from digest.sources.contract import Sample, check_kind
from digest.sources.contract_hostile import hostile_bodies
from digest.sources.contract_values import faults_of_page
from digest.sources.page import Page
from digest.types import Entry, PageRequest, ParsedPage
from tests import golden

URL = "https://kitchen.example.org/list"
# What kinds of ours that cannot do without options are given.
NEEDED: dict[str, list[dict[str, Any]]] = {
    "arxiv": [{"categories": ["cs.CL", "math.NA"]}, {"query": "ti:kettles", "categories": ["cs.LG"]}],
    "pubmed": [{"query": "kettles[title]"}],
    "semanticscholar": [{"query": "kettles"}, {"examples": ["2603.90001"]}],
    "huggingface": [
        *({"list": name} for name in ("daily", "week", "month", "trending")),
        {"list": "search", "query": "kettles & spoons"},
    ],
}


def samples_of(kind: str) -> Iterator[Sample]:
    if kind == "huggingface":
        base = "https://huggingface.co"
        for name in ("daily_2026.json", "daily_2024.json", "weekend.json"):
            yield Sample(
                golden.read(f"huggingface/{name}"), f"{base}/api/daily_papers?date=2026-03-09&limit=100&p=0"
            )
        for name in ("page_2024.html", "page_trending_2026.html"):
            yield Sample(golden.read(f"huggingface/{name}"), f"{base}/papers?date=2026-03-09")
        trending = golden.read("huggingface/page_trending_2026.html")
        yield Sample(trending, f"{base}/papers/trending", {"list": "trending"})
    elif kind == "page":
        from tests.test_sources_page import EMBEDDED, SHELF

        yield Sample(golden.read("page/shelf.html"), URL, SHELF)
        yield Sample(golden.read("page/embedded.html"), URL, EMBEDDED)
    elif kind == "saved":
        for name in ("blank_lines.txt", "reader_linked.html", "windows.txt"):
            yield Sample(golden.read(f"saved/{name}"), f"saved:{name}", {"folder": "/tmp"})


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_of_ours_keeps_the_contract(name: str) -> None:
    assert check_kind(KINDS[name], list(samples_of(name))) == [] or name in NEEDED
    for options in NEEDED.get(name, []):
        kind = type(KINDS[name])()
        kind.example_options = options  # type: ignore[attr-defined]
        assert check_kind(kind, list(samples_of(name))) == []


class KitchenOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: SecretStr | None = None


class Kitchen:
    """A kind that keeps the contract: one title a line."""

    kind = "kitchen"
    label = "Kitchen"
    default_url = "https://kitchen.example.org"
    exact_url = False
    lookback_days = 1
    trust = 10
    Options: type[BaseModel] = KitchenOptions

    def is_dated(self, options: BaseModel) -> bool:
        return True

    def day_requests(self, url: str, options: BaseModel, day: date) -> tuple[tuple[str, PageRequest], ...]:
        key = getattr(options, "key", None)
        headers = (("X-Key", key.get_secret_value()),) if key else ()
        return (("page", PageRequest(f"{url}/{day}", day, headers=headers)),)

    def parse(
        self, body: bytes, request: PageRequest, options: BaseModel, *, content_type: str = ""
    ) -> ParsedPage:
        if not body.startswith(b"kettle"):
            raise ParseError("looked for kettles, found something else")
        return ParsedPage((Entry("A Kettle", 1),))


GOOD = Sample(b"kettle")


def broken(**members: Any) -> Any:
    return type("Broken", (Kitchen,), members)()


def requests(make: Callable[[str, date], PageRequest]) -> Callable[..., Any]:
    return lambda self, url, options, day: (("page", make(url, day)),)


def pages(make: Callable[[bytes, PageRequest], Any]) -> Callable[..., Any]:
    return lambda self, body, request, options, *, content_type="": make(body, request)


def fails(error: Exception) -> Callable[..., Any]:
    def raising(*_: Any, **__: Any) -> Any:
        raise error

    return raising


class LooseOptions(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


TICKS = count()


class Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Any = None

    def __repr__(self) -> str:
        return f"Plain({self.key.get_secret_value() if self.key else ''})"


def test_a_kind_that_keeps_the_contract_is_told_nothing() -> None:
    assert check_kind(Kitchen(), [GOOD]) == []
    assert check_kind(Kitchen()) == []


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"kind": "Kitchen Sink"}, "kind is not a name of small letters"),
        ({"label": ""}, "label is not a name for people"),
        ({"default_url": None}, "default_url is not an address"),
        ({"default_url": "ftp://kitchen.example.org"}, "is no address of http or https"),
        ({"exact_url": "no"}, "exact_url is not true or false"),
        ({"exact_url": True}, "is not below"),
        ({"lookback_days": 31}, "lookback_days"),
        ({"trust": 101}, "trust"),
        ({"trust": 0.5}, "trust"),
        ({"Options": dict}, "Options is not a pydantic model"),
        ({"Options": LooseOptions}, "does not forbid unknown keys"),
        ({"parse": None}, "parse is not a method"),
        ({"is_dated": lambda self, options: None}, "is_dated gives neither"),
        ({"is_dated": fails(KeyError("x"))}, "is_dated raises KeyError"),
        ({"day_requests": fails(KeyError("x"))}, "day_requests raises KeyError"),
        ({"day_requests": lambda self, url, options, day: []}, "does not give a tuple"),
        ({"day_requests": lambda self, url, options, day: (PageRequest(url),)}, "does not give a tuple"),
        (
            {"day_requests": lambda self, u, o, d: (("a", PageRequest(u)), ("a", PageRequest(u)))},
            "names of their own",
        ),
        (
            {"day_requests": requests(lambda url, day: PageRequest(f"{url}?t={next(TICKS)}"))},
            "other requests when",
        ),
        ({"day_requests": requests(lambda url, day: PageRequest("https://evil.example.net/"))}, "not below"),
        (
            {"day_requests": requests(lambda url, day: PageRequest(url.replace("https", "file")))},
            "no address of http",
        ),
        ({"day_requests": requests(lambda url, day: PageRequest(f"{url}.evil.net/"))}, "not below"),
        ({"day_requests": requests(lambda url, day: PageRequest(url, date(2000, 1, 1)))}, "says it is for"),
        ({"day_requests": requests(lambda url, day: PageRequest(url, body=b"x"))}, "by GET has a body"),
        ({"day_requests": requests(lambda url, day: PageRequest(url, method="PUT"))}, "neither GET nor POST"),  # type: ignore[arg-type]
        (
            {"day_requests": requests(lambda url, day: PageRequest(url, headers=(("A", "b\r\nC: d"),)))},
            "cannot be sent",
        ),
        (
            {"day_requests": requests(lambda url, day: PageRequest(url, carry=(("a", 1),)))},
            "not pairs of text",
        ),  # type: ignore[arg-type]
        ({"day_requests": requests(lambda url, day: PageRequest(url, spacing_s=-1))}, "spacing"),
        ({"parse": pages(lambda body, request: None)}, "makes the parser give None"),
        ({"parse": fails(ValueError("odd"))}, "ValueError: odd"),
        ({"parse": fails(ParseError(""))}, "without a sentence for people"),
        ({"parse": fails(ParseError("x" * 5000))}, "without a sentence for people"),
        ({"parse": fails(ParseError("a\nb"))}, "without a sentence for people"),
        (
            {"parse": pages(lambda body, request: ParsedPage((), next_requests=(PageRequest("file:///x"),)))},
            "no address of http",
        ),
        (
            {
                "parse": pages(
                    lambda body, request: ParsedPage((), next_requests=(PageRequest("https://e.net/x"),))
                )
            },
            "leads to another site",
        ),
    ],
)
def test_each_way_to_break_the_contract_is_told(members: dict[str, Any], told: str) -> None:
    faults = check_kind(broken(**members), [GOOD])
    assert any(told in fault for fault in faults), faults


def test_a_kind_that_needs_arguments_is_told() -> None:
    class Needy(Kitchen):
        def __init__(self, what: str) -> None:
            self.what = what

    assert any("without arguments" in fault for fault in check_kind(Needy("x"), [GOOD]))


def test_a_parser_that_reads_differently_each_time_is_told() -> None:
    numbers = count()
    kind = broken(parse=pages(lambda body, request: ParsedPage((), declared=next(numbers))))
    assert any("differently the second time" in fault for fault in check_kind(kind, [GOOD]))


def test_a_key_in_an_address_is_told() -> None:
    leaky = {
        "day_requests": lambda self, url, options, day: (
            ("page", PageRequest(f"{url}/?key={options.key.get_secret_value() if options.key else ''}", day)),
        )
    }
    assert any("the key is in an address" in fault for fault in check_kind(broken(**leaky), [GOOD]))


def test_a_key_that_is_shown_when_options_are_printed_is_told() -> None:
    assert any("is shown when" in fault for fault in check_kind(broken(Options=Plain), [GOOD]))


def test_options_that_change_on_their_way_are_told() -> None:
    class Local(BaseModel):  # cannot be found by another process
        model_config = ConfigDict(extra="forbid", frozen=True)

    assert any("cannot be pickled" in fault for fault in check_kind(broken(Options=Local), [GOOD]))


def test_a_slow_parser_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.sources.contract.MAX_PARSE_S", -1.0)
    assert any("keeps the parser busy" in fault for fault in check_kind(Kitchen(), [GOOD]))


def test_a_sample_that_cannot_be_read_or_lists_nothing_is_told() -> None:
    faults = check_kind(Kitchen(), [Sample(b"pot"), GOOD])
    assert faults == ["sample 1 cannot be read: ParseError: looked for kettles, found something else"]
    quiet = broken(parse=pages(lambda body, request: ParsedPage(())))
    assert check_kind(quiet, [GOOD]) == ["no sample lists anything"]


def test_a_kind_that_needs_options_says_which() -> None:
    (fault,) = check_kind(broken(Options=Page.Options), [])
    assert fault == "options [] are refused (item, title): give a sample with options"
    assert check_kind(Page(), []) == []


def test_a_sample_without_options_is_read_by_the_kinds_example() -> None:
    assert check_kind(Page(), [Sample(b"<ul><li><a href=/x>A Kettle</a></ul>", URL)]) == []


def test_a_sample_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_bytes(b"kettle")
    sample = Sample.of_file(tmp_path / "page.txt", URL)
    assert (sample.body, sample.url, check_kind(Kitchen(), [sample])) == (b"kettle", URL, [])


def test_no_more_faults_are_told_than_can_be_read() -> None:
    kind = broken(parse=lambda self, body, request, options, *, content_type="": json.loads(body))
    faults = check_kind(kind, [GOOD])
    assert 10 < len(faults) <= 41
    assert all(fault.isprintable() and len(fault) < 500 for fault in faults)


def test_the_hostile_answers_are_the_same_each_time_and_of_their_own() -> None:
    first, second = list(hostile_bodies()), list(hostile_bodies())
    assert first == second
    assert len({name for name, _ in first}) == len(first) > 40


ENTRY = Entry("A Kettle", 1, abstract="Boils.", arxiv_id="2603.90001", authors=("Ada Example",), votes=3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"title": ""}, "has no title"),
        ({"title": "a <b>c</b>"}, "title is not clean text"),
        ({"title": "a\u202eb"}, "title is not clean text"),
        ({"title": "a\ud800"}, "title is not clean text"),
        ({"title": "a\nb"}, "title is not clean text"),
        ({"title": " a"}, "title is not clean text"),
        ({"abstract": None}, "abstract is no text"),
        ({"abstract": "word " * 9000}, "characters long"),
        ({"authors": ["Ada"]}, "authors is no tuple"),
        ({"authors": (1,)}, "authors is no text"),
        ({"authors": ("Ada\x00",)}, "authors is not clean text"),
        ({"url": "javascript:alert(1)"}, "url is no safe address"),
        ({"code_url": " https://x.org"}, "code_url is no safe address"),
        ({"media_urls": ("file:///x",)}, "media_urls is no safe address"),
        ({"votes": -1}, "votes is no count"),
        ({"stars": True}, "stars is no count"),
        ({"citations": 2**31}, "citations is no count"),
        ({"comments": 1.0}, "comments is no count"),
        ({"listed_on": datetime(2026, 1, 1)}, "listed_on is no day"),
        ({"published_on": "2026-01-01"}, "published_on is no day"),
        ({"arxiv_id": "2603.90001v2"}, "arxiv_id is none"),
        ({"arxiv_id": "kettle"}, "arxiv_id is none"),
        ({"doi": "https://doi.org/10.5555/X"}, "doi is none in the form"),
        ({"doi": "10.5555/X"}, "doi is none in the form"),
        ({"other_ids": (("pmid", 1),)}, "other_ids are no pairs"),
        ({"other_ids": ("pmid",)}, "other_ids are no pairs"),
        ({"withdrawn": None}, "withdrawn is neither"),
        ({"position": 2}, "positions do not count from 1"),
    ],
)
def test_each_value_that_may_not_be_stored_is_told(changes: dict[str, Any], told: str | None) -> None:
    faults = list(faults_of_page(ParsedPage((replace(ENTRY, **changes),))))
    assert faults == [] if told is None else any(told in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (ParsedPage([ENTRY]), "no tuple of Entry"),  # type: ignore[arg-type]
        (ParsedPage(("x",)), "no tuple of Entry"),  # type: ignore[arg-type]
        (ParsedPage((), declared=-1), "declared is no count"),
        (ParsedPage((), skipped=None), "skipped is no count"),  # type: ignore[arg-type]
        (ParsedPage((), page_date=datetime(2026, 1, 1)), "page_date is no day"),
        (ParsedPage((), disagreement=lambda: None), "cannot be pickled"),  # type: ignore[arg-type]
    ],
)
def test_each_fact_about_a_page_that_is_none_is_told(page: ParsedPage, told: str) -> None:
    assert any(told in fault for fault in faults_of_page(page))
